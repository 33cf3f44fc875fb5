"""Admin pages of customers, locations, people and accepted terms."""

from accounts.admin import customers, locations, terms, users

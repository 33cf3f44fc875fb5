"""The pages of people and businesses in the back office."""

from accounts.admin import customers, locations, terms, users

__all__ = ["customers", "locations", "terms", "users"]

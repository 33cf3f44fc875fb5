"""The pages of people and businesses in the back office."""

from accounts.admin import customers, locations, people, terms

__all__ = ["customers", "locations", "people", "terms"]

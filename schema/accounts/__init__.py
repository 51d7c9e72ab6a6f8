"""Users, and what they and administrators do with accounts."""

from schema.accounts.user import Role, User

__all__ = ["Role", "User"]

"""The database port: SQLite or PostgreSQL behind one `Database`, and the schema's history for both.

`migrate`, `downgrade` and `make` stand in `adapters.database.migrating`, which a normal start need not import.
"""

from adapters.database.database import Database, dialect, open_database, rows
from adapters.database.deleting import delete_in_parts
from adapters.database.failures import Record, unavailable
from adapters.database.finding import found_by
from adapters.database.history import pending
from adapters.database.hydration import Instances, instances, related
from adapters.database.together import Question

__all__ = [
    "Database",
    "Instances",
    "Question",
    "Record",
    "delete_in_parts",
    "dialect",
    "found_by",
    "instances",
    "open_database",
    "pending",
    "related",
    "rows",
    "unavailable",
]

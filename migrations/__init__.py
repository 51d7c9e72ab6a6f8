"""Changes of the schema, in order: one history for SQLite and PostgreSQL. `python -m adapters.database make NAME`."""

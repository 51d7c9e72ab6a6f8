"""Whatever the schema allows, and what it does not, sent by schemathesis to a running server."""

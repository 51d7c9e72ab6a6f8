"""What the API says: types, guards and errors. Rows become types here; nothing is decided and nothing is written."""

"""Which service answers: the roots of the schema, one class a noun and a kind of operation."""

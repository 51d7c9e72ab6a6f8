"""Other servers of the same feed from the same rows, to compare with (ADR 0056)."""

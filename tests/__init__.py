"""The tests. They start nothing outside this machine."""

"""Real servers for the tests, one a file, as pytest fixtures."""

"""Fixtures for all tests."""

pytest_plugins = ["tests.services.postgres", "tests.services.smtp", "tests.services.valkey"]

"""What all tests of clients share: the project that docs/clients.md describes, made once."""

import pytest

from tests.clients.building import Project, built


@pytest.fixture(scope="session")
def project() -> Project:
    """The files of the page, with all that their tools generate."""
    return built()

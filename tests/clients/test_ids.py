"""Persisted and trusted documents: clients that name what they ask for by ids."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from tests.clients.building import Project
from tests.clients.talking import talk
from tests.conftest import Start
from tests.porchlight import Porchlight, settings_for

RELAY = {"persistConfig": {"file": "./relay-documents.json", "algorithm": "SHA256"}}


@pytest.fixture
def settings(sqlite_url: str, tmp_path: Path) -> Settings:
    """One profile: nothing here depends on where rows live."""
    return settings_for(sqlite_url, "", f"outbox://{tmp_path / 'outbox'}")


async def seen_by(porchlight: Porchlight, project: Project, name: str, manifest: str = "") -> dict[str, Any]:
    """What a client sees and sends."""
    expire = {"expire": lambda: porchlight.clock.advance(timedelta(minutes=11))}
    return await talk(project, "ids", name, f"{porchlight.url}/graphql", manifest, wishes=expire)


@pytest.mark.parametrize("name", ["apollo", "urql"])
async def test_without_a_manifest_a_client_goes_on_with_texts(
    porchlight: Porchlight, project: Project, name: str
) -> None:
    """It tries a hash, is told that there is no such thing here, and sends texts; Apollo tries anew after any error."""
    email = f"{name}@example.com"
    seen = await seen_by(porchlight, project, name)
    assert seen == {
        "signUp": [f"Welcome, {email}", ["hash", "text"]],
        "whoAmI": [email, ["text"]],
        "again": [email, ["text"]],
        "tick": 1_209_600,
        "expired": [email, ["text", "text", *(["hash"] if name == "apollo" else []), "text"]],
    }


def of_apollo(project: Project) -> str:
    """The manifest that Apollo's tool writes."""
    project.tool("@apollo/generate-persisted-query-manifest/cli.js")
    return "persisted-query-manifest.json"


def of_the_generator(project: Project) -> str:
    """The manifest that GraphQL Code Generator has written."""
    assert (project.folder / "gql" / "persisted-documents.json").is_file()
    return "gql/persisted-documents.json"


def of_relay(project: Project) -> str:
    """The manifest that Relay's compiler writes beside its artifacts."""
    config = project.folder / "relay.config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **RELAY}))
    (project.folder / "relay-documents.json").write_text("{}")
    project.tool("relay-compiler/cli.js")
    project.bundle("node", "ids")
    return "relay-documents.json"


@pytest.mark.parametrize(
    ("name", "written", "how"),
    [("apollo", of_apollo, "hash"), ("urql", of_the_generator, "hash"), ("relay", of_relay, "id")],
)
async def test_with_a_manifest_a_client_sends_ids_alone(
    start: Start, project: Project, name: str, written: Callable[[Project], str], how: str
) -> None:
    """Over HTTP and the socket, nothing else runs; the session's own document is in the manifest too."""
    manifest = written(project)
    project.run("manifest.mjs", manifest)
    porchlight = await start(trusted_documents=str(project.folder / manifest))
    assert await porchlight.codes("{ __typename }") == ["PERSISTED_QUERY_NOT_FOUND"]
    email = f"{name}@example.com"
    assert await seen_by(porchlight, project, name, manifest) == {
        "signUp": [f"Welcome, {email}", [how]],
        "whoAmI": [email, [how]],
        "again": [email, [how]],
        "tick": 1_209_600,
        "expired": [email, [how, "text", how]],
    }

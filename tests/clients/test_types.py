"""What tools read out of the schema: types for TypeScript, artifacts for Relay, and the rules of a linter."""

import json
import os
import subprocess
from pathlib import Path
from typing import cast

import pytest
from graphql import IntrospectionQuery, build_client_schema, build_schema, get_introspection_query
from graphql.utilities import find_breaking_changes, find_dangerous_changes

from tests.clients.building import HERE, SCHEMA, Project, printed
from tests.porchlight import Porchlight

WRONG = """
type Query { get_thing: thing! things(first: Int): ThingConnection! }
type thing { id: ID! }
type ThingConnection { edges: [String!]! }
"""
ESLINT = HERE / "node_modules" / "eslint" / "bin" / "eslint.js"


def test_all_that_is_printed_is_typed(project: Project) -> None:
    """The page's code, and what is generated for it, pass `tsc --strict`; a field that there is not does not."""
    tsc = (HERE / "node_modules/typescript/bin/tsc", "-p", HERE)
    project.run(*tsc)
    app = project.folder / "urql-app.ts"
    text = app.read_text(encoding="utf-8")
    app.write_text(text.replace("data?.me?.email;", "data?.me?.emall;"), encoding="utf-8")
    done = subprocess.run([project.node, *tsc], capture_output=True, text=True, check=False)
    app.write_text(text, encoding="utf-8")
    assert "Property 'emall' does not exist" in done.stdout


def test_every_document_of_the_page_is_generated(project: Project) -> None:
    """By GraphQL Code Generator for Apollo and urql, with its hash, and by the compiler for Relay."""
    files = printed()
    manifest = json.loads((project.folder / "gql" / "persisted-documents.json").read_text(encoding="utf-8"))
    assert len(manifest) >= files["operations.ts"].count("= graphql(`") == 9
    artifacts = list((project.folder / "relay" / "__generated__").iterdir())
    assert len(artifacts) == files["relay/App.ts"].count("graphql`") == 8


def test_the_schema_keeps_the_rules(project: Project) -> None:
    """Of graphql-eslint: the recommended ones and those of Relay, but for what the configuration leaves out and why."""
    project.run(ESLINT, "--config", HERE / "eslint.config.mjs", "--max-warnings", "0", "schema.graphql")


def test_the_rules_can_be_broken(project: Project) -> None:
    """Names, descriptions, pages and nullable roots are really looked at."""
    (project.folder / "wrong.graphql").write_text(WRONG, encoding="utf-8")
    command: list[str | Path] = [
        project.node,
        ESLINT,
        "--config",
        HERE / "eslint.config.mjs",
        "--format",
        "json",
        "wrong.graphql",
    ]
    environment = {**os.environ, "SCHEMA": "build/wrong.graphql"}
    done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)
    rules = {message["ruleId"].split("/")[1] for file in json.loads(done.stdout) for message in file["messages"]}
    assert rules >= {
        "naming-convention",
        "relay-arguments",
        "relay-connection-types",
        "relay-page-info",
        "require-description",
        "require-nullable-result-in-root",
    }


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_the_running_server_has_this_schema(porchlight: Porchlight) -> None:
    """What tools are given as a file is what introspection tells, so that either may be their source."""
    asked = await porchlight.ask(get_introspection_query(directive_is_repeatable=True))
    told = build_client_schema(cast("IntrospectionQuery", asked))
    written = build_schema(SCHEMA.read_text(encoding="utf-8"))
    for one, other in ((told, written), (written, told)):
        assert find_breaking_changes(one, other) == []
        assert find_dangerous_changes(one, other) == []

"""What docs/conformance.md says of clients is what the tests here compare."""

import json
from collections.abc import Iterator

from tests.clients.building import HERE, ROOT, Project, printed
from tests.clients.test_conversations import CLIENTS, expected
from tests.clients.test_tour import expected as shown
from tests.clients.test_types import ESLINT

PACKAGES = {"apollo": "@apollo/client", "urql": "@urql/core", "relay": "relay-runtime"}


def versions() -> dict[str, str]:
    """The packages that are installed."""
    found: dict[str, str] = json.loads((HERE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    return found


def figures(rules: int) -> Iterator[tuple[str, str, int]]:
    """Each row of the table: who, what, how many."""
    locked, files = versions(), printed()
    for client in CLIENTS:
        package = PACKAGES[client]
        what = "the conversation, over a socket and over event streams, on both databases"
        yield f"{package} {locked[package]}", what, len(expected(client))
    documents = files["operations.ts"].count("= graphql(`")
    generator = f"@graphql-codegen/cli {locked['@graphql-codegen/cli']}, TypeScript {locked['typescript']}"
    yield generator, "documents of the page, typed, under `tsc --strict`", documents
    compiled = files["relay/App.ts"].count("graphql`")
    yield f"relay-compiler {locked['relay-compiler']}", "documents of the page, compiled and typed", compiled
    yield "Apollo, urql, Relay", "ids instead of texts: three manifests, two handshakes", 5
    plugin = "@graphql-eslint/eslint-plugin"
    yield f"{plugin} {locked[plugin]}", "rules that the schema keeps", rules
    tour = len(shown(""))
    yield "Apollo and urql in Node", "what the tour shows, over TLS through nginx", tour
    yield "Apollo and urql in Chromium", "the same, from a page of another origin", tour


def test_figures_of_the_paper(project: Project) -> None:
    """Row by row; the linter itself tells how many rules it has been given."""
    options = ("--config", HERE / "eslint.config.mjs", "--print-config", "schema.graphql")
    rules = json.loads(project.run(ESLINT, *options))["rules"]
    kept = [name for name, (severity, *_) in rules.items() if severity == 2]
    paper = (ROOT / "docs" / "conformance.md").read_text(encoding="utf-8").splitlines()
    rows = [f"| {who} | {what} | {many} of {many} |" for who, what, many in figures(len(kept))]
    assert [row for row in rows if row not in paper] == []
    assert len(printed()) == (ROOT / "docs" / "clients.md").read_text(encoding="utf-8").count("\n// ")


def test_lock_holds_hashes_and_no_address() -> None:
    """Any registry may serve the packages, and each is known by its content."""
    locked = (HERE / "package-lock.json").read_text(encoding="utf-8")
    assert "://" not in locked
    packages = {name: package for name, package in json.loads(locked)["packages"].items() if name}
    assert [name for name, package in packages.items() if "integrity" not in package] == []

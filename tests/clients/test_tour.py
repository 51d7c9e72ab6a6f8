"""The tour over TLS through nginx, with the file that is shipped: Apollo and urql in Node, and a browser."""

import asyncio
import base64
import hashlib
import shutil
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.test_graphiql import STEPS, GraphiQL
from tests.browser.test_passkeys import Console, steps
from tests.clients.building import Project
from tests.clients.talking import talk
from tests.pictures import plain
from tests.program import Programs, free_port
from tests.services.nginx import Nginx, fronting
from tests.services.valkey import until
from tests.test_tour import matches

PICTURE = base64.b64encode(plain()).decode()


def expected(email: str) -> dict[str, Any]:
    """What the tour shows, whoever takes it."""
    return {
        "registered": [email, "ACTIVE", "Pro"],
        "left": 1_209_600,
        "again": "EmailTaken",
        "me": [email, "USER", "ACTIVE"],
        "nobody": None,
        "forged": "UNAUTHENTICATED",
        "forgotten": None,
        "ticks": ["ACTIVE", "ACTIVE", "ACTIVE"],
        "falling": True,
        "streamed": 2,
        "interests": ["photography"],
        "categories": ["photography", "photography", "photography"],
        "disliked": [[1, 0], [0, 1]],
        "gone": True,
        "picture": ["baking", "orange", "colourful", "warm tones"],
        "kept": ["IMAGE", "IMAGE", "IMAGE", "IMAGE"],
        "cooking": ["cooking", "Because you are interested in baking"],
        "accepted": 1,
        "intent": ["change-plan", {"plan": "pro-yearly", "interval": "YEAR"}, "changePlan"],
        "same": True,
        "logout": True,
        "over": "SessionRevoked",
    }


@dataclass
class Site:
    """A server behind nginx."""

    nginx: Nginx
    shop: str
    """A frontend of another origin, which the server's list names."""
    thief: str
    """One that it does not."""

    @property
    def graphql(self) -> str:
        return f"{self.nginx.url}/graphql"

    def letters_to(self, email: str) -> int:
        """How often an address stands in the outbox."""
        return httpx.get(f"{self.nginx.url}/dev/outbox", verify=self.nginx.tls.trust).text.count(email)


class Empty(BaseHTTPRequestHandler):
    """A page with nothing on it, for scripts to run in."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>A shop</title><link rel=icon href=data:,>"
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # ruff: ignore[builtin-argument-shadowing] -- the library's word
        """Say nothing."""


@contextmanager
def pages() -> Generator[str]:
    """The origin of a server whose pages are all empty."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    """A server as a user starts it, with what it has to know of nginx, and of the frontend."""
    folder = tmp_path_factory.mktemp("site")
    port, programs = free_port(), Programs(folder)
    with fronting(folder, [port]) as nginx, pages() as shop, pages() as thief:
        named = {"PUBLIC_URL": nginx.url, "TRUSTED_PROXIES": "127.0.0.0/8", "ALLOWED_ORIGINS": shop}
        try:
            programs.serve(PORT=str(port), LOG_LEVEL="warning", **named)
            asyncio.run(until(lambda: _is_ready(f"http://127.0.0.1:{port}"), 30))
            yield Site(nginx, shop, thief)
        finally:
            programs.end()
        assert [line for line in nginx.errors.splitlines() if "upstream" not in line] == []


async def _is_ready(url: str) -> bool:
    """Whether the server answers, and has embedded what it recommends."""
    try:
        async with httpx.AsyncClient() as http:
            return bool((await http.get(f"{url}/readyz")).json()["parts"]["recommendations"] == "ok")
    except (httpx.TransportError, KeyError):
        return False


@pytest.mark.parametrize("name", ["apollo", "urql"])
async def test_a_client_takes_the_tour(project: Project, site: Site, name: str) -> None:
    """In Node, which believes the authority of the test and nobody else; the letter has come."""
    seen = await talk(project, "walk", name, site.graphql, PICTURE, NODE_EXTRA_CA_CERTS=str(site.nginx.tls.ca))
    assert seen == {**expected(f"{name}@example.com"), "complained": []}
    await until(lambda: site.letters_to(f"{name}@example.com") == 1)


@pytest.fixture(scope="module")
def chromium(site: Site) -> Generator[Browser]:
    """A browser that believes the site's own key and no other one that nobody vouches for."""
    certificate = x509.load_pem_x509_certificate(site.nginx.tls.certificate.read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pinned = base64.b64encode(hashlib.sha256(key).digest()).decode()
    path = next(filter(None, map(shutil.which, CHROMIUM)))
    with sync_playwright() as playwright:
        flags = [*FLAGS, f"--ignore-certificate-errors-spki-list={pinned}"]
        browser = playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Generator[Page]:
    """A window of its own."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", ["apollo", "urql"])
def test_a_frontend_of_another_origin_takes_the_tour(project: Project, site: Site, page: Page, name: str) -> None:
    """In a browser, with CORS before each request and an origin at each socket; nobody complains in the console."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type != "info" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    script = (project.folder / "bundles" / "browser" / "tour.mjs").read_text(encoding="utf-8")
    page.goto(site.shop)
    page.add_script_tag(content=script, type="module")
    page.wait_for_function("() => globalThis.TOUR")  # a module runs when it likes
    email = f"shop.{name}@example.com"
    told = [name, site.graphql, PICTURE, email]
    seen = page.evaluate("([name, url, image, email]) => TOUR.run(name, url, image, email)", told)
    assert seen == expected(email)
    assert [each for each in complaints if "401" not in each] == []  # a forged token is tried


def test_a_page_of_an_unlisted_origin_is_kept_out(site: Site, page: Page) -> None:
    """By the browser over HTTP, by the server over a socket."""
    page.goto(site.thief)
    tried = page.evaluate(
        """async (url) => {
          const body = JSON.stringify({ query: "{ __typename }" });
          const request = { method: "POST", headers: { "Content-Type": "application/json" }, body };
          const http = await fetch(url, request).then(() => "answered", () => "kept out");
          const socket = await new Promise((resolve) => {
            const opened = new WebSocket(url.replace("https", "wss"), "graphql-transport-ws");
            opened.onopen = () => resolve("opened");
            opened.onclose = () => resolve("kept out");
          });
          return [http, socket];
        }""",
        site.graphql,
    )
    assert tried == ["kept out", "kept out"]


def test_graphiql_takes_the_tour(site: Site, page: Page) -> None:
    """A newcomer registers, watches the countdown over a secure socket, gets recommendations; nothing is refused."""
    graphiql = GraphiQL(page, site.nginx.url, email="grace@example.com")
    graphiql.open()
    for step in STEPS:
        step(graphiql)
    assert (graphiql.complaints, graphiql.foreign) == ([], [])


def test_the_tour_s_passkey_and_rest_work_over_tls(site: Site, page: Page) -> None:
    """The tour's JavaScript as it is printed, and the REST contract, on a page of the site itself."""
    page.goto(site.graphql)
    console = Console(page)
    for code, output in steps():
        value = console.run(code)
        assert output is None or matches(output, value), f"{code}\n{value}"
    rest = page.evaluate(
        """async () => {
          const body = JSON.stringify({ email: "rest@example.com", password: "a long and private sentence" });
          const headers = { "Content-Type": "application/json" };
          const response = await fetch("/auth/register", { method: "POST", headers, body });
          const told = await response.json();
          return [response.status, told.trial_info.status, told.tokens.token_type];
        }"""
    )
    assert rest == [201, "ACTIVE", "Bearer"]

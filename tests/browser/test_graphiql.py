"""A newcomer in GraphiQL, in a real browser: register, take the token, ask who they are, watch the countdown."""

import json
import re
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect


@dataclass
class GraphiQL:
    """GraphiQL as a person sees it, and what the browser complained of meanwhile."""

    page: Page
    origin: str
    email: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        page = self.page
        page.on("console", self._note_message)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._note_address(request.url))
        page.on("websocket", lambda opened: self._note_address(opened.url))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (violation) =>"
            " console.error(`refused: ${violation.violatedDirective} ${violation.blockedURI}`))"
        )

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def _note_address(self, url: str) -> None:
        if urlsplit(url).scheme not in {"data", "blob"} and urlsplit(url).netloc != urlsplit(self.origin).netloc:
            self.foreign.append(url)

    @property
    def tabs(self) -> Locator:
        """The names of the tabs."""
        return self.page.locator(".graphiql-tab-button")

    def open(self) -> None:
        """Go there, and wait until the editors stand and the explorer has the schema."""
        self.page.goto(f"{self.origin}/graphql")
        expect(self.page.locator(".graphiql-explorer-root")).to_be_visible()
        for editor in ("query-editor", "response"):
            expect(self.page.locator(f".graphiql-{editor} .view-lines")).to_be_visible()

    def tab(self, name: str) -> None:
        """Open a ready tab, and wait until GraphiQL knows its operations: it reads, and keeps, them a moment later."""
        self.tabs.filter(has_text=re.compile(f"^{name}$")).click()
        self.page.wait_for_function("name => localStorage.getItem('graphiql:query').includes(' ' + name)", arg=name)

    def run(self, operation: str | None = None) -> None:
        """Run the tab's operation, or one of several by its name."""
        self.page.get_by_role("button", name="Execute query").click()
        if operation is not None:
            self.page.get_by_role("menuitem", name=operation).click()

    def write_variables(self, variables: dict[str, object]) -> None:
        """Replace the variables, by keyboard."""
        self.page.locator(".graphiql-editor-tool .monaco-editor:visible").first.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.insert_text(json.dumps(variables))

    def use_token(self) -> None:
        """Take the offered token."""
        self.page.get_by_role("button", name=f"Use the token of {self.email}").click()
        expect(self.page.get_by_text(f"Runs as {self.email}")).to_be_visible()

    def answer(self) -> str:
        """The text of the answer that is on the screen."""
        text: str = self.page.locator(".graphiql-response .view-lines").inner_text()
        return text.replace("\N{NO-BREAK SPACE}", " ")

    def wait_for(self, pattern: str) -> str:
        """What `pattern` captures in the answer, as soon as the answer has it."""
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if found := re.search(pattern, self.answer()):
                return found[found.lastindex or 0]
            self.page.wait_for_timeout(50)
        pytest.fail(f"{pattern} does not come; the answer is: {self.answer()}")


@pytest.fixture(params=["light", "dark"])
def graphiql(request: pytest.FixtureRequest, chromium: Browser, origin: str) -> Generator[GraphiQL]:
    """GraphiQL in a window of its own, for somebody who is new."""
    context = chromium.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 800})
    yield GraphiQL(context.new_page(), origin, email=f"grace.{request.param}@example.com")
    context.close()


def register(graphiql: GraphiQL) -> None:
    """Make an account with the ready tab, and take the token that is offered then."""
    graphiql.tab("Register")
    graphiql.write_variables({"input": {"email": graphiql.email, "password": "long and private"}})
    graphiql.run()
    assert graphiql.wait_for(r'"__typename": "(\w+)"') == "RegisterSuccess"
    graphiql.use_token()


def ask_who_i_am(graphiql: GraphiQL) -> None:
    """Ask over HTTP with the token, which has reached this tab too."""
    graphiql.tab("Me")
    graphiql.run()
    assert graphiql.wait_for(r'"email": "([^"]*)"') == graphiql.email


def watch_the_countdown(graphiql: GraphiQL) -> None:
    """See three ticks, each with fewer seconds left, over a WebSocket with the token; then stop."""
    graphiql.tab("Countdown")
    graphiql.run()
    left = [int(graphiql.wait_for(r'"secondsLeft": (\d+)'))]
    while len(left) < 3:
        left.append(int(graphiql.wait_for(rf'"secondsLeft": (?!{left[-1]}\b)(\d+)')))
    assert left == sorted(left, reverse=True)
    graphiql.page.get_by_role("button", name="Stop query").click()
    stopped = graphiql.answer()
    graphiql.page.wait_for_timeout(1500)
    assert graphiql.answer() == stopped


def follow_interests(graphiql: GraphiQL) -> None:
    """Say what one likes, and see the list follow."""
    graphiql.tab("Recommendations")
    graphiql.run("Recommendations")
    assert graphiql.wait_for(r'"strategy": "(\w+)"') == "catalogue"
    graphiql.run("SetInterests")
    assert graphiql.wait_for(r'"topic": "(\w+)"') == "photography"
    graphiql.run("Recommendations")
    assert graphiql.wait_for(r'"strategy": "(\w+)"') == "interests"
    assert "photography" in graphiql.wait_for(r'"category":\s+"([\w-]+)"')


def come_back(graphiql: GraphiQL) -> None:
    """Load the page again: tabs and text are as they were left, and the token is offered, which is kept apart."""
    graphiql.page.wait_for_timeout(600)  # GraphiQL writes its tabs down half a second after a change
    graphiql.open()
    expect(graphiql.tabs).to_have_text(["Register", "Me", "Countdown", "Recommendations", "Login", "Kpis"])
    graphiql.tab("Register")
    expect(graphiql.page.get_by_text(graphiql.email).first).to_be_visible()
    graphiql.use_token()


STEPS: list[Callable[[GraphiQL], None]] = [register, ask_who_i_am, watch_the_countdown, follow_interests, come_back]
"""What a newcomer does, in this order and in one window."""


def test_newcomer_finds_their_way(graphiql: GraphiQL) -> None:
    """All of it from our own origin: nothing is refused by the policy, goes wrong, or is asked of another host."""
    graphiql.open()
    for step in STEPS:
        step(graphiql)
    assert (graphiql.complaints, graphiql.foreign) == ([], [])


def test_token_stays_in_its_window(graphiql: GraphiQL) -> None:
    """What the browser keeps for good holds no token."""
    graphiql.open()
    graphiql.run()
    graphiql.wait_for('"__typename"')
    graphiql.page.wait_for_timeout(600)
    kept = graphiql.page.evaluate("JSON.stringify(localStorage)")
    assert "eyJ" not in kept
    assert "ada@example.com" in kept

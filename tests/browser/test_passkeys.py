"""A person with a passkey, in a real browser: the tour's JavaScript as it is printed, and Chromium's authenticator."""

import json
import re
from collections.abc import Generator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page

from tests.test_tour import TOUR, matches

STEP = re.compile(r"```js\n(?P<code>.*?)```\n(?:\n```json\n(?P<output>.*?)```)?", re.DOTALL)
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Console:
    """The console of a page: what is typed into it runs as a person's own code does."""

    def __init__(self, page: Page) -> None:
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._session.send("WebAuthn.enable")
        self.authenticator: str = self._session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})[
            "authenticatorId"
        ]

    def run(self, code: str) -> Any:
        """The value of the last expression, in JSON as `JSON.stringify` writes it."""
        options = {"expression": code, "replMode": True, "awaitPromise": True, "returnByValue": True}
        answer = self._session.send("Runtime.evaluate", options)
        assert "exceptionDetails" not in answer, answer
        return json.dumps(answer["result"].get("value"), separators=(",", ":"))

    def send(self, method: str, **options: Any) -> Any:
        """Tell the authenticator something."""
        return self._session.send(f"WebAuthn.{method}", {"authenticatorId": self.authenticator, **options})


@pytest.fixture
def console(chromium: Browser, origin: str) -> Generator[Console]:
    """The console of GraphiQL's page, in a window of its own, with an authenticator of its own."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{origin}/graphql")
    yield Console(page)
    context.close()


def steps() -> list[tuple[str, str | None]]:
    """The tour's JavaScript, with what it prints."""
    return [(match["code"], match["output"]) for match in STEP.finditer(TOUR.read_text(encoding="utf-8"))]


def test_the_tour_s_javascript_runs_as_it_is_printed(console: Console) -> None:
    """Register, add a passkey, leave, come back with it, and ask who one is."""
    printed = steps()
    assert len(printed) == TOUR.read_text(encoding="utf-8").count("```js\n") == 3
    for code, output in printed:
        value = console.run(code)
        assert output is None or matches(output, value), f"{code}\n{value}"
    [kept] = console.send("getCredentials")["credentials"]
    assert (kept["rpId"], kept["isResidentCredential"], kept["signCount"]) == ("localhost", True, 2)


JOIN = """
const { register } = await ask(
  "mutation($input: RegisterInput!) { register(input: $input) { ... on RegisterSuccess { tokens { accessToken } } } }",
  { input: { email: "EMAIL", password: "a long and private sentence" } },
);
const token = register.tokens.accessToken;
(await addPasskey(token, "This computer")).__typename;
"""


@pytest.fixture
def joined(console: Console) -> Console:
    """Somebody who has added a passkey."""
    console.run(steps()[0][0])
    assert console.run(JOIN.replace("EMAIL", "grace@example.com")) == '"FinishPasskeyRegistrationSuccess"'
    return console


def test_a_browser_adds_no_passkey_twice_and_shows_no_unverified_one(joined: Console) -> None:
    """The options exclude what is there; who is not verified, and whose passkey was copied, stays out."""
    assert joined.run("(await signInWithPasskey()).__typename") == '"LoginSuccess"'
    again = "const own = (await signInWithPasskey()).tokens.accessToken; "
    refused = "await addPasskey(own, 'Again').catch((error) => error.name)"
    assert joined.run(again + refused) == '"InvalidStateError"'
    [kept] = joined.send("getCredentials")["credentials"]
    joined.send("removeCredential", credentialId=kept["credentialId"])
    joined.send("addCredential", credential={**kept, "signCount": 1})
    assert joined.run("(await signInWithPasskey()).__typename") == '"InvalidCredentials"'
    joined.send("setUserVerified", isUserVerified=False)
    assert joined.run("await signInWithPasskey().catch((error) => error.name)") == '"NotAllowedError"'

"""A browser follows a trial by its EventSource, which can send no header: its cookie and its origin say who asks."""

from typing import Any

from playwright.sync_api import Browser

from tests.porchlight import PASSWORD, REGISTER

FOLLOW = """async ({register, input, address}) => {
  const headers = {'Content-Type': 'application/json', 'Porchlight-Session': 'cookie'};
  const ask = async (query, variables) =>
    (await fetch('/graphql', {method: 'POST', headers, body: JSON.stringify({query, variables})})).json();
  const registered = await ask(register, {input});
  const kind = registered.data.register.__typename;
  const found = {kind, seconds: [], codes: [], complete: 0, tokens: document.cookie};
  const source = new EventSource(address);
  await new Promise((resolve, reject) => {
    source.onerror = () => reject(new Error('The stream broke off.'));
    source.addEventListener('next', ({data}) => {
      const answer = JSON.parse(data);
      if (answer.errors) {
        found.codes = answer.errors.map((error) => error.extensions.code);
      } else if (found.seconds.push(answer.data.trialCountdown.secondsLeft) === 3) {
        ask('mutation { logout }');
      }
    });
    source.addEventListener('complete', () => {
      source.close();
      found.complete += 1;
      resolve();
    });
  });
  return found;
}"""
COUNTDOWN = "subscription{trialCountdown{secondsLeft}}"


def test_event_source_follows_by_its_cookie(origin: str, chromium: Browser) -> None:
    """Each second an event; signing out ends the stream with its reason, and no script has seen a token."""
    page = chromium.new_page()
    page.goto(f"{origin}/graphql")
    given = {"email": "ada@example.com", "password": PASSWORD}
    address = f"/graphql/stream?query={COUNTDOWN}"
    found: dict[str, Any] = page.evaluate(FOLLOW, {"register": REGISTER, "input": given, "address": address})
    seconds = found.pop("seconds")
    assert found == {"kind": "RegisterSuccess", "codes": ["UNAUTHENTICATED"], "complete": 1, "tokens": ""}
    assert seconds == sorted(seconds, reverse=True)
    assert len(set(seconds)) >= 2
    page.close()

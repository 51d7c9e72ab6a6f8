"""Somebody who pays on the simulated Stripe's pages, in a real browser whose scripts are switched off."""

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page

from adapters.payments.simulated import Rules, SimulatedStripe
from tests.program import BOUND, free_port

PHONE: Any = {"width": 390, "height": 844}


@contextmanager
def serving(site: SimulatedStripe, port: int) -> Generator[httpx.Client]:
    """A client of the API of a site that listens."""
    server = uvicorn.Server(uvicorn.Config(site, port=port, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + BOUND
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        headers = {"Authorization": "Bearer sk_test_of_a_browser"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as api:
            yield api
    finally:
        server.should_exit = True
        thread.join(BOUND)


@pytest.fixture
def api() -> Generator[httpx.Client]:
    """The API of a simulated Stripe."""
    port = free_port()
    with serving(SimulatedStripe(rules=Rules(f"http://127.0.0.1:{port}")), port) as client:
        yield client


@pytest.fixture
def page(chromium: Browser) -> Generator[Page]:
    """A page on a phone, without scripts."""
    context = chromium.new_context(java_script_enabled=False, viewport=PHONE)
    yield context.new_page()
    context.close()


def made(api: httpx.Client, path: str, **data: Any) -> dict[str, Any]:
    answer = api.post(f"/v1/{path}", data=data)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def alert(page: Page) -> str:
    text: str = page.get_by_role("alert").inner_text()
    return text


def fits(page: Page) -> bool:
    """Whether nothing is wider than the screen."""
    box = page.locator("main").bounding_box()
    return box is not None and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]


def test_somebody_pays(api: httpx.Client, page: Page) -> None:
    """With the keyboard, after a decline and the bank's question, and comes back to the shop on another origin."""
    product = made(api, "products", name="Pro")["id"]
    price = made(api, "prices", product=product, currency="usd", unit_amount=1900, **{"recurring[interval]": "month"})
    customer = made(api, "customers", email="ada@example.com")["id"]
    shop = f"http://localhost:{api.base_url.port}/v1/shop"
    items = {"line_items[0][price]": price["id"], "line_items[0][quantity]": 1}
    session = made(api, "checkout/sessions", mode="subscription", customer=customer, success_url=shop, **items)

    page.goto(session["url"])
    assert fits(page)
    page.get_by_label("Card number").fill("4000 0000 0000 0002")
    page.keyboard.press("Enter")
    assert alert(page) == "The bank declined this card. Use another one."
    page.get_by_role("button", name="Use with the card that asks for 3-D Secure every time").click()
    page.get_by_role("button", name="It is not me").click()
    assert alert(page).startswith("The bank could not see that it is you.")
    page.get_by_role("button", name="Use with the card that asks for 3-D Secure every time").press("Enter")
    page.get_by_role("button", name="It is me", exact=True).click()
    page.wait_for_url(shop)

    portal = made(api, "billing_portal/sessions", customer=customer)
    page.goto(portal["url"])
    assert fits(page)
    page.locator("summary", has_text="Cancel").press("Enter")
    page.get_by_role("button", name="Cancel Pro").click()
    page.get_by_role("button", name="Go on after all").click()
    assert "Renews on" in page.locator("article").inner_text()
    page.get_by_role("link", name="-0001").click()
    assert "Paid on" in page.locator("main").inner_text()
    assert fits(page)

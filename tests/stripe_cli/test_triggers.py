"""Stripe's own command line drives the simulated Stripe: requests that we have not written, and the events they make.

Run by `make test-stripe-cli`, on Linux: the program is a package of npm with 31 MB.
"""

import os
import re
import socket
import subprocess
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from adapters.payments.simulated import SimulatedStripe
from benchmarks.node import node_and_npm

HERE = Path(__file__).parent
KEY = "sk_test_of_the_command_line"
ROOMS = "coupon|customer|invoice|invoiceitem|payment_intent|payment_method|price|product|promotion_code|setup_intent"
OTHER_NAMES = {
    "subscription.payment_failed": "invoice.payment_failed",
    "subscription.payment_succeeded": "invoice.payment_succeeded",
}
OLD, SOURCES = "its parameters are those of an older API version", "sources came before payment methods"
LEFT_OUT = {
    "customer.discount.created": OLD,
    "customer.discount.deleted": OLD,
    "customer.discount.updated": OLD,
    "customer.source.created": SOURCES,
    "customer.source.updated": SOURCES,
    "invoice.sent": "nobody is sent an invoice: cards are charged",
    "payment_intent.amount_capturable_updated": "nothing is captured later",
    "payment_intent.partially_funded": "there are no bank transfers",
    "payment_intent.processing": "there are no bank debits",
    "promotion_code.created": OLD,
    "promotion_code.updated": OLD,
}
TRIGGERS = [
    "coupon.created",
    "coupon.deleted",
    "coupon.updated",
    "customer.created",
    "customer.deleted",
    "customer.updated",
    "customer.subscription.created",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.trial_will_end",
    "customer.subscription.updated",
    "invoice.created",
    "invoice.deleted",
    "invoice.finalized",
    "invoice.marked_uncollectible",
    "invoice.paid",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.payment_succeeded",
    "invoice.updated",
    "invoice.voided",
    "invoiceitem.created",
    "invoiceitem.deleted",
    "payment_intent.canceled",
    "payment_intent.created",
    "payment_intent.payment_failed",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_method.attached",
    "payment_method.detached",
    "payment_method.updated",
    "price.created",
    "price.updated",
    "product.created",
    "product.deleted",
    "product.updated",
    "setup_intent.canceled",
    "setup_intent.created",
    "setup_intent.requires_action",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
    "subscription.payment_failed",
    "subscription.payment_succeeded",
]


class Cli:
    """The program, installed from its lock, in a home of its own: nobody's account is used."""

    def __init__(self, home: Path) -> None:
        _, npm = node_and_npm()
        subprocess.run([*npm, "ci", "--loglevel=error"], cwd=HERE, check=True, timeout=120)
        self._program = HERE / "node_modules/@stripe/cli-linux-x64/bin/stripe"
        self._env = {"PATH": os.environ["PATH"], "HOME": str(home), "STRIPE_CLI_TELEMETRY_OPTOUT": "1"}

    def __call__(self, *arguments: str) -> str:
        """What it prints, to both."""
        done = subprocess.run(
            [self._program, *arguments],
            env=self._env,
            check=False,
            timeout=60,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return done.stdout


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Stripe's command line."""
    return Cli(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def base() -> Generator[str]:
    """Where a simulated Stripe answers."""
    server = uvicorn.Server(uvicorn.Config(SimulatedStripe(), log_level="critical"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def latest(base: str, kind: str) -> dict[str, Any] | None:
    """The last event of a type."""
    headers = {"Authorization": f"Bearer {KEY}"}
    found = httpx.get(f"{base}/v1/events", params={"type": kind, "limit": 1}, headers=headers).json()["data"]
    return found[0] if found else None


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_a_trigger_makes_its_event(cli: Cli, base: str, trigger: str) -> None:
    """Each of its requests is answered, and the event is told that it is named after."""
    kind = OTHER_NAMES.get(trigger, trigger)
    before = latest(base, kind)
    printed = cli("trigger", trigger, "--api-base", base, "--api-key", KEY)
    assert "Trigger succeeded" in printed, printed
    event = latest(base, kind)
    assert event
    assert event != before
    assert event["data"]["object"]["object"]


@pytest.mark.parametrize("trigger", sorted(LEFT_OUT.keys() - {"customer.source.created"}))
def test_what_is_not_simulated_is_refused(cli: Cli, base: str, trigger: str) -> None:
    """By the name of the parameter or the address that it needs."""
    printed = cli("trigger", trigger, "--api-base", base, "--api-key", KEY)
    assert re.search(r"Trigger failed: Request failed, status=40[04]", printed), printed


def test_every_trigger_of_our_resources_is_known(cli: Cli) -> None:
    """Those that work, and those that are left out, with their reason."""
    listed = re.findall(rf"^  ((?:{ROOMS}|subscription)\.[a-z_.]+)$", cli("trigger", "--help"), re.MULTILINE)
    assert sorted(listed) == sorted([*TRIGGERS, *LEFT_OUT])

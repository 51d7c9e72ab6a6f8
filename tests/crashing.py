"""A process that takes webhooks, works, and dies by `kill -9` at a point: `python -m tests.crashing POINT URL …`."""

import asyncio
import os
import signal
import sys
from typing import Any, NoReturn

from services import jobs
from services.billing import following, working
from tests.clock import ManualClock
from tests.porchlight import settings_for
from tests.services.book import event, invoice, subscription
from tests.shop import Shop, opened_shop

POINTS = ("inbox", "inside", "applied", "sent")
"""After the inbox has committed, inside the handler's transaction, after it, after the mail server has said 250."""


def die(*_: object, **__: object) -> NoReturn:
    """What `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def armed(shop: Shop, point: str) -> None:
    """Put the end at its point."""
    match point:
        case "inbox":
            jobs.wake = die
        case "inside":
            following.invoice_written = die
        case "applied":
            working.settle = die
        case _:
            mail: Any = shop.porchlight.app.mail
            send = mail.send

            async def sending(message: Any) -> None:
                await send(message)
                if "payment" in message["Subject"]:
                    die()

            mail.send = sending


async def main(point: str, *urls: str) -> None:
    """Deliver a purchase, and die."""
    async with opened_shop(settings_for(*urls), ManualClock()) as shop:
        shop.book.write(subscription(), invoice())
        armed(shop, point)
        await shop.deliver(event("invoice.paid", invoice()), event("customer.subscription.updated", subscription()))
        await shop.work()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

"""`make letters-pictures`: draws letters as a mail program shows them, into docs/images/letters."""

import asyncio
import shutil
import tempfile
from email.message import EmailMessage
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from services.app import open_app
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.clock import ManualClock
from tests.every_letter import every_letter, registered
from tests.porchlight import settings_for

FOLDER = Path(__file__).resolve().parents[2] / "docs/images/letters"
READERS = {"en": ("en-GB", "Europe/London"), "de": ("de-AT", "Europe/Vienna")}
WIDE, NARROW = 640, 375
"""Pixels across, of a window and of a telephone."""
LIGHT, DARK = False, True

# Name of the letter, language, width, whether the reader's machine is dark.
PICTURES = [
    ("welcome", "en", WIDE, LIGHT),
    ("welcome", "de", WIDE, LIGHT),
    ("welcome", "en", NARROW, LIGHT),
    ("confirm-address", "en", WIDE, LIGHT),
    ("confirm-new-address", "en", WIDE, LIGHT),
    ("new-password", "en", WIDE, LIGHT),
    ("sign-in", "en", WIDE, LIGHT),
    ("sign-in", "en", WIDE, DARK),
    ("code", "en", WIDE, LIGHT),
    ("new-device", "en", WIDE, LIGHT),
    ("new-device", "de", NARROW, DARK),
    ("password-changed", "en", WIDE, LIGHT),
    ("deletion-requested", "de", WIDE, LIGHT),
    ("payment-arrived", "en", WIDE, LIGHT),
    ("payment-failed", "de", WIDE, LIGHT),
    ("trial-3-days", "en", WIDE, LIGHT),
    ("trial-last-day", "de", WIDE, DARK),
    ("win-back", "en", WIDE, LIGHT),
]


async def written(language: str, folder: Path) -> dict[str, EmailMessage]:
    """Every letter in a language, out of an app of its own."""
    clock = ManualClock()
    mail, payments = f"outbox://{folder / 'outbox'}", f"simulated://{folder / 'stripe.sqlite3'}"
    database = f"sqlite://{folder / 'porchlight.sqlite3'}"
    settings = settings_for(database, "", mail, payments_url=payments, public_url="https://porchlight.example")
    async with open_app(settings, clock=clock) as app:
        with app.database.bound():
            return await every_letter(await registered(app, clock, *READERS[language]))


async def draw(browser: Browser, letter: EmailMessage, file: Path, width: int, *, dark: bool) -> None:
    """One letter, as high as it is."""
    body = letter.get_body(("html",))
    assert body is not None
    page = await browser.new_page(viewport={"width": width, "height": 100}, color_scheme="dark" if dark else "light")
    await page.set_content(body.get_content())
    await page.screenshot(path=file, full_page=True)
    await page.close()


async def main() -> None:
    """Draw each picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        letters = {language: await written(language, Path(folder) / language) for language in READERS}
    path = next(filter(None, map(shutil.which, CHROMIUM)))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        for name, language, width, dark in PICTURES:
            marks = [language, *(["phone"] if width == NARROW else []), *(["dark"] if dark else [])]
            file = FOLDER / f"{name}.{'.'.join(marks)}.png"
            await draw(browser, letters[language][name], file, width, dark=dark)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())

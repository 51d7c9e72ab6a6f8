"""Every letter in every language: what it says, where it leads, and that both of its forms say the same."""

import html
import re
from email.message import EmailMessage

import pytest

from core.settings import Settings
from services.app import open_app
from services.languages import LANGUAGES
from tests.clock import ManualClock
from tests.every_letter import LETTERS, NEW_ADDRESS, every_letter, registered

SPACE = "\N{NO-BREAK SPACE}"
KEPT = "Nothing is charged: then your account goes on with Free."
BEHALTEN = "Es wird nichts abgebucht: Danach geht Ihr Konto mit Free weiter."

# Subject and what else matters, in English as read in New York and in German as read in Vienna. The trial ends there at
# 5 and at 10 h: letters that New York would get at 5 h come on the evening before, and tell a day more.
SAYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "welcome": (
        ("Welcome to Porchlight", "Pro is yours for 14 days.",
         f"Monday, March 16, 2026 at 5:00{SPACE}AM (Eastern Daylight Time)",
         "/links/verify-email?token=", "24 hours"),
        ("Willkommen bei Porchlight", "Pro gehört 14 Tage lang Ihnen.",
         "Montag, 16. März 2026 um 10:00 Uhr (Mitteleuropäische Normalzeit)", "/links/verify-email?token=",
         "24 Stunden"),
    ),
    "confirm-address": (
        ("Confirm your e-mail address", "/links/verify-email?token=", "24 hours"),
        ("Bestätigen Sie Ihre E-Mail-Adresse", "/links/verify-email?token=", "24 Stunden"),
    ),
    "confirm-new-address": (
        ("Confirm your new e-mail address", "/links/change-email?token=", "10 minutes"),
        ("Bestätigen Sie Ihre neue E-Mail-Adresse", "/links/change-email?token=", "10 Minuten"),
    ),
    "new-password": (
        ("Set a new password", "/links/reset-password?token=", "10 minutes"),
        ("Neues Passwort setzen", "/links/reset-password?token=", "10 Minuten"),
    ),
    "sign-in": (
        ("Sign in to your account", "/links/magic-link?token=", "Or type this code where you are asked for it: "),
        ("Melden Sie sich bei Ihrem Konto an", "/links/magic-link?token=", "Oder geben Sie diesen Code ein"),
    ),
    "code": (
        ("Your code", "Type this code where you are asked for it: ", "10 minutes"),
        ("Ihr Code", "Geben Sie diesen Code ein", "10 Minuten"),
    ),
    "new-device": (
        ("A new sign-in to your account", "Device: Firefox on Linux", "Place: Austria",
         f"Time: Monday, March 2, 2026 at 4:00{SPACE}AM (Eastern Standard Time)", "/links/report-sign-in?token="),
        ("Eine neue Anmeldung bei Ihrem Konto", "Gerät: Firefox on Linux", "Ort: Österreich",
         "Zeit: Montag, 2. März 2026 um 10:00 Uhr (Mitteleuropäische Normalzeit)", "/links/report-sign-in?token="),
    ),
    "token-reused": (("We have signed one of your devices out",), ("Wir haben eines Ihrer Geräte abgemeldet",)),
    "password-changed": (("Your password has been changed",), ("Ihr Passwort wurde geändert",)),
    "password-void": (("Set a new password",), ("Neues Passwort setzen",)),
    "email-change-requested": (
        ("Your e-mail address is to be changed", "If it was not you, reset your password"),
        ("Ihre E-Mail-Adresse soll geändert werden", "Wenn Sie das nicht waren, setzen Sie sofort Ihr Passwort zurück"),
    ),
    "email-changed": (("Your e-mail address has been changed",), ("Ihre E-Mail-Adresse wurde geändert",)),
    "address-in-use": (
        ("Your address was given for another account",), ("Ihre Adresse wurde für ein anderes Konto angegeben",)
    ),
    "factor-added": (("A second factor has been added",), ("Ein zweiter Faktor ist hinzugekommen",)),
    "factor-removed": (("A second factor has been removed",), ("Ein zweiter Faktor wurde entfernt",)),
    "factor-failed": (("Somebody may know your password",), ("Jemand kennt vielleicht Ihr Passwort",)),
    "passkey-clone-suspected": (
        ("One of your passkeys may have been copied",), ("Einer Ihrer Passkeys wurde vielleicht kopiert",)
    ),
    "recovery-code-used": (
        ("A recovery code has been used", "Codes left: 7"),
        ("Ein Wiederherstellungscode wurde benutzt", "Verbleibende Codes: 7"),
    ),
    "role-changed": (("Your role has been changed",), ("Ihre Rolle wurde geändert",)),
    "suspended": (("Your account has been suspended",), ("Ihr Konto wurde gesperrt",)),
    "restored": (("Your account has been restored",), ("Ihr Konto ist wieder offen",)),
    "exported": (("Your data has been exported",), ("Ihre Daten wurden exportiert",)),
    "deletion-requested": (
        ("Your account is going to be deleted", f"at 5:00{SPACE}AM (Eastern Daylight Time)\nWhat stays: a keyed hash",
         "/links/cancel-deletion?token="),
        ("Ihr Konto wird gelöscht", "um 10:00 Uhr (Mitteleuropäische Normalzeit)\nWas bleibt: ein verschlüsselter",
         "/links/cancel-deletion?token="),
    ),
    "payment-arrived": (
        ("Your payment has arrived", "Invoice: PL-0001\nAmount: €19.00", "https://pay.example/PL-0001"),
        ("Ihre Zahlung ist angekommen", f"Rechnung: PL-0001\nBetrag: €{SPACE}19,00", "https://pay.example/PL-0001"),
    ),
    "payment-failed": (
        ("Your payment has failed", "Invoice: PL-0002\nAmount: €19.00", "https://pay.example/PL-0002"),
        ("Ihre Zahlung ist fehlgeschlagen", f"Betrag: €{SPACE}19,00", "https://pay.example/PL-0002"),
    ),
    "payment-to-confirm": (
        ("Confirm your payment", "Amount: €19.00", "https://pay.example/PL-0003"),
        ("Bestätigen Sie Ihre Zahlung", f"Betrag: €{SPACE}19,00", "https://pay.example/PL-0003"),
    ),
    "plan-ended": (("Your plan has ended", "Plan: Pro"), ("Ihr Tarif ist beendet", "Tarif: Pro")),
    "may-register": (
        ("You can register at Porchlight now", "within 30 days"), ("You can register at Porchlight now",)
    ),
    "trial-7-days": (("Your trial ends in 8 days", KEPT), ("Ihre Testzeit endet in 7 Tagen", BEHALTEN)),
    "trial-3-days": (("Your trial ends in 4 days", KEPT), ("Ihre Testzeit endet in 3 Tagen", BEHALTEN)),
    "trial-1-day": (
        ("Your trial ends in 2 days", KEPT), ("Ihre Testzeit endet morgen um 10:00 Uhr", BEHALTEN)
    ),
    "trial-last-day": (
        (f"A last reminder: your trial ends tomorrow at 5:00{SPACE}AM",),
        ("Letzte Erinnerung: Ihre Testzeit endet morgen um 10:00 Uhr",),
    ),
    "win-back": (("Pro is still there", "ended a week ago"), ("Pro ist noch da", "vor einer Woche zu Ende gegangen")),
    "deleted": (("Your account has been deleted", "What stays: "), ("Ihr Konto wurde gelöscht", "Was bleibt: ")),
}  # fmt: skip
READERS = {"en": (None, "America/New_York"), "de": ("de-AT", "Europe/Vienna")}
# Nobody who is about to have an account has told a language.
ALWAYS_ENGLISH = {"may-register"}


def form(letter: EmailMessage, kind: str) -> str:
    """A letter's text or HTML."""
    body = letter.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def shown(page: str) -> str:
    """What a page shows from its heading on, without tags."""
    return html.unescape(re.sub(r"<!--.*?-->|<[^>]*>", "", page.partition("<h1")[2], flags=re.DOTALL))


def bare(text: str) -> str:
    """Letters and digits alone."""
    return re.sub(r"\W+", "", text)


def test_every_language_has_a_reader() -> None:
    """A new language is read here too."""
    assert sorted(READERS) == sorted(LANGUAGES)
    assert sorted(SAYS) == sorted(LETTERS)


@pytest.mark.parametrize(("settings", "language"), [("embedded", "en"), ("production", "de")], indirect=["settings"])
async def test_every_letter_says_what_matters(settings: Settings, clock: ManualClock, language: str) -> None:
    """In its subject, its text and its HTML; the HTML says each line of the text, and leads where the text leads."""
    locale, timezone = READERS[language]
    async with open_app(settings, clock=clock) as app:
        with app.database.bound():
            letters = await every_letter(await registered(app, clock, locale, timezone))
    for name, letter in letters.items():
        subject, *fragments = SAYS[name][sorted(READERS, reverse=True).index(language)]
        text, page = form(letter, "plain"), form(letter, "html")
        assert letter["Subject"] == subject
        assert letter["To"] == (NEW_ADDRESS if name == "confirm-new-address" else "you@example.com")
        assert [each for each in fragments if each not in text] == []
        assert page.startswith(f'<!DOCTYPE html><html lang="{"en" if name in ALWAYS_ENGLISH else language}">')
        assert len(page) < 10_000
        links = [line for line in text.splitlines() if line.startswith("http")]
        assert [link for link in links if f'href="{html.escape(link)}"' not in page] == []
        lines = [bare(line) for line in text.splitlines() if not line.startswith("http")]
        assert [line for line in lines if line not in bare(shown(page))] == []

"""Every kind of letter, by name."""

from services import email_codes, notifications, trials
from services.accounts import email_change, magic_links, password_reset, verification
from services.billing import letters
from services.fraud import granting
from services.notifications import Letter

LETTERS: dict[str, Letter] = {
    letter.name: letter
    for letter in (
        email_change.EMAIL_CHANGES,
        email_codes.CODES,
        granting.CLEARED_LETTERS,
        letters.BILLING_LETTERS,
        magic_links.MAGIC_LINKS,
        notifications.FAREWELLS,
        notifications.NOTICES,
        notifications.WELCOMES,
        password_reset.PASSWORD_RESETS,
        trials.REMINDERS,
        trials.WIN_BACKS,
        verification.VERIFICATIONS,
    )
}

# ruff: file-ignore[hardcoded-password-string] -- names of events, none of which is a password
"""Writing events down, in the transactions that cause them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from core.errors import BadUserInput
from models.audit import AuditEvent

if TYPE_CHECKING:
    from models.accounts import User
    from services.app import App
    from services.sessions import Client


LONGEST_REASON = 500


class Action(StrEnum):
    """What is written down, by the name that `auditEvents(action:)` filters by."""

    REGISTERED = "account.registered"
    SIGNED_IN = "account.signed_in"
    SIGN_IN_FAILED = "account.sign_in_failed"
    SIGNED_OUT = "account.signed_out"
    ROLE_ASSIGNED = "account.role_assigned"
    SUSPENDED = "account.suspended"
    RESTORED = "account.restored"
    PROFILE_UPDATED = "account.profile_updated"
    EXPORTED = "account.exported"
    DELETION_REQUESTED = "account.deletion_requested"
    DELETION_CANCELED = "account.deletion_canceled"
    DELETED = "account.deleted"
    CONSENT_CHANGED = "account.consent_changed"
    PERSONALIZATION_CHANGED = "account.personalization_changed"
    EMAIL_VERIFIED = "email.verified"
    EMAIL_CHANGE_REQUESTED = "email.change_requested"
    EMAIL_CHANGED = "email.changed"
    MAIL_PREFERENCES_CHANGED = "mail.preferences_changed"
    MAIL_BOUNCED = "mail.bounced"
    MAIL_COMPLAINED = "mail.complained"
    PASSWORD_CHANGED = "password.changed"
    PASSWORD_RESET_REQUESTED = "password.reset_requested"
    PASSWORD_RESET = "password.reset"
    MAGIC_LINK_REQUESTED = "magic_link.requested"
    SESSION_REVOKED = "session.revoked"
    SESSION_REPORTED = "session.reported"
    TOKEN_REUSED = "session.token_reused"
    DEVICE_ADDED = "device.added"
    DEVICE_TRUSTED = "device.trusted"
    DEVICE_FORGOTTEN = "device.forgotten"
    MFA_ASKED = "mfa.asked"
    MFA_FAILED = "mfa.failed"
    STEPPED_UP = "mfa.stepped_up"
    TOTP_CONFIRMED = "mfa.totp_confirmed"
    MFA_DISABLED = "mfa.disabled"
    RECOVERY_CODES_MADE = "mfa.recovery_codes_made"
    RECOVERY_CODE_USED = "mfa.recovery_code_used"
    PASSKEY_ADDED = "passkey.added"
    PASSKEY_REMOVED = "passkey.removed"
    PASSKEY_CLONE_SUSPECTED = "passkey.clone_suspected"
    TRIAL_EXTENDED = "trial.extended"
    FRAUD_CASE_REVIEWED = "fraud.case_reviewed"
    FRAUD_LIST_CHANGED = "fraud.list_changed"
    WEBHOOK_REPLAYED = "webhook.replayed"
    FLAG_SET = "flag.set"
    KEYS_ROTATED = "keys.rotated"


async def record(
    app: App,
    action: Action,
    *,
    actor: User | None = None,
    user_id: int | None = None,
    subject: str | None = None,
    client: Client | None = None,
    **data: Any,
) -> None:
    """Write one event, inside the caller's transaction where there is one.

    `user_id` is whose account it concerns, the actor's own by default; `subject` is `Type:key`. `data` holds names of
    states and numbers, never a secret, and an address or a name only where it is what changed.
    """
    actor_id = actor.id if actor else None
    await AuditEvent.create(
        action=action,
        actor_id=actor_id,
        user_id=actor_id if user_id is None else user_id,
        subject=subject,
        ip=client.ip if client else None,
        at=app.clock.now(),
        data=data,
    )


def checked_reason(text: str) -> str:
    """Why somebody on the staff does what they do, trimmed, as the log keeps it. Raises BadUserInput."""
    reason = text.strip()
    printable = all(character.isprintable() or character in "\n\t" for character in reason)
    if not 1 <= len(reason) <= LONGEST_REASON or not printable:
        raise BadUserInput(f"reason has from 1 to {LONGEST_REASON} characters, all of them printable.")
    return reason

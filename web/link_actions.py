"""What each link in a letter is for: the words of its page, and the service that its button asks."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from services import sessions
from services.accounts import deletion, email_change, password_reset, verification
from services.app import App
from services.fraud import appeals
from services.languages import Phrase, phrase
from services.sessions import Client

Handler = Callable[[App, str, Mapping[str, str], Client], Awaitable[Phrase]]


@dataclass(frozen=True)
class Action:
    """One purpose. `handle` gives the sentence that tells how it went; without one there is nothing to do here."""

    name: str
    title: Phrase
    sentence: Phrase
    button: Phrase | None = None
    handle: Handler | None = None
    asks_password: bool = False
    asks_message: bool = False


async def _verify_email(app: App, token: str, _: Mapping[str, str], client: Client) -> Phrase:
    user = await verification.verify(app, token, client)
    return phrase("%(address)s is confirmed. You can close this page.", address=user.email)


async def _change_email(app: App, token: str, _: Mapping[str, str], client: Client) -> Phrase:
    user = await email_change.confirm(app, token, client)
    return phrase("Your account has moved to %(address)s. Sign in with it from now on.", address=user.email)


async def _reset_password(app: App, token: str, form: Mapping[str, str], client: Client) -> Phrase:
    await password_reset.reset(app, token, form.get("password", ""), client)
    return phrase("Your new password is set, and every device is signed out. Sign in with it now.")


async def _report_sign_in(app: App, token: str, _: Mapping[str, str], client: Client) -> Phrase:
    await sessions.report_by_token(app, token, client)
    return phrase("That device is signed out. Set a new password, so that nobody can sign in again with the old one.")


async def _cancel_deletion(app: App, token: str, _: Mapping[str, str], client: Client) -> Phrase:
    await deletion.cancel_deletion_by_token(app, token, client)
    return phrase("Your account stays, with everything in it.")


async def _appeal(app: App, token: str, form: Mapping[str, str], _: Client) -> Phrase:
    await appeals.appeal_by_link(app, token, form.get("message", ""))
    return phrase("A person will look at it, and write to you if you may register.")


ACTIONS = {
    action.name: action
    for action in (
        Action(
            "verify-email",
            phrase("Confirm your address"),
            phrase("Confirm that you read the letters that are sent to this address."),
            phrase("Confirm the address"),
            _verify_email,
        ),
        Action(
            "change-email",
            phrase("Use this address"),
            phrase("Confirm that your account is to move to the address that has received this link."),
            phrase("Move my account here"),
            _change_email,
        ),
        Action(
            "reset-password",
            phrase("Set a new password"),
            phrase("It needs 15 characters, or 8 where you have a second factor. Every device will be signed out."),
            phrase("Set the password"),
            _reset_password,
            asks_password=True,
        ),
        Action(
            "magic-link",
            phrase("Sign in"),
            phrase(
                "Copy this into the app where you have asked to sign in, or type the six digits of the letter there. "
                "Do not pass it on."
            ),
        ),
        Action(
            "report-sign-in",
            phrase("This was not you?"),
            phrase("The device that has signed in will be signed out at once."),
            phrase("Sign it out"),
            _report_sign_in,
        ),
        Action(
            "cancel-deletion",
            phrase("Keep your account"),
            phrase("Your account was to be deleted. You can keep it, with everything in it."),
            phrase("Keep my account"),
            _cancel_deletion,
        ),
        Action(
            "appeal",
            phrase("Ask a person to look"),
            phrase("Your sign-up was refused by a program. Tell in your words why it should not have been."),
            phrase("Send the appeal"),
            _appeal,
            asks_message=True,
        ),
    )
}

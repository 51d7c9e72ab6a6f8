"""`make admin EMAIL=…`: makes an existing user an administrator, from the machine that runs the server."""

import asyncio
import sys

from core import program
from core.errors import NotFound
from core.settings import Settings
from services import accounts, mfa
from services.accounts import AccountClosed, AddressNotProven
from services.app import open_app

ENROL = """\
To administer, they need a second factor: sign in, call enrollTotp or startPasskeyRegistration within ten minutes, and
sign in with it from then on."""

PROVE = """\
Nobody has proven yet that they read {email}: open the link of the letter that came with the registration (with
MAIL_URL=outbox:// the server shows it at /dev/outbox), or have another one sent with resendVerificationEmail."""


async def promote(settings: Settings, email: str) -> bool:
    """Whether the new administrator has a second factor. Raises NotFound, AccountClosed, AddressNotProven."""
    async with open_app(settings) as app:
        user = await accounts.make_administrator(app, email)
        return await mfa.has_factor(user.id)


def main(settings: Settings) -> int:
    """The exit status: 0 when done, 1 when there is no such user, or one who may not have it, 2 without an address."""
    email = "".join(sys.argv[1:2])
    if not email:
        print("Whom to make an administrator? make admin EMAIL=somebody@example.com", file=sys.stderr)
        return program.WRONG_SETTINGS
    try:
        has_factor = asyncio.run(promote(settings, email))
    except NotFound:
        print(f"Nobody has registered with {email}.", file=sys.stderr)
        return 1
    except AccountClosed:
        print(f"The account of {email} is suspended or is going to be deleted: restore it first.", file=sys.stderr)
        return 1
    except AddressNotProven:
        print(PROVE.format(email=email), file=sys.stderr)
        return 1
    print(f"{email} is an administrator. A new one is signed out everywhere, and signs in again.")
    if not has_factor:
        print(ENROL)
    return 0


if __name__ == "__main__":
    sys.exit(program.run(main))

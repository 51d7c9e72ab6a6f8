"""What the database holds of the tokens that letters carry: keyed hashes, and nothing else."""

import re
from datetime import timedelta
from hashlib import sha256
from typing import Any

from models import Job, OneTimeToken, Purpose
from tests.clock import ManualClock
from tests.mailbox import code_in, letter_to, settled, token_in
from tests.porchlight import LOGIN, PASSWORD, Porchlight
from tests.traces import ask_for_deletion, tables

ADA, NEW = "ada@example.com", "new@example.com"
RESET = "mutation($e: String!) { requestPasswordReset(email: $e) }"
MAGIC = "mutation($e: String!) { requestMagicLink(email: $e) }"
CHANGE = "mutation($e: String!) { requestEmailChange(newEmail: $e) { __typename } }"
RESEND = "mutation { resendVerificationEmail }"
LETTERS = [
    (ADA, "Welcome"),
    (ADA, "Confirm your e-mail"),
    (ADA, "Set a new"),
    (ADA, "Sign in to your account"),
    (NEW, "Confirm your new"),
    (ADA, "A new sign-in"),
    (ADA, "Your account is going to be deleted"),
]


async def everything(porchlight: Porchlight) -> list[str]:
    """Each value of each column of each row, as text."""
    with porchlight.app.database.bound():
        return [
            value.decode("latin-1") if isinstance(value, bytes) else str(value)
            for table in tables()
            for row in await table.all().values()
            for value in row.values()
        ]


def stands_in(secret: str, values: list[str]) -> bool:
    """Whether a value holds the secret as a word of its own, or its bare hash, which who reads could try out."""
    bare = sha256(secret.encode())
    word = re.compile(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])")
    return any(word.search(value) or bare.hexdigest() in value for value in values) or any(
        bare.digest().decode("latin-1") in value for value in values
    )


async def ask_for_all(porchlight: Porchlight, clock: ManualClock) -> None:
    """Have every kind of letter with a link sent."""
    ada = await porchlight.register(ADA, device={"name": "Firefox", "fingerprint": "one"})
    await settled(porchlight)
    await clock.advance(timedelta(seconds=61))
    token = ada.access_token
    await porchlight.ask(RESEND, token=token)
    await porchlight.ask(RESET, {"e": ADA})
    await porchlight.ask(MAGIC, {"e": ADA})
    await porchlight.ask(CHANGE, {"e": NEW}, token=token)
    given: dict[str, Any] = {"email": ADA, "password": PASSWORD, "device": {"name": "Safari", "fingerprint": "two"}}
    await porchlight.ask(LOGIN, {"input": given})
    assert (await ask_for_deletion(porchlight, token))["__typename"] == "DeleteAccountSuccess"
    await settled(porchlight)


async def test_tokens_and_codes_of_letters_stand_nowhere(porchlight: Porchlight, clock: ManualClock) -> None:
    """In no column of any table, in no job: neither they nor a hash of them that has no key."""
    await ask_for_all(porchlight, clock)
    texts = [await letter_to(porchlight, *letter) for letter in LETTERS]
    secrets = [*map(token_in, texts), code_in(texts[3])]
    assert len(set(secrets)) == len(LETTERS) + 1
    values = await everything(porchlight)
    assert [secret for secret in secrets if stands_in(secret, values)] == []
    with porchlight.app.database.bound():
        letters = [job for job in await Job.filter(kind="mail.send") if not job.payload["letter"].startswith("trial_")]
        assert len(letters) >= len(LETTERS)
        assert all(job.done_at is not None for job in letters)
        hashes = await OneTimeToken.all().values_list("key_hash", flat=True)
    found = [porchlight.app.keys.mac(f"one-time-token/{row}", secret).hex() for secret in secrets for row in Purpose]
    assert len(set(found) & set(hashes)) == len(LETTERS)


async def test_looking_finds_what_is_there(porchlight: Porchlight, clock: ManualClock) -> None:
    """The search sees payloads of jobs, data of tokens and hashes."""
    await ask_for_all(porchlight, clock)
    token, code = "A" * 43, "042042"
    assert stands_in(ADA, await everything(porchlight))
    places: list[tuple[Any, dict[str, Any]]] = [
        (Job, {"payload": {"link": f"https://porchlight.example/links?token={token}"}}),
        (OneTimeToken, {"data": {"code": code}}),
        (OneTimeToken, {"data": {"mac": sha256(code.encode()).hexdigest()}}),
    ]
    for table, values in places:
        with porchlight.app.database.bound():
            row = await table.all().order_by("id").first()
            before = {name: getattr(row, name) for name in values}
            await table.filter(id=row.id).update(**values)
        found = await everything(porchlight)
        assert stands_in(token, found) or stands_in(code, found)
        with porchlight.app.database.bound():
            await table.filter(id=row.id).update(**before)
    found = await everything(porchlight)
    assert not stands_in(token, found)
    assert not stands_in(code, found)

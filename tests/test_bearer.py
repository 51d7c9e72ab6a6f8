"""Bearer tokens over HTTP: one that is present and invalid fails the whole request."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.tokens import AUDIENCE, TOKEN_TYPE
from models import User
from tests.clock import START
from tests.porchlight import Person, Porchlight

PUBLIC = "{ __typename plans { key } me { email } }"
RESULT = "application/graphql-response+json"


class Forger:
    """Makes tokens that are nearly genuine, for one person."""

    def __init__(self, porchlight: Porchlight, person: Person) -> None:
        self.key: Any = porchlight.app.keys.signing_key(START)
        self.header, self.claims = (
            jwt.get_unverified_header(person.access_token),
            jwt.decode(person.access_token, options={"verify_signature": False}),
        )

    def token(self, *, key: Any = None, without: str = "", header: dict[str, Any] | None = None, **claims: Any) -> str:
        payload = {name: value for name, value in (self.claims | claims).items() if name != without}
        headers = self.header | (header or {})
        return jwt.encode(payload, key or self.key.private, algorithm="EdDSA", headers=headers)

    def unsigned(self) -> str:
        header = encoded({**self.header, "alg": "none"})
        return f"{header}.{encoded(self.claims)}."

    def signed_with_public_key(self) -> str:
        """The classic confusion: the public key, which everybody has, as the secret of an HMAC."""
        text = f"{encoded({**self.header, 'alg': 'HS256'})}.{encoded(self.claims)}"
        secret = base64.urlsafe_b64decode(self.key.jwk["x"] + "=")
        signature = base64.urlsafe_b64encode(hmac.digest(secret, text.encode(), hashlib.sha256))
        return f"{text}.{signature.decode().rstrip('=')}"


def encoded(members: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(members).encode()).decode().rstrip("=")


FORGED: dict[str, Callable[[Forger, Person], str]] = {
    "another key": lambda forger, _: forger.token(key=Ed25519PrivateKey.generate()),
    "unknown kid": lambda forger, _: forger.token(header={"kid": "x"}),
    "kid of another type": lambda forger, _: forger.token(header={"kid": "../../etc/passwd"}),
    "another typ": lambda forger, _: forger.token(header={"typ": "JWT"}),
    "another audience": lambda forger, _: forger.token(aud="elsewhere"),
    "no audience": lambda forger, _: forger.token(without="aud"),
    "another issuer": lambda forger, _: forger.token(iss="https://evil.example"),
    "no subject": lambda forger, _: forger.token(without="sub"),
    "no session": lambda forger, _: forger.token(without="sid"),
    "no expiry": lambda forger, _: forger.token(without="exp"),
    "expired": lambda forger, _: forger.token(exp=int(START.timestamp())),
    "expiry beyond time": lambda forger, _: forger.token(exp=10**20),
    "expiry that is no number": lambda forger, _: forger.token(exp="soon"),
    "another user": lambda forger, person: forger.token(sub=str(person.user_id + 1)),
    "subject that is no number": lambda forger, _: forger.token(sub="ada"),
    "unknown session": lambda forger, _: forger.token(sid="0" * 32),
    "alg none": lambda forger, _: forger.unsigned(),
    "alg HS256": lambda forger, _: forger.signed_with_public_key(),
    "changed claims": lambda forger, person: ".".join(
        [person.access_token.split(".")[0], encoded({**forger.claims, "sub": "1"}), person.access_token.split(".")[2]]
    ),
    "no signature": lambda _, person: person.access_token.rsplit(".", 1)[0] + ".",
    "cut off": lambda _, person: person.access_token[:-1],
    "refresh token": lambda _, person: person.refresh_token,
    "garbage": lambda _, __: "garbage",
    "three parts of garbage": lambda _, __: "a.b.c",
    "huge": lambda _, person: person.access_token + "A" * 10_000,
}


async def refusal(porchlight: Porchlight, authorization: str) -> tuple[Any, ...]:
    """Status, challenge, data and codes of the answer to public fields."""
    headers = {"authorization": authorization, "accept": RESULT}
    answer = await porchlight.http.post("/graphql", json={"query": PUBLIC}, headers=headers)
    codes = [error["extensions"]["code"] for error in answer.json()["errors"]]
    return answer.status_code, answer.headers["www-authenticate"], "data" in answer.json(), codes


REFUSED = 401, 'Bearer error="invalid_token"', False, ["UNAUTHENTICATED"]


async def test_an_invalid_token_fails_the_whole_request(porchlight: Porchlight) -> None:
    """401 and one error, public fields included; nothing tells which check failed."""
    person = await porchlight.register()
    forger = Forger(porchlight, person)
    assert forger.header["typ"] == TOKEN_TYPE
    assert forger.claims["aud"] == AUDIENCE
    assert (await porchlight.ask(PUBLIC, token=forger.token()))["me"] == {"email": person.email}
    found = {name: await refusal(porchlight, f"Bearer {forge(forger, person)}") for name, forge in FORGED.items()}
    assert found == dict.fromkeys(FORGED, REFUSED)


async def test_other_schemes_fail_the_whole_request(porchlight: Porchlight) -> None:
    """A header that is present counts, whatever it says; `bearer` may be written in any case."""
    person = await porchlight.register()
    token = person.access_token
    for header in (
        "",
        "Bearer",
        token,
        f"Basic {token}",
        f"Bearer {token} x",
        f"Bearer,{token}",
        f"Bearer\t{token}",
    ):
        assert await refusal(porchlight, header) == REFUSED, header
    for header in (f"bearer {token}", f"BEARER  {token}"):
        answer = await porchlight.http.post("/graphql", json={"query": PUBLIC}, headers={"authorization": header})
        assert answer.json()["data"]["me"] == {"email": person.email}


async def test_tokens_expire_by_the_clock(porchlight: Porchlight) -> None:
    """To the second, and 401 for JSON too."""
    person = await porchlight.register()
    await porchlight.clock.advance(timedelta(minutes=9, seconds=59))
    assert (await porchlight.ask(PUBLIC, token=person.access_token))["me"] == {"email": person.email}
    await porchlight.clock.advance(timedelta(seconds=1))
    assert await refusal(porchlight, f"Bearer {person.access_token}") == REFUSED
    assert (await porchlight.post(PUBLIC, token=person.access_token)).status_code == 401


async def test_a_token_ends_with_its_session(porchlight: Porchlight) -> None:
    """After the logout it is as good as none, though it has not expired; so is that of a user who is gone."""
    person, other = await porchlight.register(), await porchlight.register("grace@example.com")
    assert await porchlight.ask("mutation { logout }", token=person.access_token) == {"logout": True}
    assert await refusal(porchlight, f"Bearer {person.access_token}") == REFUSED
    with porchlight.app.database.bound():
        await User.filter(id=other.user_id).delete()
    assert await refusal(porchlight, f"Bearer {other.access_token}") == REFUSED


async def test_a_mutation_with_an_invalid_token_changes_nothing(porchlight: Porchlight) -> None:
    """Registering is public, and yet refused."""
    document = 'mutation { register(input: {email: "a@example.com", password: "fifteen letters"}) { __typename } }'
    answer = await porchlight.http.post("/graphql", json={"query": document}, headers={"authorization": "Bearer x"})
    assert answer.status_code == 401
    with porchlight.app.database.bound():
        assert await User.all().count() == 0


async def test_malformed_requests_are_told_before_the_token(porchlight: Porchlight) -> None:
    """What cannot be understood is 400, and asks the database nothing."""
    with porchlight.counting_queries() as statements:
        answer = await porchlight.http.post("/graphql", content=b"x", headers={"authorization": "Bearer x"})
        assert answer.status_code == 415
        answer = await porchlight.http.post("/graphql", json=[], headers={"authorization": "Bearer x"})
        assert answer.status_code == 400
    assert statements == []


@pytest.mark.parametrize("header", ["X-Forwarded-User", "X-User-Id", "Cookie"])
async def test_no_other_header_signs_in(porchlight: Porchlight, header: str) -> None:
    """What a proxy or an attacker adds is no identity."""
    person = await porchlight.register()
    answer = await porchlight.http.post(
        "/graphql", json={"query": PUBLIC}, headers={header: f"Authorization=Bearer {person.access_token}"}
    )
    assert answer.json()["data"]["me"] is None

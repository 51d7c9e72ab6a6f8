"""What is asked of the server, as documents and as shots of the load generator."""

from collections.abc import Sequence
from typing import Any

import orjson
from numpy.random import default_rng

from benchmarks.generator import Shot

SEED = 20_260_302
PASSWORD = "correct horse battery staple"  # ruff: ignore[hardcoded-password-string] -- of accounts that live for one run
FEED = """
query Feed {
  me {
    trial { status secondsLeft }
    recommendations(first: 50) { edges { score reason node { id title summary category tags } } }
  }
}
"""
LOGIN = """
mutation Login($input: LoginInput!) {
  login(input: $input) {
    __typename
    ... on LoginSuccess { user { id email } tokens { accessToken refreshToken } }
  }
}
"""
REGISTER = """
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    __typename
    ... on RegisterSuccess { user { id } trial { status secondsLeft } tokens { accessToken refreshToken } }
  }
}
"""
COUNTDOWN = "subscription { trialCountdown(everySeconds: 1) { status secondsLeft serverTime } }"
MIX = {"feed": 0.90, "login": 0.08, "register": 0.02}


def feeds(tokens: Sequence[str]) -> list[Shot]:
    """The feed of each person in turn."""
    return [_post("feed", FEED, None, '"recommendations":{"edges":[{', token) for token in tokens]


def handwritten_feeds(tokens: Sequence[str]) -> list[Shot]:
    """The same of the endpoint that is written by hand."""
    expected = '"recommendations":{"edges":[{'
    return [Shot("feed", "GET", "/feed", {"Authorization": f"Bearer {token}"}, "", expected) for token in tokens]


def logins(emails: Sequence[str]) -> list[Shot]:
    """The sign-in of each person in turn."""
    return [_post("login", LOGIN, credentials(email), '"accessToken"') for email in emails]


def registrations(name: str, count: int) -> list[Shot]:
    """Newcomers, each with an address of their own."""
    variables = (credentials(f"{name}{number}@example.com") for number in range(count))
    return [_post("register", REGISTER, each, '"accessToken"') for each in variables]


def mixed(tokens: Sequence[str], emails: Sequence[str], count: int) -> list[Shot]:
    """Operations in the proportions of `MIX`, in an order that is the same in each run."""
    kinds = default_rng(SEED).choice(list(MIX), size=count, p=list(MIX.values()))
    shots = {
        "feed": iter(list(feeds(tokens)) * (count // len(tokens) + 1)),
        "login": iter(list(logins(emails)) * (count // len(emails) + 1)),
        "register": iter(registrations("mixed", count)),
    }
    return [next(shots[kind]) for kind in kinds]


def credentials(email: str) -> dict[str, Any]:
    """The variables of a sign-in or a registration."""
    return {"input": {"email": email, "password": PASSWORD}}


def _post(kind: str, query: str, variables: dict[str, Any] | None, expected: str, token: str | None = None) -> Shot:
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    body = orjson.dumps({"query": query, "variables": variables}).decode()
    return Shot(kind, "POST", "/graphql", headers, body, expected)

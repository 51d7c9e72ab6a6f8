"""Signing up where the test has its own rules: what tests of fraud share."""

from collections.abc import Iterable
from typing import Any

from models.fraud import FraudAssessment, FraudCase, FraudIdentifier
from services.fraud.rules import Rules, Thresholds
from services.fraud.signals import SIGNALS, Family
from tests.porchlight import PASSWORD, Porchlight

SIGN_UP = """
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    __typename
    ... on FraudSuspected { message reasons appealToken }
    ... on ChallengeRequired { kind parameters }
    ... on RegisterSuccess {
      user { databaseId }
      trial { id status usage { key limit } }
      tokens { accessToken }
      deviceToken
    }
  }
}
"""
STEPS = {"CHALLENGE": 1.5, "LIMIT": 2.5, "REVIEW": 3.5, "BLOCK": 4.5}
"""Log-odds that lead to each decision, by `judge`."""


def judge(porchlight: Porchlight, version: str = "of-this-test", **weights: float) -> Rules:
    """Rules by which these signals count and no others."""
    rules = Rules(
        version=version,
        prior=0.0,
        thresholds=Thresholds(challenge=1.0, limit=2.0, review=3.0, block=4.0),
        caps=dict.fromkeys(Family, 100.0),
        weights=dict.fromkeys((signal.code for signal in SIGNALS), 0.0) | weights,
        limited_quota=10,
    )
    porchlight.app.fraud_rules = rules
    return rules


async def sign_up(porchlight: Porchlight, email: str, ip: str | None = None, **more: Any) -> dict[str, Any]:
    """What `register` answers, to a browser of this public address where one is given."""
    headers = {} if ip is None else {"X-Forwarded-For": ip}
    data = await porchlight.ask(SIGN_UP, {"input": {"email": email, "password": PASSWORD, **more}}, **headers)
    result: dict[str, Any] = data["register"]
    return result


async def evidence(porchlight: Porchlight) -> list[tuple[str, bool, list[str]]]:
    """What was decided about each sign-up, whether an account came of it, and the codes of the reasons that count."""
    with porchlight.app.database.bound():
        rows = await FraudAssessment.all().order_by("id")
    return [(row.decision, row.user_id is not None, codes(row.reasons)) for row in rows]


def codes(reasons: Iterable[dict[str, Any]]) -> list[str]:
    """The codes of the reasons that weigh something."""
    return [reason["code"] for reason in reasons if reason["weight"]]


async def kinds(porchlight: Porchlight) -> list[list[tuple[str, bool]]]:
    """The kinds of the keys of each sign-up, and whether it got a trial."""
    found = []
    with porchlight.app.database.bound():
        for row in await FraudAssessment.all().order_by("id"):
            keys = await FraudIdentifier.filter(assessment_id=row.id).order_by("kind", "id")
            found.append([(key.kind, key.granted) for key in keys])
    return found


async def cases(porchlight: Porchlight) -> list[FraudCase]:
    """Every case with its assessment, the oldest first."""
    with porchlight.app.database.bound():
        return await FraudCase.all().order_by("id").select_related("assessment")


async def refused(porchlight: Porchlight, email: str = "ada@example.com", **more: Any) -> str:
    """Refuse somebody whose address bears a tag, and give the token of the appeal. The rules are as they were."""
    before = porchlight.app.fraud_rules
    judge(porchlight, TAGGED_ADDRESS=2.2, BARE_CLIENT=2.4)
    result = await sign_up(porchlight, email.replace("@", "+tag@"), **more)
    porchlight.app.fraud_rules = before
    assert result["__typename"] == "FraudSuspected", result
    return str(result["appealToken"])

"""The allow and deny lists, rule files, shadow rules, replay, and what is forgotten when."""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.setting_values import networks
from core.settings import Settings, SettingsError
from models import DeliveryStatus, MailDelivery, Role, User
from models.audit import AuditEvent
from models.fraud import FraudAssessment, FraudCase, FraudIdentifier, FraudKey, FraudListEntry
from services import fraud, pruning
from services.accounts.held import sign_up_checks
from services.fraud import RulesError, appeals, granting, read_rules
from services.fraud.replay import replay
from services.fraud.rules import RULES_FILE
from tests.clock import START, ManualClock
from tests.conftest import Start
from tests.letters_by_hand import send
from tests.mailbox import settled
from tests.porchlight import Person, Porchlight
from tests.sign_ups import STEPS, evidence, judge, refused, sign_up
from tests.staff import staff
from worker import replay as program

ADA, GRACE = "ada@example.com", "grace@example.org"
SET = """
mutation Set($input: FraudListEntryInput!) {
  setFraudListEntry(input: $input) { id kind verdict hint reason createdAt expiresAt owner { email } }
}
"""
REMOVE = "mutation Remove($id: ID!) { removeFraudListEntry(id: $id) }"
ENTRIES = "{ fraudListEntries { id kind verdict hint } }"
DAY = timedelta(days=1)


def entry(kind: str, value: str, verdict: str = "DENY", days: int = 30, reason: str = "Seen before.") -> dict[str, Any]:
    """The input of an entry."""
    return {"input": {"kind": kind, "value": value, "verdict": verdict, "reason": reason, "days": days}}


async def put(porchlight: Porchlight, actor: Person, *args: Any, **more: Any) -> dict[str, Any]:
    """What `setFraudListEntry` answers."""
    found = await porchlight.ask(SET, entry(*args, **more), token=actor.access_token)
    result: dict[str, Any] = found["setFraudListEntry"]
    return result


async def names(porchlight: Porchlight, actor: Person) -> list[tuple[str, str, str]]:
    """The entries that stand."""
    found = (await porchlight.ask(ENTRIES, token=actor.access_token))["fraudListEntries"]
    return [(each["kind"], each["verdict"], each["hint"]) for each in found]


# ── lists ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "value", "hint", "email"),
    [
        ("PERSON", "Ada+tag@example.com", "a…@example.com", ADA),
        ("DOMAIN", "@Example.com", "example.com", ADA),
        ("DOMAIN", "example.co.uk", "example.co.uk", "ada@mail.example.co.uk"),
        ("NETWORK", "8.8.8.0/24", "8.8.8.0/24", ADA),
    ],
)
async def test_who_is_denied_is_refused(start: Start, kind: str, value: str, hint: str, email: str) -> None:
    """By the person, the domain or the network; others pass, and the entry names an address no further than needed."""
    porchlight = await start(trusted_proxies=networks("127.0.0.0/8"))
    judge(porchlight, DENY_LISTED=50.0)
    actor = await staff(porchlight, Role.SUPPORT, "support@example.edu")
    row = await put(porchlight, actor, kind, value)
    assert row["hint"] == hint
    assert (row["kind"], row["verdict"], row["owner"]) == (kind, "DENY", {"email": actor.email})
    assert (await sign_up(porchlight, email, ip="8.8.8.8"))["reasons"] == ["LISTS"]
    assert (await sign_up(porchlight, GRACE, ip="9.9.9.9"))["__typename"] == "RegisterSuccess"
    with porchlight.app.database.bound():
        stored = await FraudListEntry.get()
    assert "ada@" not in f"{stored.value_hash}{stored.hint}"


async def test_who_is_allowed_passes_until_it_expires(porchlight: Porchlight, clock: ManualClock) -> None:
    """An ALLOW goes before whatever speaks against the sign-up, a DENY among it."""
    judge(porchlight)
    actor = await staff(porchlight, Role.SUPPORT)
    await put(porchlight, actor, "DOMAIN", "example.org")
    await put(porchlight, actor, "PERSON", "grace+tag@example.org", "ALLOW", days=1)
    assert await names(porchlight, actor) == [("PERSON", "ALLOW", "g…@example.org"), ("DOMAIN", "DENY", "example.org")]
    judge(porchlight, DENY_LISTED=50.0, TAGGED_ADDRESS=50.0)
    assert (await sign_up(porchlight, "grace+tag@example.org"))["__typename"] == "RegisterSuccess"
    await clock.advance(DAY)
    assert (await sign_up(porchlight, "grace+other@example.org"))["__typename"] == "FraudSuspected"


async def test_an_entry_takes_the_place_of_the_one_before(porchlight: Porchlight) -> None:
    """One stands for each value, is removed once, and the audit log has each change."""
    actor = await staff(porchlight, Role.SUPPORT)
    first = await put(porchlight, actor, "DOMAIN", "example.org")
    second = await put(porchlight, actor, "DOMAIN", "example.org", "ALLOW")
    assert first["id"] == second["id"]
    assert await names(porchlight, actor) == [("DOMAIN", "ALLOW", "example.org")]
    removed = [await porchlight.ask(REMOVE, {"id": first["id"]}, token=actor.access_token) for _ in range(2)]
    assert [each["removeFraudListEntry"] for each in removed] == [True, False]
    with porchlight.app.database.bound():
        events = await AuditEvent.filter(action="fraud.list_changed").order_by("id")
    assert [(event.data["act"], event.data["verdict"]) for event in events] == [
        ("put", "DENY"),
        ("put", "ALLOW"),
        ("removed", "ALLOW"),
    ]
    assert await porchlight.codes(REMOVE, {"id": "VXNlcjox"}, token=actor.access_token) == ["NOT_FOUND"]


@pytest.mark.parametrize(
    "wrong",
    [
        entry("PERSON", "no address"),
        entry("DOMAIN", "no domain"),
        entry("NETWORK", "example.com"),
        entry("DOMAIN", "  "),
        entry("DOMAIN", "d" * 321),
        entry("DOMAIN", "example.com", days=0),
        entry("DOMAIN", "example.com", days=366),
        entry("DOMAIN", "example.com", reason=""),
    ],
)
async def test_bad_entries_are_refused(porchlight: Porchlight, wrong: dict[str, Any]) -> None:
    """What names nothing, is too long, or stands for no time or too long."""
    actor = await staff(porchlight, Role.SUPPORT)
    assert await porchlight.codes(SET, wrong, token=actor.access_token) == ["BAD_USER_INPUT"]
    assert await names(porchlight, actor) == []


async def test_lists_are_for_the_staff(porchlight: Porchlight) -> None:
    """Neither the world nor users read or write them."""
    user = await porchlight.register()
    for token, code in ((None, "UNAUTHENTICATED"), (user.access_token, "FORBIDDEN")):
        for query, variables in ((ENTRIES, None), (SET, entry("DOMAIN", "a.example")), (REMOVE, {"id": "x"})):
            assert await porchlight.codes(query, variables, token=token) == [code]


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def file_of(folder: Path, **changes: Any) -> Path:
    """The rules that are shipped, with these entries in place of theirs."""
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(RULES_FILE.read_text(encoding="utf-8")), **changes}))
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": ""}, "version"),
        ({"version": "v" * 33}, "version"),
        ({"prior": "high"}, "ValueError"),
        ({"prior": float("nan")}, "no finite number"),
        ({"weights": {"NO_SUCH": 1.0}}, "NO_SUCH"),
        ({"thresholds": {"challenge": 3, "limit": 2, "review": 4, "block": 5}}, "rise"),
        ({"thresholds": {"challenge": 3}}, "TypeError"),
        ({"limited_quota": 100}, "limited_quota"),
        ({"caps": {"identity": 1}}, "KeyError"),
        ({"caps": {**yaml.safe_load(RULES_FILE.read_text(encoding="utf-8"))["caps"], "proof": -1}}, "caps"),
    ],
)
def test_wrong_rules_are_refused(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    """The message names the file and the entry."""
    with pytest.raises(RulesError, match=f"^rules.yaml: .*{says}"):
        read_rules(file_of(tmp_path, **changes))


async def test_shadow_rules_decide_nothing_and_are_written_down(start: Start, tmp_path: Path) -> None:
    """Their verdict stands beside the one that counts."""
    path = file_of(tmp_path, version="strict", prior=20.0)
    porchlight = await start(fraud_shadow_rules=str(path))
    assert (await sign_up(porchlight, ADA))["__typename"] == "RegisterSuccess"
    with porchlight.app.database.bound():
        row = await FraudAssessment.get()
    assert (row.decision, row.shadow_version, row.shadow_decision) == ("ALLOW", "strict", "REVIEW")
    assert row.shadow_score is not None
    assert row.shadow_score > 0.99


async def test_wrong_shadow_rules_stop_the_start(start: Start, tmp_path: Path) -> None:
    """By the name of the setting."""
    with pytest.raises(SettingsError) as refusal:
        await start(fraud_shadow_rules=str(tmp_path / "none.yaml"))
    assert refusal.value.problems[0].startswith("FRAUD_SHADOW_RULES: none.yaml: FileNotFoundError")


async def test_replay_tells_what_would_change(porchlight: Porchlight, monkeypatch: pytest.MonkeyPatch) -> None:
    """From which decision to which, over batches; features of another version are passed over."""
    monkeypatch.setattr("services.fraud.replay.BATCH", 2)
    judge(porchlight)
    for number in range(3):
        await sign_up(porchlight, f"ada+{number}@person{number}.example")
    rules = judge(porchlight, "stricter", TAGGED_ADDRESS=STEPS["LIMIT"])
    with porchlight.app.database.bound():
        row = await FraudAssessment.all().order_by("id").first()
        assert row is not None
        await FraudAssessment.filter(id=row.id).update(features={**row.features, "version": 0})
        found = await replay(rules, since=START - DAY)
        later = await replay(rules, since=START + DAY)
    assert found.moves == {(fraud.Decision.ALLOW, fraud.Decision.LIMIT): 2}
    assert (found.total, found.changed, found.passed_over, later.total) == (2, 2, 1, 0)


async def test_the_program_of_replay_reports(porchlight: Porchlight) -> None:
    """A line for each change, and one for features that it cannot read."""
    judge(porchlight)
    await sign_up(porchlight, "ada+tag@example.com")
    await sign_up(porchlight, GRACE)
    await settled(porchlight)
    rules = judge(porchlight, "stricter", TAGGED_ADDRESS=STEPS["LIMIT"])
    lines = await program.replayed(porchlight.app.settings, rules, START - DAY)
    assert lines == [
        f"2 sign-ups since 2026-03-01, judged by rules stricter; today's are {read_rules().version}.",
        "  ALLOW     -> ALLOW            1",
        "  ALLOW     -> LIMIT            1  changed",
        "1 would be decided otherwise.",
    ]
    with porchlight.app.database.bound():
        await FraudAssessment.all().update(features={"version": 0})
    lines = await program.replayed(porchlight.app.settings, rules, START - DAY)
    assert lines[1:] == ["2 more have features of another version.", "0 would be decided otherwise."]


def test_the_program_of_replay_names_what_is_wrong(tmp_path: Path) -> None:
    """No file, a file that is no rules, a day that is none."""
    for wrong in ("", str(tmp_path / "none.yaml")):
        with pytest.raises(SettingsError, match="RULES"):
            program.rules_in(wrong)
    assert program.rules_in(str(RULES_FILE)) == read_rules()
    with pytest.raises(SettingsError, match="SINCE"):
        program.day_of("yesterday")
    assert program.day_of("") is None


def test_the_program_of_replay_prints(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over 90 days, where no day is given."""
    monkeypatch.setattr(sys, "argv", ["replay", str(RULES_FILE)])
    assert program.main(settings) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in printed if line.startswith("0 sign-ups since ")]
    assert printed[-1] == "0 would be decided otherwise."


# ── what is forgotten ───────────────────────────────────────────────────────────────────────────────────────────────


async def counts(porchlight: Porchlight) -> list[int]:
    """Rows of sign-ups, their keys, cases, locks and entries."""
    with porchlight.app.database.bound():
        return [
            await model.all().count()
            for model in (FraudAssessment, FraudIdentifier, FraudCase, FraudKey, FraudListEntry)
        ]


async def prune(porchlight: Porchlight) -> None:
    with porchlight.app.database.bound():
        await pruning.prune_fraud(porchlight.app, {})


async def test_evidence_is_forgotten_in_time(porchlight: Porchlight, clock: ManualClock) -> None:
    """Locks after a day, addresses of the refused after 90, sign-ups after 180; what an open case needs stays."""
    judge(porchlight)
    actor = await staff(porchlight, Role.SUPPORT)
    await put(porchlight, actor, "DOMAIN", "example.edu", days=1)
    await refused(porchlight, ADA)
    await refused(porchlight, GRACE)
    judge(porchlight, TAGGED_ADDRESS=STEPS["LIMIT"])
    await sign_up(porchlight, "marie+tag@example.net")
    before = await counts(porchlight)
    assert (before[0], before[2], before[4]) == (4, 3, 1)
    await prune(porchlight)
    assert await counts(porchlight) == before
    await clock.advance(DAY + timedelta(seconds=1))
    await prune(porchlight)
    assert (await counts(porchlight))[3] == 0
    await clock.advance(90 * DAY)
    await prune(porchlight)
    with porchlight.app.database.bound():
        emails = [row.email for row in await FraudAssessment.all().order_by("id")]
        first = await FraudCase.all().order_by("id").first()
        assert first is not None
        await FraudCase.filter(id=first.id).update(status="CONFIRMED")
    assert (emails[0], None in emails) == (actor.email, False)
    await prune(porchlight)
    with porchlight.app.database.bound():
        assert [row.email for row in await FraudAssessment.all().order_by("id")] == [emails[0], None, *emails[2:]]
    await clock.advance(90 * DAY)
    await prune(porchlight)
    rows, keys, cases, _, entries = await counts(porchlight)
    assert (rows, cases, entries) == (1, 1, 0)
    assert 0 < keys < before[1]


async def test_deletion_parts_the_evidence_from_the_account(porchlight: Porchlight) -> None:
    """Keyed hashes stay, and with them what a later sign-up is held against; number and address go."""
    judge(porchlight, CARD_REUSED=50.0)
    result = await sign_up(porchlight, ADA, paymentMethod="pm_card_x")
    with porchlight.app.database.bound():
        await fraud.forget(await User.get(id=result["user"]["databaseId"]))
        row = await FraudAssessment.get()
    assert (row.user_id, row.email) == (None, None)
    assert (await sign_up(porchlight, GRACE, paymentMethod="pm_card_x"))["__typename"] == "FraudSuspected"
    assert [each[1] for each in await evidence(porchlight)] == [False, False]


async def test_deletion_reaches_what_was_refused_before(porchlight: Porchlight) -> None:
    """Sign-ups with the address that led to no account: their address, their appeal and the reviewer's note go."""
    token = await refused(porchlight, ADA)
    await refused(porchlight, GRACE)
    with porchlight.app.database.bound():
        await appeals.appeal(porchlight.app, token, "It was me.")
        assert await FraudCase.filter(appeal_message="It was me.").count() == 1
    judge(porchlight)
    result = await sign_up(porchlight, "ada+tag@example.com")
    with porchlight.app.database.bound():
        await FraudCase.all().update(note="For us alone.")
        await fraud.forget(await User.get(id=result["user"]["databaseId"]))
        rows = await FraudCase.all().order_by("id").select_related("assessment")
    told: list[Any] = [(row.assessment.email, row.appeal_message, row.note) for row in rows]
    assert told == [(None, None, None), ("grace+tag@example.org", None, "For us alone.")]


async def test_the_export_has_what_the_check_saw(porchlight: Porchlight) -> None:
    """Decision, reasons, keys and the state of the case; no note of a reviewer."""
    judge(porchlight, TAGGED_ADDRESS=STEPS["REVIEW"])
    result = await sign_up(porchlight, "ada+tag@example.com")
    with porchlight.app.database.bound():
        await FraudCase.all().update(note="For us alone.")
        user = await User.get(id=result["user"]["databaseId"])
        ((told,),) = [batch async for batch in sign_up_checks(porchlight.app, user)]
    assert (told["decision"], told["rulesVersion"]) == ("REVIEW", "of-this-test")
    assert told["cases"] == [{"status": "OPEN", "closedAt": None}]
    assert {each["kind"] for each in told["identifiers"]} >= {"person", "device"}
    assert "For us alone." not in str(told)


@pytest.mark.parametrize("email", [None, "no address"])
async def test_a_letter_to_nobody_is_not_sent(porchlight: Porchlight, email: str | None) -> None:
    """Where the address has been forgotten, or the case has gone, the job ends without one."""
    await refused(porchlight)
    with porchlight.app.database.bound():
        await FraudAssessment.all().update(email=email)
        case = await FraudCase.get()
        for number in (case.id, case.id + 1):
            await send(porchlight.app, granting.CLEARED, {"case": number}, delivery=f"{number}")
        assert [row.status for row in await MailDelivery.all()] == [DeliveryStatus.OBSOLETE] * 2


def test_rules_compare_by_what_they_say() -> None:
    """Two readings of one file are equal, and a changed copy is not."""
    assert read_rules() == read_rules() != replace(read_rules(), prior=0.0)

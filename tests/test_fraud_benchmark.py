"""The simulated year: what it draws, what it counts, and that it runs against the server as it is."""

import math
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import altcha
import pytest
from altcha.v2 import Challenge

from benchmarks.fraud import __main__ as command
from benchmarks.fraud import baselines, figures, report, scores
from benchmarks.fraud.browsers import CHROME, Headers, Machine, Profile
from benchmarks.fraud.chance import Chance
from benchmarks.fraud.dev_families import DEV_FAMILIES
from benchmarks.fraud.events import NEW_YEAR, Attempt, Outcome, Result, Role, SignUp
from benchmarks.fraud.families import FAMILIES
from benchmarks.fraud.inputs import Form, granted_in_full
from benchmarks.fraud.legitimate import ORDINARY, SHARES
from benchmarks.fraud.operators import Means
from benchmarks.fraud.prober import PATIENCE, Prober
from benchmarks.fraud.sending import Sender, Work
from benchmarks.fraud.simulation import Run, simulate
from benchmarks.fraud.site import SimulatedClock, running
from benchmarks.fraud.statistics import Share, at_least, clopper_pearson, precision, separation, threshold
from benchmarks.fraud.world import DEV, REPORTED, draw, judged, mailbox, parts
from core.settings import Settings
from services import challenges, jobs
from worker.tasks import TASKS

TINY = REPORTED.smaller(60, 20)


def rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(pair[0], 5), round(pair[1], 5)


@pytest.mark.parametrize(
    ("hits", "of", "expected"),
    [
        (0, 10, (0.0, 0.30850)),
        (10, 10, (0.69150, 1.0)),
        (5, 10, (0.18709, 0.81291)),
        (1, 1000, (0.00003, 0.00556)),
        (500, 1000, (0.46855, 0.53145)),
    ],
)
def test_intervals_are_those_of_the_tables(hits: int, of: int, expected: tuple[float, float]) -> None:
    """As printed for the binomial distribution."""
    assert rounded(clopper_pearson(hits, of)) == expected


def test_goals_of_the_issue_are_just_shown() -> None:
    """964 of 1,000 show 95 %, one less does not; 172 of 20,000 show 1 %, one more does not."""
    assert clopper_pearson(963, 1000)[0] < 0.95 <= clopper_pearson(964, 1000)[0]
    assert clopper_pearson(1919, 2000)[0] < 0.95 <= clopper_pearson(1920, 2000)[0]
    assert clopper_pearson(4780, 5000)[0] < 0.95 <= clopper_pearson(4781, 5000)[0]
    assert clopper_pearson(172, 20_000)[1] <= 0.01 < clopper_pearson(173, 20_000)[1]
    assert clopper_pearson(80, 20_000)[1] <= 0.005 < clopper_pearson(81, 20_000)[1]


@pytest.mark.parametrize(("hits", "of"), [(-1, 10), (11, 10), (0, 0)])
def test_counts_that_cannot_be_are_refused(hits: int, of: int) -> None:
    """Nothing is computed from nonsense; a share of nothing has no value."""
    with pytest.raises(ValueError, match="hits"):
        clopper_pearson(hits, of)
    assert math.isnan(Share(0, 0).value)


@pytest.mark.parametrize("p", [0.0, 0.01, 0.3, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("hits", [0, 1, 6, 12])
def test_tails_are_sums_of_the_binomial(p: float, hits: int) -> None:
    """Whichever side is summed."""
    expected = sum(math.comb(12, k) * p**k * (1 - p) ** (12 - k) for k in range(hits, 13))
    assert at_least(hits, 12, p) == pytest.approx(expected, abs=1e-12)


def test_precision_follows_from_prevalence() -> None:
    """49, 83 and 91 % at a recall of 95 % and one false positive in a hundred."""
    assert [round(precision(0.95, 0.01, share), 2) for share in (0.01, 0.05, 0.1)] == [0.49, 0.83, 0.91]
    assert math.isnan(precision(0.0, 0.0, 0.1))


def test_threshold_lets_so_many_through() -> None:
    """The least score that keeps the share; beyond all of them where none does; ties stay together."""
    scores = [float(score) for score in range(1000)]
    assert threshold(scores, 0.01) == 990
    assert threshold(scores, 0.0) > 999
    assert threshold([0.0] * 98 + [5.0, 5.0], 0.01) > 5
    assert threshold([0.0] * 98 + [5.0, 5.0], 0.02) == 5
    assert threshold([], 0.01) == math.inf


def test_separation_counts_ties_half() -> None:
    """One for apart, half for alike."""
    assert separation([2.0, 3.0], [0.0, 1.0]) == 1
    assert separation([1.0], [1.0]) == 0.5
    assert separation([0.0, 2.0], [1.0, 1.0]) == 0.5
    assert math.isnan(separation([], [1.0]))


def test_mix_is_fixed() -> None:
    """Half aliases, 15 % disposable, the other eight the same; ten families on either side."""
    assert list(parts(REPORTED).values()) == [800, 240, *[70] * 8]
    assert list(parts(DEV).values()) == [800, 240, *[70] * 8]
    assert sum(parts(TINY).values()) == 20
    names = {family.name for family in FAMILIES}
    assert len(names) == 10
    assert names.isdisjoint(family.name for family in DEV_FAMILIES)
    assert REPORTED.seed != DEV.seed


@pytest.mark.parametrize("suite", [REPORTED, DEV], ids=lambda suite: suite.name)
def test_world_is_as_said(suite: object) -> None:
    """So many of each kind, in the order of time, no mailbox with two people, and nobody's first sign-up is a unit."""
    assert isinstance(suite, type(REPORTED))
    little = suite.smaller(2_000, 320)
    world = draw(little)
    counts = judged(world)
    assert (counts[Role.OWED], counts[Role.LATER]) == (2_000, 320)
    assert Counter(event.group for event in world if event.role is Role.LATER) == parts(little)
    honest = Counter(event.group for event in world if event.role is Role.OWED)
    assert {name: honest[name] for name in SHARES} == {name: round(2_000 * share) for name, share in SHARES.items()}
    assert honest[ORDINARY] == 2_000 - sum(round(2_000 * share) for share in SHARES.values())
    assert all(later.at - event.at >= timedelta(milliseconds=1) for event, later in pairwise(world))
    assert {event.at.year for event in world} == {2026}
    owners: dict[str, set[str]] = {}
    for event in world:
        if isinstance(event.what, Attempt):
            owners.setdefault(mailbox(event.what.email), set()).add(event.actor)
    assert [owner for owner in owners.values() if len(owner) > 1] == []
    first = Counter(event.actor for event in world if event.role is Role.FIRST)
    assert set(first.values()) == {1}
    assert {event.actor for event in world if event.role is Role.LATER} == set(first)


def test_same_seed_gives_the_same_world() -> None:
    """To the last character; another seed another one."""
    assert report.seal(draw(TINY)) == report.seal(draw(TINY))
    assert report.seal(draw(TINY)) != report.seal(draw(TINY.seeded(1)))


def test_aliases_lead_to_one_mailbox() -> None:
    """Each spelling differs, and all mail arrives at the first one's."""
    world = draw(REPORTED.smaller(0, 400))
    spelled: dict[str, list[str]] = {}
    for event in world:
        if event.group == "alias":
            assert isinstance(event.what, Attempt)
            spelled.setdefault(event.actor, []).append(event.what.email)
    assert spelled
    assert all(len(set(emails)) == len(emails) > 1 for emails in spelled.values())
    assert {len({mailbox(email) for email in emails}) for emails in spelled.values()} == {1}


MACHINE = Machine(CHROME, "Windows NT 10.0; Win64; x64", "own-1", "de-AT", "Europe/Vienna", 90.0)


def test_marks_are_those_of_a_make() -> None:
    """Machines of one image are one; a mark grows old; a browser may give none."""
    assert MACHINE.mark(3) == replace(MACHINE).mark(80) != MACHINE.mark(100)
    assert replace(MACHINE, make="own-2").mark(3) != MACHINE.mark(3)
    assert replace(MACHINE, marked=False).mark(3) is None


def test_storage_is_forgotten_as_browsers_do() -> None:
    """Chrome keeps a token for good, Safari for a week without a visit."""
    chrome, safari = Profile(MACHINE), Profile(replace(MACHINE, kind="safari"))
    for profile in (chrome, safari):
        profile.visited(NEW_YEAR, "token")
        profile.visited(NEW_YEAR, None)
    assert safari.remembered(NEW_YEAR + timedelta(days=6)) == "token"
    later = NEW_YEAR + timedelta(days=8)
    assert (chrome.remembered(later), safari.remembered(later)) == ("token", None)


def test_headers_keep_the_order_of_their_browser() -> None:
    """Chrome names its platform before its agent; its version rises with the year."""
    names = [name for name, _ in MACHINE.headers(NEW_YEAR, "http://localhost")]
    assert names.index("sec-ch-ua-platform") < names.index("User-Agent") < names.index("Accept-Language")
    agents = [
        dict(MACHINE.headers(NEW_YEAR + timedelta(days=days), "http://localhost"))["User-Agent"] for days in (0, 300)
    ]
    assert [re.findall(r"Chrome/(\d+)", agent) for agent in agents] == [["144"], ["154"]]


def test_prober_leaves_what_no_longer_works() -> None:
    """Two refusals in a row, and the next way is tried; what works is kept."""
    prober = Prober(Means(Chance(1), "p1"))
    emails = []
    for number in range(1 + 2 * PATIENCE):
        emails.append(prober.attempt(NEW_YEAR).email)
        prober.learn(granted=number == 0)
    assert [mailbox(email) for email in emails[: 1 + PATIENCE]] == [mailbox(emails[0])] * (1 + PATIENCE)
    assert len({mailbox(email) for email in emails}) == 1 + PATIENCE


def attempt(**changes: object) -> Attempt:
    """A form as it is filled in."""
    filled = Attempt(email="ada@example.com", name="Ada", profile=Profile(MACHINE), ip="192.0.2.1", seconds=12.34)
    return replace(filled, **changes)  # type: ignore[arg-type]


def sign_up(what: Attempt, number: int = 0, role: Role = Role.OWED, group: str = "people") -> SignUp:
    """An event at its own moment."""
    return SignUp(at=NEW_YEAR + timedelta(hours=number), group=group, actor="a", number=1, role=role, what=what)


def test_form_holds_what_the_server_asks_for() -> None:
    """Optional inputs where they are offered; what is not offered is named."""
    what = attempt(card="x1")
    old = Form(frozenset({"email"}), frozenset(), measured=False)
    assert old.missing == ["paymentMethod", "form…", "Trial.usage"]
    sent = old.filled(sign_up(what), what, 0)["input"]
    assert "paymentMethod" not in sent
    assert sent["device"]["fingerprint"] == MACHINE.mark(0)
    new = Form(frozenset({"paymentMethod"}), frozenset({"formSeconds"}), measured=True)
    assert new.missing == []
    sent = new.filled(sign_up(what), what, 0, "answer")["input"]
    assert (sent["paymentMethod"], sent["device"]["formSeconds"], sent["challengeAnswer"]) == (
        "pm_card_x1",
        12.3,
        "answer",
    )
    assert "device" not in new.filled(sign_up(what), replace(what, scripted="go"), 0)["input"]
    assert ("usage" in new.query, "usage" in old.query) == (True, False)


def test_smaller_quota_is_not_granted_in_full() -> None:
    """Each meter is compared with the plan's limit; without meters a trial is a trial."""
    plan = {"features": [{"feature": "api-calls", "limit": 100}, {"feature": "chat", "limit": None}]}
    assert granted_in_full({"plan": plan, "usage": [{"key": "api-calls", "limit": 100}, {"key": "chat", "limit": 1}]})
    assert granted_in_full({"plan": plan, "usage": [{"key": "api-calls", "limit": None}]})
    assert not granted_in_full({"plan": plan, "usage": [{"key": "api-calls", "limit": 99}]})
    assert granted_in_full({"plan": plan})
    assert not granted_in_full(None)
    for usage in (None, [], [{"key": "other", "limit": 1}]):
        with pytest.raises(RuntimeError, match="does not tell"):
            granted_in_full({"plan": plan, "usage": usage})


def test_work_is_really_done() -> None:
    """The answer is one that altcha takes."""
    made = altcha.create_challenge("PBKDF2/SHA-256", 10, counter=5, hmac_secret="a", hmac_key_secret="b")
    work = Work()
    assert altcha.verify_solution(work.solve(made.to_dict()), "a", hmac_key_secret="b").verified
    assert work.solved == 1
    assert isinstance(made, Challenge)


FULL, NOTHING = (
    Outcome("RegisterSuccess", trial=True, granted=True),
    Outcome("FraudSuspected", trial=False, granted=False),
)


def results() -> list[Result]:
    """200 honest people with scores below 1, but for one; 20 units of two families with scores of 0.5 and 2."""
    made = []
    for number in range(200):
        what = attempt(
            email=f"a{number}@example.com", ip=f"192.0.{number}.1", profile=Profile(replace(MACHINE, make=str(number)))
        )
        outcome = NOTHING if number == 7 else replace(FULL, challenges=("PROOF_OF_WORK",) * (number < 4))
        made.append(Result(sign_up(what, number), what, outcome, 3.0 if number == 7 else number / 200))
    for number in range(20):
        group = "alias" if number % 2 else "disposable"
        email = f"b+{number}@example.com" if number % 2 else f"c{number}@mailinator.com"
        what = attempt(email=email, card="c1", ip="198.51.100.7")
        outcome = NOTHING if number % 2 else FULL
        made.append(Result(sign_up(what, 300 + number, Role.LATER, group), what, outcome, 2.0 if number % 2 else 0.5))
    return made


def test_figures_count_what_happened() -> None:
    """Recall by family, false positives by cohort, and what other thresholds would do."""
    found = results()
    shipped = figures.shipped(found)
    assert (shipped.recall, shipped.false, shipped.macro) == (Share(10, 20), Share(1, 200), 0.5)
    assert figures.operators(found) == {"alias": 1, "disposable": 1}
    assert shipped.families == {"disposable": Share(0, 10), "alias": Share(10, 10)}
    strict, stricter = (figures.at_limit(found, limit) for limit in figures.LIMITS)
    assert (strict.recall, strict.false) == (Share(10, 20), Share(2, 200))
    assert (stricter.recall, stricter.false) == (Share(0, 20), Share(0, 200))
    people, everybody = figures.cohorts(found)
    assert (people.false, people.challenged, people.blocked) == (Share(1, 200), Share(4, 200), Share(1, 200))
    assert replace(people, name=everybody.name) == everybody
    assert figures.area(found) == pytest.approx(0.5 * 199 / 200 + 0.5 * 99.5 / 200)


def test_without_scores_the_decision_tells() -> None:
    """What was refused lies beyond every threshold."""
    refused, granted = (Result(sign_up(attempt()), attempt(), outcome) for outcome in (NOTHING, FULL))
    assert (refused.suspicion, granted.suspicion) == (math.inf, -math.inf)


def test_baselines_look_at_what_came_before() -> None:
    """A list, a count of devices, an address or a card that was seen; dealt labels fall to chance."""
    found = results()
    listed, devices, polar = baselines.baselines(found)
    assert (listed.recall.hits, listed.false.hits) == (10, 0)
    assert (devices.recall.hits, devices.false.hits) == (17, 0)
    assert (polar.recall.hits, polar.false.hits) == (19, 0)
    assert "card seen before" in baselines.too_easy(baselines.single_signals(found))
    dealt, area = baselines.shuffled(found, seed=1)
    assert dealt.recall.of == 20
    assert dealt.recall.value < 0.25
    assert 0.3 < area < 0.7


@pytest.mark.parametrize("settings", ["embedded", "production"], indirect=True)
async def test_tiny_world_runs_through_the_api(settings: Settings) -> None:
    """Honest people get their trial, aliases do not, and the report says under what conditions."""
    world = draw(TINY)
    told: list[str] = []
    run = await simulate(settings, world, told.append)
    assert [result.event for result in run.results] == world
    assert told == []
    shipped = figures.shipped(run.results)
    assert shipped.families["alias"] == Share(9, 9)
    assert shipped.false.of == 60
    made = report.block(TINY, world, run, 1.0)
    assert "not a field measurement" in made
    assert f"seed {TINY.seed}" in made
    assert all(name in made for name in (*parts(TINY), *SHARES, ORDINARY))


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_challenges_are_met_by_everybody(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With limits on, the busy office is asked for work, does it, and is in."""
    from benchmarks.fraud import site as sites

    monkeypatch.setattr(challenges, "FEWEST", 1)
    monkeypatch.setattr(challenges, "MOST", 5)
    monkeypatch.setitem(challenges.UNASKED, challenges.REGISTER, 1)
    monkeypatch.setattr(sites, "RATE_LIMITS", True)
    what = [attempt(email=f"{name}@example.com") for name in ("ada", "grace", "marie")]
    run = await simulate(settings, [sign_up(one, number=0) for one in what])
    assert [result.outcome.challenges for result in run.results] == [(), ("PROOF_OF_WORK",), ("PROOF_OF_WORK",)]
    assert [result.outcome.granted for result in run.results] == [True] * 3
    assert run.solved == 2


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_letters_are_read_by_their_owner(settings: Settings) -> None:
    """What waits is sent when somebody looks; others find nothing; a broken request is told."""
    async with running(settings) as site:
        site.clock.at = NEW_YEAR
        query = "mutation R($input: RegisterInput!) { register(input: $input) { __typename } }"
        given = {"input": {"email": "ada@example.com", "password": "orchard-lantern-quartz-71-meadow"}}
        await site.ask(query, given, ip="192.0.2.1", headers=())
        assert "Your account is ready" in await site.letter("ada@example.com")
        assert not await site.letter("grace@example.com")
        with pytest.raises(RuntimeError, match="answered"):
            await site.ask("{ nothing }", {}, ip="192.0.2.1", headers=())
        assert SimulatedClock().now() == NEW_YEAR


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_engine_does_its_jobs_and_letters_wait(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due of its kinds is done at each new day; a welcome that nobody reads is not."""
    done: list[int] = []

    async def rescore(_: object, payload: dict[str, int]) -> None:  # ruff: ignore[unused-async] -- jobs are awaited
        done.append(payload["user_id"])

    monkeypatch.setitem(TASKS, "fraud.rescored", rescore)
    async with running(settings) as site:
        await jobs.enqueue(site.app, "fraud.rescored", {"user_id": 7}, dedup_key="a")
        await jobs.enqueue(site.app, "notifications.welcomed", {"user_id": 7}, dedup_key="b")
        for _ in range(2):
            await site.work()
    assert done == [7]


def test_paper_holds_one_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written at the end first, replaced afterwards, and what stands around it stays."""
    paper = tmp_path / "fraud.md"
    paper.write_text("# Fraud\n", encoding="utf-8")
    monkeypatch.setattr(report, "PAPER", paper)
    report.write("first", "make it")
    paper.write_text(paper.read_text(encoding="utf-8") + "\nBelow.\n", encoding="utf-8")
    report.write("second", "make it")
    text = paper.read_text(encoding="utf-8")
    assert ("first" in text, text.count(report.BEGIN), text.count(report.END)) == (False, 1, 1)
    assert text.startswith("# Fraud\n\n" + report.BEGIN)
    assert text.endswith(report.END + "\n\nBelow.\n")


def test_report_of_scores_has_their_thresholds() -> None:
    """Rows for both limits, precision for each, the area under the curve, and goals met or missed."""
    run = Run(results(), [], 4, 2.0, 0, 9.0, scored=True)
    world = [result.event for result in run.results]
    made = report.block(replace(REPORTED, commodity=("alias", "disposable")), world, run, 10.0)
    assert made.count("≤ 1.0% false positives") == 3
    assert made.count("**missed**") == 3
    assert "The score's area under the curve is" in made
    assert "**Too easy:" in made
    assert "4 proofs of work" in made
    assert report.told(Share(0, 0)) == "none"
    assert (report.percent(0.005), report.percent(0.0), report.percent(math.nan)) == ("0.50%", "0.0%", "none")


class Asking:
    """A server that wants a code, or two, before it lets anybody in."""

    def __init__(self, letters: dict[str, str], times: int = 1) -> None:
        self.clock, self.letters, self.times = SimulatedClock(), letters, times
        self.answers: list[str | None] = []

    async def ask(self, query: str, variables: dict[str, Any], *, ip: str, headers: Headers) -> dict[str, Any]:
        answer = variables["input"].get("challengeAnswer")
        self.answers.append(answer)
        if len(self.answers) > self.times and answer == "123456":
            return {"register": {"__typename": "RegisterSuccess", "trial": {}, "deviceToken": "token"}}
        return {"register": {"__typename": "ChallengeRequired", "kind": "EMAIL_CODE", "parameters": {}}}

    async def letter(self, address: str) -> str:
        return self.letters.get(address, "")


@pytest.mark.parametrize(
    ("letters", "times", "answers", "kind"),
    [
        ({"ada@example.com": "Your code: 123 456"}, 1, [None, "123456"], "RegisterSuccess"),
        ({"ada@example.com": "Your code: 123456."}, 2, [None, "123456", "123456"], "RegisterSuccess"),
        ({"ada@example.com": "123456"}, 9, [None, "123456", "123456", "123456"], "ChallengeRequired"),
        ({}, 1, [None], "ChallengeRequired"),
    ],
)
async def test_codes_are_read_from_letters(
    letters: dict[str, str], times: int, answers: list[str | None], kind: str
) -> None:
    """By whoever owns the mailbox, at most three times; without a letter they give up."""
    asking = Asking(letters, times)
    form = Form(frozenset(), frozenset(), measured=False)
    sender = Sender(asking, form)  # type: ignore[arg-type]
    what = attempt()
    _, outcome = await sender.send(sign_up(what))
    assert (asking.answers, outcome.kind) == (answers, kind)
    assert outcome.trial == outcome.granted == (kind == "RegisterSuccess")
    assert sender.codes == len(answers) - 1
    assert what.profile.remembered(NEW_YEAR) == ("token" if outcome.granted else None)


async def test_scores_are_the_greatest_of_their_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases without time zones mean UTC; without the table there are none."""
    rows = [(NEW_YEAR, 0.5), (NEW_YEAR.replace(tzinfo=None), 2.0), (NEW_YEAR, 1)]

    class Rows:
        @staticmethod
        def all() -> type["Rows"]:
            return Rows

        @staticmethod
        async def values_list(*_: str) -> list[tuple[datetime, float]]:
            return rows

    monkeypatch.setattr(scores, "_model", lambda: Rows)
    assert await scores.scores() == {NEW_YEAR: 2.0}
    monkeypatch.undo()
    monkeypatch.setattr(scores, "MODULE", "models.trials")
    assert await scores.scores() is None


@pytest.mark.parametrize("refused", ["--dev", "--quick", "--eased", "--seed=1"])
def test_only_the_reported_suite_is_written(
    refused: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever tries to keep another figure is told, before anything runs."""
    monkeypatch.setattr("sys.argv", ["benchmarks.fraud", "--write", refused])
    assert command.main() == 2
    assert "is written" in capsys.readouterr().err


def test_command_names_its_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reported one by itself; others by their options."""
    monkeypatch.setattr("sys.argv", ["benchmarks.fraud"])
    assert command.suite_of(command.arguments()) == REPORTED
    monkeypatch.setattr("sys.argv", ["benchmarks.fraud", "--dev", "--quick", "--seed", "5"])
    assert command.suite_of(command.arguments()) == DEV.smaller(2_000, 320).seeded(5)

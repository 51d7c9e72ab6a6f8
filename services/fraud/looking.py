"""Looking back: the one statement that finds what earlier sign-ups, lists and claims say of the present one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from services import trials
from services.fraud.crowd import HOUR, NEAR, OPERATOR_MEMORY, Earlier, Passing
from services.fraud.keys import STRONG, Keys, Kind, noisy
from services.fraud.listing import hashes_of
from services.fraud.ties import AFTER_END, AT_ONCE, BEFORE_END

if TYPE_CHECKING:
    from services.app import App
    from services.fraud.keys import SignUp

MEMORY = timedelta(days=180)
MOST = 300
"""Sign-ups of one key, the newest: what more than these share is a crowd, and the first hundreds tell so."""
BURST = timedelta(hours=6)
"""How far forms that are filled in fast are looked for."""
COMPARED = (*STRONG, Kind.FINGERPRINT, Kind.DOMAIN, Kind.TWIN, Kind.NETWORK, Kind.OPERATOR)
"""The kinds that are looked for, in the order of the statement's placeholders."""
NOBODY = ""
"""What stands for a key that a sign-up does not have: no hash is empty."""


_NEWEST = "SELECT * FROM (SELECT {columns} FROM fraud_identifiers WHERE {of} ORDER BY at DESC LIMIT {most}) AS newest"
_NUMBERS = partial(_NEWEST.format, columns="assessment_id AS number", most=MOST)
_ROWS = partial(_NEWEST.format, columns="assessment_id AS number, at, granted", most=MOST)
_SHARING = "\n    UNION ".join(
    [*(_NUMBERS(of=f"hash = ${place} AND at >= $9") for place in range(1, 7)), _NUMBERS(of="hash = $7 AND at >= $10")]
)
_RECENT, _ENDING = _ROWS(of="hash = $8 AND at >= $11"), _ROWS(of="hash = $8 AND at >= $13 AND at <= $14")
_LOOK = f"""
WITH sharing AS (
    {_SHARING}
), theirs AS (
    SELECT number, kind, hash, at, granted FROM fraud_identifiers JOIN sharing ON number = assessment_id
    WHERE kind IN ('device', 'card', 'network', 'held') OR hash IN ($1, $4, $5, $6, $8, $21, $22)
), close AS (
    SELECT DISTINCT number FROM theirs WHERE hash IN ($1, $2, $3, $4, $5, $7)
), passing AS (
    {_RECENT}
    UNION {_ENDING}
)
SELECT number, kind AS what, hash AS value, at, granted FROM theirs WHERE number IN (SELECT number FROM close)
UNION ALL SELECT count(*), 'twins', CASE WHEN at >= $25 THEN 'at once' ELSE '' END, min(at), FALSE FROM theirs
    WHERE hash = $6 AND at >= $10 AND number NOT IN (SELECT number FROM close) GROUP BY 3
UNION ALL SELECT count(*), 'noisy', '', min(at), FALSE FROM ({_ROWS(of="hash = $23 AND at >= $9")}) AS noisy
UNION ALL SELECT count(*), 'hasty', '', min(at), FALSE FROM ({_ROWS(of="hash = $24 AND at >= $26")}) AS hasty
UNION ALL SELECT 0, 'begun', '', min(at), FALSE FROM fraud_assessments
UNION ALL SELECT count(*), 'passing',
        CASE WHEN at >= $12 THEN 'hour' WHEN at >= $11 THEN 'recent' ELSE '' END
        || CASE WHEN at >= $13 AND at <= $14 THEN ' ending' ELSE '' END, min(at), granted
    FROM passing WHERE number NOT IN (SELECT number FROM close) GROUP BY 3, 5
UNION ALL SELECT id, 'listed', verdict, expires_at, case_id IS NOT NULL FROM fraud_list_entries
    WHERE kind IN ('PERSON', 'DOMAIN', 'NETWORK') AND value_hash IN ($15, $16, $17, $18) AND expires_at > $19
UNION ALL SELECT 0, 'claimed', person_hash, claimed_at, TRUE FROM trial_claims WHERE person_hash = $20
"""  # ruff: ignore[hardcoded-sql-expression] -- words of ours
"""Each key is asked for by itself, backwards from the end of an index: strangers who share a common fingerprint push
nobody out of sight, and take no longer the more they are. Of a sign-up that is close, the keys come that are compared.
Those that share nothing but the operator, or the shape of a mailbox at a provider, are many, and are counted here.
"""

Sightings = dict[int, Earlier]
"""Earlier sign-ups by the number of their assessment."""


@dataclass
class Seen:
    """What was found. `lists` are the verdicts of the entries that name the sign-up."""

    earlier: Sightings = field(default_factory=dict)
    passing: Passing = field(default_factory=Passing)
    lists: list[str] = field(default_factory=list)
    passes: list[int] = field(default_factory=list)
    """Those entries of which one sign-up may make use, as it was refused by mistake before."""
    claimed: bool = False
    """Whether the person has had a trial."""


async def look(app: App, sign_up: SignUp, keys: Keys) -> Seen:
    """What is known of a sign-up whose keys are locked. One query, bounded however many sign-ups there are."""
    now = app.clock.now()
    trial = timedelta(days=app.catalogue.trial_plan.trial_days)
    moments = (MEMORY, 3 * NEAR, OPERATOR_MEMORY, HOUR, trial + AFTER_END, trial - BEFORE_END)
    rows = await app.database.rows(
        _LOOK,
        [
            *(keys.get(kind, NOBODY) for kind in COMPARED),
            *(now - moment for moment in moments),
            *hashes_of(app, sign_up),
            now,
            trials.person_hash(app, sign_up.address.person),
            *(keys.get(kind, NOBODY) for kind in (Kind.ADDRESS, Kind.TRAITS)),
            noisy(app, sign_up) if Kind.DOMAIN in keys else NOBODY,
            keys.get(Kind.HASTY, NOBODY),
            now - AT_ONCE,
            now - BURST,
        ],
    )
    return _seen(rows)


def _seen(rows: list[dict[str, Any]]) -> Seen:
    seen = Seen()
    for row in rows:
        number, what, value = row["number"], row["what"], row["value"]
        if what == "twins":
            seen.passing.twins += number
            seen.passing.twins_at_once += number if value else 0
        elif what == "noisy":
            seen.passing.noisy = number
        elif what == "hasty":
            seen.passing.hasty = number
        elif what == "begun":
            seen.passing.begun = _moment(row["at"]) if row["at"] else None
        elif what == "passing":
            seen.passing.count(number, value, _moment(row["at"]), granted=row["granted"])
        elif what == "listed":
            seen.lists.append(value)
            seen.passes += [number] if row["granted"] else []
        elif what == "claimed":
            seen.claimed = True
        else:
            each = seen.earlier.get(number)
            if each is None:
                each = seen.earlier[number] = Earlier(_moment(row["at"]), row["granted"])
            each.keys[Kind(what)].add(value)
    return seen


def _moment(stored: datetime | str) -> datetime:
    """A moment as a raw statement gives it: SQLite knows no dates."""
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored

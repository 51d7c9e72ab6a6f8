"""Cases without number against the running server: nothing of ours breaks, and nothing of ours is told."""

from pathlib import Path

import pytest

from tests.fuzz.sending import Fuzzer
from tests.fuzz.serving import served
from tests.porchlight import settings_for

SECONDS = 40.0


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # schemathesis does, in strategies of its own
def test_no_case_breaks_anything(stocked_sqlite_url: str, tmp_path: Path) -> None:
    """Of each operation some that its schema allows and some that it does not, by nobody, a user and an administrator.

    Limits by time are off: they would keep nearly everything from being executed.
    """
    settings = settings_for(
        stocked_sqlite_url, "", f"outbox://{tmp_path / 'outbox'}",
        payments_url=f"simulated://{tmp_path / 'stripe.sqlite3'}", rate_limits=False, graphiql="off",
    )  # fmt: skip
    with served(settings) as site:
        report = Fuzzer(site, 1, each=3).run(SECONDS, rounds=1)
    assert report.faults == []
    assert report.told["ok"]

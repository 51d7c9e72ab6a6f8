"""Cases without number against the running server: nothing of ours breaks, and nothing of ours is told."""

from collections import Counter
from pathlib import Path

from tests.fuzz.sending import Fuzzer
from tests.fuzz.serving import served
from tests.porchlight import settings_for

SECONDS = 50.0


def test_no_case_breaks_anything(stocked_sqlite_url: str, tmp_path: Path) -> None:
    """Of each operation some that its schema allows and some that it does not, by nobody, a user and an administrator.

    Limits by time are off: they would keep nearly everything from being executed.
    """
    settings = settings_for(
        stocked_sqlite_url, "", f"outbox://{tmp_path / 'outbox'}",
        payments_url=f"simulated://{tmp_path / 'stripe.sqlite3'}", rate_limits=False, graphiql="off",
    )  # fmt: skip
    with served(settings) as site:
        report = Fuzzer(site, 1, each=3).run(SECONDS)
    print(report.sent, report.told)
    assert report.faults == []
    assert isinstance(report.told, Counter)

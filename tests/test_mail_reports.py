"""Reading reports of mail servers and mailbox providers: real shapes, and what an attacker would send."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.reports import LARGEST, LINES, PARTS, Finding, Report, hard, read_report
from tests.returned_mail import ALONE, CODED, ID, WHOLE, bounce, feedback, recipient


@pytest.mark.parametrize(
    ("fields", "finding"),
    [
        (recipient("failed", "5.1.1"), Finding.BOUNCED),
        (recipient("Failed", "5.1.10 (null MX)"), Finding.BOUNCED),
        (recipient("failed", "5.0.0", "smtp; 550-5.1.1 The account does not exist"), Finding.BOUNCED),
        (recipient("failed", "", "smtp; 550 5.1.2 no such domain"), Finding.BOUNCED),
        (recipient("failed", "5.0.0", "smtp; 550 blocked, see 5.1.1.7"), Finding.DEFERRED),
        (recipient("failed", "5.7.1", "smtp; 550 5.1.1 quoted by a policy"), Finding.DEFERRED),
        (recipient("failed", "5.1.8"), Finding.DEFERRED),
        (recipient("failed", "5.2.2", "smtp; 552 5.2.2 mailbox full"), Finding.DEFERRED),
        (recipient("failed", "4.4.7"), Finding.DEFERRED),
        (recipient("delayed", "5.1.1"), Finding.DEFERRED),
        (recipient("delivered", "2.1.5"), Finding.DELIVERED),
        (recipient("relayed", "2.0.0"), Finding.DELIVERED),
    ],
)
def test_what_a_delivery_status_says(fields: str, finding: Finding) -> None:
    """The address is wrong only where the final status says so, or the other server's words where that says nothing."""
    assert read_report(bounce(fields)) == Report(finding, None)


def test_the_worst_of_several_recipients_counts() -> None:
    """As after a forward to two mailboxes, in any order."""
    blocks = [recipient("delivered", "2.1.5"), recipient("failed", "5.1.1"), recipient("delayed", "4.4.1")]
    assert read_report(bounce(*blocks)) == read_report(bounce(*blocks[::-1])) == Report(Finding.BOUNCED, None)


@pytest.mark.parametrize("returned", [WHOLE, ALONE, CODED])
def test_the_letter_that_comes_back_is_named(returned: str) -> None:
    """Whole, as headers alone, and as encoded headers; with lines that end in either way."""
    raw = bounce(recipient("failed", "5.1.1"), returned=returned)
    assert read_report(raw) == read_report(raw.replace(b"\n", b"\r\n")) == Report(Finding.BOUNCED, ID)


def test_a_letter_without_an_id() -> None:
    """Names nothing, and takes nothing from what is reported."""
    raw = bounce(recipient("failed", "5.1.1"), returned=ALONE.replace("Message-ID", "X-Id"))
    assert read_report(raw) == Report(Finding.BOUNCED, None)


def test_reports_in_unicode() -> None:
    """RFC 6533 gives the parts other names."""
    returned = WHOLE.replace("message/rfc822", "message/global")
    raw = bounce(recipient("failed", "5.1.1"), returned=returned, kind="global-delivery-status")
    assert read_report(raw) == Report(Finding.BOUNCED, ID)
    raw = bounce(recipient("failed", "5.1.1"), returned=ALONE.replace("text/rfc822-headers", "message/global-headers"))
    assert read_report(raw) == Report(Finding.BOUNCED, ID)


@pytest.mark.parametrize(
    ("kind", "finding"),
    [("abuse", Finding.COMPLAINED), ("Fraud", Finding.COMPLAINED), ("opt-out", Finding.COMPLAINED),
     ("not-spam", Finding.REMARK), ("auth-failure", Finding.REMARK), ("other", Finding.REMARK)],
)  # fmt: skip
def test_what_feedback_says(kind: str, finding: Finding) -> None:
    """Readers complain by three types; reports of authentication are about our DNS."""
    assert read_report(feedback(kind, WHOLE)) == Report(finding, ID)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\0" * 100, b"\xff\xfe", b"Subject: Out of office\n\nI am away.", b"Content-Type: multipart/report\n\n",
        bounce(), feedback(""), bounce("Action: \nStatus: 5.1.1"),
        bounce(recipient("failed", "5.1.1")).replace(b"multipart/report", b"multipart/mixed"),
        bounce(recipient("failed", "5.1.1")).replace(b"message/delivery-status", b"text/plain"),
    ],
)  # fmt: skip
def test_what_is_no_report(raw: bytes) -> None:
    """Garbage, other mail, and reports that say nothing."""
    assert read_report(raw) is None


def bombs() -> dict[str, bytes]:
    """Mails that would keep a parser busy, or send it too deep."""
    rest = bounce(recipient("failed", "5.1.1"))
    nested = b"Content-Type: message/rfc822\n\n" * 5_000
    boxes = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(4_000))
    quoted = b'Content-Type: multipart/report; a="' + b";" * 200_000 + b"\n\n"
    folded = b"Content-Type: multipart/report;" + b"\n a*0=b;" * 20_000 + b"\n\n"
    return {
        "too large": rest.ljust(LARGEST + 1), "nested letters": nested, "nested boxes": boxes, "quotes": quoted,
        "folds": folded, "disposition": b"Content-Disposition: x" + b";" * 2_000 + b"\n" + rest,
    }  # fmt: skip


@pytest.mark.parametrize("name", list(bombs()))
def test_bombs_are_not_opened(name: str) -> None:
    """They are put aside by their measures, in a moment."""
    raw, began = bombs()[name], time.perf_counter()
    assert read_report(raw) is None
    assert time.perf_counter() - began < 1


def test_what_stands_far_behind_is_not_read() -> None:
    """A report of many lines is read as far as it says how it went; one of many parts is not read at all."""
    raw = bounce(recipient("failed", "5.1.1"), returned=WHOLE.replace("Hello.", "line\n" * LINES))
    assert read_report(raw) == Report(Finding.BOUNCED, ID)
    blocks = "\n\n".join(f"X: {number}" for number in range(LINES))
    assert read_report(bounce(blocks, recipient("failed", "5.1.1"))) is None
    parts = "--b\nContent-Type: text/plain\n\n\n" * (PARTS - 2)
    assert read_report(bounce(recipient("failed", "5.1.1"), returned=parts)) is None


@given(st.binary(max_size=2_000))
def test_no_bytes_break_the_reader(noise: bytes) -> None:
    """Anywhere in a report."""
    raw = bounce(recipient("failed", "5.1.1"), returned=WHOLE)
    for place in (0, 60, len(raw) // 2, len(raw)):
        read_report(raw[:place] + noise + raw[place:])


def test_what_servers_say_at_once() -> None:
    """As the answer to a recipient."""
    assert hard("5.1.1 <ada@example.com>: user unknown")
    assert hard("#5.1.3 bad syntax")
    assert not any(
        map(hard, ("", "user unknown", "5.7.1 policy", "5.1.7 bad sender", "15.1.1", "x" * 2_000 + " 5.1.1"))
    )

"""Mail that comes back, as servers and mailbox providers write it."""

ID = "<welcome.1.0123456789abcdef@porchlight.test>"


def bounce(*recipients: str, returned: str = "", kind: str = "delivery-status") -> bytes:
    """A delivery status notification about recipients, each a block of fields."""
    blocks = "\n\n".join(["Reporting-MTA: dns; mx.example.com", *recipients])
    return (
        f'From: MAILER-DAEMON@mx.example.com\nContent-Type: multipart/report; report-type={kind}; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\nSorry.\n\n--b\nContent-Type: message/{kind}\n\n{blocks}\n\n{returned}--b--\n"
    ).encode()


def recipient(action: str, status: str, diagnostic: str = "") -> str:
    """What is said of one recipient."""
    said = f"Final-Recipient: rfc822; ada@example.com\nAction: {action}\nStatus: {status}"
    return f"{said}\nDiagnostic-Code: {diagnostic}" if diagnostic else said


def feedback(kind: str, returned: str = "") -> bytes:
    """A report in the abuse reporting format."""
    return (
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n--b\nContent-Type: text/plain\n\n'
        f"A complaint.\n\n--b\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: Test/1\n"
        f"Version: 1\n\n{returned}--b--\n"
    ).encode()


WHOLE = f"--b\nContent-Type: message/rfc822\n\nMessage-ID: {ID}\nSubject: Welcome\n\nHello.\n\n"
ALONE = f"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID:\n {ID}\nSubject: Welcome\n\n"
CODED = (
    "--b\nContent-Type: text/rfc822-headers\nContent-Transfer-Encoding: base64\n\n"
    "TWVzc2FnZS1JRDogPHdlbGNvbWUuMS4wMTIzNDU2Nzg5YWJjZGVmQHBvcmNobGlnaHQudGVzdD4KCg==\n\n"
)

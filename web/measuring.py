"""Which answers are measured, and as what: one count an answer, at the place that sees how it ended."""

from http import HTTPStatus

from starlette.types import Scope

from services.app import App
from services.measuring import Transport, outcome_of

GRAPHQL = "/graphql"
REST = ("/auth/", "/exports/", "/links/", "/webhooks/", "/.well-known/")
"""What programs and people ask for beside GraphQL. Probes, pages of development and addresses that are nobody's are
not measured: they would say that all is well."""
METHODS = {"GET", "POST"}


def measure(app: App, scope: Scope, status: int, seconds: float, *, broken: bool) -> None:
    """Count an answer over HTTP that began after `seconds`; one that is `broken` did not come to its end.

    GraphQL's codes are those that its endpoint has left in the request's state: most of them come with the status 200.
    """
    transport = transport_of(scope["method"], scope["path"])
    if transport is None or status == 0:  # whoever left before anything was answered has no answer
        return
    codes = {*scope.get("state", {}).get("codes", ())}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        codes.add("UNAVAILABLE")
    failed = broken or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    app.measuring.count(transport, outcome_of(codes, failed=failed), seconds)


def transport_of(method: str, path: str) -> Transport | None:
    """As what answers to these requests are measured; None for those that are not."""
    if method not in METHODS:
        return None
    if path == GRAPHQL:
        return Transport.HTTP
    return Transport.REST if path.startswith(REST) else None

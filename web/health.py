"""`python -m web.health [/readyz]`: asks the server of this machine how it is; the status is 0 when all is well.

For container engines, whose images have neither curl nor a shell to spare. The standard library asks.
"""

import http.client
import sys
from contextlib import closing
from http import HTTPStatus

from core import program
from core.settings import Settings

SECONDS = 2.5
"""How long the server may take; engines wait three."""
LONGEST = 2_000
"""Bytes of an answer that are shown: which part is lost stands in it."""
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # ruff: ignore[hardcoded-bind-all-interfaces] -- compared, not bound


def main(settings: Settings) -> int:
    """0 when the server answers 200 at the path that is asked for, `/healthz` unless another is named; else 1."""
    path = sys.argv[1] if len(sys.argv) > 1 else "/healthz"
    host = ANY_ADDRESS.get(settings.host, settings.host)
    try:
        with closing(http.client.HTTPConnection(host, settings.port, timeout=SECONDS)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            status, text = answer.status, answer.read(LONGEST).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        sys.stderr.write(f"Nobody answers as HTTP at {host}:{settings.port}: {error}\n")
        return 1
    sys.stdout.write(f"{path} answers {status}: {text}\n")
    return 0 if status == HTTPStatus.OK else 1


if __name__ == "__main__":
    sys.exit(program.run(main))

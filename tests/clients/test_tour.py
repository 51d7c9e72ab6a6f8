"""The tour over TLS through nginx, with the file that is shipped: Apollo and urql in Node, and a browser."""

import asyncio
import base64
import hashlib
import json
import shutil
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.test_graphiql import STEPS, GraphiQL
from tests.browser.test_passkeys import Console, steps
from tests.clients.building import Project
from tests.clients.talking import talk
from tests.pictures import plain
from tests.program import Programs, free_port
from tests.services.nginx import Nginx, fronting
from tests.services.valkey import until
from tests.test_tour import matches

SHOP = "https://shop.localhost"
"""A frontend of another origin, which the server's list names."""
PICTURE = base64.b64encode(plain()).decode()


def expected(email: str) -> dict[str, Any]:
    """What the tour shows, whoever takes it."""
    return {
        "registered": [email, "ACTIVE", "Pro"],
        "left": 1_209_600,
        "again": "EmailTaken",
        "me": [email, "USER", "ACTIVE"],
        "nobody": None,
        "forged": "UNAUTHENTICATED",
        "forgotten": None,
        "ticks": ["ACTIVE", "ACTIVE", "ACTIVE"],
        "falling": True,
        "interests": ["photography"],
        "categories": ["photography", "photography", "photography"],
        "disliked": [[1, 0], [0, 1]],
        "gone": True,
        "picture": ["baking", "orange", "colourful", "warm tones"],
        "kept": ["IMAGE", "IMAGE", "IMAGE", "IMAGE"],
        "cooking": ["cooking", "Because you are interested in baking"],
        "accepted": 1,
        "intent": ["change-plan", {"plan": "pro-yearly", "interval": "YEAR"}, "changePlan"],
        "same": True,
        "logout": True,
        "over": "SessionRevoked",
    }


@dataclass
class Site:
    """A server behind nginx."""

    nginx: Nginx
    direct: str

    @property
    def graphql(self) -> str:
        return f"{self.nginx.url}/graphql"

    def letters_to(self, email: str) -> int:
        """How often an address stands in the outbox."""
        return httpx.get(f"{self.nginx.url}/dev/outbox", verify=self.nginx.tls.trust).text.count(email)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    """A server as a user starts it, with what it has to know of nginx, and of the frontend."""
    folder = tmp_path_factory.mktemp("site")
    port = free_port()
    programs = Programs(folder)
    try:
        with fronting(folder, [port]) as nginx:
            programs.serve(
                PORT=str(port), PUBLIC_URL=nginx.url, TRUSTED_PROXIES="127.0.0.0/8", ALLOWED_ORIGINS=SHOP, LOG_LEVEL="warning"
            )
            direct = f"http://127.0.0.1:{port}"
            asyncio.run(until(lambda: _is_ready(direct), 30))
            yield Site(nginx, direct)
            assert nginx.errors == ""
    finally:
        programs.end()

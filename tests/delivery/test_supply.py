"""What comes from others, and what must not come out: bills of material, licences, secrets."""

import json
import re
from functools import cache
from typing import Any

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import RegexBasedDetector
from packaging.utils import canonicalize_name

from deploy.sbom import wheels
from tests.test_house import ROOT, locked, tracked

ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "CC0-1.0", "ISC", "MIT", "MIT-0"),
    *("MIT-CMU", "PSF-2.0", "Unlicense", "Zlib"),
    # Changes of their own files must be published, and we change none.
    "MPL-2.0",
}
"""Licences that ask for nothing but their text. No GPL, LGPL, AGPL, SSPL or BUSL."""
OF_TOOLS = {"CC-BY-4.0", "Python-2.0"}
"""What tools of tests come under besides: a table of browsers that asks to be named, and a parser from Python's."""
IN_WORDS = {
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""How packages say it that came before SPDX."""
SAID_ELSEWHERE = {"protobuf": "BSD-3-Clause", "weaviate-client": "BSD-3-Clause"}
"""Whose metadata name no licence that SPDX knows, as their licence files have it."""
LOUD = {"BasicAuthDetector", "IPPublicDetector"}
"""What they find are examples of addresses, of which our papers and tests are full."""
OF_TESTS: dict[str, str] = {}
"""Files in which something looks like a secret, and why it is none."""


@cache
def bill() -> dict[str, Any]:
    """The bill of the server's wheels."""
    return wheels()


def words(licence: str) -> set[str]:
    """The licences that an expression names."""
    return set(re.findall(r"[\w.-]+", licence)) - {"AND", "OR", "WITH"}


def test_bill_lists_what_is_locked() -> None:
    """Each wheel of the server that this machine has, at its locked version, with its address and what it needs."""
    assert (bill()["bomFormat"], bill()["metadata"]["component"]["name"]) == ("CycloneDX", "porchlight")
    pins = locked("requirements.txt")
    listed = {canonicalize_name(each["name"]): each for each in bill()["components"]}
    assert listed.keys() <= pins.keys()
    elsewhere = {
        "colorama",
        "winloop",
        "pywin32",
        "exceptiongroup",
        "httpx2-jsfetch",
        "async-timeout",
        "typing-extensions",
    }
    assert pins.keys() - listed.keys() <= elsewhere
    assert {name for name, each in listed.items() if each["version"] not in pins[name]} == set()
    assert all(each["purl"].startswith(f"pkg:pypi/{name}@") for name, each in listed.items())
    assert len(bill()["dependencies"]) == len(listed) + 1


def test_licences_of_wheels() -> None:
    """Each has one, and each that it names is one that we may ship under."""
    found = {}
    for each in bill()["components"]:
        name = canonicalize_name(each["name"])
        said = [
            given.get("expression") or given["license"].get("id") or given["license"].get("name")
            for given in each.get("licenses", [])
        ]
        spoken = [IN_WORDS.get(licence, licence) for licence in said] or [SAID_ELSEWHERE.get(name, "none")]
        found[name] = set().union(*map(words, spoken))
    assert {name: licences - ALLOWED for name, licences in found.items() if licences - ALLOWED} == {}


@pytest.mark.parametrize("name", tracked("*package-lock.json"))
def test_licences_of_scripts(name: str) -> None:
    """The same of everything that npm installs: strictly for the page of GraphiQL, which we ship."""
    packages = json.loads((ROOT / name).read_text(encoding="utf-8"))["packages"]
    allowed = ALLOWED if name.startswith("web/") else ALLOWED | OF_TOOLS
    found = {path: words(package.get("license", "none")) for path, package in packages.items() if path}
    assert {path: licences - allowed for path, licences in found.items() if licences - allowed} == {}


def looks_secret(content: str) -> set[str]:
    """The kinds of secrets that a text seems to hold: keys of known vendors, tokens, private keys."""
    return {kind for kind, patterns in detectors().items() if any(pattern.search(content) for pattern in patterns)}


@cache
def detectors() -> dict[str, list[re.Pattern[str]]]:
    """The patterns of detect-secrets, which knows what the keys of many vendors look like."""
    known: dict[str, Any] = get_mapping_from_secret_type_to_class()
    return {
        kind: list(detector.denylist)
        for kind, detector in known.items()
        if issubclass(detector, RegexBasedDetector) and detector.__name__ not in LOUD
    }


def test_no_secret_is_in_the_tree() -> None:
    """No file holds what looks like somebody's key, but for those that are listed with their reason."""
    found = {}
    for name in tracked():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content and (kinds := looks_secret(content.decode("utf-8"))):
            found[name] = kinds
    assert found.keys() == OF_TESTS.keys(), found


def test_secrets_are_seen() -> None:
    """A key of Stripe's, of AWS, of GitHub, and a private key are found; a placeholder is not."""
    samples = {
        "Stripe Access Key": "sk_live_" + "a1B2c3D4e5F6g7H8i9J0k1L2",
        "AWS Access Key": "AKIA" + "ABCDEFGHIJKLMNOP",
        "GitHub Token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
        "Private Key": "-----BEGIN " + "PRIVATE KEY-----",
    }
    assert {kind: looks_secret(f"key = '{text}'") for kind, text in samples.items()} == {
        kind: {kind} for kind in samples
    }
    assert looks_secret("STRIPE_API_KEY=sk_live_1 SECRET_KEY=") == set()

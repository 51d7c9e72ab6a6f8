"""Trusted documents: a manifest of all that clients may run, by id and by text."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

APOLLO = "apollo-persisted-query-manifest"
VERSION = 1
PREFIX = "sha256:"
"""What an id may begin with that is a hash: GraphQL over HTTP, appendix A."""


class ManifestError(Exception):
    """A manifest cannot be read. The message says what would be right."""


class TrustedDocuments:
    """Documents by the ids that clients send, and by the hash of their text."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        self.documents = documents
        self._by_id = {**{hash_of(text): text for text in documents.values()}, **documents}
        self._texts = frozenset(documents.values())

    def __contains__(self, text: str) -> bool:
        return text in self._texts

    def get(self, document_id: str) -> str | None:
        """The document that an id stands for, or its hash, with or without its prefix."""
        return self._by_id.get(document_id) or self._by_id.get(document_id.removeprefix(PREFIX))


def hash_of(text: str) -> str:
    """What Apollo's clients call a document by."""
    return sha256(text.encode()).hexdigest()


def read_manifest(content: bytes) -> dict[str, str]:
    """The documents of a manifest by their ids: Apollo's, or the plain one of Relay and of code generators.

    Raises ManifestError.
    """
    try:
        manifest = json.loads(content)
    except ValueError as error:
        raise ManifestError("it is not JSON") from error
    if isinstance(manifest, dict) and isinstance(manifest.get("operations"), list):
        return _apollo(manifest)
    if not isinstance(manifest, dict) or not all(isinstance(text, str) for text in manifest.values()):
        raise ManifestError(f'an object {{"id": "document"}}, or one with "format": "{APOLLO}", would be right')
    return manifest


def _apollo(manifest: dict[str, Any]) -> dict[str, str]:
    if manifest.get("format") != APOLLO or manifest.get("version") != VERSION:
        raise ManifestError(f'"format": "{APOLLO}" and "version": {VERSION} would be right')
    documents: dict[str, str] = {}
    for operation in manifest["operations"]:
        named = operation if isinstance(operation, dict) else {}
        document_id, body = named.get("id"), named.get("body")
        if not isinstance(document_id, str) or not isinstance(body, str):
            raise ManifestError("each operation has an id and a body")
        if documents.setdefault(document_id, body) != body:
            raise ManifestError(f"two operations have the id {document_id[:80]!r}")
    return documents

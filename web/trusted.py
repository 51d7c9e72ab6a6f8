"""The manifest of trusted documents, read and checked when the server starts."""

from pathlib import Path

from graphql import GraphQLError, GraphQLSyntaxError, parse, specified_rules
from strawberry import Schema
from strawberry.schema.schema import validate_document

from core.settings import Settings, SettingsError
from engine.trusted import ManifestError, TrustedDocuments, read_manifest
from schema.limits import MAX_TOKENS, Judged
from web.asked import MAX_DOCUMENT

TOLD = 5
"""Wrong documents of a manifest that are named."""


def trusted_documents(settings: Settings, schema: Schema) -> TrustedDocuments | None:
    """The documents of the manifest that the settings name, each of them sound; None without one.

    Raises SettingsError that names the documents that are not.
    """
    if not settings.trusted_documents:
        return None
    try:
        documents = read_manifest(Path(settings.trusted_documents).read_bytes())
    except OSError as error:
        raise SettingsError([f"TRUSTED_DOCUMENTS: the manifest cannot be read ({error.strerror})"]) from error
    except ManifestError as error:
        raise SettingsError([f"TRUSTED_DOCUMENTS: the manifest cannot be used: {error}"]) from error
    wrong = [
        f"TRUSTED_DOCUMENTS: the document {document_id[:80]!r} cannot run: {reason}"
        for document_id, text in documents.items()
        if (reason := _wrong(text, schema))
    ]
    if wrong:
        raise SettingsError(wrong[:TOLD])
    return TrustedDocuments(documents)


def _wrong(text: str, schema: Schema) -> str | None:
    """Why a document cannot run, on its first line; None when it can."""
    if len(text) > MAX_DOCUMENT:
        return f"it has more than {MAX_DOCUMENT:,} characters"
    try:
        document = parse(text, max_tokens=MAX_TOKENS)
        Judged(document)
    except (GraphQLSyntaxError, GraphQLError) as error:
        return error.message.splitlines()[0]
    errors = validate_document(schema._schema, document, specified_rules)  # ruff: ignore[private-member-access] -- as Strawberry's own extensions
    return errors[0].message.splitlines()[0] if errors else None

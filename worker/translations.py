"""`make translations`: brings the catalogues up to date with the sentences of code and templates."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import write_po

from services.languages.catalogues import LANGUAGES, LOCALES, SOURCE, read_catalogue

ROOT = Path(__file__).resolve().parent.parent
JINJA = "jinja2.ext:babel_extract"
SOURCES = (
    ("services/**/*.py", "python"),
    ("web/**/*.py", "python"),
    ("services/notifications/templates/*", JINJA),
    ("web/templates/*.html", JINJA),
)
"""Where sentences stand, and how they are found there."""
KEYWORDS = {"phrase": None, "phrases": (1, 2), "label": None, "_": None, "gettext": None, "ngettext": (1, 2)}
"""Whose arguments are sentences, and which of them."""
OPTIONS = {"silent": "false", "trim_blocks": "true", "lstrip_blocks": "true"}
WIDTH = 110
HEADER = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {plural_forms}\\n"

"""


def sentences() -> Catalog:
    """Every sentence that stands in the tree, with the files that it stands in."""
    found = Catalog()
    for pattern, method in SOURCES:
        for file in sorted(ROOT.glob(pattern)):
            for _, message, _, _ in extract_from_file(method, file, keywords=KEYWORDS, options=OPTIONS):
                found.add(message, locations=[(file.relative_to(ROOT).as_posix(), 0)])
    return found


def updated(language: str, found: Catalog) -> bytes:
    """The catalogue of a language with what was found: new sentences are empty, and those that are gone have left."""
    catalogue = read_catalogue(language)
    catalogue.update(found, no_fuzzy_matching=True, update_creation_date=False)
    written = BytesIO()
    write_po(
        written, catalogue, width=WIDTH, omit_header=True, sort_output=True, ignore_obsolete=True, include_lineno=False
    )  # fmt: skip
    header = HEADER.format(language=language, plural_forms=catalogue.plural_forms)
    return header.encode() + written.getvalue().strip() + b"\n"


def main() -> None:
    """Write each catalogue, and tell how much of it is missing."""
    found = sentences()
    for language in sorted(LANGUAGES - {SOURCE}):
        (LOCALES / f"{language}.po").write_bytes(updated(language, found))
        missing = [
            message.id for message in read_catalogue(language) if message.id and not _is_translated(message.string)
        ]
        print(f"{language}: {len(found)} sentences, {len(missing)} of them not translated")


def _is_translated(string: object) -> bool:
    return all(string) if isinstance(string, list | tuple) else bool(string)


if __name__ == "__main__":
    main()

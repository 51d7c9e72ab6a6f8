"""Printing: a template, once as text and once as HTML, in the words and formats of its reader."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.languages import Phrase, Told
from services.languages.catalogues import translations

if TYPE_CHECKING:
    from css_inline import CSSInliner
    from jinja2 import Environment

    from services.languages import Reader

TEMPLATES = Path(__file__).parent / "templates"
STYLESHEET = TEMPLATES / "letter.css"
LONGEST_PREVIEW = 140
"""Characters that mail programs show beside the subject."""
Value = Told | Mapping[str, Told] | None
"""What a template is given: what its reader is told, or rows of it by their labels."""


@dataclass(frozen=True)
class Printed:
    """A letter's two forms, which say the same."""

    text: str
    html: str


def printed(reader: Reader, template: str, values: Mapping[str, Value]) -> Printed:
    """The template `name.jinja` in both forms. A template without its value raises jinja2.UndefinedError."""
    told = {name: _told(reader, value) for name, value in values.items()}
    file = f"{template}.jinja"
    text = _environment(reader.language, "txt").get_template(file).render(told)
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    told["preview"] = " ".join(text.partition("http")[0].split())[:LONGEST_PREVIEW]
    html = _environment(reader.language, "html").get_template(file).render(told)
    return Printed(text, _inliner().inline(html))


def _told(reader: Reader, value: Value) -> Any:
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {reader.tell(Phrase(label)): reader.tell(each) for label, each in value.items()}
    return reader.tell(value)


@cache
def _environment(language: str, form: str) -> Environment:
    """Templates of a language that are printed in a form: its layout and its parts stand in files of that ending."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # ruff: ignore[import-outside-top-level] -- start time

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        autoescape=select_autoescape((), (), default=form == "html"),
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.globals |= {"layout": f"letter.{form}", "parts": f"parts.{form}", "language": language}
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    return environment


@cache
def _inliner() -> CSSInliner:
    from css_inline import CSSInliner  # ruff: ignore[import-outside-top-level] -- start time

    style = STYLESHEET.read_text(encoding="utf-8")
    return CSSInliner(extra_css=style, keep_at_rules=True, minify_css=True, load_remote_stylesheets=False)

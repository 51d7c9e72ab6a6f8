import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.resolving import measure
from resolvers.explain import USAGE, UnexplainedError, explain, main
from resolvers.root import build_schema
from tests.program import ROOT

SCHEMA = build_schema()._schema
README = ROOT / "engine" / "README.md"


def blocks(language: str) -> list[str]:
    """The examples of the README in a language."""
    return [part.split("```")[0] for part in README.read_text(encoding="utf-8").split(f"```{language}\n")[1:]]


def test_the_example_of_the_readme_is_what_is_generated() -> None:
    """The page shows the source that the compiler writes now."""
    [query], [source] = blocks("graphql"), blocks("python")
    assert explain(SCHEMA, query) == source


def test_an_operation_is_explained_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same source, printed; values of variables are read as JSON."""
    file = tmp_path / "me.graphql"
    file.write_text("query ($if: Boolean!) { me { id email @skip(if: $if) } }", encoding="utf-8")
    assert main(f"@{file}", '{"if": true}') == 0
    assert capsys.readouterr().out == explain(SCHEMA, "{ me { id } }")


@pytest.mark.parametrize(
    ("query", "variables", "problem"),
    [
        ("", "", USAGE),
        ("@nowhere.graphql", "", "nowhere.graphql"),
        ("{ me", "", "Syntax Error: Expected Name, found <EOF>."),
        ("{ nobody }", "", "Cannot query field 'nobody' on type 'Query'."),
        ("{ me { id } }", "{", "Expecting property name"),
        ("query ($if: Boolean!) { me { id @skip(if: $if) } }", "", "graphql-core executes it: variables"),
    ],
)
def test_what_cannot_be_explained_says_why(
    query: str, variables: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence on the error stream, and the exit code of a failure."""
    with pytest.raises(UnexplainedError):
        explain(SCHEMA, query, variables)
    assert main(query, variables) == 1
    written = capsys.readouterr()
    assert not written.out
    assert problem in written.err


def test_make_hands_the_query_on_as_it_is() -> None:
    """Neither make nor the shell reads anything in it."""
    command = ["make", "--dry-run", "explain", "QUERY={ me { id } } # $(shell exit) 'x' $$HOME"]
    said = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "QUERY": "x"}
    )
    assert '-m resolvers.explain "$QUERY" "$VARIABLES"' in said.stdout
    assert "shell exit" not in said.stdout


def test_resolving_is_many_times_as_fast_as_stock() -> None:
    """A loose bound, which a busy machine keeps, too; benchmarks say how much it is."""
    resolved = measure(9)
    assert resolved.ratio > 15
    assert resolved.low <= resolved.high
    assert resolved.stock_ms > resolved.compiled_ms > 0

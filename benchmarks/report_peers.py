"""The comparison with the peers, the documents and the goals as people read them."""

from collections.abc import Iterable

from benchmarks import against
from benchmarks.comparing import Compared, Ratio
from benchmarks.documents import Filled
from benchmarks.goals import HEADINGS, Measured, goals
from benchmarks.report import table

FIGURES = ("answers/s", "p50 ms", "p95 ms", "CPU ms", "PostgreSQL CPU ms", "generator")
UNKNOWN = ""


def goals_table(measured: Measured) -> str:
    """Each goal, and what was found."""
    return table(HEADINGS, [goal.cells for goal in goals(measured)])


def compared_tables(compared: Compared) -> str:
    """All servers at each number of connections, then our ratios to each peer."""
    parts = [table((f"{many} at a time", *FIGURES), _rows(compared, many)) for many in compared.connections]
    parts += [_ratios(compared, ours) for ours in (against.OURS, against.SHIPPED)]
    memory = [(server.name, _megabytes(server.memory)) for server in compared.servers]
    parts += [table(("memory of the process at the end", "MB"), memory), _told(compared)]
    return "\n\n".join(parts)


def _rows(compared: Compared, many: int) -> Iterable[list[str]]:
    for server in compared.servers:
        rate, p50, p95, cost, database, generator = (
            compared.median(server.name, many, figure)
            for figure in (
                lambda block: block.rate,
                lambda block: block.p50,
                lambda block: block.p95,
                lambda block: block.cost,
                lambda block: block.database,
                lambda block: block.generator,
            )
        )
        share = UNKNOWN if generator is None else f"{generator:.0%}"
        yield [server.name, _shown(rate, 1), _shown(p50), _shown(p95), _shown(cost), _shown(database), share]


def _ratios(compared: Compared, ours: str) -> str:
    headings = [f"{ours}, to"]
    for many in compared.connections:
        headings += [f"answers/s, {many} at a time", f"CPU, {many} at a time"]
    rows = []
    for server in compared.servers[2:]:
        row = [server.name]
        for many in compared.connections:
            row += [_told_ratio(compared.faster(ours, server.name, many))]
            row += [_told_ratio(compared.cheaper(ours, server.name, many))]
        rows.append(row)
    return table(headings, rows)


def _told(compared: Compared) -> str:
    anew = sorted(compared.anew)[len(compared.anew) // 2]
    renewed, lists = compared.renewed, compared.people * len(compared.anew)
    lines = [
        f"{compared.rounds} rounds; ratios are of medians, in brackets the lowest and the highest of one round.",
        "Above 1 Porchlight is ahead: more answers, or less processor for each.",
        f"Twice in each round, and not measured with it, a list is made for everybody: {anew:.1f} ms of CPU each.",
        f"While it was measured, {renewed} of {lists} lists were made again.",
        f"{compared.versions}.",
        *compared.missing,
    ]
    return "\n".join(f"- {line}" for line in lines)


def documents_table(filled: Iterable[Filled]) -> str:
    """Memory before, between and after."""
    rows = [
        [each.name, f"{held.documents:,}", _megabytes(held.memory), f"{held.blocks:,}"]
        for each in filled
        for held in each.held
    ]
    return table(("", "documents", "MB", "pieces of memory in use"), rows)


def _told_ratio(ratio: Ratio | None) -> str:
    return UNKNOWN if ratio is None else str(ratio)


def _shown(value: float | None, places: int = 2) -> str:
    return UNKNOWN if value is None else f"{value:,.{places}f}"


def _megabytes(memory: int | None) -> str:
    return UNKNOWN if memory is None else f"{memory / 1e6:.0f}"

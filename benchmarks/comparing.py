"""Blocks of several servers, taken in turns, and the ratios of their medians."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.figures import P50, P95, percentile
from benchmarks.generator import Sample


@dataclass(frozen=True)
class Block:
    """One turn of one server. Times are in milliseconds; `cost` and `database` are those of processors, an answer."""

    rate: float
    """Answers a second."""
    p50: float
    p95: float
    cost: float | None
    """Of the server, all its threads together."""
    database: float | None
    generator: float
    """Of one core, that the load generator took."""
    count: int

    @classmethod
    def of(cls, sample: Sample, database: float | None) -> "Block":
        """Of one server; `database` is in seconds, of the database's processes. Raises RuntimeError for no answer."""
        if not sample.count:
            raise RuntimeError("Nothing was answered in a whole turn: this machine has too much else to do.")
        taken = [value for values in sample.milliseconds.values() for value in values]
        cost, of_database = (
            None if seconds is None else seconds * 1000 / len(taken) for seconds in (sample.server, database)
        )
        p50, p95 = percentile(taken, P50), percentile(taken, P95)
        return cls(len(taken) / sample.seconds, p50, p95, cost, of_database, sample.cpu, len(taken))


@dataclass(frozen=True)
class Ratio:
    """A ratio of medians, with the lowest and the highest ratio of any one round."""

    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.ratio:.2f} ({self.low:.2f} to {self.high:.2f})"

    @classmethod
    def of(cls, above: Sequence[float], below: Sequence[float]) -> "Ratio":
        """Of figures that were taken in pairs, one of each in a round."""
        pairs = [high / low for high, low in zip(above, below, strict=True)]
        return cls(median(above) / median(below), min(pairs), max(pairs))


@dataclass(frozen=True)
class Server:
    """Who took part, and how many bytes it held at the end."""

    name: str
    memory: int | None


@dataclass(frozen=True)
class Compared:
    """All blocks, by server and number of connections, in the order of rounds."""

    servers: list[Server]
    missing: list[str]
    """What could not be started, and why."""
    versions: str
    blocks: dict[tuple[str, int], list[Block]]
    people: int
    anew: list[float]
    """Of each time that lists were made for everybody: milliseconds of the processor for an answer."""
    renewed: int
    """Lists that were made again while it was measured, each of those counted once."""

    @property
    def connections(self) -> list[int]:
        """How many at a time."""
        return sorted({connections for _, connections in self.blocks})

    @property
    def rounds(self) -> int:
        """How often each had its turn."""
        return len(next(iter(self.blocks.values())))

    def median(self, name: str, connections: int, figure: Callable[[Block], float | None]) -> float | None:
        """Of all of a server's blocks; None where it is not known of each."""
        found = [value for block in self.blocks[name, connections] if (value := figure(block)) is not None]
        return median(found) if len(found) == self.rounds else None

    def faster(self, ours: str, other: str, connections: int) -> Ratio | None:
        """How many times the other's answers a second we give; None without the other."""
        if (other, connections) not in self.blocks:
            return None
        return Ratio.of(*([block.rate for block in self.blocks[name, connections]] for name in (ours, other)))

    def cheaper(self, ours: str, other: str, connections: int) -> Ratio | None:
        """How many times our processor time for an answer the other takes; None where that is not known."""
        if (other, connections) not in self.blocks:
            return None
        theirs, own = ([block.cost for block in self.blocks[name, connections]] for name in (other, ours))
        known = [cost for cost in theirs if cost], [cost for cost in own if cost]
        return Ratio.of(*known) if len(known[0]) == len(known[1]) == self.rounds else None

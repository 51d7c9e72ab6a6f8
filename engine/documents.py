"""Documents that are parsed and validated once, in memory that nobody can fill.

Those that come again are kept; those that were seen once pass through a small queue and are forgotten. This is S3-FIFO
(Yang and others, SOSP 2023): a hit is an addition and moves nothing, and no stream of documents that are sent once
drives out one that is in use. Where documents are sent twice, those win that are used more often.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from graphql import ASTValidationRule, DocumentNode, GraphQLError, GraphQLSchema, parse, validate

T = TypeVar("T")
Rules = tuple[type[ASTValidationRule], ...]

BYTES_A_TOKEN, BYTES_A_CHARACTER = 620, 4
"""What a parsed document takes at most, its text included: measured with graphql-core 3.3.2, whose nodes keep the
tokens that they were made of."""
BYTES_AN_ERROR = 2_000
MAX_ERRORS = 20
"""What validation tells at most. Each may print a whole input: with graphql-core's 100, 12 kB of text took 0.6 s."""
MOST_USES = 7
"""How often a document passes by the end of the queue without being used, before it goes."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How much is kept: documents, and bytes that they are estimated to take."""

    documents: int
    size: int


KEPT = Bounds(documents=512, size=48_000_000)
PASSING = Bounds(documents=64, size=4_000_000)
REMEMBERED = 4_096
"""Documents of which nothing is kept but the hash of their text, to know them when they come again soon."""


@dataclass(slots=True)
class Known(Generic[T]):
    """What is known of a text: its document, what examining that has found, and what is wrong with it."""

    text: str
    rules: Rules
    document: DocumentNode
    found: T | None = None
    errors: list[GraphQLError] = field(default_factory=list)
    size: int = 0
    uses: int = 0


class Documents(Generic[T]):
    """The documents of one schema. `examine` sees each before its validation, once; a GraphQLError spares that."""

    def __init__(
        self,
        examine: Callable[[DocumentNode], T],
        *,
        max_tokens: int,
        kept: Bounds = KEPT,
        passing: Bounds = PASSING,
    ) -> None:
        self._examine = examine
        self._max_tokens = max_tokens
        self._kept, self._passing = _Queue[T](kept), _Queue[T](passing)
        self._remembered: OrderedDict[int, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept.members) + len(self._passing.members)

    @property
    def size(self) -> int:
        """Bytes that all of them are estimated to take."""
        return self._kept.size + self._passing.size

    def read(self, text: str, schema: GraphQLSchema, rules: Rules) -> Known[T]:
        """What is known of a text that is validated by these rules. Raises GraphQLSyntaxError, and keeps nothing."""
        known = self._kept.members.get(text) or self._passing.members.get(text)
        if known is None or (known.rules is not rules and known.rules != rules):
            known = self._learnt(text, schema, rules)
            self._take_in(known)
        elif known.uses < MOST_USES:
            known.uses += 1
        return known

    def _learnt(self, text: str, schema: GraphQLSchema, rules: Rules) -> Known[T]:
        known = Known[T](text, rules, parse(text, max_tokens=self._max_tokens))
        try:
            known.found = self._examine(known.document)
        except GraphQLError as error:
            known.errors = [_without_frames(error)]
        else:
            known.errors = validate(schema, known.document, rules, max_errors=MAX_ERRORS)
        known.size = (
            len(text) * BYTES_A_CHARACTER + _tokens(known.document) * BYTES_A_TOKEN + len(known.errors) * BYTES_AN_ERROR
        )
        return known

    def _take_in(self, known: Known[T]) -> None:
        """Put a document where it belongs, and see to it that there is room for it."""
        self._kept.drop(known.text)
        self._passing.drop(known.text)
        if hash(known.text) in self._remembered:
            self._keep(known)
            return
        self._passing.add(known)
        while self._passing.overfull:
            leaving = self._passing.oldest()
            if leaving.errors:
                continue  # It costs the same when it comes again: it has no place among the others.
            if leaving.uses:
                self._keep(leaving)
            else:
                self._remember(leaving.text)

    def _keep(self, known: Known[T]) -> None:
        known.uses = 0
        self._kept.add(known)
        while self._kept.overfull:
            oldest = self._kept.oldest()
            if oldest.uses:
                oldest.uses -= 1
                self._kept.add(oldest)

    def _remember(self, text: str) -> None:
        self._remembered[hash(text)] = None
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)


class _Queue(Generic[T]):
    """Documents in the order in which they came, within bounds. One that is too large alone does not stay."""

    def __init__(self, bounds: Bounds) -> None:
        self.members: OrderedDict[str, Known[T]] = OrderedDict()
        self.size = 0
        self._bounds = bounds

    @property
    def overfull(self) -> bool:
        """Whether somebody has to leave."""
        return len(self.members) > self._bounds.documents or self.size > self._bounds.size

    def add(self, known: Known[T]) -> None:
        """Put it at the end."""
        if known.size <= self._bounds.size:
            self.members[known.text] = known
            self.size += known.size

    def oldest(self) -> Known[T]:
        """Take out the one at the front."""
        known = self.members.popitem(last=False)[1]
        self.size -= known.size
        return known

    def drop(self, text: str) -> None:
        """Take this one out, if it is here."""
        known = self.members.pop(text, None)
        if known is not None:
            self.size -= known.size


def _without_frames(error: GraphQLError) -> GraphQLError:
    """An error that may be kept: where it and what it was made of were raised holds the request that was read then."""
    error.__context__ = None
    return error.with_traceback(None)


def _tokens(document: DocumentNode) -> int:
    count = 0
    token = document.loc.start_token if document.loc else None
    while token is not None:
        count, token = count + 1, token.next
    return count

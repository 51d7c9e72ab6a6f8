"""One line of `Loaders`: a DataLoader that is made when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from strawberry.dataloader import DataLoader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

K = TypeVar("K")
V = TypeVar("V")


class Loader(Generic[K, V]):
    """Gives whoever has it a DataLoader of their own. Most requests ask for one or two, and making all takes longer."""

    def __init__(self, load: Callable[[list[K]], Awaitable[list[V]]]) -> None:
        self._load = load
        self._name = ""

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: object, _: type) -> DataLoader[K, V]:
        loader = owner.__dict__[self._name] = DataLoader(self._load)  # from here on it is found before this is
        return loader

"""The flags that there are, read from `flags.yaml` at start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from core.errors import PorchlightError
from core.strict_yaml import read_yaml
from models.accounts import Role

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

FLAGS_FILE = Path(__file__).resolve().parents[2] / "flags.yaml"
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
LARGEST_WEIGHT = 10_000
_FIELDS = {"key", "description", "default", "variants", "rollout_seed", "variant_seed", "roles", "plans", "measured"}


class FlagsError(PorchlightError):
    """The flag file says something that cannot be served. The message names the flag and the field."""


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One flag. `default`: whether it is on as long as nobody has set it, and when nobody can say how it was set.

    `variants` are weights by key. Where `roles` or `plans` has any, the flag is on for these alone. Of one that is
    `measured` it is written down who has met it.
    """

    key: str
    description: str
    default: bool
    rollout_seed: str
    variant_seed: str
    variants: Mapping[str, int] = field(default_factory=dict)
    roles: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()
    measured: bool = True

    @property
    def targeted(self) -> bool:
        """Whether it is not meant for everybody."""
        return bool(self.roles or self.plans)

    def is_meant_for(self, attributes: Mapping[str, str]) -> bool:
        """Whether somebody of this role, on this plan, may have it at all."""
        wanted = (("role", self.roles), ("plan", self.plans))
        return all(attributes.get(name) in keys for name, keys in wanted if keys)


def read_flags(path: Path = FLAGS_FILE, *, plans: Collection[str]) -> dict[str, Flag]:
    """The flags in `path` by key, in the file's order. `plans` are the keys of all plans. Raises FlagsError."""
    try:
        return _flags(read_yaml(path), plans)
    except (AttributeError, KeyError, OSError, TypeError, ValueError, yaml.YAMLError) as error:
        raise FlagsError(f"{path.name}: {type(error).__name__}: {error}") from error


def _flags(document: dict[str, Any], plans: Collection[str]) -> dict[str, Flag]:
    if document.keys() != {"flags"}:
        raise ValueError("flags, and nothing else, would be right")
    flags = [_flag(entry, plans) for entry in document["flags"]]
    if len({flag.key for flag in flags}) != len(flags):
        raise ValueError("two flags have the same key")
    return {flag.key: flag for flag in flags}


def _flag(entry: dict[str, Any], plans: Collection[str]) -> Flag:
    key: object = entry["key"]
    if not isinstance(key, str) or not KEY.fullmatch(key):
        raise ValueError(f"{key}: small letters, digits and hyphens make a key")
    if unknown := entry.keys() - _FIELDS:
        raise ValueError(f"{key}.{min(map(str, unknown))}: there is no such field")
    flag = Flag(
        key=key,
        description=_text(entry, "description"),
        default=_truth(entry, "default", otherwise=False),
        rollout_seed=_text(entry, "rollout_seed", f"{key}.rollout"),
        variant_seed=_text(entry, "variant_seed", f"{key}.variant"),
        variants=_variants(key, entry.get("variants", {})),
        roles=_named(entry, "roles", [str(role) for role in Role]),
        plans=_named(entry, "plans", plans),
        measured=_truth(entry, "measured", otherwise=True),
    )
    if flag.rollout_seed == flag.variant_seed:
        raise ValueError(f"{key}.variant_seed: another one than rollout_seed would be right")
    return flag


def _text(entry: dict[str, Any], name: str, otherwise: str = "") -> str:
    value: object = entry.get(name, otherwise)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{entry['key']}.{name}: a text would be right")
    return value


def _truth(entry: dict[str, Any], name: str, *, otherwise: bool) -> bool:
    value = entry.get(name, otherwise)
    if not isinstance(value, bool):
        raise TypeError(f"{entry['key']}.{name}: on or off would be right")
    return value


def _variants(flag: str, given: dict[Any, Any]) -> dict[str, int]:
    for key, weight in given.items():
        if not isinstance(key, str) or not KEY.fullmatch(key):
            raise ValueError(f"{flag}.variants.{key}: small letters, digits and hyphens make a key")
        if type(weight) is not int or not 0 <= weight <= LARGEST_WEIGHT:
            raise ValueError(f"{flag}.variants.{key}: a whole number from 0 to {LARGEST_WEIGHT:,} would be right")
    if given and not any(given.values()):
        raise ValueError(f"{flag}.variants: one of them has a weight above 0")
    return {str(key): weight for key, weight in given.items()}


def _named(entry: dict[str, Any], name: str, known: Collection[str]) -> frozenset[str]:
    given = entry.get(name, [])
    if type(given) is not list:
        raise TypeError(f"{entry['key']}.{name}: a list would be right")
    for value in given:
        if value not in known:
            raise ValueError(f"{entry['key']}.{name}: there is no {value}")
    return frozenset(given)

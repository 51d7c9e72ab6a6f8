"""YAML in which a key that stands twice is a fault: the first would be lost unseen."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from yaml import SafeLoader
else:
    SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml reads ten times as fast where it is there


class _Loader(SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # ruff: ignore[boolean-type-hint-positional-argument, boolean-default-value-positional-argument] -- PyYAML's form
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if len(set(keys)) != len(keys):
            raise ValueError(f"line {node.start_mark.line + 1}: a key stands twice")
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> Any:
    """What the file says. Raises ValueError for a key that stands twice, yaml.YAMLError, TypeError."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # ruff: ignore[unsafe-yaml-load] -- a SafeLoader

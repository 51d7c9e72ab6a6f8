"""The files of deploy/, read."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
KUBERNETES = ROOT / "deploy/kubernetes"
COMPOSE = ROOT / "deploy/compose/compose.yaml"

Manifest = dict[str, Any]


@cache
def documents() -> dict[tuple[str, str], Manifest]:
    """Everything that Kubernetes is told, by kind and name."""
    found: dict[tuple[str, str], Manifest] = {}
    for file in sorted(KUBERNETES.glob("*.yaml")):
        if file.name not in {"kustomization.yaml", "secret.example.yaml"}:
            for document in yaml.safe_load_all(file.read_text()):
                found[document["kind"], document["metadata"]["name"]] = document
    return found


def pods() -> Iterator[tuple[str, Manifest]]:
    """The name of each thing that makes pods, and the template of its pods."""
    for (kind, name), document in documents().items():
        match kind:
            case "Deployment" | "Job":
                yield name, document["spec"]["template"]
            case "CronJob":
                yield name, document["spec"]["jobTemplate"]["spec"]["template"]


def container(kind: str, name: str) -> Manifest:
    """The one container of a Deployment's or a Job's pods."""
    (only,) = documents()[kind, name]["spec"]["template"]["spec"]["containers"]
    read: Manifest = only
    return read

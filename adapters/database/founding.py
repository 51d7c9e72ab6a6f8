"""The schema of a database that holds nothing yet, made at once.

Tortoise builds all models anew for each operation of each migration: 3.7 s for twenty migrations, and more with each.
An empty database needs what they come to, and nothing of the way: the same operations change a sketch of the schema,
whose tables are made at the end. Steps on rows find none and are left out, so none may make rows out of nothing.
"""

# ruff: file-ignore[private-member-access] -- a model's tables are told by its _meta

from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter
from typing import Any

from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.migrations.migration import Migration
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.models import Model

APP = "models"


class _Sketch(State):
    """A schema as words alone: its models are built once, when all operations have been read."""

    def reload_model(self, app_label: str, model_name: str) -> None:
        """Nothing: `built` does it for all."""

    def reload_models(self, model_tuples: Iterable[tuple[str, str]]) -> None:
        """Nothing: `built` does it for all."""

    def built(self) -> list[type[Model]]:
        """The models, each after those that it refers to."""
        models = self.apps.clone(model_states=self.models).apps[APP]
        graph = {name: _referred(model) - {name} for name, model in models.items()}
        return [models[name] for name in TopologicalSorter(graph).static_order()]


async def found(editor: BaseSchemaEditor, migrations: Sequence[Migration], connection: str) -> None:
    """Make the tables that `migrations`, which are all there are, lead to. Whoever calls writes down their names."""
    sketch = _Sketch(models={}, apps=StateApps(default_connections={APP: connection}))
    for migration in migrations:
        for operation in migration.operations:
            operation.state_forward(APP, sketch)
    for model in sketch.built():
        await editor.create_model(model)


def _referred(model: type[Model]) -> set[str]:
    fields: Iterable[Any] = model._meta.fields_map.values()
    return {each.related_model.__name__ for each in fields if isinstance(each, ForeignKeyFieldInstance)}

"""Schemas between migrations, as words: models are built when somebody looks at them, and an empty database at once.

Tortoise builds all models anew before and after each operation of each migration. That took 3.7 s for the twenty
migrations of an empty database, and more with each. Here a schema changes as words alone. An empty database needs what
the operations come to, and nothing of the way: its tables are made at the end. Steps on rows find none and are left
out, so none may make rows out of nothing.
"""

# ruff: file-ignore[private-member-access] -- a model's tables are told by its _meta

from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter
from typing import Any

from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.migrations.migration import Migration
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.models import Model

APP = "models"
Models = dict[tuple[str, str], ModelState]


class _Apps(StateApps):
    """Builds a model when it is asked for, with those that it refers to, and forgets all when `words` have changed.

    A step on rows finds relations in the direction of their columns alone.
    """

    def __init__(self, words: Models, connection: str) -> None:
        super().__init__(default_connections={APP: connection})
        self._words = words
        self._connection = connection

    def get_model(self, app_label: str, model_name: str | None = None) -> type[Model]:
        """The model of a name. Raises KeyError."""
        name = model_name or self.split_reference(app_label)[1]
        if name not in self.apps.get(APP, {}):
            self._build(name)
            self._init_relations()
            self._build_initial_querysets()
        return self.apps[APP][name]

    def forget(self) -> None:
        """What was built is no more what is written."""
        self.apps.clear()

    def of(self, words: Models) -> "_Apps":
        """The same for other words."""
        return _Apps(words, self._connection)

    def _build(self, name: str) -> None:
        words = self._words[APP, name]
        self.register_model(APP, words.render(self))
        for field in words.fields.values():
            if isinstance(field, ForeignKeyFieldInstance | ManyToManyFieldInstance):
                other = self.split_reference(field.model_name)[1]
                if other not in self.apps[APP] and (APP, other) in self._words:
                    self._build(other)


class Sketch(State):
    """A schema as words."""

    models: Models
    apps: _Apps

    def reload_model(self, app_label: str, model_name: str) -> None:
        """The model has changed, and with it those that refer to it."""
        self.apps.forget()

    def reload_models(self, model_tuples: Iterable[tuple[str, str]]) -> None:
        """The models have changed, and with them those that refer to them."""
        self.apps.forget()

    def validate_relations_initialized(self) -> None:
        """Nothing: what refers to nothing cannot be built either."""

    def clone(self) -> "Sketch":
        """The same words."""
        words = {key: model.clone() for key, model in self.models.items()}
        return Sketch(models=words, apps=self.apps.of(words))


def nothing(connection: str) -> Sketch:
    """The schema before the first migration."""
    words: Models = {}
    return Sketch(models=words, apps=_Apps(words, connection))


async def found(editor: BaseSchemaEditor, migrations: Sequence[Migration], connection: str) -> None:
    """Make the tables that `migrations`, which are all there are, lead to. Whoever calls writes down their names."""
    sketch = nothing(connection)
    for migration in migrations:
        await migration.apply(sketch, dry_run=True)
    models = {name: sketch.apps.get_model(APP, name) for _, name in sketch.models}
    graph = {name: _referred(model) - {name} for name, model in models.items()}
    for name in TopologicalSorter(graph).static_order():
        await editor.create_model(models[name])


def _referred(model: type[Model]) -> set[str]:
    fields: Iterable[Any] = model._meta.fields_map.values()
    return {each.related_model.__name__ for each in fields if isinstance(each, ForeignKeyFieldInstance)}

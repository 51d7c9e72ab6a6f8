"""Objects that have a global id."""

import strawberry


@strawberry.interface(description="An object with a global id.")
class Node:
    """What every object that can be asked for by id has."""

    id: strawberry.ID = strawberry.field(description="Global and opaque: keep it, do not take it apart.")

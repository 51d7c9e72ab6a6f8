"""What vectors are in a Weaviate server: collections, objects and filters, in the words of its SDK.

Whoever calls these has imported the SDK, or is asked by who has: it takes a second.
"""

# ruff: file-ignore[import-outside-top-level] -- as said
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, UUID, uuid5

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from weaviate.collections import CollectionAsync
    from weaviate.collections.classes.filters import _Filters

    from adapters.embeddings import Space

VECTOR = "direction"
PAGE = 5_000
"""Objects of which the ids are read at once."""
CONTAINS_NONE = (1, 33)
"""The server's version that knows this filter."""


def name_of(prefix: str, space: Space) -> str:
    """The collection of a space. Names are letters and digits; models' names are not."""
    told = f"{space.model}\n{space.dimension}\n{space.version}"
    return f"{prefix}_{hashlib.sha256(told.encode()).hexdigest()[:24]}"


def shape_of(space: Space) -> dict[str, Any]:
    """How a collection is made. What the server would compress by default is kept whole: cosines are told exactly."""
    from weaviate.classes.config import Configure, DataType, Property, Tokenization, VectorDistances

    index = Configure.VectorIndex.hnsw(
        distance_metric=VectorDistances.COSINE, quantizer=Configure.VectorIndex.Quantizer.none()
    )
    stamp = Property(
        name="stamp",
        data_type=DataType.TEXT,
        index_filterable=False,
        index_searchable=False,
        tokenization=Tokenization.FIELD,
    )
    return {
        "description": f"{space.model}, {space.dimension} dimensions, version {space.version}",
        "properties": [Property(name="item", data_type=DataType.INT), stamp],
        "vector_config": [Configure.Vectors.self_provided(name=VECTOR, vector_index_config=index)],
    }


def directions_of(vectors: Sequence[NDArray[Any]], dimension: int) -> NDArray[np.float32]:
    """Rows of unit length, or zero. Raises ValueError for what the space cannot hold."""
    import numpy as np

    from adapters.vectors.matrix import directions

    if any(vector.shape != (dimension,) for vector in vectors):
        raise ValueError(f"Each vector of this space has {dimension} components.")
    return directions(np.stack(vectors), dimension)


def stamp_of(vector: NDArray[np.float32]) -> str:
    """By which a vector is known to be the same."""
    return hashlib.blake2b(vector.tobytes(), digest_size=8).hexdigest()


async def stamps_in(collection: CollectionAsync[Any, Any], ids: Sequence[int]) -> dict[int, str]:
    """The stamps of those ids that the collection holds."""
    found = await collection.query.fetch_objects(
        filters=one_of(ids), limit=len(ids), return_properties=["item", "stamp"]
    )
    return {int(each.properties["item"]): each.properties["stamp"] for each in found.objects}


async def page_of(collection: CollectionAsync[Any, Any], after: UUID | None) -> tuple[list[int], UUID | None]:
    """Some ids that the collection holds, and where the next ones begin; None at the end."""
    found = (await collection.query.fetch_objects(limit=PAGE, after=after, return_properties=["item"])).objects
    return [int(each.properties["item"]) for each in found], found[-1].uuid if len(found) == PAGE else None


async def near(
    collection: CollectionAsync[Any, Any], direction: NDArray[np.float32], limit: int, filters: _Filters | None
) -> list[tuple[int, float]]:
    """Ids and cosines of one answer."""
    from weaviate.classes.query import MetadataQuery

    answer: Any = await collection.query.near_vector(
        direction.tolist(),
        target_vector=VECTOR,
        limit=limit,
        filters=filters,
        return_properties=["item"],
        return_metadata=MetadataQuery(distance=True),
    )
    found = ((int(each.properties["item"]), each.metadata.distance) for each in answer.objects)
    return [(item, min(1.0, max(-1.0, 1.0 - distance))) for item, distance in found]


def objects_of(vectors: Mapping[int, NDArray[np.float32]], stamps: Mapping[int, str]) -> list[Any]:
    """The objects of `vectors`: an id has one, whoever sends it."""
    from weaviate.classes.data import DataObject

    return [
        DataObject(
            properties={"item": item, "stamp": stamps[item]},
            uuid=uuid5(NAMESPACE_OID, str(item)),
            vector={VECTOR: vector.tolist()},
        )
        for item, vector in vectors.items()
    ]


def one_of(ids: Collection[int]) -> _Filters:
    """That an object is of one of these."""
    from weaviate.classes.query import Filter

    return Filter.by_property("item").contains_any(list(ids))


def none_of(ids: Collection[int], version: tuple[int, int]) -> _Filters:
    """That an object is of none of these, as a server of that version understands it."""
    from weaviate.classes.query import Filter

    if version >= CONTAINS_NONE:
        return Filter.by_property("item").contains_none(list(ids))
    return Filter.all_of([Filter.by_property("item").not_equal(item) for item in ids])

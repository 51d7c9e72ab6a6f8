"""How well and how fast texts are embedded: `python -m benchmarks.embeddings catalogue.yaml [url]`.

The file has `items` with `category`, `title`, `summary` and `tags`. The queries below are meant for the catalogue of
this repository. `openai://MODEL` is asked with OPENAI_API_KEY and OPENAI_BASE_URL of the environment.
"""

import asyncio
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from adapters.embeddings import Embeddings, open_embeddings
from adapters.openai import OpenAI

# What somebody may say, and the category that it should lead to. None repeats the title of an item.
ENGLISH = [
    ("why do my charts disagree with the accountant's numbers", "data-analysis"),
    ("predict next month's sales from past orders", "data-analysis"),
    ("my site is slow on phones", "web-development"),
    ("I want to write an API that browsers can call", "web-development"),
    ("someone got into my email account", "security"),
    ("how do hackers steal passwords", "security"),
    ("our servers fall over at night and nobody notices", "cloud-operations"),
    ("deploying docker images to kubernetes", "cloud-operations"),
    ("which colours and fonts go together", "design"),
    ("make an app that people find easy to use", "design"),
    ("my essays are too long and boring", "writing"),
    ("I have an idea for a novel", "writing"),
    ("pictures of my children indoors come out blurry", "photography"),
    ("which lens should I buy for portraits", "photography"),
    ("what can I make from leftovers tonight", "cooking"),
    ("bake sourdough at home", "cooking"),
    ("I am in debt and can't save anything", "personal-finance"),
    ("should I put money into shares or a pension", "personal-finance"),
    ("I am moving to Madrid and can't speak a word", "language-learning"),
    ("remember more foreign vocabulary", "language-learning"),
    ("my back hurts from sitting all day", "health"),
    ("train for my first half marathon", "health"),
    ("I was just promoted and have to manage my friends", "leadership"),
    ("two people in my team do not talk to each other", "leadership"),
]
OTHERS = [
    ("Warum stimmen meine Auswertungen nicht?", "data-analysis"),
    ("mon site web est trop lent", "web-development"),
    ("me han robado la contraseña", "security"),
    ("i server si bloccano di notte", "cloud-operations"),
    ("色の組み合わせを学びたい", "design"),
    ("Ik wil een roman schrijven", "writing"),
    ("как фотографировать портреты", "photography"),
    ("Brot zu Hause backen", "cooking"),
    ("para biriktirmek istiyorum", "personal-finance"),
    ("quero aprender espanhol depressa", "language-learning"),
    ("boli mnie kręgosłup od siedzenia", "health"),
    ("如何管理一个团队", "leadership"),
]

Matrix = NDArray[np.float32]


def forms(items: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Texts that may stand for the items."""
    return {
        "title and summary": [f"{item['title']}. {item['summary']}" for item in items],
        "title and tags": [f"{item['title']}. {', '.join(item['tags'])}" for item in items],
        "category, title and tags": [
            f"{item['category'].replace('-', ' ')}: {item['title']}. {', '.join(item['tags'])}" for item in items
        ],
    }


def neighbours(queries: Matrix, vectors: Matrix, count: int) -> NDArray[np.intp]:
    """Rows of the nearest vectors to each query, the best first."""
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :count]


def purity(categories: NDArray[np.str_], vectors: Matrix) -> float:
    """The share of the five nearest other items that are of an item's own category."""
    nearest = neighbours(vectors, vectors, 6)[:, 1:]
    return float((categories[nearest] == categories[:, np.newaxis]).mean())


async def accuracy(
    embeddings: Embeddings, queries: list[tuple[str, str]], categories: NDArray[np.str_], vectors: Matrix
) -> tuple[float, float]:
    """The share of queries whose nearest item is of the category meant, and of the five nearest that are."""
    asked = await embeddings.embed([text for text, _ in queries])
    right = categories[neighbours(asked, vectors, 5)] == np.array([category for _, category in queries])[:, np.newaxis]
    return float(right[:, 0].mean()), float(right.mean())


async def times(embeddings: Embeddings, texts: list[str]) -> None:
    """Print how long one query and all texts take."""
    took: list[float] = []
    for text, _ in ENGLISH * 10:
        start = time.perf_counter()
        await embeddings.embed([text])
        took.append(time.perf_counter() - start)
    p50, p99 = np.percentile(took, [50, 99]) * 1e3
    start = time.perf_counter()
    await embeddings.embed(texts)
    rate = len(texts) / (time.perf_counter() - start)
    characters = sum(map(len, texts)) / len(texts)
    print(f"one query: p50 {p50:.2f} ms, p99 {p99:.2f} ms; items of {characters:.0f} characters: {rate:.0f}/s")


async def figures(items: list[dict[str, Any]], embeddings: Embeddings) -> None:
    """Print everything."""
    start = time.perf_counter()
    await embeddings.open()
    await embeddings.embed(["ready"])
    print(f"ready after {time.perf_counter() - start:.2f} s")
    categories = np.array([item["category"] for item in items])
    for form, texts in forms(items).items():
        vectors = await embeddings.embed(texts)
        print(f"{len(items)} items by {form}: P@5 {purity(categories, vectors):.3f}")
        for name, queries in (("English", ENGLISH), ("11 other languages", OTHERS)):
            first, five = await accuracy(embeddings, queries, categories, vectors)
            print(f"  {len(queries)} queries, {name}: first {first:.3f}, five {five:.3f}")
    await times(embeddings, forms(items)["title and summary"])
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")
    await embeddings.close()


if __name__ == "__main__":
    path, url = [*sys.argv[1:], "local://"][:2]
    catalogue = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    key, address = os.environ.get("OPENAI_API_KEY", ""), os.environ.get("OPENAI_BASE_URL", "")
    vendor = OpenAI(key=key, base_url=address) if key else None
    asyncio.run(figures(catalogue["items"], open_embeddings(url, vendor)))

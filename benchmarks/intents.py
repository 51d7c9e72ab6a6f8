"""How well utterances are resolved: `python -m benchmarks.intents [url]`.

From training alone: each phrasing as it is guessed when it is left out. From what nothing was learnt from: the held-out
phrasings. Both with the utterances that belong to no intent.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adapters.embeddings import Embeddings, open_embeddings
from services.intents import IntentKeeper, read_intents
from services.intents.classifying import NEAREST, OUTSIDE_SHARE, Classifier, Guess
from services.intents.resolving import KNOWN, SURE

THRESHOLDS = (0.0, 0.3, KNOWN, 0.5, 0.6, SURE, 0.8, 0.9)
BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.01)


@dataclass(frozen=True)
class Judged:
    """Guesses for utterances whose intent is known, and for utterances that belong to none."""

    inside: list[tuple[Guess, str]]
    outside: list[Guess]

    def share(self, least: float) -> float:
        """How many of what belongs to an intent are guessed with at least this confidence."""
        return sum(guess.confidence >= least for guess, _ in self.inside) / len(self.inside)

    def right(self, least: float, *, first: int = 1) -> float:
        """How many of these are right, or have the right one among the `first`."""
        told = [(guess, name) for guess, name in self.inside if guess.confidence >= least]
        return sum(name in guess.names[:first] for guess, name in told) / max(1, len(told))

    def refused(self, least: float) -> float:
        """How many of what belongs to none are guessed with less."""
        return sum(guess.confidence < least for guess in self.outside) / len(self.outside)

    def gap(self) -> float:
        """How far confidence is from the share that is right, on average over bins; as many are outside as is assumed.

        This is the expected calibration error with five bins.
        """
        each = OUTSIDE_SHARE / (1 - OUTSIDE_SHARE) * len(self.inside) / len(self.outside)
        told = [(guess.confidence, guess.names[0] == name, 1.0) for guess, name in self.inside]
        told += [(guess.confidence, False, each) for guess in self.outside]
        bins = ((one for one in told if low <= one[0] < high) for low, high in pairwise(BINS))
        gaps = (abs(sum(count * (sure - right) for sure, right, count in held)) for held in bins)
        return sum(gaps) / sum(count for _, _, count in told)


def alone(classifier: Classifier) -> tuple[float, float]:
    """How many phrasings, left out, the centroids alone would get right, and the nearest phrasings alone."""
    rows, labels = classifier.phrasings, classifier.labels
    places = np.arange(len(rows))
    sums = np.stack([rows[labels == each].sum(axis=0) for each in range(len(classifier.names))])
    left = sums[labels] - rows
    to_centroids = rows @ (sums / np.linalg.norm(sums, axis=1, keepdims=True)).T
    to_centroids[places, labels] = (rows * left).sum(axis=1) / np.linalg.norm(left, axis=1)
    near = rows @ rows.T
    near[places, places] = -np.inf
    best = [np.sort(near[:, labels == each])[:, -NEAREST:].mean(axis=1) for each in range(len(classifier.names))]
    by_nearest = np.stack(best).argmax(axis=0)
    return float((to_centroids.argmax(axis=1) == labels).mean()), float((by_nearest == labels).mean())


async def judge(embeddings: Embeddings) -> tuple[Judged, Judged, Classifier]:
    """What was learnt from, left out one by one; what was held out; and what was learnt."""
    keeper = IntentKeeper(read_intents())
    intents = keeper.intents
    classifier = await keeper.classifier(embeddings)

    async def guesses(texts: Sequence[str]) -> list[Guess]:
        return classifier.guesses(await embeddings.embed(list(texts)))

    names = [classifier.names[label] for label in classifier.labels]
    learnt = Judged(list(zip(classifier.left_out(), names, strict=True)), await guesses(intents.outside))
    held = [(text, intent.key) for intent in intents.intents.values() for text in intent.held_out]
    found = await guesses([text for text, _ in held])
    inside = [(guess, name) for guess, (_, name) in zip(found, held, strict=True)]
    return learnt, Judged(inside, await guesses(intents.outside_held_out)), classifier


def report(title: str, judged: Judged) -> None:
    """Print one of them."""
    print(f"{title}: {len(judged.inside)} of an intent, {len(judged.outside)} of none")
    print(f"  right first {judged.right(0):.3f}, among three {judged.right(0, first=3):.3f}, gap {judged.gap():.3f}")
    for least in THRESHOLDS:
        figures = f"told {judged.share(least):.3f}, right of these {judged.right(least):.3f}"
        print(f"  confidence {least:.1f}: {figures}, none refused {judged.refused(least):.3f}")


async def main(url: str) -> None:
    """Print everything."""
    embeddings = open_embeddings(url)
    await embeddings.embed(["ready"])
    start = time.perf_counter()
    learnt, held_out, classifier = await judge(embeddings)
    print(f"{embeddings.space.model}: {time.perf_counter() - start:.2f} s for everything")
    print("right first, left out: centroids alone {:.3f}, nearest alone {:.3f}".format(*alone(classifier)))
    report("learnt, each left out", learnt)
    report("held out", held_out)
    took = []
    for _ in range(200):
        start = time.perf_counter()
        classifier.guesses(await embeddings.embed(["put me on the yearly plan from next month"]))
        took.append(time.perf_counter() - start)
    p50, p99 = np.percentile(took, [50, 99]) * 1e3
    print(f"one utterance: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    await embeddings.close()


if __name__ == "__main__":
    asyncio.run(main([*sys.argv[1:], "local://"][0]))

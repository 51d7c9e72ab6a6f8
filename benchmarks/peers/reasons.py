"""The sentences of what a list is made of, for who has done nothing with items yet, as are all who are measured."""

SENTENCES = {
    "INTEREST": "Because you are interested in {topic}",
    "POPULAR": "Popular of late",
    "NEW": "New in {category}",
    "START": "A start in {category}",
}


def reason(kind: str, topic: str | None, category: str) -> str:
    """Why an item of this category is in a list. Raises KeyError for what depends on what somebody has done."""
    return SENTENCES[kind].format(topic=topic, category=category.replace("-", " "))

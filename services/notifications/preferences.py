"""What people say about letters, topic by topic. Security and bills cannot be switched off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import BadUserInput, Refusal
from models.accounts import User
from models.mail_preferences import MailPreference
from services import audit
from services.audit import Action
from services.holding import hold
from services.notifications import suppression
from services.notifications.letter import MANDATORY, Topic

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.access import Viewer
    from services.app import App
    from services.sessions import Client


class TopicIsMandatory(Refusal):
    """Letters about security and bills are sent to everybody who has an account."""

    message = "Letters about security and bills cannot be switched off."

    def __init__(self, topic: Topic) -> None:
        super().__init__()
        self.topic = topic


@dataclass(frozen=True)
class Preference:
    """How it stands with a topic. Where it is `suppressed`, its letters are not sent, for the sake of the address."""

    topic: Topic
    wanted: bool
    suppressed: bool

    @property
    def mandatory(self) -> bool:
        """Whether it cannot be switched off."""
        return self.topic in MANDATORY


async def of_user(app: App, user: User) -> list[Preference]:
    """Each topic, in the order of their declaration. Two queries."""
    said = await _said(user.id)
    reasons = await suppression.standing(app, user.email_key)
    return [Preference(topic, said[topic], suppression.stops(reasons, topic)) for topic in Topic]


async def wants(user_id: int, topic: Topic) -> bool:
    """Whether somebody wants letters of this topic. One query, none for what cannot be switched off."""
    return topic in MANDATORY or not await MailPreference.exists(user_id=user_id, topic=topic, wanted=False)


async def change(app: App, viewer: Viewer, wanted: Sequence[tuple[Topic, bool]], client: Client) -> list[Preference]:
    """Switch topics on and off, all or none, and tell how it stands then.

    Whoever switches one on, with an address that is proven, takes back the complaint that was made about letters to it.
    Raises TopicIsMandatory, and BadUserInput for a topic that is named twice.
    """
    asked = dict(wanted)
    if len(asked) != len(wanted):
        raise BadUserInput("Each topic is named once.")
    for topic, on in asked.items():
        if topic in MANDATORY and not on:
            raise TopicIsMandatory(topic)
    optional = {topic: on for topic, on in asked.items() if topic not in MANDATORY}
    if optional:
        await switch(app, viewer.user.id, optional, client, actor=viewer.user, by="account")
    return await of_user(app, viewer.user)


async def switch(
    app: App, user_id: int, wanted: Mapping[Topic, bool], client: Client, *, by: str, actor: User | None = None
) -> None:
    """Write down what is new of `wanted`, and that it was said. Raises IntegrityError when the account has gone."""
    async with app.database.transaction():
        await hold(user_id)
        said = await _said(user_id)
        now = app.clock.now()
        news = {topic: on for topic, on in wanted.items() if said[topic] != on}
        rows = [MailPreference(user_id=user_id, topic=topic, wanted=on, changed_at=now) for topic, on in news.items()]
        if actor and actor.email_verified_at and any(wanted.values()):
            await suppression.forgive(app, actor.email_key)
        if not rows:
            return
        await MailPreference.bulk_create(rows, on_conflict=["user_id", "topic"], update_fields=["wanted", "changed_at"])
        told = {topic.lower(): on for topic, on in news.items()}
        await audit.record(
            app, Action.MAIL_PREFERENCES_CHANGED, actor=actor, user_id=user_id, client=client, by=by, topics=told
        )


async def _said(user_id: int) -> dict[Topic, bool]:
    """What holds for each topic by what somebody has said."""
    off = {row.topic for row in await MailPreference.filter(user_id=user_id, wanted=False)}
    return {topic: topic in MANDATORY or topic not in off for topic in Topic}

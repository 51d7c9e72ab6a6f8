"""Letters, as far as people decide about them."""

from typing import Annotated

import strawberry

from core.errors import Refusal
from models.accounts import User as UserRow
from schema.context import Info
from schema.enums import described
from schema.errors import Error
from services.notifications import preferences
from services.notifications.letter import Topic

MailTopic = described(
    Topic,
    "What letters are about.",
    {
        "SECURITY": "Sign-ins, links and changes of the account. Cannot be switched off.",
        "BILLING": "Payments, and a trial whose end will charge a card. Cannot be switched off.",
        "TRIAL": "A trial whose end charges nobody: its reminders.",
        "PRODUCT": "What is new and what the user may like, such as a plan to come back to.",
    },
    name="MailTopic",
)


@strawberry.type(description="How it stands with the letters of one topic.")
class NotificationPreference:
    """A topic, and what its reader says of it."""

    topic: MailTopic = strawberry.field(description="What the letters are about.")  # type: ignore[valid-type]
    enabled: bool = strawberry.field(description="Whether the user wants them.")
    mandatory: bool = strawberry.field(description="Whether they cannot be switched off.")
    suppressed: bool = strawberry.field(
        description="Whether they are held back all the same: the address does not exist, or its reader has called our "
        "letters unwanted. A proof of the address ends the first, switching a topic on the second."
    )

    @classmethod
    def of(cls, preference: preferences.Preference) -> "NotificationPreference":
        """The preference as the API tells it."""
        return cls(
            topic=preference.topic,
            enabled=preference.wanted,
            mandatory=preference.mandatory,
            suppressed=preference.suppressed,
        )


async def preferences_of_user(row: UserRow, info: Info) -> list[NotificationPreference]:
    """The topics of a user whom the viewer may see. Raises NotFound."""
    info.context.require_sight_of(row.id)
    return [NotificationPreference.of(each) for each in await preferences.of_user(info.context.app, row)]


@strawberry.input(description="What a user wants of one topic.")
class NotificationPreferenceInput:
    """One switch."""

    topic: MailTopic = strawberry.field(description="What the letters are about.")  # type: ignore[valid-type]
    enabled: bool = strawberry.field(description="Whether to send them.")


@strawberry.type(description="It stands as it was asked for.")
class SetNotificationPreferencesSuccess:
    """What `setNotificationPreferences` gives."""

    preferences: list[NotificationPreference] = strawberry.field(description="All topics.")


@strawberry.type(description="Letters of this topic are sent to everybody who has an account. Nothing has changed.")
class TopicIsMandatory(Error):
    """The refusal to switch a topic off."""

    topic: MailTopic = strawberry.field(description="The one that cannot be switched off.")  # type: ignore[valid-type]

    @classmethod
    def of(cls, refusal: Refusal) -> "TopicIsMandatory":
        """The refusal with its topic."""
        assert isinstance(refusal, preferences.TopicIsMandatory)
        return cls(message=refusal.message, topic=refusal.topic)


SetNotificationPreferencesResult = Annotated[
    SetNotificationPreferencesSuccess | TopicIsMandatory,
    strawberry.union("SetNotificationPreferencesResult", description="What `setNotificationPreferences` answers."),
]
REFUSALS: dict[type[Refusal], type[Error]] = {preferences.TopicIsMandatory: TopicIsMandatory}

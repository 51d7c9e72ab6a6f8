"""What tests of unsubscribing and of bounces share: what a user wants, asked and said through the public door."""

from typing import Any

from tests.porchlight import Person, Porchlight

FIELDS = "preferences { topic enabled mandatory suppressed }"
SET = f"""
mutation($preferences: [NotificationPreferenceInput!]!) {{
  setNotificationPreferences(preferences: $preferences) {{
    __typename
    ... on TopicIsMandatory {{ message topic }}
    ... on SetNotificationPreferencesSuccess {{ {FIELDS} }}
  }}
}}
"""
MINE = "{ me { notificationPreferences { topic enabled mandatory suppressed } } }"


async def put(porchlight: Porchlight, person: Person, **wanted: bool) -> dict[str, Any]:
    """What `setNotificationPreferences` answers."""
    given = [{"topic": topic, "enabled": enabled} for topic, enabled in wanted.items()]
    data = await porchlight.ask(SET, {"preferences": given}, token=person.access_token)
    result: dict[str, Any] = data["setNotificationPreferences"]
    return result


async def mine(porchlight: Porchlight, person: Person, column: str = "enabled") -> dict[str, bool]:
    """One column of what stands, by topic."""
    data = await porchlight.ask(MINE, token=person.access_token)
    return {row["topic"]: row[column] for row in data["me"]["notificationPreferences"]}

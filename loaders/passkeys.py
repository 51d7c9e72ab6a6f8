"""Passkeys for graph edges."""

from models.mfa import Passkey


async def passkeys_by_user(user_ids: list[int]) -> list[list[Passkey]]:
    """The passkeys of each user, the oldest first."""
    found: dict[int, list[Passkey]] = {user_id: [] for user_id in user_ids}
    for passkey in await Passkey.filter(user_id__in=user_ids).order_by("id"):
        found[passkey.user_id].append(passkey)
    return [found[user_id] for user_id in user_ids]

"""Second factors for graph edges."""

from tortoise.functions import Count

from models.mfa import Passkey, RecoveryCode, Totp


async def mfa_enabled_by_user(user_ids: list[int]) -> list[bool]:
    """Whether each user is asked for a second factor. Two queries."""
    apps = await Totp.filter(user_id__in=user_ids, confirmed_at__isnull=False).only("user_id")
    passkeys = await Passkey.filter(user_id__in=user_ids).only("user_id")
    protected = {row.user_id for row in apps} | {row.user_id for row in passkeys}
    return [pk in protected for pk in user_ids]


async def recovery_codes_left_by_user(user_ids: list[int]) -> list[int]:
    """The number of each user's unused recovery codes."""
    unused = RecoveryCode.filter(user_id__in=user_ids, used_at=None).group_by("user_id")
    left: dict[int, int] = dict(await unused.annotate(left=Count("id")).values_list("user_id", "left"))
    return [left.get(pk, 0) for pk in user_ids]

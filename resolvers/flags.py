"""Feature flags."""

from typing import Annotated

import strawberry

from models.accounts import Role
from schema.context import Info
from schema.directives import STAFF_CHANGES, STAFF_READS, Auth, Public, RateLimit, guards
from schema.flags import FeatureFlag, FeatureFlagSettings
from services import flags


@strawberry.type
class FlagsQuery:
    """Who has what."""

    @strawberry.field(
        extensions=guards(Public()),
        description="How flags stand for the caller. Whoever asks is taken to act on the answer, which is written down "
        "once for each user and flag: ask for those that the page needs.",
    )
    async def feature_flags(
        self,
        info: Info,
        keys: Annotated[
            list[str] | None,
            strawberry.argument(description="These flags alone; one that there is not is left out. All by default."),
        ] = None,
    ) -> list[FeatureFlag] | None:
        context = info.context
        user = context.viewer.user if context.viewer else None
        return [FeatureFlag.of(each) for each in await flags.standing(context.app, user, context.plan_key, keys)]

    @strawberry.field(
        extensions=guards(Auth(Role.ADMIN, assurance=2, max_age=STAFF_READS), RateLimit(max=120, window=60)),
        description="How each flag is set, in the order of their declaration.",
    )
    async def feature_flag_settings(self, info: Info) -> list[FeatureFlagSettings] | None:
        settings = await flags.settings(info.context.app, info.context.signed_in.user)
        return [FeatureFlagSettings.of(setting) for setting in settings]


@strawberry.type
class FlagsMutation:
    """Rolling out, killing."""

    @strawberry.mutation(
        extensions=guards(Auth(Role.ADMIN, assurance=2, max_age=STAFF_CHANGES), RateLimit(max=60, window=60)),
        description="Roll a flag out, kill it or bring it back. All processes follow within two seconds. NOT_FOUND for "
        "one that is not declared.",
    )
    async def set_feature_flag(
        self,
        info: Info,
        key: Annotated[str, strawberry.argument(description="The flag.")],
        rollout_percent: Annotated[
            float,
            strawberry.argument(
                description="From 0 to 100 in steps of 0.01. Who has the flag keeps it while this grows."
            ),
        ],
        killed: Annotated[
            bool | None,
            strawberry.argument(description="Whether it is off for everybody; as it was when left out."),
        ] = None,
    ) -> FeatureFlagSettings | None:
        context = info.context
        setting = await flags.put(
            context.app,
            key,
            rollout_percent=rollout_percent,
            killed=killed,
            actor=context.signed_in.user,
            client=context.client,
        )
        return FeatureFlagSettings.of(setting)

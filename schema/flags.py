"""Feature flags, as clients and the staff see them."""

from __future__ import annotations

import strawberry

from services import flags


@strawberry.type(description="How a flag stands for the caller.")
class FeatureFlag:
    """A decision."""

    key: str = strawberry.field(description="What the flag is called.")
    enabled: bool = strawberry.field(description="Whether the caller has it.")
    variant: str | None = strawberry.field(
        description="Which variant the caller has; null when it is off, has none, or nobody is signed in."
    )

    @classmethod
    def of(cls, standing: flags.Standing) -> FeatureFlag:
        """The decision as clients see it."""
        return cls(key=standing.key, enabled=standing.enabled, variant=standing.variant)


@strawberry.type(description="How a flag is set, for everybody.")
class FeatureFlagSettings:
    """What administrators change."""

    key: str = strawberry.field(description="What the flag is called.")
    description: str = strawberry.field(description="What it switches.")
    rollout_percent: float = strawberry.field(
        description="How much of those whom it is meant for has it: from 0 to 100."
    )
    killed: bool = strawberry.field(description="Whether it is off for everybody, whatever the percentage.")
    version: int = strawberry.field(description="How often it was set; 0 while it is as it was declared.")

    @classmethod
    def of(cls, setting: flags.Setting) -> FeatureFlagSettings:
        """The setting as administrators see it."""
        return cls(
            key=setting.flag.key,
            description=setting.flag.description,
            rollout_percent=flags.percent_of(setting.rollout),
            killed=setting.killed,
            version=setting.version,
        )

"""Writing down which steps are done, in the transactions of what does them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise.exceptions import IntegrityError

from core.errors import BadUserInput, NotFound
from models.accounts import User
from models.onboarding import OnboardingStep
from services import analytics
from services.onboarding.steps import complete, step_of

if TYPE_CHECKING:
    from services.app import App
    from services.onboarding.steps import Step


_INSERT = """
INSERT INTO onboarding_steps (user_id, step, done_at) VALUES ($1, $2, $3) ON CONFLICT (user_id, step) DO NOTHING
RETURNING id
"""


async def done(app: App, user_id: int, step: Step) -> None:
    """Write down, inside the caller's transaction, that a step is done: one statement, four the first time.

    Two steps of one person that are done at once wait for each other, so that one of both sees that nothing is left.
    """
    if not await app.database.rows(_INSERT, [user_id, step.key, app.clock.now()]):
        return
    await User.filter(id=user_id).select_for_update(no_key=True).first()
    steps: Any = await OnboardingStep.filter(user_id=user_id).values_list("step", flat=True)
    happened: list[analytics.Happened] = [analytics.OnboardingStepCompleted(step=step.key)]
    if complete(steps) and not complete({*steps} - {step.key}):
        happened.append(analytics.OnboardingCompleted())
    await analytics.record(app, user_id, *happened)


async def tell(app: App, user_id: int, key: str) -> None:
    """A client says that a step is done. Saying it again changes nothing.

    Raises BadUserInput for a step that is not known, and for one that is done by what it asks for and is not yet;
    NotFound when the account has been deleted meanwhile.
    """
    step = step_of(key)
    if step.told:
        try:
            async with app.database.transaction():
                await done(app, user_id, step)
        except IntegrityError as error:
            raise NotFound from error
    elif not await OnboardingStep.exists(user_id=user_id, step=step.key):
        raise BadUserInput(f"{key} is done by what it asks for, and that has not happened yet.")

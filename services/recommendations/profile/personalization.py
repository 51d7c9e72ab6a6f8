"""Whether what a person does is kept and used to find what suits them: yes, until they say no."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise.expressions import F

from models.accounts import User
from models.images import ImageAnalysis
from models.recommendations import Interaction, Interest, InterestSource
from models.slates import RecommendationSlate
from services import audit, sessions
from services.audit import Action
from services.recommendations.profile.held import hold
from services.recommendations.profile.signals import DISLIKED

if TYPE_CHECKING:
    from services.access import Viewer
    from services.app import App
    from services.sessions import Client


async def set_personalization(app: App, viewer: Viewer, client: Client, *, enabled: bool, erase: bool) -> User:
    """Begin or stop to keep and use what the viewer does; with `erase`, forget what has been learnt until now.

    What they have stated, refused and erased stays: it is what they want, not what was seen of them. Saying the same
    again changes nothing. Raises Unauthenticated for who has been deleted meanwhile.
    """
    async with app.database.transaction():
        user = await hold(viewer.user.id)
        changed = user.personalization is not enabled
        if changed or erase:
            user.personalization = enabled
            # Whoever is making a list of what was known before finds the number raised, and makes it anew.
            await User.filter(id=user.id).update(
                personalization=enabled, personalization_epoch=F("personalization_epoch") + 1, taste=F("taste") + 1
            )
            await RecommendationSlate.filter(user_id=user.id).delete()  # made of what may not be used any more
            if erase:
                await _forget(user.id)
            action = Action.PERSONALIZATION_CHANGED
            await audit.record(app, action, actor=viewer.user, client=client, enabled=enabled, erased=erase)
    if changed or erase:
        await sessions.tell_of(app, user.id)
        await app.recommendations_changed.publish(str(user.id))
    return user


async def _forget(user_id: int) -> None:
    """Delete what was learnt of the user, inside the caller's transaction that holds them."""
    learnt = Interest.filter(user_id=user_id, erased_at=None).exclude(source=InterestSource.STATED)
    await learnt.delete()
    await ImageAnalysis.filter(user_id=user_id).delete()
    await Interaction.filter(user_id=user_id).exclude(kind__in=list(DISLIKED)).delete()

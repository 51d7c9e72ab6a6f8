"""What a request carries to every resolver."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import strawberry

from core.errors import BadUserInput, NotFound, StepUpRequired, Unauthenticated
from core.networks import network_of
from loaders import Loaders
from schema.cookies import Cookies
from services import access, accounts, entitlements, mfa
from services.access import Permission, Viewer
from services.app import App
from services.entitlements import Held
from services.sessions import Client
from services.turns import Share


@dataclass
class Context:
    """One request: the app, who asks, from where, and what it has read so far."""

    app: App
    client: Client
    viewer: Viewer | None = None
    cookies: Cookies | None = None
    """In cookie mode, what came in and what goes out; else None."""
    changes: bool = True
    """Whether mutations run here: not over what a cookie has opened, for it can set none, nor by an address."""
    begun: bool = False
    """Whether execution has begun: what fails before that was refused by parsing, limits or validation."""
    changing: bool = False
    """Whether a mutation runs: then nobody may cancel it half-way."""
    deliver: Callable[[bytes], Awaitable[None] | None] | None = None
    """What takes a subscription's further events where they are plain (`engine.events`); None where nothing does."""
    openings: Share | None = None
    """A client's part of the line in which subscriptions wait to open; None where nothing is opened."""
    arrived: Viewer | None = None
    """The viewer as they were read for this request, with their trial, until anything may have changed since."""
    _loaders: Loaders | None = None

    @property
    def loaders(self) -> Loaders:
        """What was read so far. Made when it is first asked for: most events of a countdown ask for nothing."""
        if self._loaders is None:
            self._loaders = Loaders()
            if self.arrived is not None and self.arrived.record is not None:
                trial = access.trial_read_with(self.app, self.arrived)
                self._loaders.know_trial(self.arrived.user.id, trial)
        return self._loaders

    @property
    def now(self) -> datetime:
        """The app's present moment."""
        return self.app.clock.now()

    @property
    def signed_in(self) -> Viewer:
        """The viewer. Raises Unauthenticated when there is none."""
        if self.viewer is None:
            raise Unauthenticated
        return self.viewer

    def turn(self) -> AbstractAsyncContextManager[None]:
        """A turn to open a subscription. Raises Unavailable when too many wait for theirs."""
        line, client = self.app.openings, network_of(self.client.ip)
        return line.turn(client) if self.openings is None else self.openings.turn(line, client)

    def enter(self, signed_in: accounts.SignedIn) -> str | None:
        """Make who has signed in the viewer of the rest; the device token, unless a cookie keeps it."""
        self.viewer = signed_in.viewer
        if self.cookies is None:
            return signed_in.device_token
        self.cookies.device_token = signed_in.device_token
        return None

    def leave(self) -> None:
        """Make nobody the viewer of the rest."""
        self.viewer = None
        if self.cookies is not None:
            self.cookies.end()

    def require_changes(self) -> None:
        """Raise BadUserInput where no mutation runs."""
        if not self.changes:
            raise BadUserInput("Nothing is changed this way: send mutations to /graphql, by POST.")

    async def look_again(self) -> None:
        """See, after a wait, the viewer as they are now, or were a moment ago. Raises Unauthenticated."""
        if self.viewer is not None and not self.viewer.is_fresh:
            self.viewer = await access.renewed(self.app, self.viewer)

    async def begin_change(self) -> None:
        """Begin a mutation, for the viewer as they are now. Raises BadUserInput, Unauthenticated.

        Whose session has ended meanwhile is nobody; who can be told so, for they have sent a token, is told.
        """
        self.require_changes()
        self.renew()
        if self.viewer is None or self.viewer.is_fresh:
            return
        try:
            self.viewer = await access.viewer_of(self.app, self.viewer.session.key, self.viewer.user.id)
        except Unauthenticated:
            self.viewer = None
            if self.cookies is None:
                raise

    def end_change(self) -> None:
        """End a mutation: what the viewer asks next sees what has become of it, whether or not anybody told."""
        if self.viewer is not None:
            self.app.viewers.forget(self.viewer.user.id)

    def renew(self) -> None:
        """Forget what was read: the next event of a subscription sees rows as they are then."""
        self._loaders = self.arrived = None

    async def held_by(self, user_id: int) -> Held:
        """What a user has, read once in this request."""
        trial = await self.loaders.trial_by_user.load(user_id)
        return Held(trial, await self.loaders.purchases_by_user.load(user_id))

    async def plan_key(self) -> str:
        """The key of the plan that the viewer is on, as it is after what this operation has changed so far."""
        if self.changing:
            self.renew()
        held = await self.held_by(self.signed_in.user.id)
        return entitlements.plan_of(self.app, held, self.now).plan.key

    def may(self, permission: Permission) -> bool:
        """Whether there is a viewer who has this permission."""
        return self.viewer is not None and access.has_permission(self.viewer.user, permission)

    def is_viewer(self, user_id: int) -> bool:
        """Whether this user is the viewer."""
        return self.viewer is not None and self.viewer.user.id == user_id

    def require_sight_of(self, user_id: int, permission: Permission = Permission.READ_USERS) -> None:
        """Raise NotFound unless the viewer is this user, or may do this for others."""
        if not (self.is_viewer(user_id) or self.may(permission)):
            raise NotFound

    async def require_assurance(self, max_age: int | None = None, *, adding_factor: bool = False) -> None:
        """Raise StepUpRequired unless the viewer has shown, `max_age` seconds ago at most, who they are."""
        # An operation before this one in the document may have ended the session.
        viewer = self.viewer = await access.viewer_of(self.app, self.signed_in.session.key, self.signed_in.user.id)
        has_factor = await mfa.has_factor(viewer.user.id)
        if not access.is_assured(viewer, max_age, self.now, has_factor=has_factor, adding_factor=adding_factor):
            raise StepUpRequired


Info: TypeAlias = strawberry.Info[Context, Any]

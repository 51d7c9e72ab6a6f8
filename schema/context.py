"""What a request carries to every resolver."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import strawberry

from core.errors import NotFound, Unauthenticated
from loaders import Loaders
from models.accounts import Role
from schema.cookies import Cookies
from services import access, accounts
from services.access import Viewer
from services.app import App
from services.sessions import Client


@dataclass
class Context:
    """One request: the app, who asks, from where, and what it has read so far."""

    app: App
    client: Client
    viewer: Viewer | None = None
    cookies: Cookies | None = None
    """In cookie mode, what came in and what goes out; else None."""
    loaders: Loaders = field(default_factory=Loaders)
    begun: bool = False
    """Whether execution has begun: what fails before that was refused by parsing, limits or validation."""
    changing: bool = False
    """Whether a mutation runs: then nobody may cancel it half-way."""

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

    def renew(self) -> None:
        """Forget what was read: the next event of a subscription sees rows as they are then."""
        self.loaders = Loaders()

    def require_sight_of(self, user_id: int) -> None:
        """Raise NotFound unless the viewer is this user, or supports them."""
        viewer = self.viewer
        if viewer is None or not (viewer.user.id == user_id or access.has_role(viewer.user, Role.SUPPORT)):
            raise NotFound


Info: TypeAlias = strawberry.Info[Context, Any]

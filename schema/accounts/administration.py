"""What administrators and support see of accounts and do with them."""

from typing import Annotated

import strawberry

from core.errors import Refusal
from models.accounts import User as UserRow
from schema.accounts.user import User
from schema.connections import PageInfo, cursor_by_id
from schema.errors import Error
from services import accounts
from services.pages import Rows


@strawberry.type(description="A user in their place.")
class UserEdge:
    """An edge of `users`."""

    cursor: str = strawberry.field(description="The user's place.")
    node: User = strawberry.field(description="The user.")


@strawberry.type(description="A page of users.")
class UserConnection:
    """Users, the newest first."""

    edges: list[UserEdge] = strawberry.field(description="The users.")
    page_info: PageInfo = strawberry.field(description="What lies beyond.")
    total_count: int = strawberry.field(description="How many there are in all.")

    @classmethod
    def of(cls, page: Rows[UserRow], total: int) -> "UserConnection":
        """The page as the API tells it."""
        edges = [UserEdge(cursor=cursor_by_id(row), node=User.of(row)) for row in page.rows]
        return cls(edges=edges, page_info=PageInfo.by_id(page), total_count=total)


@strawberry.type(description="The user has the role, and is signed out everywhere if it is another one than before.")
class AssignRoleSuccess:
    """What `assignRole` gives."""

    user: User = strawberry.field(description="The user as they are now.")


@strawberry.type(description="The account is suspended, and signed out everywhere.")
class SuspendUserSuccess:
    """What `suspendUser` gives."""

    user: User = strawberry.field(description="The user as they are now.")


@strawberry.type(description="Nobody else could administer Porchlight: it stays as it is.")
class LastAdministrator(Error):
    """One administrator must stay."""


AssignRoleResult = Annotated[
    AssignRoleSuccess | LastAdministrator,
    strawberry.union("AssignRoleResult", description="What `assignRole` answers."),
]
SuspendUserResult = Annotated[
    SuspendUserSuccess | LastAdministrator,
    strawberry.union("SuspendUserResult", description="What `suspendUser` answers."),
]

REFUSALS: dict[type[Refusal], type[Error]] = {accounts.LastAdministrator: LastAdministrator}

"""Taking one's data along, and leaving."""

from datetime import datetime
from typing import Annotated

import strawberry

from schema.accounts.signing_in import InvalidCredentials
from services import accounts


@strawberry.type(description="A copy of everything that is held about the viewer, as one JSON file.")
class DataExport:
    """What `exportMyData` gives."""

    url: str = strawberry.field(description="Download it here, without signing in. Keep the address to yourself.")
    expires_at: datetime = strawberry.field(
        description="The address works until then, as long as the session that asked for it has not ended."
    )

    @classmethod
    def of(cls, export: accounts.Export) -> "DataExport":
        """The export as the API tells it."""
        return cls(url=export.url, expires_at=export.expires_at)


@strawberry.type(description="The account is going to be deleted. All its other sessions have ended.")
class DeleteAccountSuccess:
    """What `deleteAccount` gives."""

    deletion_at: datetime = strawberry.field(description="Until then `cancelAccountDeletion` keeps the account.")


DeleteAccountResult = Annotated[
    DeleteAccountSuccess | InvalidCredentials,
    strawberry.union("DeleteAccountResult", description="What `deleteAccount` answers."),
]

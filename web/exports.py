"""`/exports/<token>`: the download that `exportMyData` gives a link to."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from core.errors import NotFound
from services import accounts
from services.app import App
from web.answers import JSON, NO_STORE

HEADERS = {**NO_STORE, "Content-Disposition": 'attachment; filename="porchlight-export.json"'}


class Exports:
    """The downloads, over one app."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def download(self, request: Request) -> Response:
        """Everything that is held about the link's owner. Raises a 404 for a link that does not work any more.

        HEAD asks what GET would say, and spends nothing.
        """
        token = request.path_params["token"]
        try:
            if request.method == "HEAD":
                await accounts.find_export(self._app, token)
                return StreamingResponse((), media_type=JSON, headers=HEADERS)
            user = await accounts.open_export(self._app, token)
        except NotFound as error:
            raise HTTPException(HTTPStatus.NOT_FOUND) from error
        return StreamingResponse(accounts.written(self._app, user), media_type=JSON, headers=HEADERS)

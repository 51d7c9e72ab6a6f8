"""Showing an image."""

from typing import Annotated

import strawberry

from adapters.images import LARGEST_FILE
from schema.context import Info
from schema.directives import Auth, Entitled, RateLimit, guards
from schema.images import AnalyzeImageResult, AnalyzeImageSuccess, ImageAnalysis
from schema.uploads import Upload, UploadedFile
from services import images


@strawberry.type
class ImagesMutation:
    """What people show."""

    @strawberry.mutation(
        extensions=guards(Auth(), Entitled("image-analysis"), RateLimit(max=10, window=60)),
        description="Look at an image of the viewer's and make what it shows interests of theirs. It is not kept. The "
        "same one again costs nothing.",
    )
    async def analyze_image(
        self,
        info: Info,
        image: Annotated[Upload, strawberry.argument(description="A JPEG, PNG or WebP of at most 10 MB.")],
        caption: Annotated[str | None, strawberry.argument(description="What the viewer says of it.")] = None,
    ) -> AnalyzeImageResult | None:
        app, user = info.context.app, info.context.signed_in.user
        assert isinstance(image, UploadedFile)
        analysis = await images.analyze(app, user, await image.read(LARGEST_FILE + 1), caption)
        return AnalyzeImageSuccess(analysis=ImageAnalysis.of(analysis, user.id))

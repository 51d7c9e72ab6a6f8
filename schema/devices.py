"""What a client says of its device."""

from dataclasses import replace

import strawberry

from schema.context import Context
from services import devices


@strawberry.input(description="What a client says of its device.")
class DeviceInput:
    """All of it optional; the token is what recognises a device."""

    device_token: str | None = strawberry.field(default=None, description="From an earlier sign-in on this device.")
    fingerprint: str | None = strawberry.field(default=None, description="Any stable mark, up to 128 characters.")
    name: str | None = strawberry.field(default=None, description="Name for people, such as `Firefox on Linux`.")
    platform: str | None = strawberry.field(default=None, description="Operating system or app platform.")
    locale: str | None = strawberry.field(default=None, description="BCP 47 tag, such as `de-AT`.")
    timezone: str | None = strawberry.field(default=None, description="IANA name, such as `Europe/Vienna`.")

    def described(self) -> devices.Description:
        """The description as services take it. Raises BadUserInput."""
        return devices.Description(
            device_token=self.device_token,
            fingerprint=self.fingerprint,
            name=self.name,
            platform=self.platform,
            locale=self.locale,
            timezone=self.timezone,
        )


def device_of(context: Context, said: DeviceInput | None) -> devices.Description | None:
    """What the client says of its device, with the token that its cookie keeps in cookie mode. Raises BadUserInput."""
    kept = context.cookies.device if context.cookies else None
    if said is None:
        return devices.Description(device_token=kept) if kept else None
    description = said.described()
    return description if description.device_token or not kept else replace(description, device_token=kept)

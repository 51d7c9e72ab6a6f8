"""What a client says of its device."""

import strawberry

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

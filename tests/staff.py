"""People with a role, as tests need them."""

from models import Role, Session, User
from tests.porchlight import Person, Porchlight


async def promote(porchlight: Porchlight, person: Person, role: Role) -> Person:
    """Give somebody a role, and let their session have used a second factor just now."""
    with porchlight.app.database.bound():
        await User.filter(id=person.user_id).update(role=role)
        await Session.filter(user_id=person.user_id).update(assurance=2, factor_at=porchlight.clock.now())
    return person


async def staff(porchlight: Porchlight, role: Role, email: str | None = None) -> Person:
    """Somebody new with a role, who has used a second factor just now."""
    return await promote(porchlight, await porchlight.register(email or f"{role.lower()}@example.com"), role)


def id_of(person: Person) -> str:
    """A person's global id."""
    return str(person.registered["user"]["id"])

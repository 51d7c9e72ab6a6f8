"""`python -m tests.drill.growth`: what people leave in the database, and what processes hold, for docs/capacity.md.

It takes a minute: people sign up, use, look and click, and then tables are weighed.
"""

import asyncio
import sys
from collections import defaultdict

import asyncpg  # type: ignore[import-untyped]
import psutil  # type: ignore[import-untyped]  # it comes without types
from redis import Redis

from adapters.database.addresses import PostgresServer, parse
from tests.drill.visitors import DO, FEED, ME, USE, Visitors
from tests.drill.world import World, standing

PEOPLE = 100
EACH = 10
"""Reports, clicks and lists of one person."""
AT_ONCE = 8
SIZES = """
SELECT relname, pg_total_relation_size(relid) AS bytes, n_live_tup AS rows FROM pg_stat_user_tables ORDER BY 2 DESC
"""
CONNECTIONS = "SELECT client_port FROM pg_stat_activity WHERE backend_type = 'client backend' AND client_port > 0"


async def live(visitors: Visitors, turn: asyncio.Semaphore) -> None:
    """What one person does on their first day."""
    async with turn:
        user_id, token = await visitors.sign_up()
        async with visitors.client(token) as http:
            feed = await visitors.until_answered("feed", http, FEED, {})
            item = feed["me"]["recommendations"]["edges"][0]["node"]["id"]
            for number in range(EACH):
                key = f"{user_id}-{number}"
                await visitors.until_answered("usage", http, USE, {"key": key})
                await visitors.until_answered("interaction", http, DO, {"key": key, "item": item})
                await visitors.until_answered("feed", http, FEED, {})
                await visitors.until_answered("question", http, ME, {})


async def weighed(connection: asyncpg.Connection) -> dict[str, tuple[int, int]]:
    """Bytes with indexes, and rows, of each table."""
    await connection.execute("VACUUM ANALYZE")
    return {row["relname"]: (row["bytes"], row["rows"]) for row in await connection.fetch(SIZES)}


async def connections(world: World, connection: asyncpg.Connection) -> dict[str, tuple[int, int]]:
    """To PostgreSQL and to Valkey, of each of our processes."""
    postgres = {row["client_port"] for row in await connection.fetch(CONNECTIONS)}
    valkey = {int(each["addr"].rpartition(":")[2]) for each in Redis.from_url(world.valkey.url).client_list()}
    held: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for member in world.members():
        ports = {each.laddr.port for each in psutil.Process(member.program.process.pid).net_connections("tcp")}
        held[member.name] = (len(ports & postgres), len(ports & valkey))
    return held


async def measure() -> list[str]:
    """The lines to print."""
    async with standing() as world:
        address = parse(world.database_url)
        assert isinstance(address, PostgresServer)
        connection = await asyncpg.connect(**address.parameters())
        before = await weighed(connection)
        visitors, turn = Visitors(world.url, world.nginx.tls.trust), asyncio.Semaphore(AT_ONCE)
        most: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
        async with asyncio.TaskGroup() as group:
            people = [group.create_task(live(visitors, turn)) for _ in range(PEOPLE)]
            while not all(task.done() for task in people):
                for name, (postgres, valkey) in (await connections(world, connection)).items():
                    most[name] = (max(most[name][0], postgres), max(most[name][1], valkey))
                await asyncio.sleep(1)
        after = await weighed(connection)
        lines = [f"{PEOPLE} people, {EACH} reports, clicks and lists each"]
        for name, (size, rows) in after.items():
            grown = (size - before[name][0]) / PEOPLE
            if grown > 100:
                lines.append(
                    f"{name:28} {grown:8,.0f} bytes and {(rows - before[name][1]) / PEOPLE:5.1f} rows a person"
                )
        for member in world.members():
            held = psutil.Process(member.program.process.pid).memory_info().rss // 2**20
            lines.append(f"{member.name}: {most[member.name]} connections to PostgreSQL and Valkey, {held} MB")
        await connection.close()
        return lines


if __name__ == "__main__":
    sys.stdout.write("\n".join(asyncio.run(measure())) + "\n")

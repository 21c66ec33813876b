"""What is lost under load while releases take turns, and whether old pages keep their assets."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

from connection import Connection
from kills import mixed
from load import Load
from sample import beside, deployed, supervisor
from table import Row, counted
from warm import edit

TIMES = 20
ASSET = "old asset"
MISSING = f"{ASSET}: 404"
PAUSE = 0.05  # seconds between two questions for assets
STYLE = re.compile(rb'href="(/static/leaderboard/app\.[0-9a-f]+\.css)"')
OPEN_PAGES = 4  # releases whose pages are still open somewhere; the target keeps five


def rows(home: Path, runs: int) -> Iterator[Row]:
    """Deploys of changed code and rollbacks, one after another, under load of every kind."""
    with deployed(home) as checkout, beside(checkout):
        port = supervisor(checkout).status().port or 0
        assets = Assets()
        with Load(port, *mixed(), assets.run) as load:
            for _ in range(TIMES):
                edit(checkout)
                checkout.inv("deploy").must_end(0)
                checkout.inv("rollback").must_end(0)
    missing = [what for what in load.failures if what == MISSING]
    others = len(load.failures) - len(missing)
    name = f"{TIMES} deploys and {TIMES} rollbacks under load: failed requests"
    yield counted(name, others, load.total, load.kinds)
    yield counted("old hashed assets meanwhile: not found", len(missing), assets.asked)


class Assets:
    """A client that asks for the stylesheets of pages that it has seen, the latest few."""

    def __init__(self) -> None:
        self.asked = 0
        self._seen: list[str] = []

    async def run(self, load: Load) -> None:
        """Look at a page, and ask for its stylesheet and for those from before."""
        connection: Connection | None = None
        while not load.ending.is_set():
            connection, page = await load.ask("/", connection)
            self._see(page.body if page else b"")
            for path in self._seen:
                connection, _ = await load.ask(path, connection, name=ASSET)
                self.asked += 1
            await asyncio.sleep(PAUSE)
        if connection:
            connection.close()

    def _see(self, body: bytes) -> None:
        if found := STYLE.search(body):
            path = found[1].decode()
            others = [one for one in self._seen if one != path]
            self._seen = [*others, path][-OPEN_PAGES:]

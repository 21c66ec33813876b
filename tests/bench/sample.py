"""The sample app as the bench deploys it: with data, and with pages that wait."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from by_hand import ByHand, by_hand
from checkout import Checkout
from faults import page

from castoff.targets.local.control import Supervisor
from castoff.targets.local.state import run_folder

# Enough that the leaderboard is a full page.
SEED = """
import random
from project.leaderboard.models import Match, Player

if not Player.objects.exists():
    chance = random.Random(1)
    names = [f"Player {number}" for number in range(60)]
    players = Player.objects.bulk_create(Player(name=name, name_key=name) for name in names)
    pairs = [chance.sample(players, 2) for _ in range(500)]
    Match.objects.bulk_create(
        Match(player_a=a, player_b=b, winner=a, kind="gin", points=chance.randint(25, 90))
        for a, b in pairs
    )
"""
WAIT = "/waits/{}/"  # milliseconds


@contextmanager
def deployed(folder: Path) -> Iterator[Checkout]:
    """A checkout that serves on the local target, and is stopped afterwards."""
    folder.mkdir()
    checkout = Checkout.clone(folder, "local")
    for wait in (20, 300):
        body = f'time.sleep({wait / 1000})\nreturn HttpResponse("waited")'
        page(checkout, WAIT.format(wait).strip("/") + "/", body)
    checkout.commit("Pages that wait")
    try:
        checkout.inv("deploy").must_end(0)
        yield checkout
    finally:
        checkout.end()


@contextmanager
def beside(checkout: Checkout) -> Iterator[ByHand]:
    """A deploy by hand with the same virtualenv and the same database, which gets some data."""
    python = next(checkout.state.glob("venvs/*/bin/python"))
    url = json.loads((checkout.folder / "config.json").read_text())["DATABASE_URL"]
    with by_hand(checkout, checkout.root.with_name("by-hand"), python, url) as hand:
        hand.unpack()
        hand.manage()
        hand.run(python, "manage.py", "shell", "-c", SEED)
        yield hand


def supervisor(checkout: Checkout) -> Supervisor:
    """What the checkout's supervisor says."""
    return Supervisor(checkout.folder, run_folder(checkout.folder))

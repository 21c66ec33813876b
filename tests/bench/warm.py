"""A deploy after a change of the code, and a rollback, against the guides' commands."""

import time
from collections.abc import Iterator
from pathlib import Path

from checkout import Checkout
from sample import beside, deployed
from table import Row, paired
from timing import in_turn, timed


def rows(home: Path, runs: int) -> Iterator[Row]:
    """`inv deploy` and `inv rollback`, smoke included."""
    with deployed(home) as checkout, beside(checkout) as hand:
        requirements = next(checkout.state.glob("venvs/*/indexed.txt"))

        def deploy() -> None:
            checkout.inv("deploy").must_end(0)

        deploys, bare = in_turn(
            deploy, lambda: hand.deploy(requirements), runs, lambda: edit(checkout)
        )
        yield paired(
            "`inv deploy`, code changed / the guides'", deploys, bare, at_most=0.9, seconds=2
        )
        rollbacks = []
        for _ in range(runs):
            rollbacks.append(timed(lambda: checkout.inv("rollback").must_end(0)))
            deploy()  # forward again, or the next one would go further back
        yield paired("`inv rollback` / the guides' deploy", rollbacks, bare, at_most=0.5, seconds=1)


def edit(checkout: Checkout) -> None:
    """Change code and a stylesheet, and commit them."""
    for path in ("project/urls.py", "project/static/leaderboard/app.css"):
        mark = f"\n/* {time.time_ns()} */" if path.endswith("css") else f"# {time.time_ns()}\n"
        checkout.append(path, mark)
    checkout.commit("Change")

"""Two targets at once against one, in a project whose steps wait more than they compute."""

from collections.abc import Iterator
from pathlib import Path

from checkout import Checkout
from faults import at_boot
from table import Row, paired
from timing import in_turn
from warm import edit

BOOT = 4.0  # seconds that a worker waits before it can serve, as for another service
COMMAND = 3.0  # seconds that the release command waits, as for a lock


def rows(home: Path, runs: int) -> Iterator[Row]:
    """`inv deploy --target=a,b` against `--target=a`, the code changed each time."""
    home.mkdir()
    checkout = Checkout.clone(home, "a")
    checkout.configure(targets={"a": {"platform": "local"}, "b": {"platform": "local"}})
    at_boot(checkout, f"import time\n\ntime.sleep({BOOT})")
    checkout.append(
        "project/settings/production.py",
        f'\nimport sys\nimport time\n\nif "release" in sys.argv:\n    time.sleep({COMMAND})\n',
    )
    checkout.commit("Wait")
    try:
        both, one = in_turn(
            lambda: checkout.inv("deploy", "--target=a,b").must_end(0),
            lambda: _one(checkout),
            runs,
            lambda: edit(checkout),
        )
    finally:
        checkout.inv("stop", "--target=b")
        checkout.end()
    yield paired(
        f"two targets at once / one ({BOOT + COMMAND:g} s of waiting)", both, one, at_most=1.15
    )


def _one(checkout: Checkout) -> None:
    edit(checkout)
    checkout.inv("deploy", "--target=a").must_end(0)

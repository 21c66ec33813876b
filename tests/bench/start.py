"""How long `inv` takes to say what it can do, against a bare Invoke with as many tasks."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from checkout import INV, Checkout
from table import Row, paired
from timing import in_turn

NAMES = "build check secrets attach deploy smoke rollback dev status releases logs stop report test"


def rows(home: Path, runs: int) -> Iterator[Row]:
    """`inv --list`."""
    home.mkdir()
    checkout = Checkout.clone(home, "local")
    bare = home / "bare"
    bare.mkdir()
    tasks = [f'@task\ndef {name}(c):\n    """A task."""\n' for name in NAMES.split()]
    (bare / "tasks.py").write_text("from invoke import task\n" + "\n".join(tasks))

    def listed(folder: Path) -> None:
        argv: list[str | Path] = [INV, "--list"]
        subprocess.run(argv, cwd=folder, env=checkout.env, check=True, capture_output=True)

    times = in_turn(lambda: listed(checkout.root), lambda: listed(bare), 3 * runs)
    yield paired("`inv --list` / a bare Invoke's", *times, at_most=1.25)

"""The bench: what castoff costs and what it loses, beside the bare commands in the same run.

    nox -s bench            or            python tests/bench [--runs N] [--only NAME ...]

It prints a table, and is never a test: a figure that is missed is shown as missed.
"""

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import first
import image
import kills
import start
import switches
import targets
import throughput
import warm
from table import Row, table

PARTS: dict[str, Callable[[Path, int], Iterator[Row]]] = {
    "list": start.rows,
    "warm": warm.rows,
    "first": first.rows,
    "switches": switches.rows,
    "kills": kills.rows,
    "targets": targets.rows,
    "throughput": throughput.rows,
    "image": image.rows,
}


def main() -> None:
    """Measure every figure, and print the table."""
    options = argparse.ArgumentParser(prog="bench", description=__doc__)
    options.add_argument("--runs", type=int, default=3, help="counted runs of each pair")
    options.add_argument("--only", action="append", choices=PARTS, help="a part; may be repeated")
    wanted = options.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # users have byte code
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # ends what it began
    rows = []
    with tempfile.TemporaryDirectory(prefix="castoff-bench-") as folder:
        for name in wanted.only or PARTS:
            for row in PARTS[name](Path(folder, name), wanted.runs):
                print(*row.cells, sep="  ", flush=True)
                rows.append(row)
    print(f"\n{table(rows)}")


if __name__ == "__main__":
    main()

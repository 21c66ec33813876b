"""A first run with nothing in any package cache, the tool's own installation included."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from by_hand import by_hand
from checkout import Checkout
from table import Row, paired
from timing import timed

from castoff import scratch_database

INSTALL = ("install", "-q", "-e", "library[deploy,local]")


def rows(home: Path, runs: int) -> Iterator[Row]:
    """From an empty virtualenv to the printed URL, against pip and the guides' commands."""
    home.mkdir()
    installs, deploys, bare = [], [], []
    for number in range(max(1, runs // 2)):
        install, deploy, requirements = _castoff(home / f"castoff-{number}")
        installs.append(install)
        deploys.append(deploy)
        bare.append(_guides(home / f"guides-{number}", requirements))
    ours = [a + b for a, b in zip(installs, deploys, strict=True)]
    name = (
        f"first run, cold caches ({median(installs):.1f} s to install castoff, "
        f"{median(deploys):.1f} s `inv deploy`) / pip and the guides'"
    )
    yield paired(name, ours, bare, seconds=20)


def _castoff(home: Path) -> tuple[float, float, str]:
    """Seconds to install castoff, seconds of its first deploy, and what it installed."""
    checkout = _cold(home)
    programs = home / "venv" / "bin"
    checkout.env["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    try:
        install = timed(lambda: _install(checkout, home / "venv", *INSTALL))
        deploy = timed(lambda: _run([programs / "inv", "deploy"], checkout))
        requirements = next(checkout.state.glob("venvs/*/indexed.txt")).read_text()
    finally:
        checkout.end()
    return install, deploy, requirements


def _guides(home: Path, requirements: str) -> float:
    """Seconds that the same takes by hand."""
    checkout = _cold(home)
    (checkout.root / "requirements.txt").write_text(requirements)

    def everything() -> None:
        _install(checkout, home / "venv", "install", "-q", "-r", "requirements.txt")
        # Apart from the others, because a folder has no hash; the lock has what it depends on.
        _run([home / "venv" / "bin" / "pip", "install", "-q", "--no-deps", "./library"], checkout)
        hand.unpack()
        hand.manage()
        hand.start()

    with (
        scratch_database() as url,
        by_hand(checkout, home / "by-hand", home / "venv" / "bin" / "python", url) as hand,
    ):
        return timed(everything)


def _cold(home: Path) -> Checkout:
    """A checkout whose package caches are empty folders."""
    home.mkdir()
    checkout = Checkout.clone(home, "local")
    checkout.env |= {name: str(home / name) for name in ("PIP_CACHE_DIR", "UV_CACHE_DIR")}
    checkout.env.pop("PIP_FIND_LINKS", None)  # a folder of wheels is a warm cache
    return checkout


def _install(checkout: Checkout, venv: Path, *words: str) -> None:
    _run([sys.executable, "-m", "venv", venv], checkout)
    _run([venv / "bin" / "pip", *words], checkout)


def _run(argv: list[str | Path], checkout: Checkout) -> None:
    done = subprocess.run(
        argv, cwd=checkout.root, env=checkout.env, check=False, text=True, capture_output=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, argv))}:\n{done.stdout}{done.stderr}")

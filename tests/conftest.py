"""A user's checkout of this repository, in which the real `inv` runs, and ends with everything."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from checkout import Checkout

from castoff.errors import StepError
from castoff.image.engine import Engine
from castoff.shell import CommandFailed, Shell

TARGETS = ("local", "local-container")

# What runs here must hear what a terminal says, also where the tests run under nohup or behind `&`.
for number, handler in (
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGINT, signal.default_int_handler),
):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The target that the steps are tested on."""
    parser.addoption("--target", choices=TARGETS, default="local", help="the target to test on")


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest) -> str:
    """The target's name."""
    return str(request.config.getoption("--target"))


@pytest.fixture
def fresh(tmp_path: Path, target: str) -> Iterator[Checkout]:
    """A fresh clone, in which nothing was done yet."""
    yield from _checkout(tmp_path, target)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, target: str) -> Iterator[Checkout]:
    """A checkout that is deployed, and that the tests of a file change one after another."""
    for checkout in _checkout(tmp_path_factory.mktemp("app"), target):
        checkout.first = checkout.inv("deploy").must_end(0)
        yield checkout


def _checkout(folder: Path, target: str) -> Iterator[Checkout]:
    checkout = Checkout.clone(folder, target)
    try:
        yield checkout
    finally:
        checkout.end()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """An engine with the base image."""
    with Engine(Shell()) as found:
        try:
            found.require().docker("image", "inspect", "python:3.13-slim")
        except (StepError, CommandFailed) as error:
            pytest.skip(f"no engine with python:3.13-slim answers here: {error}")
        yield found

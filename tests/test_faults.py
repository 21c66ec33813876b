"""Whatever dies, fills up or goes wrong: what was recorded is kept, what serves is told, and a
second `inv deploy` finishes the work. One test for each row of the table in `fault_rows/`."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from checkout import eventually
from fault_table import Row, Serves, rows
from fault_world import World


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each row that the target can be put through."""
    found = rows(metafunc.config.getoption("--target"))
    metafunc.parametrize("row", found, ids=[row.name for row in found])


class Worlds:
    """Lends the shared world, or one for a row alone; who breaks one does not get it back."""

    def __init__(self, factory: pytest.TempPathFactory, target: str) -> None:
        self._factory = factory
        self._target = target
        self._shared: dict[bool, World] = {}  # the one with a small disk, and the one without

    @contextmanager
    def lend(self, row: Row) -> Iterator[World]:
        """Give a world in which the row can happen."""
        if row.first or row.alone:
            with closing_world(self._made(row)) as world:
                yield world
            return
        kept = self._shared.pop(row.small_disk, None)
        world = kept or self._made(row)
        try:
            yield world
        except BaseException:
            world.end()
            raise
        self._shared[row.small_disk] = world

    def end(self) -> None:
        """End the shared worlds."""
        for world in self._shared.values():
            world.end()

    def _made(self, row: Row) -> World:
        folder = self._factory.mktemp("world")
        world = World.cloned(folder, self._target, small_disk=row.small_disk)
        try:
            if not row.first:
                world.deploy_first()
        except BaseException:
            world.end()
            raise
        return world


@contextmanager
def closing_world(world: World) -> Iterator[World]:
    """End a world after the block."""
    try:
        yield world
    finally:
        world.end()


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory, target: str) -> Iterator[Worlds]:
    """The worlds that the rows happen to."""
    worlds = Worlds(tmp_path_factory, target)
    yield worlds
    worlds.end()


def test_after(row: Row, worlds: Worlds) -> None:
    with worlds.lend(row) as world, world.watched():
        if not row.first:
            begin(world)
        happen(row, world)
        come_back(row, world)
        row.mend(world)
        finish(world)


def begin(world: World) -> None:
    """Everything is well, and there is a match more than before."""
    world.before = world.app.stamp
    world.record()
    world.must_have_kept_all_data()


def happen(row: Row, world: World) -> None:
    """The fault: what met it says what a user needs, and what is to serve does."""
    run = row.act(world)
    assert run or not (row.says or row.ends), "who says it?"
    if run:
        run.must_end(row.ends)
        for words in row.says:
            assert words in run.text, run.text
    serve(world, row.serves)


def come_back(row: Row, world: World) -> None:
    """What brings back what is missing says so, and it serves."""
    if row.back:
        run = world.app.inv(*row.back).must_end(0)
        for words in row.tells:
            assert words in run.text, run.text
        serve(world, Serves.NEW if row.serves is Serves.NEW else Serves.BEFORE)


def finish(world: World) -> None:
    """A second deploy finishes the work, and nothing is left behind."""
    world.holds.open()
    world.app.inv("deploy").must_end(0)
    world.app.forget_url()  # it had none, if this was the first
    assert world.app.stamp == world.app.head
    world.must_have_kept_all_data()
    world.must_have_leaked_nothing()
    world.must_have_left_nothing_running()


def serve(world: World, what: Serves) -> None:
    """That code answers, with all data; or nothing does."""
    if what is Serves.NOTHING:
        assert world.app.get("/healthz").status == -1
        return
    commit = world.app.head if what is Serves.NEW else world.before
    eventually(lambda: world.app.stamp == commit, 60)
    world.must_have_kept_all_data()

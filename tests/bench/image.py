"""The sample's image against the two Dockerfiles that it is to beat, on the same base."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from candidate import CHANGES, Candidate, Stop
from checkout import REPOSITORY
from table import Row, paired

from castoff.image.engine import Engine
from castoff.shell import Shell

SEEDS = Path(__file__).parent / "seeds"
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=256m")
MB = 1e6
REBUILD = {"template": 0.25, "Python": 0.95}  # of the multi-stage seed's seconds
PUSHED = {"template": 0.2, "Python": 0.4}  # MB


def rows(home: Path, runs: int) -> Iterator[Row]:
    """Cold builds, rebuilds, sizes, a server's start and its end."""
    with Engine(Shell()) as engine, ExitStack() as left:
        engine.require()
        own = [(REPOSITORY / name).read_text() for name in ("Dockerfile", ".dockerignore")]
        ours = Candidate(engine, home / "castoff", *own, *HARDENED)
        multi, single = (
            Candidate(engine, home / name, (SEEDS / f"{name}.Dockerfile").read_text())
            for name in ("multi-stage", "single-stage")
        )
        for one in (ours, multi, single):
            left.callback(one.remove)
        yield from _cold(ours, multi, single, runs)
        yield from _sizes(ours, multi, single)
        yield from _server(ours, multi, runs)
        before = "cold"
        for kind in CHANGES:
            yield from _rebuilt(kind, before, ours, multi, single, runs)
            before = kind


def _cold(ours: Candidate, multi: Candidate, single: Candidate, runs: int) -> Iterator[Row]:
    times: list[list[float]] = [[], [], []]
    made: list[list[tuple[str, ...]]] = [[], [], []]
    # Down to the usual umask: under the other one a seed's server cannot read its own files.
    for number in reversed(range(max(2, runs))):
        for one, kept, layers in zip((ours, multi, single), times, made, strict=True):
            kept.append(one.cold(number))
            layers.append(tuple(one.layers()))
    yield paired("image, cold build / multi-stage seed's", times[0], times[1], at_most=0.7)
    yield paired("image, cold build / single-stage seed's", times[0], times[2])
    same = [len({*layers}) == 1 for layers in made]
    told = [f"{'the same' if one else 'others'} in {len(made[0])} cold builds" for one in same]
    name = "image, layers of another clone under another umask"
    yield Row(name, told[0], told[1], wanted="the same", met=same[0])


def _sizes(ours: Candidate, multi: Candidate, single: Candidate) -> Iterator[Row]:
    yield _weighed("image, over the base / multi-stage seed's", ours.size, multi.size, 46, 0.76)
    yield _weighed("image, over the base / single-stage seed's", ours.size, single.size)
    small, big = ours.pushed(), multi.pushed()
    yield _weighed("image, the same compressed / multi-stage seed's", small, big, 16)


def _server(ours: Candidate, multi: Candidate, runs: int) -> Iterator[Row]:
    boots: tuple[list[float], list[float]] = ([], [])
    stops: tuple[list[Stop], list[Stop]] = ([], [])
    for _ in range(runs + 1):
        for one, boot, stop in zip((ours, multi), boots, stops, strict=True):
            with one.started() as (container, seconds):
                boot.append(seconds)
                stop.append(one.stop(container))
    name = "image, start to the first 200 / multi-stage seed's"
    yield paired(name, boots[0][1:], boots[1][1:], seconds=0.8)
    name = f"image, SIGTERM to exit {_codes(stops[0])} / seed's to exit {_codes(stops[1])}"
    ours_end, multi_end = ([one.seconds for one in each] for each in stops)
    ended = paired(name, ours_end, multi_end, seconds=1.5)
    yield replace(ended, met=ended.met and not any(one.status for one in stops[0]))


def _codes(stops: list[Stop]) -> str:
    return ", ".join(str(status) for status in sorted({one.status for one in stops}))


def _rebuilt(
    kind: str, before: str, ours: Candidate, multi: Candidate, single: Candidate, runs: int
) -> Iterator[Row]:
    times: list[list[float]] = [[], [], []]
    for one in (ours, multi, single):
        one.rebuild(kind)  # does not count
    for _ in range(2 * runs):
        for one, kept in zip((ours, multi, single), times, strict=True):
            kept.append(one.rebuild(kind))
    name = f"image, a {kind} file changed"
    yield paired(f"{name} / multi-stage seed's", times[0], times[1], at_most=REBUILD[kind])
    yield paired(f"{name} / single-stage seed's", times[0], times[2])
    small, big = (one.pushed(kind, before) for one in (ours, multi))
    yield _weighed(f"{name}: pushed / multi-stage seed's", small, big, PUSHED[kind])


def _weighed(
    name: str, ours: int, baseline: int, mb: float | None = None, ratio: float | None = None
) -> Row:
    """A row of bytes; ``mb`` and ``ratio`` are what they should be at most."""
    share = ours / baseline
    wanted = [f"≤ {ratio} ×"] if ratio else []
    wanted += [f"≤ {mb:g} MB"] if mb else []
    met = (ratio is None or share <= ratio) and (mb is None or ours <= mb * MB)
    sizes = f"{ours / MB:.3g} MB", f"{baseline / MB:.3g} MB"
    return Row(name, sizes[0], sizes[1], f"{share:.2f}", ", ".join(wanted), met)

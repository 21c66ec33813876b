"""Rows: the new code is no good, in a way that no check of the source can see."""

import threading
from pathlib import Path

from checkout import Run, eventually
from fault_table import PROCESSES, SUPERVISOR, Row, Serves
from fault_world import World, children
from faults import around, at_boot, page


def wrong_commit(world: World) -> Run:
    """Every answer names another commit, as after a build that took stale files."""
    around(world.app, 'headers = {**headers, "X-Release": "0" * 40}')
    world.app.commit()
    return world.app.inv("deploy")


def wrong_commit_to_users(world: World) -> Run:
    """Only what users ask is answered by other code."""
    around(
        world.app,
        'if environ["SERVER_PORT"] != "80":\n    headers = {**headers, "X-Release": "0" * 40}',
    )
    world.app.commit()
    return world.app.inv("deploy")


def never_ready(world: World) -> Run:
    """It boots for longer than it is given."""
    patience(world, 8)
    world.change()
    return world.start_and_reach("boot", "deploy").wait()


def slow_health(world: World) -> Run:
    """It boots, and its health check does not answer in time."""
    patience(world, 8)
    served = '"CASTOFF_PROBE_TOKEN" in os.environ'  # and not asked by the check
    around(world.app, f'if {served} and environ["PATH_INFO"] == "/healthz":\n    time.sleep(20)')
    world.app.commit()
    return world.app.inv("deploy")


def slow_page(world: World) -> Run:
    """It is healthy, and a page does not answer in time."""
    world.app.configure(smoke={"pages": ["/", "/last-30-days/"], "timeout": 5})
    world.app.commit()
    return world.start_and_reach("late", "deploy").wait()


def deaf_to_sigterm(world: World) -> Run:
    """And it is just answering a request that never ends: it is killed when its time is over."""
    deafen(world)
    world.app.inv("deploy").must_end(0)
    reached = world.holds.close("for-ever")
    threading.Thread(target=world.app.get, args=("/for-ever/",), daemon=True).start()
    eventually(reached.exists)
    world.revert()
    deploy = world.app.inv("deploy")
    world.must_have_left_nothing_running()
    return deploy


def deaf_to_sigterm_and_stop(world: World) -> Run:
    """`inv stop` ends it."""
    deafen(world)
    world.app.inv("deploy").must_end(0)
    stop = world.app.inv("stop")
    assert not world.processes
    return stop


def patience(world: World, seconds: int) -> None:
    """How long new code may boot."""
    world.app.configure(
        targets={world.app.target: {"platform": world.app.target, "boot_timeout": seconds}}
    )


def leaks_memory(world: World) -> Run:
    """Each request keeps 20 MiB: its workers are replaced, and no request notices."""
    world.app.configure(
        targets={world.app.target: {"platform": world.app.target, "worker_memory": 300}}
    )
    body = "_page.__dict__.setdefault('kept', []).append(bytes([1]) * 20 * 2**20)"
    page(world.app, "leak/", f"{body}\nreturn HttpResponse()")
    world.app.commit()
    world.app.inv("deploy").must_end(0)
    for _ in range(60):
        assert world.app.get("/leak/").status == 200
    first, *_ = children(world.parts["gunicorn"])
    assert ends_before(first, world.parts["PostgreSQL"])
    return world.app.inv("logs")


def ends_before(one: int, other: int) -> bool:
    """Whether the kernel would rather end the one when the machine's memory is used up."""
    scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (one, other)]
    return scores[0] > scores[1]


def deafen(world: World) -> None:
    """Commit code that ignores SIGTERM from when it is loaded, and has a page that waits."""
    at_boot(world.app, "import signal\n\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)")
    body = 'from project.hold import hold\n\nhold("for-ever")\nreturn HttpResponse()'
    page(world.app, "for-ever/", body)
    world.app.commit()


ROWS = (
    Row(
        name="new code that answers with another commit",
        act=wrong_commit,
        ends=1,
        says=(f"names the release {'0' * 40}", "still serves at", "Put it right"),
        mend=World.revert,
    ),
    Row(
        name="new code that answers with another commit to users only",
        act=wrong_commit_to_users,
        ends=1,
        says=("smoke checks failed", "serves again, with the code of", "Mend it and deploy again"),
        mend=World.revert,
    ),
    Row(
        name="new code that does not get ready",
        act=never_ready,
        ends=1,
        says=("0 of 2 workers were ready after 8 s", "still serves at", "Put it right"),
        mend=World.revert,
    ),
    Row(
        name="new code whose health check is slow",
        act=slow_health,
        ends=1,
        says=("The release may not serve", "still serves at", "Put it right"),
        mend=World.revert,
    ),
    Row(
        name="new code with a slow page",
        act=slow_page,
        ends=1,
        says=("/last-30-days/", "in 5 s", "serves again, with the code of"),
        mend=World.revert,
    ),
    Row(
        name="new code that leaks memory",
        act=leaks_memory,
        says=("of its 300 MiB: it is replaced.",),
        serves=Serves.NEW,
        mend=World.revert,
        needs=frozenset({PROCESSES}),
    ),
    Row(
        name="code that ignores SIGTERM, and a deploy after it",
        act=deaf_to_sigterm,
        serves=Serves.NEW,
        needs=frozenset({PROCESSES}),
    ),
    Row(
        name="code that ignores SIGTERM, and `inv stop`",
        act=deaf_to_sigterm_and_stop,
        says=("stopped; data and releases are kept",),
        serves=Serves.NOTHING,
        mend=World.revert,
        needs=frozenset({PROCESSES, SUPERVISOR}),
    ),
)

"""What a user meets after something died: kill -9, a reboot, a stop, a removed folder."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from local_load import Load
from local_place import SOURCE, Place, eventually, gone

from castoff.targets.local import control
from castoff.targets.local.state import read_json, write_json

ROWS = "SELECT count(*) FROM kept"
THREADS = 2 * 4  # that a release serves with


@pytest.fixture
def serving(place_with_data: Place) -> Place:
    """A place that serves v1, with a row in its database."""
    place = place_with_data
    place.supervisor.database()
    place.query("CREATE TABLE kept AS SELECT 1 AS one")
    place.deploy("v1")
    return place


def test_killed_supervisor_is_replaced_without_losing_a_request(serving: Place) -> None:
    before = serving.status
    with Load(before.port or 0) as load:
        serving.kill(before.supervisor)
        eventually(lambda: not serving.supervisor.running())
        dead = serving.status
        serving.supervisor.start()
        eventually(lambda: serving.status.gunicorn)
    assert (dead.supervisor, dead.gunicorn) == (None, before.gunicorn)
    assert dead.problems == ["supervisor is dead"]
    assert load.failures == []
    after = serving.status
    assert (after.gunicorn, after.postgres) == (before.gunicorn, before.postgres)
    assert serving.query(ROWS) == ["1"]
    serving.supervisor.switch(serving.spec("v2"))  # on the socket that was taken over
    assert (serving.release(), serving.status.port) == ("v2", before.port)
    eventually(lambda: gone(before.gunicorn))


def test_killed_supervisor_whose_sockets_cannot_be_taken_over_serves_again(serving: Place) -> None:
    before = serving.status
    serving.kill(before.supervisor)
    eventually(lambda: not serving.supervisor.running())
    path = serving.state / "supervisor.json"
    write_json(path, read_json(path) | {"sockets": [1]})  # as where the system refuses
    serving.supervisor.start()
    eventually(lambda: serving.status.gunicorn not in (None, before.gunicorn))
    eventually(lambda: serving.release() == "v1")
    assert serving.status.port == before.port


def test_killed_gunicorn_master_is_replaced_without_losing_a_request(serving: Place) -> None:
    before = serving.status
    with Load(before.port or 0) as load:
        serving.kill(before.gunicorn)
        eventually(lambda: serving.status.gunicorn not in (None, before.gunicorn))
        time.sleep(1.5)
    assert load.failures == []
    assert (serving.status.release, serving.status.problems) == ("v1", [])


def test_killed_worker_is_replaced(serving: Place) -> None:
    worker = int(serving.get().split()[1])
    serving.kill(worker)
    eventually(lambda: all(serving.get().split()[1] != str(worker) for _ in range(20)))
    assert serving.release() == "v1"


def test_killed_postgres_is_replaced_with_its_data(serving: Place) -> None:
    before = serving.status.postgres
    serving.kill(before)
    eventually(lambda: serving.query(ROWS) == ["1"])
    assert serving.status.postgres not in (None, before)


def test_killed_postgres_costs_no_more_than_the_requests_under_way(place_with_data: Place) -> None:
    url = place_with_data.supervisor.database().url
    place_with_data.supervisor.switch(place_with_data.django_spec("v1", url, patience=30))
    before = place_with_data.status
    with Load(before.port or 0) as load:
        place_with_data.kill(before.postgres)
        eventually(lambda: place_with_data.status.postgres not in (None, before.postgres))
        assert place_with_data.get() == "1"
    assert len(load.failures) <= THREADS, load.failures
    assert load.answered > len(load.failures)


def test_candidate_that_dies_does_not_start_anything_again(serving: Place) -> None:
    before = serving.status.gunicorn
    with pytest.raises(Exception, match="may not serve"):
        serving.supervisor.switch(serving.spec("v2", mode="crash"))
    time.sleep(0.5)
    assert (serving.status.gunicorn, serving.status.release) == (before, "v1")


def test_everything_comes_back_after_a_reboot(serving: Place) -> None:
    port = serving.status.port
    serving.pretend_reboot()
    dead = serving.status
    assert (dead.gunicorn, dead.postgres, dead.stopped) == (None, None, False)
    assert dead.problems == ["supervisor is dead", "gunicorn is dead", "postgres is dead"]
    serving.supervisor.start()
    eventually(lambda: serving.release() == "v1")
    assert serving.query(ROWS) == ["1"]
    assert (serving.status.port, serving.status.problems) == (port, [])


def test_reboot_after_which_another_program_has_the_pid_of_postgres(serving: Place) -> None:
    serving.pretend_reboot()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        files = [serving.state / "database/postmaster.pid", serving.run / ".s.PGSQL.5432.lock"]
        for path in files:
            _, _, rest = path.read_text().partition("\n")
            path.write_text(f"{stranger.pid}\n{rest}")
        serving.supervisor.start()
        eventually(lambda: serving.query(ROWS) == ["1"])
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_supervisor_killed_in_the_middle_of_a_switch_leaves_one_release(serving: Place) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from castoff.targets.local.control import Supervisor\n"
        "Supervisor(Path(sys.argv[1]), Path(sys.argv[2])).switch(Path(sys.argv[3]), print)"
    )
    spec = serving.spec("v2", mode="hang")
    argv = [sys.executable, "-u", "-c", code, str(serving.state), str(serving.run), str(spec)]
    client = subprocess.Popen(
        argv,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert client.stdout and client.stdout.readline()
    candidate = roles(serving)["candidate"]
    serving.kill(serving.status.supervisor)
    client.communicate()
    serving.supervisor.start()
    eventually(lambda: gone(candidate))
    assert serving.release() == "v1"
    eventually(lambda: list(roles(serving)) == ["serving"])


def test_supervisor_killed_between_decision_and_opening_serves_the_decision(
    serving: Place,
) -> None:
    # What is on disk after `current.json` was written, with the gate not yet open.
    spec = read_json(serving.spec("v2"))
    serving.kill(serving.status.supervisor)
    eventually(lambda: not serving.supervisor.running())
    current = read_json(serving.state / "current.json")
    write_json(serving.state / "current.json", current | {"promotion": "new", "spec": spec})
    old = roles(serving)["serving"]
    with Load(current["port"]) as load:
        serving.supervisor.start()
        eventually(lambda: serving.status.release == "v2")
        eventually(lambda: serving.release() == "v2")
        eventually(lambda: gone(old))
    assert load.failures == []


def test_stop_then_start_goes_on_with_the_same_data_and_port(serving: Place) -> None:
    port = serving.status.port
    assert serving.supervisor.stop()
    stopped = serving.status
    assert (stopped.supervisor, stopped.gunicorn, stopped.postgres) == (None, None, None)
    assert (stopped.stopped, stopped.problems, stopped.port) == (True, [], port)
    assert not serving.supervisor.stop()
    serving.supervisor.start()
    eventually(lambda: serving.release() == "v1")
    assert (serving.status.port, serving.query(ROWS)) == (port, ["1"])
    assert not serving.status.stopped


def test_stop_ends_what_a_killed_supervisor_left(serving: Place) -> None:
    before = serving.status
    serving.kill(before.supervisor)
    eventually(lambda: not serving.supervisor.running())
    assert serving.supervisor.stop()
    assert gone(before.gunicorn)
    assert gone(before.postgres)


def test_shutdown_of_the_machine_is_not_a_stop(serving: Place) -> None:
    before = serving.status
    assert before.supervisor
    os.kill(before.supervisor, signal.SIGTERM)
    eventually(lambda: not serving.supervisor.running())
    assert not serving.status.stopped
    assert gone(before.postgres)
    serving.supervisor.start()
    eventually(lambda: serving.release() == "v1")


def test_second_supervisor_for_the_same_place_ends_at_once(serving: Place) -> None:
    pid = serving.status.supervisor
    argv = [sys.executable, "-P", "-m", "castoff.targets.local.supervisor"]
    done = subprocess.run(
        [*argv, serving.state, serving.run],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        timeout=10,
        check=False,
    )
    assert done.returncode == 1
    assert b"another supervisor" in done.stderr
    serving.supervisor.start()
    assert serving.status.supervisor == pid
    assert serving.release() == "v1"


def test_supervisor_of_an_older_castoff_is_replaced_without_losing_a_request(
    serving: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = serving.status
    monkeypatch.setattr(control, "code", lambda: "another castoff")
    with Load(before.port or 0) as load:
        serving.supervisor.start()
    after = serving.status
    assert after.supervisor not in (None, before.supervisor)
    assert (after.gunicorn, after.postgres) == (before.gunicorn, before.postgres)
    assert load.failures == []


def test_removed_socket_folder_is_made_again(serving: Place) -> None:
    time.sleep(2)  # it looks after servers that have settled
    shutil.rmtree(serving.run)
    eventually(lambda: serving.query(ROWS) == ["1"])
    eventually(lambda: serving.status.supervisor)
    assert serving.release() == "v1"


def test_removed_state_folder_ends_everything(place: Place) -> None:
    place.deploy("v1")
    before = place.status
    shutil.rmtree(place.state)
    eventually(lambda: gone(before.supervisor))
    assert gone(before.gunicorn)


def test_release_that_dies_again_and_again_is_a_problem_in_the_status(place: Place) -> None:
    place.deploy("v1")
    (place.folder / "release v1" / "plain.py").write_text("raise RuntimeError('gone bad')")
    place.kill(place.status.gunicorn)
    eventually(lambda: any("ends as soon as it starts" in one for one in place.status.problems), 20)
    place.supervisor.switch(place.spec("v2"))
    assert (place.release(), place.status.problems) == ("v2", [])


def test_release_whose_interpreter_is_gone_is_a_problem_and_the_port_refuses(place: Place) -> None:
    place.deploy("v1")
    port = place.status.port
    assert port
    place.pretend_reboot()
    current = read_json(place.state / "current.json")
    spec = current["spec"] | {"python": str(place.folder / "gone")}
    write_json(place.state / "current.json", current | {"spec": spec})
    place.supervisor.start()
    assert "v1 could not be started" in place.status.problems[0]
    time.sleep(1.5)  # it tries again, and the port does not stay open
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    place.supervisor.switch(place.spec("v2"))
    assert (place.release(), place.status.port, place.status.problems) == ("v2", port, [])


def test_nobody_else_can_read_what_is_kept(serving: Place) -> None:
    for path in [serving.run, *serving.state.rglob("*")]:
        if not path.is_symlink() and "database/" not in str(path):
            assert path.stat().st_mode & 0o077 == 0 or path.is_socket(), path
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(serving.run / "control.sock"))


def roles(place: Place) -> dict[str, int]:
    """The pids of the gunicorns that are written down, by what they do."""
    records = read_json(place.state / "supervisor.json")["gunicorns"]
    return {record["role"]: record["process"]["pid"] for record in records}

"""What a user meets when a release loads while the one before still serves, and migrates."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from local_place import SOURCE, Place, eventually, gone

from castoff.targets.local.control import SwitchFailed
from castoff.targets.local.state import read_json


def test_what_was_loaded_ahead_is_what_serves_after_the_switch(place: Place) -> None:
    place.deploy("v1")
    spec = place.spec("v2")
    with place.supervisor.ahead(spec):
        eventually(lambda: len(waiting(place)) == 2)
        ahead = candidate(place)
        assert place.release() == "v1"
        place.supervisor.switch(spec, ahead=True)
    eventually(lambda: place.release() == "v2")
    assert place.status.gunicorn == ahead


def test_its_workers_are_checked_when_it_is_to_serve_and_not_before(place: Place) -> None:
    place.deploy("v1")
    spec = place.spec("v2")
    app = spec.parent / "plain.py"
    app.write_text(app.read_text().replace('mode == "500"', 'os.path.exists("changed")'))
    with place.supervisor.ahead(spec):
        eventually(lambda: len(waiting(place)) == 2)
        ahead = candidate(place)
        (spec.parent / "changed").touch()
        with pytest.raises(SwitchFailed) as caught:
            place.supervisor.switch(spec, ahead=True)
    assert caught.value.kind == "health"
    assert place.release() == "v1"
    eventually(lambda: gone(ahead))


def test_it_is_loaded_anew_when_what_it_has_read_may_have_changed(place: Place) -> None:
    place.deploy("v1")
    spec = place.spec("v2")
    with place.supervisor.ahead(spec):
        ahead = candidate(place)
        place.supervisor.switch(spec, ahead=False)
    eventually(lambda: place.release() == "v2")
    assert gone(ahead)


def test_it_is_loaded_anew_when_it_could_not_load_before(place: Place) -> None:
    place.deploy("v1")
    spec = place.spec("v2")
    app = spec.parent / "plain.py"
    app.write_text(f"import os\nassert os.path.exists('migrated')\n{app.read_text()}")
    with place.supervisor.ahead(spec):
        ahead = candidate(place)
        eventually(lambda: gone(ahead))
        (spec.parent / "migrated").touch()
        place.supervisor.switch(spec, ahead=True)
    eventually(lambda: place.release() == "v2")


def test_nothing_of_it_is_left_when_no_switch_comes(place: Place) -> None:
    place.deploy("v1")
    with place.supervisor.ahead(place.spec("v2")):
        ahead = candidate(place)
    eventually(lambda: gone(ahead))
    eventually(lambda: not [*place.run.glob("gate-*/*")])
    assert place.release() == "v1"


def test_nothing_of_it_is_left_when_the_one_who_asked_is_killed(place: Place) -> None:
    place.deploy("v1")
    code = (
        "import sys, time; from pathlib import Path\n"
        "from castoff.targets.local.control import Supervisor\n"
        "with Supervisor(Path(sys.argv[1]), Path(sys.argv[2])).ahead(Path(sys.argv[3])):\n"
        "    print(flush=True); time.sleep(60)"
    )
    argv = [sys.executable, "-c", code, str(place.state), str(place.run)]
    client = subprocess.Popen(
        [*argv, str(place.spec("v2"))],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
    )
    assert client.stdout and client.stdout.readline()
    ahead = candidate(place)
    client.send_signal(signal.SIGKILL)
    client.communicate()
    eventually(lambda: gone(ahead))
    assert place.release() == "v1"


def test_a_stop_ends_it_too(place: Place) -> None:
    place.deploy("v1")
    with place.supervisor.ahead(place.spec("v2")):
        ahead = candidate(place)
        place.supervisor.stop()
        assert gone(ahead)


def test_a_first_release_is_not_waited_for_by_connections(place: Place) -> None:
    place.supervisor.start()
    place.supervisor.reserve(None)
    spec = place.spec("v1")
    with place.supervisor.ahead(spec):
        assert records(place) == []
        place.supervisor.switch(spec, ahead=True)
    assert place.release() == "v1"


def test_one_that_cannot_even_be_started_is_told_by_the_switch(place: Place) -> None:
    place.deploy("v1")
    spec = place.spec("v2", python="/nowhere/python")
    with (
        place.supervisor.ahead(spec),
        pytest.raises(Exception, match=r"v2 could not be started: .*/nowhere/python"),
    ):
        place.supervisor.switch(spec, ahead=True)
    assert place.release() == "v1"


def records(place: Place) -> list[dict[str, str]]:
    """Every gunicorn that is written down."""
    return [*read_json(place.state / "supervisor.json").get("gunicorns", [])]


def candidate(place: Place) -> int:
    """The pid of what was started ahead."""
    (found,) = (one for one in records(place) if one["role"] == "candidate")
    return int(found["process"]["pid"])  # type: ignore[index]


def waiting(place: Place) -> list[Path]:
    """The sockets of the workers that wait at their gate."""
    return [path for path in place.run.glob("gate-*/*") if path.name.isdigit()]

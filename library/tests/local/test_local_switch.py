"""What a user meets when one release takes the place of another."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from local_load import Load
from local_place import SOURCE, Place, eventually, gone

from castoff.targets.local.control import SwitchFailed


def test_first_release_serves_by_name_and_on_both_loopback_addresses(place: Place) -> None:
    place.deploy("v1")
    assert place.release() == "v1"
    connect(place.status.port)
    if socket.has_ipv6:
        connect(place.status.port, "::1")
    assert place.status.release == "v1"
    assert place.status.problems == []


def test_no_request_is_lost_when_releases_take_turns_under_load(place_with_data: Place) -> None:
    place = place_with_data
    url = place.supervisor.database().url
    place.supervisor.switch(place.django_spec("v0", url))
    assert place.status.port
    with Load(place.status.port) as load:
        for number in range(1, 4):
            place.supervisor.switch(place.django_spec(f"v{number}", url))
    assert load.failures == []
    assert load.answered > 100
    assert place.status.stamp == "v3"


def test_no_request_is_lost_with_a_plain_app_and_slow_requests(place: Place) -> None:
    place.deploy("v0")
    assert place.status.port
    with Load(place.status.port) as load:
        for number in range(1, 5):
            place.supervisor.switch(place.spec(f"v{number}"))
    assert load.failures == []
    assert load.answered > 200


def test_old_release_ends_after_its_slow_requests(place: Place) -> None:
    place.deploy("v1")
    old = place.status.gunicorn
    answers: list[str] = []
    slow = threading.Thread(target=lambda: answers.append(place.get("/slow")))
    slow.start()
    time.sleep(0.1)
    place.supervisor.switch(place.spec("v2"))
    slow.join()
    assert answers[0].startswith("v1")
    assert old
    eventually(lambda: gone(old))


@pytest.mark.parametrize(
    ("changes", "kind", "text"),
    [
        ({"mode": "crash"}, "boot", "no such luck"),
        ({"mode": "hang", "boot_seconds": 2}, "hang", "0 of 2 workers"),
        ({"mode": "500"}, "health", "500"),
        ({"stamp": "other"}, "health", "instead of other"),
        ({"probe_token": "wrong"}, "probe", "404"),
        ({"mode": "pending"}, "probe", "shop.0002_more"),
        ({"wsgi": "nowhere:application"}, "boot", "nowhere"),
    ],
)
def test_release_that_is_no_good_leaves_the_old_one_serving(
    place: Place, changes: dict[str, str], kind: str, text: str
) -> None:
    place.deploy("v1")
    serving = place.status.gunicorn
    with Load(place.status.port or 0) as load, pytest.raises(SwitchFailed) as caught:
        place.supervisor.switch(place.spec("v2", **changes))
    assert caught.value.kind == kind
    assert text in caught.value.what + caught.value.log
    assert "v1 still serves" in caught.value.state
    assert load.failures == []
    assert (place.release(), place.status.gunicorn) == ("v1", serving)


def test_release_with_a_broken_database_leaves_the_old_one_serving(place_with_data: Place) -> None:
    place = place_with_data
    url = place.supervisor.database().url
    place.supervisor.switch(place.django_spec("v1", url))
    with pytest.raises(SwitchFailed) as caught:
        place.supervisor.switch(place.django_spec("v2", url + "_gone"))
    assert caught.value.kind == "probe"
    assert "no connection to the database" in caught.value.what
    assert '"app_gone" does not exist' in caught.value.log
    assert place.get() == "1"


def test_first_release_that_fails_leaves_a_port_that_refuses(place: Place) -> None:
    place.supervisor.start()
    port = place.supervisor.reserve(None).port
    with pytest.raises(SwitchFailed, match="Nothing serves"):
        place.supervisor.switch(place.spec("v1", mode="crash"))
    assert place.status.release is None
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    place.supervisor.switch(place.spec("v2"))
    assert (place.release(), place.status.port) == ("v2", port)


def test_reserved_port_refuses_connections_instead_of_letting_them_wait(place: Place) -> None:
    place.supervisor.start()
    with pytest.raises(ConnectionRefusedError):
        connect(place.supervisor.reserve(None).port)


def test_switch_goes_on_when_the_one_who_asked_is_killed(place: Place) -> None:
    place.deploy("v1")
    code = (
        "import sys; from pathlib import Path\n"
        "from castoff.targets.local.control import Supervisor\n"
        "Supervisor(Path(sys.argv[1]), Path(sys.argv[2])).switch(Path(sys.argv[3]), print)"
    )
    argv = [sys.executable, "-u", "-c", code, str(place.state), str(place.run)]
    client = subprocess.Popen(
        [*argv, str(place.spec("v2"))],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
    )
    assert client.stdout and client.stdout.readline()
    client.send_signal(signal.SIGKILL)
    client.communicate()
    eventually(lambda: place.release() == "v2")


def test_own_gunicorn_configuration_still_counts(place: Place) -> None:
    place.supervisor.start()
    spec = place.spec("v1", workers=1)
    (spec.parent / "gunicorn.conf.py").write_text(
        "import os, pathlib\n"
        "bind = '127.0.0.1:1'\n"
        "raw_env = ['MINE=yes']\n"
        "def post_worker_init(worker):\n"
        "    pathlib.Path(__file__).with_name('hooked').write_text(str(worker.pid))\n"
    )
    place.supervisor.switch(spec)
    assert place.release() == "v1"
    assert (spec.parent / "hooked").read_text() == place.get().split()[1]


def test_one_worker_that_fails_is_enough_to_reject(place: Place) -> None:
    place.deploy("v1")
    spec = place.spec("v2", workers=3)
    app = spec.parent / "plain.py"
    bad = "import os\nfirst = os.path.exists('once') or open('once', 'w')\n"
    app.write_text(bad + app.read_text().replace('mode == "500"', "first is not True"))
    with pytest.raises(SwitchFailed) as caught:
        place.supervisor.switch(spec)
    assert caught.value.kind == "health"
    assert place.release() == "v1"


def connect(port: int | None, host: str = "127.0.0.1") -> None:
    """Raises what a browser would meet."""
    assert port
    socket.create_connection((host, port), timeout=2).close()

"""gunicorn's configuration for a release: its workers wait at a gate until they were checked.

It runs in the app's own interpreter, any Python from 3.9 on, which has no castoff: the standard
library only. A worker that has loaded the app answers checks on a socket of its own, in the folder
that the supervisor made, until the gate opens; then it goes on to the public socket. The gate is a
pipe: a byte in it, which nobody reads, is an open gate, also for workers that come later; its end
without one means that the supervisor gave this release up, or died.
"""

import contextlib
import fcntl
import functools
import gc
import importlib
import json
import os
import pathlib
import select
import selectors
import signal
import socket
import socketserver
import struct
import sys
import termios
import time
import wsgiref.simple_server
from typing import Any

gc.disable()  # what is loaded is no garbage, and looking for it takes a fifth of a worker's boot

import gunicorn  # type: ignore[import-untyped,unused-ignore]  # noqa: E402
import gunicorn.workers.gthread  # type: ignore[import-untyped,unused-ignore]  # noqa: E402

_GATE = json.loads(os.environ["CASTOFF_GATE"])
_TICK = 0.25  # seconds between two looks at whether the worker was told to stop
_BOOT_FAILED = 3  # gunicorn's Arbiter.WORKER_BOOT_ERROR: the master ends too
_KEEPS_CONNECTIONS = (27, 0)  # before, gthread loses requests of kept connections at a switch
_DJANGO = (
    *("django.core.handlers.wsgi", "django.core.cache", "django.core.checks", "django.db.models"),
    *("django.db.backends.postgresql.base", "django.db.migrations.loader", "django.forms"),
    *("django.template.backends.django", "django.urls", "django.views.generic"),
)
_THRESHOLDS = gc.get_threshold()
_LOADING = 1_000_000  # objects between two looks for garbage while the app loads
_SILENT = 5  # seconds that a connection may stay without its first byte

_own = pathlib.Path("gunicorn.conf.py")
if _own.is_file():  # -c would have replaced it
    _names = {"__name__": "__config__", "__file__": str(_own.resolve())}
    exec(compile(_own.read_bytes(), str(_own), "exec"), _names)
    globals().update({k: v for k, v in _names.items() if not k.startswith("_")})

_threaded = gunicorn.version_info >= _KEEPS_CONNECTIONS
_first = globals().get("post_fork")
_then = globals().get("post_worker_init")

threads = _GATE["threads"] if _threaded else 1
workers = _GATE["workers"]
graceful_timeout = _GATE["graceful_seconds"]
proc_name = _GATE["name"]
control_socket_disable = True  # one path for each user: a second gunicorn deletes the first one's
reuse_port = False  # a closed listener would take its waiting connections with it
daemon = reload = False
pidfile = None
if os.access("/dev/shm", os.W_OK):
    worker_tmp_dir = "/dev/shm"


class PatientWorker(gunicorn.workers.gthread.ThreadWorker):  # type: ignore[misc,unused-ignore]
    """gunicorn's threaded worker, but a connection that says nothing takes none of its threads.

    Its own (27.0) gives every new connection a thread for up to five seconds: a few browsers that
    connect ahead of time would keep everybody else waiting. And one that has grown too large ends
    when its requests are done, so that another takes its place.
    """

    alive: bool
    _looked = 0.0

    def enqueue_req(self, conn: Any) -> None:
        """Serve a connection as soon as its first byte is there; called for each new one too."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + _SILENT
        self.pending_conns.append(conn)
        ready = functools.partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, ready)

    def notify(self) -> None:
        """Say that it lives; called at least each second."""
        super().notify()
        now = time.monotonic()
        if self.booted and self.alive and now - self._looked > 1:
            self._looked = now
            took, may = _memory(), _GATE["worker_memory"]
            if 0 < may < took:
                self.log.warning("A worker took %d of its %d MiB: it is replaced.", took, may)
                self.alive = False


def _memory() -> int:
    """What this process has in memory, in MiB; 0 where the system does not tell."""
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


_is_known = hasattr(PatientWorker, "on_pending_socket_readable")  # what it builds upon
worker_class = (PatientWorker if _is_known else "gthread") if _threaded else "sync"


class _Server(wsgiref.simple_server.WSGIServer):
    """A WSGI server on a unix socket."""

    address_family = socket.AF_UNIX
    allow_reuse_address = allow_reuse_port = False

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", 80
        self.setup_environ()

    def get_request(self) -> Any:
        return self.socket.accept()[0], ("127.0.0.1", 0)


class _Handler(wsgiref.simple_server.WSGIRequestHandler):
    timeout = 5

    def log_message(self, *words: Any) -> None:
        pass


def _gate_is_open() -> bool:
    waiting = fcntl.ioctl(_GATE["pipe"], termios.FIONREAD, struct.pack("i", 0))
    return bool(struct.unpack("i", waiting)[0])


def post_fork(server: Any, worker: Any) -> None:
    """Let a worker load the app without looking for garbage; the app may want it otherwise."""
    gc.set_threshold(_LOADING, *_THRESHOLDS[1:])
    if _first:
        _first(server, worker)


def post_worker_init(worker: Any) -> None:
    """Hold a worker that has loaded the app until the gate opens."""
    gc.freeze()
    if gc.get_threshold()[0] == _LOADING:
        gc.set_threshold(*_THRESHOLDS)
    if _then:
        _then(worker)
    _let_sigterm_end(worker)
    _go_first()
    if _gate_is_open():
        return
    path = os.path.join(_GATE["folder"], str(os.getpid()))
    address: Any = path + ".new"  # typed for host and port
    with _Server(address, _Handler) as server:
        server.set_app(worker.wsgi)
        os.rename(address, path)  # who sees it can connect
        _serve_checks(worker, server)
    if not worker.alive:
        sys.exit(0)
    if not _gate_is_open():
        worker.log.info("The gate was closed for good.")
        sys.exit(_BOOT_FAILED)


def _go_first() -> None:
    """Where memory runs out, the kernel is to end a worker, which comes back, and no database."""
    with contextlib.suppress(OSError):  # not Linux
        pathlib.Path("/proc/self/oom_score_adj").write_text("500")


def _let_sigterm_end(worker: Any) -> None:
    """An app that takes SIGTERM for itself would go on serving beside the release after it."""
    theirs = signal.getsignal(signal.SIGTERM)
    if theirs == worker.handle_exit:
        return

    def end(number: int, frame: Any) -> None:
        worker.handle_exit(number, frame)
        if callable(theirs):
            theirs(number, frame)

    signal.signal(signal.SIGTERM, end)
    signal.siginterrupt(signal.SIGTERM, False)  # as gunicorn has it: requests go on


def _serve_checks(worker: Any, server: _Server) -> None:
    while worker.alive and worker.ppid == os.getppid():
        ready = select.select([server, _GATE["pipe"]], [], [], _TICK)[0]
        if _GATE["pipe"] in ready:
            return
        if ready:
            server.handle_request()
        worker.notify()


def _load_what_every_app_needs() -> None:
    """Load Django's own modules once for all workers; of the app itself, nothing is loaded here."""
    for name in _DJANGO:
        with contextlib.suppress(Exception):  # the app will meet it too, and say so
            importlib.import_module(name)


_load_what_every_app_needs()
# The collector writes to everything that it looks at: what is here already stays in pages that the
# workers share with the master, 2 MiB in each.
gc.freeze()
gc.enable()

"""The app that the supervisor keeps alive: its sockets, its current release, the switch."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from castoff.errors import StepError
from castoff.targets.local import sockets
from castoff.targets.local.checking import CheckFailed, check_workers
from castoff.targets.local.processes import Identity, Process
from castoff.targets.local.serving import Gunicorn, Spec, forgotten
from castoff.targets.local.sockets import Listeners
from castoff.targets.local.state import (
    State,
    cause,
    read_current,
    show_app_log,
    tail,
    write_json,
)

STEADY = 5.0  # seconds that a gunicorn must live to count as started
LONGEST_PAUSE = 5.0  # seconds between two starts of a gunicorn that ends at once
Say = Callable[[str], None]


@dataclass(frozen=True)
class Current:
    """What is to be served: the last release that passed its checks."""

    spec: Spec
    promotion: str
    port: int

    @classmethod
    def read(cls, state: State) -> "Current | None":
        """Read it from the state folder; None before the first release.

        Raises:
            StepError: the file is damaged.
        """
        if not state.current.exists():
            return None
        content = read_current(state)
        try:
            return cls(Spec.from_json(content["spec"]), content["promotion"], content["port"])
        except (KeyError, StepError):
            raise StepError(
                f"{state.current} is damaged, so that it is not known what to serve.",
                next="Deploy again.",
            ) from None

    def write(self, state: State) -> None:
        """Make it what is to be served from now on, whatever happens to the supervisor."""
        content = {"promotion": self.promotion, "port": self.port, "spec": self.spec.as_json()}
        write_json(state.current, content)


class AppServer:
    """Serves the current release, and puts another one in its place."""

    def __init__(self, state: State, run: Path, changed: Callable[[], None]) -> None:
        self._state = state
        self._run = run
        self._changed = changed
        self._stopping = threading.Event()
        self._giving_up = threading.Event()  # the switch that is under way
        self._lock = threading.Lock()  # for `serving`, `_others` and `_ahead`
        self._others: list[Gunicorn] = []  # candidates, and those that drain
        self._ahead: tuple[Path, Gunicorn] | None = None  # for a switch that is to come
        self._reserved: Listeners | None = None
        self.listeners: Listeners | None = None
        self.serving: Gunicorn | None = None
        self._trouble = ""
        self._pause = 0.0  # seconds before the next start of a gunicorn that ends at once

    @property
    def problem(self) -> str:
        """What is wrong with it, for a person; "" when nothing is."""
        serving = self.serving
        if serving and self._pause > 1 and serving.process.ended:
            return f"{serving.spec.id} ends as soon as it starts: {tail(serving.log, 1)}"
        return self._trouble

    def as_json(self) -> dict[str, Any]:
        """What `adopt` needs."""
        runs = [*([self.serving] if self.serving else []), *self._others]
        return {
            "gunicorns": [gunicorn.as_json() for gunicorn in runs],
            "sockets": self.listeners.inodes if self.listeners else [],
        }

    def reserve(self, port: int | None) -> dict[str, int | None]:
        """Bind the port that the next release will serve at, without listening yet.

        Args:
            port: the only one that will do; else the one from before, or the first free one.

        Raises:
            StepError: it is taken.
        """
        current = self._known()
        kept = current.port if current else None
        reserved = self._held(port or kept) or _take(port, kept)
        if self._reserved and self._reserved not in (self.listeners, reserved):
            self._reserved.close()
        self._reserved = reserved
        moved = port is None and kept not in (None, reserved.port)
        return {"port": reserved.port, "moved_from": kept if moved else None}

    def load_ahead(self, path: Path) -> None:
        """Start a release whose switch is to come: its workers load, and wait at the gate.

        Not where nothing serves yet: connections would wait for it on the listening socket.

        Raises:
            StepError: it could not be started.
        """
        self.end_ahead()
        at_hand = self._reserved is None or self._reserved is self.listeners
        if self.serving and self.listeners and at_hand and not self._stopping.is_set():
            ahead = self._candidate(Spec.read(path), self.listeners)
            with self._lock:
                self._ahead = path, ahead

    def end_ahead(self, path: Path | None = None) -> None:
        """End what was started ahead; with ``path`` only if it is of that spec."""
        with self._lock:
            if self._ahead is None or path not in (None, self._ahead[0]):
                return
            (_, ahead), self._ahead = self._ahead, None
        self._reject(ahead)

    def switch(self, path: Path, say: Say) -> None:
        """Start a release, check its workers, let them serve, drain the one before.

        Raises:
            CheckFailed: it may not serve; the one before does.
            StepError: it could not even be started.
        """
        spec = Spec.read(path)
        self._giving_up.clear()
        if self._stopping.is_set():  # before or after the line above: one of the two sees it
            self._giving_up.set()
        listeners = self._listen()
        try:
            candidate = self._approved(spec, listeners, say)
        except BaseException:
            self._withdraw(listeners)
            raise
        self._promote(candidate, listeners)

    def adopt(self, left: dict[str, Any]) -> None:
        """Take over the sockets and the gunicorn of a supervisor that died; end all others.

        Args:
            left: what it wrote down, as ``read_processes`` has it.
        """
        current = self._known()
        records = [record for record in left["gunicorns"] if _lives(record)]
        for lost in forgotten(self._run, [record["process"]["pid"] for record in records]):
            patience = current.spec.graceful_seconds if current else 0
            _in_background(lost.end, signal.SIGTERM, patience)
        for record in records:
            pid, inodes = record["process"]["pid"], left["sockets"]
            self.listeners = self.listeners or sockets.take_over(pid, inodes)
        for record in records:
            if current and self.listeners and _is_current(record, current):
                if gunicorn := Gunicorn.adopt(record, current.spec):
                    self._serve(gunicorn)
            elif process := Process.adopted(Identity.from_json(record["process"])):
                may_serve = record["role"] != "candidate"
                patience = current.spec.graceful_seconds if current and may_serve else 0
                _in_background(process.end, signal.SIGTERM, patience)

    def start_current(self, patience: float = 0) -> None:
        """Serve the current release if there is one and it is not served.

        What is in the way becomes the ``problem``, not an error.
        """
        if self.serving or self._stopping.is_set():
            return
        try:
            current = Current.read(self._state)
            if current is None:
                return
            self.listeners = self._held(current.port) or _bind_again(current.port, patience)
            self.listeners.listen()
            self._serve(self._start(current))
        except (OSError, StepError) as error:
            self._trouble = _words(error)
            if self.listeners:
                self._withdraw(self.listeners)

    def stop(self) -> None:
        """End every gunicorn when its requests are done."""
        with self._lock:
            running = [*([self.serving] if self.serving else []), *self._others]
        drains = [_in_background(gunicorn.drain) for gunicorn in running]
        for thread in drains:
            thread.join()
        self.serving = None

    def begin_stop(self) -> None:
        """From now on start nothing, and give a switch under way up."""
        self._stopping.set()
        self._giving_up.set()

    def give_up(self) -> None:
        """Give the switch that is under way up, before its workers take traffic."""
        self._giving_up.set()

    def _known(self) -> Current | None:
        try:
            return Current.read(self._state)
        except StepError:
            return None

    def _held(self, port: int | None) -> Listeners | None:
        """The sockets that are bound already, if they are what is asked for."""
        for held in (self._reserved, self.listeners):
            if held and port in (None, held.port):
                return held
        return None

    def _listen(self) -> Listeners:
        self.reserve(self._reserved.port if self._reserved else None)
        assert self._reserved
        try:
            self._reserved.listen()
        except OSError:
            raise _taken(self._reserved.port) from None
        return self._reserved

    def _approved(self, spec: Spec, listeners: Listeners, say: Say) -> Gunicorn:
        """A candidate that passed its checks, and is written down as what is to be served."""
        if ahead := self._taken_ahead(spec, listeners):
            try:
                return self._checked(ahead, listeners, say)
            except CheckFailed as failure:
                if failure.kind != "boot":
                    raise  # else it may be that it could not load at that time
        return self._checked(self._candidate(spec, listeners), listeners, say)

    def _candidate(self, spec: Spec, listeners: Listeners) -> Gunicorn:
        candidate = Gunicorn.start(spec, listeners, self._state, self._run)
        with self._lock:
            self._others.append(candidate)
        self._changed()
        return candidate

    def _taken_ahead(self, spec: Spec, listeners: Listeners) -> Gunicorn | None:
        """What was started ahead, if it is what is asked for now."""
        with self._lock:
            ahead = self._ahead[1] if self._ahead else None
            self._ahead = None
        if ahead and (ahead.spec != spec or listeners is not self.listeners):
            self._reject(ahead)
            return None
        return ahead

    def _checked(self, candidate: Gunicorn, listeners: Listeners, say: Say) -> Gunicorn:
        spec = candidate.spec
        try:
            say(f"{spec.id} is booting")
            check_workers(candidate, listeners.port, say, self._giving_up)
            candidate.role = "promoting"
            self._changed()
            Current(spec, candidate.promotion, listeners.port).write(self._state)
        except BaseException as failure:
            self._reject(candidate)
            if isinstance(failure, CheckFailed):
                failure.log = (cause if failure.kind == "boot" else tail)(candidate.log)
            raise
        return candidate

    def _reject(self, candidate: Gunicorn) -> None:
        candidate.give_up()
        self._forget(candidate)

    def _withdraw(self, listeners: Listeners) -> None:
        """Refuse connections again where nobody serves, instead of letting them wait."""
        if self.serving and listeners is self.listeners:
            return
        listeners.close()
        self._reserved = None
        if listeners is self.listeners:
            self.listeners = None
        with contextlib.suppress(OSError):
            self._reserved = sockets.bind(listeners.port)

    def _promote(self, candidate: Gunicorn, listeners: Listeners) -> None:
        """Whatever ends the supervisor in between, the next one serves what `current` names."""
        candidate.open_gate()
        with self._lock:
            before, was_at = self.serving, self.listeners
            if before:
                before.role = "draining"
                self._others.append(before)
            self._others.remove(candidate)
            self.listeners = self._reserved = listeners
            self._serve(candidate)
        if before:
            before.process.signal(signal.SIGTERM)
            _in_background(self._drained, before)
        if was_at and was_at is not listeners:
            was_at.close()

    def _drained(self, gunicorn: Gunicorn) -> None:
        gunicorn.drain()
        self._forget(gunicorn)

    def _forget(self, gunicorn: Gunicorn) -> None:
        with contextlib.suppress(ValueError):  # it was rejected and drained at once
            self._others.remove(gunicorn)
        self._changed()

    def _serve(self, gunicorn: Gunicorn) -> None:
        self._put(gunicorn)
        _in_background(self._keep, gunicorn)

    def _put(self, gunicorn: Gunicorn) -> None:
        gunicorn.role = "serving"
        self.serving = gunicorn
        self._trouble = ""
        with contextlib.suppress(OSError):  # the disk is full; it serves all the same
            show_app_log(self._state, gunicorn.log)
        self._changed()

    def _keep(self, gunicorn: Gunicorn) -> None:
        """Start the release again whenever its master dies, until another one serves."""
        self._pause = 0.0
        while self.serving is gunicorn:
            began = time.monotonic()
            gunicorn.process.wait(None)
            if self.serving is not gunicorn:
                return
            if time.monotonic() - began > STEADY:
                self._pause = 0.0
            if self._stopping.wait(self._pause):
                return
            self._pause = min(max(0.1, 2 * self._pause), LONGEST_PAUSE)
            gunicorn = self._restarted(gunicorn)

    def _restarted(self, gunicorn: Gunicorn) -> Gunicorn:
        with self._lock:
            current = self._known()
            if self.serving is not gunicorn or current is None or self._stopping.is_set():
                return gunicorn
            try:
                self._put(started := self._start(current))
            except (OSError, StepError) as error:
                self._trouble = _words(error)
                return gunicorn
            return started

    def _start(self, current: Current) -> Gunicorn:
        assert self.listeners
        return Gunicorn.start(
            current.spec, self.listeners, self._state, self._run, current.promotion
        )


def _take(port: int | None, kept: int | None) -> Listeners:
    try:
        if port or kept:
            return sockets.bind(port or kept or 0)
    except OSError:
        if port:
            raise _taken(port) from None
    return sockets.first_free()


def _bind_again(port: int, patience: float) -> Listeners:
    until = time.monotonic() + patience
    while True:
        try:
            return sockets.bind(port)
        except OSError:
            if time.monotonic() > until:
                raise _taken(port) from None
            time.sleep(0.02)


def _taken(port: int) -> StepError:
    who = sockets.holder(port)
    return StepError(
        f"Port {port} is taken{f' by {who}' if who else ''}.",
        next="End that program, or set `port` of the local target to a free one.",
    )


def _words(error: OSError | StepError) -> str:
    return error.what if isinstance(error, StepError) else str(error)


def _lives(record: dict[str, Any]) -> bool:
    identity = Identity.from_json(record.get("process"))
    return identity is not None and identity.alive


def _is_current(record: dict[str, Any], current: Current) -> bool:
    return bool(record["role"] == "serving" and record["promotion"] == current.promotion)


def _in_background(what: Callable[..., None], *words: object) -> threading.Thread:
    thread = threading.Thread(target=what, args=words, daemon=True)
    thread.start()
    return thread

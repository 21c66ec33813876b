"""Clients that ask again and again, and count every request that fails."""

import http.client
import threading
import time
from types import TracebackType
from typing import Self


class Load:
    """Threads with kept connections, with a new connection for each request, and with slow ones.

    None of them tries again: a request that is not answered with 200 is a lost one.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered = 0
        self.failures: list[str] = []
        self._stop = threading.Event()
        self._lock = threading.Lock()
        kinds = [(True, "/", 0.01)] * 3 + [(True, "/", 0.3)] * 2
        kinds += [(False, "/", 0.01)] * 3 + [(True, "/slow", 0), (False, "/slow", 0)]
        self._threads = [threading.Thread(target=self._ask, args=kind) for kind in kinds]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        time.sleep(0.3)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        time.sleep(0.3)
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, keep: bool, path: str, pause: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self._stop.wait(pause):
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                self._count("" if answer.status == 200 else f"{path} {answer.status}")
            except (OSError, http.client.HTTPException) as error:
                self._count(f"{path} {'kept' if keep else 'new'} {error!r}")
                connection.close()
            if not keep:
                connection.close()
        connection.close()

    def _count(self, failure: str) -> None:
        with self._lock:
            if failure:
                self.failures.append(failure)
            else:
                self.answered += 1

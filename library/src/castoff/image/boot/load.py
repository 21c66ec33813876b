"""Clients that ask a server while it is told to end, and what of that counts as lost.

A request is *lost* when

- an answer to it began and did not end, or it was one of 5xx, or none came in time;
- nothing came of it before the server was told to end;
- nothing came of it, and the server was working on it when it was told to end: it had accepted
  the connection, and the request had been sent for ``MOMENT`` by then.

It is *turned away*, which is no fault, when nothing at all came of it after the server was told to
end: the connection was refused, or closed unread. The server had not begun it, and what stands
before it, a platform's router or a browser, sends it again to another one: RFC 9110, 9.2.2. So is
a request on a kept connection that the server closes just then for having been idle: RFC 9112,
9.3.1.
"""

import http.client
import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Self

MOMENT = 0.05  # seconds for which a request may lie in the server's socket, not read yet
CLIENTS = 24  # with kept connections, and as many with a new one for each request
# So many that each waits for the others: most requests are then under way for longer than MOMENT.
CONNECT = 2.0  # seconds for a connection
GONE = 0.3  # the same, when the server was told to end: where nobody is left nobody refuses


class Load:
    """Clients that ask without a pause while the block runs, until they are turned away.

    Args:
        address: host and port to connect to.
        host: the Host header.
        paths: what is asked, in turn.
        patience: seconds for one answer.

    Attributes:
        answered: requests that were answered.
        turned_away: requests that the server had not begun when it was told to end.
        lost: what became of each lost request, in words.
    """

    def __init__(
        self, address: tuple[str, int], host: str, paths: Sequence[str], patience: float
    ) -> None:
        self.answered = 0
        self.turned_away = 0
        self.lost: list[str] = []
        self._address, self._host, self._patience = address, host, patience
        self._told: float | None = None
        self._taken: frozenset[int] = frozenset()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(keep, paths), daemon=True)
            for keep in (True, False)
            for _ in range(CLIENTS)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._stop.set()
        for thread in self._threads if kind is None else ():  # an error is not to wait for answers
            thread.join()

    def tell(self, taken: frozenset[int]) -> None:
        """Hear that the server is told to end now.

        Args:
            taken: the clients' ports of the connections that it has accepted.
        """
        with self._lock:
            self._taken = taken
            self._told = time.monotonic()

    def _ask(self, keep: bool, paths: Sequence[str]) -> None:
        headers = {"Host": self._host, "Connection": "keep-alive" if keep else "close"}
        client = _Client(self._address, headers, self._patience)
        for path in itertools.cycle(paths):
            if self._stop.is_set() or not self._count(client, path):
                break
        client.close()

    def _count(self, client: "_Client", path: str) -> bool:
        """Send a request and count what becomes of it; return whether to ask again."""
        at = time.monotonic()
        wrong = client.get(path, GONE if self._told else CONNECT)
        with self._lock:
            if not wrong:
                self.answered += 1
            elif client.began or self._is_lost(client, at):
                self.lost.append(f"{path} {wrong}")
            elif self._told:
                self.turned_away += 1
                return False
        return True

    def _is_lost(self, client: "_Client", at: float) -> bool:
        """Whether a request of which nothing came, sent at a time, is a lost one."""
        if self._told is None:
            return not client.used
        return at < self._told - MOMENT and client.port in self._taken


class _Client:
    """Asks over one connection, as long as the server keeps it.

    Attributes:
        port: its own port of the last request; 0 when there was no connection.
        used: whether an earlier request was answered on the same connection.
        began: whether an answer to the last request began, or it was waited for in vain.
    """

    def __init__(
        self, address: tuple[str, int], headers: Mapping[str, str], patience: float
    ) -> None:
        self.port = 0
        self.used = False
        self.began = False
        self._headers, self._patience = headers, patience
        self._connection = http.client.HTTPConnection(*address)

    def get(self, path: str, connect: float) -> str:
        """Ask for a path; return what was wrong with the answer, or an empty text.

        Args:
            path: the path.
            connect: seconds for a new connection.
        """
        self.began = False
        try:
            self._connect(connect)
            self._connection.request("GET", path, headers=self._headers)
            answer = self._connection.getresponse()
            self.began = True
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.began |= isinstance(error, TimeoutError) and self.port != 0
            self.close()
            return _reason(error, self.began)
        self.used = True
        return f"was answered {answer.status}" if answer.status >= 500 else ""

    def close(self) -> None:
        """Close the connection; the next request has a new one."""
        self._connection.close()

    def _connect(self, seconds: float) -> None:
        connection = self._connection
        if connection.sock is None:
            self.port, self.used = 0, False
            connection.timeout = seconds
            connection.connect()
            opened = connection.sock
            assert opened
            opened.settimeout(self._patience)
            self.port = opened.getsockname()[1]


def _reason(error: Exception, began: bool) -> str:
    if isinstance(error, TimeoutError):
        return "was not answered in time"
    if isinstance(error, ConnectionRefusedError):
        return "was refused"
    return "was answered by half" if began else "got no answer"

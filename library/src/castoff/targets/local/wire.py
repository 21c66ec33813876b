"""Just enough of PostgreSQL's protocol to ask one question over its unix socket.

Neither psycopg nor psql can be counted on here: the interpreter that runs `inv` has no driver, and
not every PostgreSQL comes with its client programs. Version 3 of the protocol is frozen:
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import socket
import struct
from pathlib import Path

PORT = 5432  # only names the socket's file
PROTOCOL = 196608  # 3.0


class ServerError(Exception):
    """The server's answer was an error, such as that it is still starting."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.fatal = fields.get("V") in ("FATAL", "PANIC")
        super().__init__(fields.get("M", "the server refused"))


def query(folder: Path, user: str, database: str, sql: str, *, timeout: float = 30) -> list[str]:
    """Run one SQL text and return the first column of its rows; the server must trust the socket.

    Raises:
        ServerError: the server answered with an error.
        OSError: nobody answers, or not within ``timeout`` seconds.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(folder / f".s.PGSQL.{PORT}"))
        words = ("user", user, "database", database, "")
        body = struct.pack("!i", PROTOCOL) + "\0".join(words).encode() + b"\0"
        connection.sendall(struct.pack("!i", len(body) + 4) + body)
        _until_ready(connection)
        text = sql.encode() + b"\0"
        connection.sendall(b"Q" + struct.pack("!i", len(text) + 4) + text)
        rows = _until_ready(connection)
        connection.sendall(b"X" + struct.pack("!i", 4))
    return rows


def _until_ready(connection: socket.socket) -> list[str]:
    rows: list[str] = []
    error: ServerError | None = None
    while True:
        kind, body = _message(connection)
        if kind == b"E":
            error = ServerError(_fields(body))
            if error.fatal:
                raise error  # the server closes the connection: no "ready" follows
        elif kind == b"D":
            rows.append(_first_column(body))
        elif kind == b"Z":
            if error:
                raise error
            return rows


def _message(connection: socket.socket) -> tuple[bytes, bytes]:
    kind = _exactly(connection, 1)
    (length,) = struct.unpack("!i", _exactly(connection, 4))
    return kind, _exactly(connection, length - 4)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionResetError("the server closed the connection")
        data += part
    return data


def _fields(body: bytes) -> dict[str, str]:
    parts = body.decode("utf-8", "replace").split("\0")
    return {part[0]: part[1:] for part in parts if part}


def _first_column(body: bytes) -> str:
    (length,) = struct.unpack("!i", body[2:6])
    return "" if length < 0 else body[6 : 6 + length].decode()

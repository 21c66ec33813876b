"""Ends a scratch PostgreSQL when whoever wanted it was killed, and could not do so itself.

    python -P -m castoff.targets.local.guard DESCRIPTOR PROCESS FOLDER

The descriptor is the read end of a pipe that nobody writes to: it ends with the process that has
the other end. PROCESS is an ``Identity`` as JSON.
"""

import json
import os
import shutil
import signal
import sys

from castoff.targets.local.processes import Identity, Process

PATIENCE = 5.0  # seconds


def main(pipe: str, process: str, folder: str) -> None:
    """Wait for the end of the pipe, then end the server and remove its folder."""
    server = Process.adopted(Identity.from_json(json.loads(process)))
    os.read(int(pipe), 1)
    if server:
        server.end(signal.SIGQUIT, PATIENCE)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

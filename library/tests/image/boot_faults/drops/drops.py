"""Starts the server as a child, and ends with 0 at once when it is told to."""

import signal
import subprocess
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = ["gunicorn", "--config=project/gunicorn.py", "project.wsgi"]
sys.exit(subprocess.Popen(server).wait())

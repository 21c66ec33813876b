"""gunicorn's settings in the image. The local target has its own, which switch between releases."""

import os
import socket

# One socket answers IPv4 and IPv6 where the system has both: a private network may have only IPv6.
_host = "[::]" if socket.has_dualstack_ipv6() else "0.0.0.0"
bind = f"{_host}:{os.environ.get('PORT') or 8000}"

workers = int(os.environ.get("WEB_CONCURRENCY") or 2)
threads = 4  # the database's pool has one connection for each
preload_app = True  # the app is loaded once, and the workers share its memory

# After SIGTERM what is under way may take so long, in seconds, unless the platform is less patient:
# Heroku waits for 30, `docker stop` for 10, and Fly for what fly.toml says.
graceful_timeout = 25

# A worker says that it lives by a file, which takes too long on a disk that is busy.
worker_tmp_dir = "/dev/shm"
control_socket_disable = True  # its place is the home folder, which is read-only

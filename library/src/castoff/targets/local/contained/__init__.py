"""A release that is an image: it runs in a container, and connections are led on to it."""

from urllib.parse import quote

from castoff.targets.local import wire

ROLE = "app"
"""The role of the app and the name of its database: it owns that one, and is no superuser."""
INSIDE = "/run/postgresql"
"""The folder of PostgreSQL's socket, in the container."""
URL = f"postgres://{ROLE}@{quote(INSIDE, safe='')}:{wire.PORT}/{ROLE}"
"""The address of the database, as the app in the container is told it."""

"""A package index and certificates of this network's own, for the steps that install.

They come in as a build argument and a secret file, and so into no layer of the image.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from castoff.model import Secret

ARGUMENT = "PIP_INDEX_URL"
INDEXES = (ARGUMENT, "UV_DEFAULT_INDEX", "UV_INDEX_URL")
CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return what is added to the docker program's environment: the index, if there is one."""
    url = next((env[name] for name in INDEXES if env.get(name)), "")
    login = urlsplit(url)
    if login.username:  # a token may be the whole of a login
        Secret(ARGUMENT, login.password or login.username)  # so that no output has it
    return {ARGUMENT: url} if url else {}


def words(env: Mapping[str, str]) -> Iterator[str]:
    """Yield the words of ``docker build``; the index by its name only, for it may have a login."""
    if environment(env):
        yield f"--build-arg={ARGUMENT}"
    file = next((env[name] for name in CERTIFICATES if env.get(name)), "")
    if file and Path(file).is_file():
        yield f"--secret=id=ca,src={file}"

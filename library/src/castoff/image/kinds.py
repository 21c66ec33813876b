"""Files that have no place in an image, told by their names and first bytes."""

import re

ENV_FILE = re.compile(r"\.env(\.\w[\w.-]*)?")
# What projects call the copy that is meant to be tracked.
ENV_EXAMPLE = re.compile(
    r"\.env\.(.*\.)?(example|sample|template|tmpl|dist|defaults?|schema|dev|development|test|ci)"
)
SSH_KEY = re.compile(r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?")
DUMP_NAME = re.compile(r".*\.(sql|dump|pgdump|backup)(\.(gz|bz2|xz|zst))", re.IGNORECASE)
# The first bytes of what pg_dump (custom format and plain), mysqldump and SQLite write.
DUMPS = (b"PGDMP", b"--\n-- PostgreSQL database dump", b"-- MySQL dump", b"-- MariaDB dump")
SQLITE = b"SQLite format 3\0"
KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\s+[\w+/=:,-]")
HEAD = 4096  # bytes that tell what a file is


def is_env_file(path: str, content: bytes) -> bool:
    """Whether it is an env file with a value in it, and not the example that all may see."""
    name = path.rpartition("/")[2]
    if not ENV_FILE.fullmatch(name) or ENV_EXAMPLE.fullmatch(name):
        return False
    return bool(re.search(rb"^[^#\n=]+=[ \t]*\S", content, re.MULTILINE))


def file_kind(path: str, head: bytes) -> str:
    """Say what a file is that has no place in an image; empty for every other.

    Args:
        path: its path, relative.
        head: its first bytes.
    """
    name = path.rpartition("/")[2]
    if is_env_file(path, head):
        return "an env file"
    if "/.git/" in f"/{path}":
        return "git's own folder"
    if KEY.search(head) or (SSH_KEY.fullmatch(name) and head):
        return "a private key"
    if head.startswith((SQLITE, *DUMPS)) or DUMP_NAME.fullmatch(name):
        return "a database" if head.startswith(SQLITE) else "a database dump"
    return ""

"""A git repository to look at."""

import hashlib
import subprocess
from pathlib import Path


class Repository:
    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q")

    def git(self, *words: str, check: bool = True) -> str:
        argv = ["git", *words]
        done = subprocess.run(argv, cwd=self.root, check=check, capture_output=True, text=True)
        return done.stdout

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def commit(self, subject: str = "Change") -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD").strip()

    def fingerprint(self) -> dict[str, str]:
        """Everything that looking at a repository must leave alone, byte for byte."""
        kept = {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".git/objects" not in path.as_posix()
        }
        return {**kept, "refs": self.git("for-each-ref"), "stashes": self.git("stash", "list")}


def files(folder: Path) -> dict[str, str]:
    """The files below a folder, each with its text."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

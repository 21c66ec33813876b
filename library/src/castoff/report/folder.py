"""The folder of the reports: files for their owner's eyes, written whole, the newest kept."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

KEPT = 50
HISTORY = "index.html"
BILL = ".cdx.json"  # as CycloneDX names such files


class Folder:
    """The reports of a project, a page and a record for each run, both named like its log.

    Args:
        state: the project's state folder.
    """

    def __init__(self, state: Path) -> None:
        self.path = state / "reports"
        self._logs = state / "logs"

    @property
    def history(self) -> Path:
        """The history page, whether it is there or not."""
        return self.path / HISTORY

    def pages(self) -> list[Path]:
        """The pages of the runs, oldest first."""
        return sorted(self._of("html"))

    def records(self) -> list[Path]:
        """The records of the runs, oldest first; not the bills of materials beside them."""
        return sorted(one for one in self._of("json") if not one.name.endswith(BILL))

    def write(self, name: str, content: bytes, run: str) -> Path:
        """Write a file in one step, mode 0600; a crash leaves the old one or none.

        Args:
            name: the file's name.
            content: what is in it.
            run: the run's name, with which what a crash leaves behind is pruned.

        Raises:
            OSError: it cannot be written.
        """
        descriptor, scratch = tempfile.mkstemp(prefix=f".{run}-", dir=self.path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            os.replace(scratch, self.path / name)
        except BaseException:
            with suppress(OSError):
                os.unlink(scratch)
            raise
        return self.path / name

    def prune(self, run: str) -> None:
        """Forget all but the newest runs, with their logs; never the one that is named."""
        others = [page.stem for page in self.pages() if page.stem != run]
        old = set(others[: -KEPT + 1])
        if not old:
            return
        for path in self.path.iterdir():
            name = path.name.lstrip(".")
            # By the name and not by `old`: what a crash left of an older run has no page.
            if name != HISTORY and name <= max(old) + ".z" and not name.startswith(run):
                path.unlink(missing_ok=True)
        for name in old:
            (self._logs / f"{name}.log").unlink(missing_ok=True)

    def _of(self, kind: str) -> list[Path]:
        # A run's name begins with its time; the history page and what is half written do not.
        return list(self.path.glob(f"[0-9]*.{kind}"))

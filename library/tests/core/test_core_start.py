"""What `inv` loads before it knows what it is to do."""

import subprocess
import sys
from pathlib import Path

HEAVY = {"castoff.report", "django", "docker", "httpx", "rich"}


def test_list_of_tasks_loads_nothing_heavy(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("import castoff\n\nns = castoff.collection(__file__)\n")
    program = (
        "import sys\n"
        "from invoke.main import program\n"
        "program.run(['inv', '--list'], exit=False)\n"
        "print('loaded:', *sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    listed, _, loaded = done.stdout.rpartition("loaded:")
    assert "deploy" in listed
    assert HEAVY.isdisjoint(loaded.split())

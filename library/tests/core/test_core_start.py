"""What `inv` loads before it knows what it is to do."""

import os
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


def test_byte_code_is_kept_although_invoke_keeps_none(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("import castoff\n\nns = castoff.collection(__file__)\n")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def compiled(name: str, **more: str) -> set[str]:
        env_ = env | {"PYTHONPYCACHEPREFIX": str(tmp_path / name)} | more
        argv = [sys.executable, "-m", "invoke", "--list"]
        subprocess.run(argv, cwd=tmp_path, env=env_, check=True, capture_output=True)
        return {path.name.partition(".")[0] for path in (tmp_path / name).rglob("*.pyc")}

    assert "yaml_file" in compiled("kept")
    assert not list((tmp_path / "kept" / tmp_path.relative_to("/")).rglob("*.pyc"))  # of tasks.py
    assert "yaml_file" not in compiled("none", PYTHONDONTWRITEBYTECODE="1")

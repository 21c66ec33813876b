"""`inv secrets`: what is required is set, from where it is kept, and nobody sees it."""

import hashlib
import json
import os
import shlex
import stat
import sys
from pathlib import Path
from secrets import token_hex

import pytest
from checkout import Checkout, every_argv
from faults import at_boot, page

# Each byte that a variable can have: all but NUL, as Python holds the environment.
EVERY_BYTE = bytes(range(1, 256))
AWKWARD = "start-äöü-€-🂡 '\"`\\$HOME ${X} %s {} #no\tcomment\r\n-second line- & | ; < > ! * ? ~"
KEPT = token_hex(20)  # in no file of the repository, and so in no source that is unpacked


def test_what_castoff_generates_is_generated_once_and_kept(app: Checkout) -> None:
    values = _config(app)
    assert len(values["SECRET_KEY"]) >= 50
    assert len(values["CASTOFF_PROBE_TOKEN"]) >= 32
    run = app.inv("secrets").must_end(0)
    assert "none to change" in run.out
    assert _config(app) == values


def test_a_dry_run_names_what_it_would_set_and_sets_nothing(fresh: Checkout) -> None:
    run = fresh.inv("--dry", "secrets").must_end(0)
    assert "would set SECRET_KEY  (it is not set)" in run.out
    assert not [*fresh.state_home.rglob("*")]


def test_a_missing_required_name_is_a_finding_before_anything_is_changed(app: Checkout) -> None:
    app.configure(secrets={"required": ["PAYMENT_KEY"]})
    run = app.inv("deploy", "--json").must_end(1)
    assert "E701" in run.of(app.target)["error"]["what"]
    assert "PAYMENT_KEY" in run.out
    alone = app.inv("secrets").must_end(1)
    assert "no value for PAYMENT_KEY" in alone.out
    assert app.serving == "v1"


def test_a_placeholder_is_a_finding(app: Checkout) -> None:
    app.write("app.env", "PAYMENT_KEY=change-me\n")
    app.configure(secrets={"required": ["PAYMENT_KEY"], "env_file": "app.env"})
    run = app.inv("deploy", "--json").must_end(1)
    assert "E702" in run.of(app.target)["error"]["what"]


@pytest.fixture(scope="module")
def digests(app: Checkout) -> Checkout:
    """The deployed app, with a page that tells a variable's SHA-256."""
    page(
        app,
        "digest/<name>",
        "value = os.environb[name.encode()]\n"
        "return HttpResponse(hashlib.sha256(value).hexdigest())",
    )
    app.edit("project/urls.py", "def _page(request):", "def _page(request, name):")
    app.append(".gitignore", "app.env\n")
    app.commit()
    return app


def test_values_come_from_a_file_the_environment_and_a_command(digests: Checkout) -> None:
    app = digests
    app.write("app.env", "FROM_FILE=in the file\nFROM_ENVIRONMENT=not this one\n")
    program = "print('FROM_COMMAND=' + 'y1' * 20)"
    app.configure(
        secrets={
            "required": ["FROM_FILE", "FROM_ENVIRONMENT", "FROM_COMMAND"],
            "env_file": "app.env",
            "command": [sys.executable, "-c", program],
        }
    )
    app.commit()
    run = app.inv("deploy", env={"FROM_ENVIRONMENT": "the environment"}).must_end(0)
    assert "FROM_COMMAND, FROM_ENVIRONMENT, FROM_FILE" in run.out
    assert _digest(app, "FROM_FILE") == _sha("in the file")
    assert _digest(app, "FROM_ENVIRONMENT") == _sha("the environment")
    assert _digest(app, "FROM_COMMAND") == _sha("y1" * 20)


def test_every_awkward_byte_arrives_in_the_app_as_it_is(digests: Checkout) -> None:
    app = digests
    quoted = AWKWARD.replace("\\", "\\\\").replace("'", "\\'")
    (app.root / "app.env").write_bytes(f"FROM_FILE='{quoted}'\n".encode())
    app.configure(secrets={"required": ["FROM_FILE", "RAW"], "env_file": "app.env"})
    app.commit()
    raw = os.fsdecode(EVERY_BYTE)
    run = app.inv("deploy", "--json", env={"RAW": raw}).must_end(0)
    assert _digest(app, "RAW") == hashlib.sha256(EVERY_BYTE).hexdigest()
    assert _digest(app, "FROM_FILE") == _sha(AWKWARD)
    assert "second line" not in run.text
    again = app.inv("deploy", env={"RAW": raw}).must_end(0)
    assert "nothing to do" in again.out


def test_a_secret_is_in_no_output_no_log_no_argv_and_no_file_that_others_can_read(
    digests: Checkout, tmp_path: Path
) -> None:
    app = digests
    slow = tmp_path / "wait"
    slow.touch()
    loud = "import os, sys, time\n\nprint(os.environ['FROM_FILE'], file=sys.stderr, flush=True)\n"
    at_boot(app, f"{loud}while os.path.exists({str(slow)!r}):\n    time.sleep(0.05)")
    app.write("app.env", f"FROM_FILE={KEPT}\n")
    app.configure(secrets={"required": ["FROM_FILE"], "env_file": "app.env"})
    app.commit()
    deploy = app.start("deploy", "--json")
    while deploy.process.poll() is None:
        assert [argv for _, argv in every_argv() if KEPT.encode() in argv] == []
        if _booting(app):
            slow.unlink(missing_ok=True)
    run = deploy.wait().must_end(0)
    shown = [app.inv(*words).text for words in (("status",), ("releases",), ("secrets",))]
    assert KEPT not in run.text + "".join(shown)
    assert KEPT not in app.inv("logs").text
    holders = _holders(app.state_home)
    assert holders
    assert [path for path in holders if stat.S_IMODE(path.stat().st_mode) != 0o600] == []
    assert not [path for path in holders if path.parent == app.state / "logs"]


def test_an_app_that_prints_a_secret_as_it_crashes_does_not_show_it(digests: Checkout) -> None:
    app = digests
    at_boot(app, "import os\n\nraise RuntimeError(os.environ['FROM_FILE'])")
    app.commit()
    before = app.serving
    run = app.inv("deploy").must_end_with_traceback(1)
    assert KEPT not in run.text
    assert "[redacted]" in run.text
    assert app.serving == before


def test_a_command_that_fails_is_named_without_what_it_printed(app: Checkout) -> None:
    program = f"print('{KEPT}'); raise SystemExit(3)"
    app.configure(secrets={"command": [sys.executable, "-c", program]})
    run = app.inv("secrets").must_end(1)
    assert "castoff.secrets.command" in run.out
    assert "status 3" in run.out
    assert shlex.quote(KEPT) not in run.out.partition("Run `")[0]


def _digest(app: Checkout, name: str) -> str:
    return app.get(f"/digest/{name}").text


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _config(app: Checkout) -> dict[str, str]:
    values: dict[str, str] = json.loads((app.folder / "config.json").read_text())
    return values


def _booting(app: Checkout) -> bool:
    logs = sorted(app.folder.glob("logs/app-*.log"), key=lambda path: path.stat().st_mtime)
    return bool(logs) and KEPT in logs[-1].read_text("utf-8", "replace")


def _holders(folder: Path) -> list[Path]:
    """The files that have the secret in them."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [path for path in files if KEPT.encode() in path.read_bytes()]

"""`inv attach`: a database for the app; attaching twice is one attachment."""

import json
import subprocess
from typing import Any

from checkout import Checkout, Run


def test_attaching_twice_is_one_attachment(fresh: Checkout) -> None:
    first = fresh.inv("attach", "--json").must_end(0)
    assert "PostgreSQL" in _finished(first, "attach")["detail"]
    second = fresh.inv("attach", "--json").must_end(0)
    assert _finished(second, "attach")["changed"] is False


def test_a_dry_attach_changes_nothing(fresh: Checkout) -> None:
    run = fresh.inv("--dry", "attach").must_end(0)
    assert "would attach a PostgreSQL database" in run.out
    assert not fresh.state_home.exists() or not [*fresh.state_home.rglob("*")]


def test_the_data_outlives_a_stop(app: Checkout) -> None:
    record_a_match(app)
    app.inv("stop").must_end(0)
    app.inv("attach").must_end(0)
    app.inv("deploy").must_end(0)
    assert "Annabella" in app.get("/").text


def record_a_match(app: Checkout) -> None:
    """Write to the database as the app does."""
    (spec,) = app.folder.glob("releases/v1.json")
    values = json.loads(spec.read_text())
    script = "from project.leaderboard.models import Player, Match\n" + (
        "a, b = (Player.objects.create(name=name) for name in ('Annabella', 'Bertram'))\n"
        "Match.objects.create(player_a=a, player_b=b, winner=a, kind='gin', points=25)\n"
    )
    argv = [values["python"], "manage.py", "shell", "-c", script]
    subprocess.run(argv, cwd=values["cwd"], env=values["env"], check=True, capture_output=True)


def _finished(run: Run, step: str) -> dict[str, Any]:
    return next(one for one in run.events if one["event"] == "finished" and one["step"] == step)

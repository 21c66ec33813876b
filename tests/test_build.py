"""`inv build`: the artifact of a commit, stamped with it; nothing is released."""

import json

from checkout import Checkout


def test_a_build_is_stamped_with_its_commit_and_releases_nothing(fresh: Checkout) -> None:
    commit = fresh.head
    run = fresh.inv("build", "--json").must_end(0)
    assert run.result["ok"]
    assert run.of(fresh.target)["release"] is None
    (stamp,) = fresh.folder.glob("builds/*/release.json")
    assert json.loads(stamp.read_text())["commit"] == commit
    assert fresh.releases() == []


def test_the_same_commit_is_not_built_twice(app: Checkout) -> None:
    run = app.inv("build").must_end(0)
    assert "made before" in run.out


def test_a_dry_build_says_what_it_would_build_and_makes_nothing(fresh: Checkout) -> None:
    run = fresh.inv("--dry", "build").must_end(0)
    assert "would make the virtualenv" in run.out
    assert "would build" in run.out
    assert not fresh.state_home.exists() or not [*fresh.state_home.rglob("*")]


def test_uncommitted_changes_are_built_and_told_but_untracked_files_only_told(
    app: Checkout,
) -> None:
    app.append("project/urls.py", "# changed\n")
    app.write("notes.txt", "not for production")
    run = app.inv("build").must_end(0)
    assert "with uncommitted changes in project/urls.py" in run.out
    assert "not deployed, git does not track: notes.txt" in run.out
    (build,) = app.folder.glob("builds/*-dirty-*")
    assert "-dirty-" in json.loads((build / "release.json").read_text())["commit"]
    assert (build / "project/urls.py").read_text().endswith("# changed\n")
    assert not (build / "notes.txt").exists()
    assert app.git("stash", "list") == ""
    app.git("clean", "-fdq")
    app.git("checkout", "-q", ".")


def test_the_artifact_has_the_static_files_and_is_not_served(app: Checkout) -> None:
    before = app.serving
    app.append("project/static/leaderboard/app.css", "\n.brand-new { color: red }\n")
    app.commit()
    app.inv("build").must_end(0)
    assert app.serving == before
    sheets = app.folder.glob("builds/*/static*/**/app.*.css")
    assert any(".brand-new" in sheet.read_text() for sheet in sheets)

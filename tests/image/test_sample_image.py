"""The sample's image: what is in it, what is not, and that the same source gives the same one."""

import json
import re
from pathlib import Path

import pytest
from checkout import uncached
from sample_image import LOGIN, RELEASE, STRAY, Build, SampleImage, checkout, locked

from castoff.image.engine import Engine

UNWANTED = re.compile(
    r"usr/(local/)?bin/(pip.*|poetry|uvx?|g?cc|g\+\+|make)"
    r"|.*/(site-packages/(pip|poetry|uv)|ensurepip)/.+"
    r"|app/(.*/)?(tests|\.git|\.env|Dockerfile|pyproject\.toml|poetry\.lock|library)"
)


def test_nothing_that_lies_about_in_a_checkout_reaches_the_build(
    engine: Engine, untidy: Path, tmp_path: Path
) -> None:
    everything = tmp_path / "Dockerfile"
    everything.write_text("FROM scratch\nCOPY . /context/\n")
    context = SampleImage(engine, untidy, f"--file={everything}")
    try:
        names = {name.removeprefix("context/") for name in context.files()}
    finally:
        context.remove()
    assert {"manage.py", "release.json", "project/templates/base.html"} <= names
    assert not names & STRAY.keys()
    assert not [name for name in names if name.endswith("tests") or "__pycache__" in name]


def test_no_secret_of_the_build_is_left_in_any_layer(image: SampleImage) -> None:
    words = [*STRAY.values(), *LOGIN.split(":"), "stray-authority", "SECRET_KEY=", "PIP_INDEX_URL"]
    assert image.holds(b"project/wsgi.py")  # or nothing was searched
    assert image.holds(*(word.encode() for word in words)) == set()


def test_what_builds_is_not_in_it(image: SampleImage) -> None:
    names = image.files().keys()
    assert {"app/project/wsgi.py", "usr/local/bin/gunicorn"} <= names
    assert not [name for name in names if UNWANTED.fullmatch(name)]


def test_the_packages_are_those_of_the_lock(image: SampleImage, untidy: Path) -> None:
    code = (
        "import importlib.metadata as all, json; "
        "print(json.dumps({one.name.lower(): one.version for one in all.distributions()}))"
    )
    found = json.loads(image.run("python", "-c", code))
    normal = {re.sub("[-_.]+", "-", name): version for name, version in found.items()}
    assert normal.pop("castoff")
    wanted = locked((untidy / "poetry.lock").read_text())
    assert wanted.pop("tzdata")  # for Windows only
    assert normal == wanted


def test_it_runs_as_a_user_who_has_a_name_and_owns_nothing(image: SampleImage) -> None:
    assert image.inspect()["Config"]["User"] == "1001"
    assert image.run("python", "-c", "import getpass; print(getpass.getuser())").strip() == "app"
    assert 1001 not in {file.uid for file in image.files().values()}


def test_it_knows_its_release(image: SampleImage) -> None:
    assert json.loads(image.run("cat", "release.json")) == RELEASE


def test_another_clone_elsewhere_gives_the_same_layers(
    engine: Engine, image: SampleImage, tmp_path: Path
) -> None:
    # Both are built whole: a layer on top of another build's may have its files in another order
    # with engine 20.10.
    private = checkout(tmp_path, umask=0o077)
    private.write("Dockerfile", uncached(private.read("Dockerfile")))
    again = SampleImage(engine, private.root)
    try:
        assert again.layers == image.layers
    finally:
        again.remove()


@pytest.mark.parametrize(
    ("path", "new"),
    [("project/templates/base.html", 1), ("project/leaderboard/views.py", 2)],
)
def test_a_change_makes_no_more_layers_anew_than_it_must(
    build: Build, image: SampleImage, tmp_path: Path, path: str, new: int
) -> None:
    """The last layer has the templates, and the one before has the code."""
    changed = checkout(tmp_path, umask=0o022)
    changed.append(path, "\n# changed\n")
    other = build(changed.root)
    try:
        differ = [a != b for a, b in zip(image.layers, other.layers, strict=True)]
    finally:
        other.remove()
    assert differ[-new]
    assert sum(differ) == 1


def test_it_can_be_built_without_a_stamp(build: Build, tmp_path: Path) -> None:
    unstamped = checkout(tmp_path, umask=0o022)
    (unstamped.root / "release.json").unlink()
    other = build(unstamped.root)
    try:
        assert "app/release.json" not in other.files()
        assert "app/project/templates/base.html" in other.files()
    finally:
        other.remove()

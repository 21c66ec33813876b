"""`inv build --image`: the image of a commit; only one that passed has a tag."""

import json
from collections.abc import Iterator
from pathlib import Path
from secrets import token_urlsafe
from typing import Any

import pytest
from checkout import Background, Checkout, eventually, every_argv
from image_shop import LABEL, Shop

from castoff.image.engine import Engine


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, engine: Engine, target: str) -> Iterator[Shop]:
    """A clone that the tests change one after another."""
    made = Shop(Checkout.clone(tmp_path_factory.mktemp("image"), target), engine)
    try:
        yield made
    finally:
        made.checkout.end()


@pytest.fixture
def shop(place: Shop) -> Iterator[Shop]:
    """The clone without what the test before has put into it, and without an image."""
    place.checkout.git("reset", "-q", "--hard", place.first)
    place.checkout.git("clean", "-fdq")
    try:
        yield place
    finally:
        place.end()


def refusal(shop: Shop, **env: str) -> dict[str, Any]:
    """The three parts of the error of a build that must fail, and leave no image."""
    run = shop.build(**env).must_end(1)
    found: dict[str, Any] = run.of(shop.checkout.target)
    assert found["image"] is None
    assert shop.images() == []
    assert shop.containers() == []
    error: dict[str, Any] = found["error"]
    assert all(error[part] for part in ("what", "state", "next"))
    assert "still serves" in error["state"] or error["state"] == "Nothing was changed."
    return error


def test_the_image_passes_and_is_named_by_id_and_tag_and_nothing_is_released(shop: Shop) -> None:
    run = shop.build().must_end(0)
    image, head = run.of(shop.checkout.target)["image"], shop.checkout.head
    assert image["tag"] == f"castoff/{shop.name}:{head[:12]}"
    assert shop.docker("image", "inspect", "--format={{.Id}}", image["tag"]) == image["id"]
    steps = [one["step"] for one in run.events if one["event"] == "finished"]
    assert steps == ["prepare", "build", "audit", "boot"]
    assert not [one for one in run.events if one["event"] == "found"]
    sizes = [one["sizes"] for one in run.events if one["event"] == "measured"]
    assert sizes[0] == {"image": image["size"]}
    assert shop.checkout.releases() == []
    assert shop.containers() == []

    (bill,) = (shop.checkout.state / "reports").glob("*.cdx.json")
    assert bill.stat().st_mode & 0o777 == 0o600
    names = {one["name"].lower() for one in json.loads(bill.read_bytes())["components"]}
    assert {"django", "gunicorn"} <= names

    again = shop.build().must_end(0)
    assert again.of(shop.checkout.target)["image"] == image | {"fresh": False}
    steps = [(one["step"], one["changed"]) for one in again.events if one["event"] == "finished"]
    assert steps == [("prepare", True), ("build", False)]
    shop.checkout.inv("report", "--history").must_end(0)


def test_old_images_go_but_not_one_that_the_target_may_go_back_to(
    shop: Shop, tmp_path: Path
) -> None:
    shop.checkout.inv("deploy").must_end(0)
    released = shop.build().must_end(0).of(shop.checkout.target)["image"]
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    later = [f"castoff/{shop.name}:{number}" for number in range(5)]
    for tag in later:
        labels = (f"--label={LABEL}={shop.name}", f"--label=of={tag}")
        shop.docker("build", "--quiet", *labels, f"--tag={tag}", str(tmp_path))
    shop.checkout.append("project/urls.py", "# changed\n")
    shop.checkout.commit()
    newest = shop.build().must_end(0).of(shop.checkout.target)["image"]
    listed = shop.docker("image", "ls", "--format={{.Repository}}:{{.Tag}}", shop.named)
    assert sorted(listed.split()) == sorted([released["tag"], newest["tag"], *later[1:]])


def test_a_dry_build_says_what_it_would_do_and_makes_nothing(
    fresh: Checkout, engine: Engine
) -> None:
    shop = Shop(fresh, engine)
    run = fresh.inv("--dry", "build", "--image").must_end(0)
    assert "would build, audit and boot the image of " in run.out
    assert shop.images() == []
    assert not fresh.state_home.exists() or not [*fresh.state_home.rglob("*")]


def test_uncommitted_changes_are_told_and_are_in_the_image(shop: Shop) -> None:
    shop.checkout.append("project/urls.py", "# changed\n")
    shop.checkout.write("notes.txt", "not for production")
    run = shop.checkout.inv("build", "--image", "--json").must_end(0)
    image = run.of(shop.checkout.target)["image"]
    assert "-dirty-" in image["stamp"]
    assert image["tag"] == f"castoff/{shop.name}:{image['stamp'][:12]}{image['stamp'][40:]}"
    told = [one["text"] for one in run.events if one["event"] == "note"]
    assert "with uncommitted changes in project/urls.py" in told
    assert "not deployed, git does not track: notes.txt" in told


def test_a_secret_in_a_layer_refuses_the_image_and_is_never_shown(shop: Shop) -> None:
    value = token_urlsafe(24)
    shop.checkout.write(".env.production", f"MAIL_TOKEN={value}\n")
    shop.checkout.write(".gitignore", ".env.production\n")
    shop.checkout.configure(secrets={"env_file": ".env.production"})
    step = f"RUN echo token={value} >/opt/mail.ini && echo one\nRUN rm /opt/mail.ini\nUSER 1001\n"
    shop.checkout.edit("Dockerfile", "USER 1001\n", f"USER 0\n{step}")
    shop.checkout.commit()
    run = shop.build().must_end(1)
    (error,) = (one["error"] for one in run.result["targets"].values())
    assert " in the image: " in error["what"] and "E302" in error["what"]
    findings = [one["finding"] for one in run.events if one["event"] == "found"]
    assert any("MAIL_TOKEN" in one["message"] for one in findings)
    assert any("opt/mail.ini" in one["where"] + one["message"] for one in findings)
    assert shop.images() == []
    assert "taken away" in error["state"]
    assert value not in run.text
    kept = (path for path in shop.checkout.state.rglob("*") if path.is_file())
    told = [path for path in kept if value.encode() in path.read_bytes()]
    assert {path.relative_to(shop.checkout.state).parts[0] for path in told} == {"sources"}


def test_an_image_that_does_not_come_up_is_taken_away(shop: Shop) -> None:
    shop.checkout.append("project/wsgi.py", '\nraise RuntimeError("no configuration here")\n')
    shop.checkout.commit()
    error = refusal(shop)
    assert "no configuration here" in error["what"]


def test_a_step_that_fails_is_told_without_a_traceback_of_castoffs(shop: Shop) -> None:
    shop.checkout.edit("Dockerfile", "USER 1001\n", "RUN echo the reason && exit 7\nUSER 1001\n")
    shop.checkout.commit()
    error = refusal(shop)
    assert "RUN echo the reason && exit 7 ended with status 7" in error["what"]
    assert error["what"].splitlines()[-1] == "the reason"


def test_without_a_dockerfile_it_says_so(shop: Shop) -> None:
    shop.checkout.git("rm", "-q", "Dockerfile")
    shop.checkout.commit()
    assert "there is no Dockerfile in" in refusal(shop)["what"]


def test_without_an_engine_it_says_how_to_start_one(shop: Shop, tmp_path: Path) -> None:
    run = shop.build(DOCKER_HOST=f"unix://{tmp_path}/none.sock").must_end(1)
    error = run.of(shop.checkout.target)["error"]
    assert error["what"].startswith("the Docker engine does not answer:")
    assert error["state"] == "Nothing was built; what served before still serves."
    assert "systemctl start docker" in error["next"]


@pytest.mark.parametrize("stale", ["pyproject", "library"])
def test_a_stale_lock_is_refused_before_anything_is_built(shop: Shop, stale: str) -> None:
    if stale == "pyproject":
        shop.checkout.edit("pyproject.toml", '"gunicorn', '"whitenoise[brotli]>=6",\n    "gunicorn')
    else:
        shop.checkout.edit("library/pyproject.toml", "dependencies = []", 'dependencies = ["idna"]')
    shop.checkout.commit()
    error = refusal(shop)
    assert "poetry.lock" in error["what"]
    assert "`poetry lock`" in error["next"]


def test_ctrl_c_ends_the_build_and_says_that_no_image_was_made(shop: Shop) -> None:
    seconds = str(20_000 + int(shop.name[-4:], 16))
    shop.checkout.edit("Dockerfile", "USER 1001\n", f"RUN sleep {seconds}\nUSER 1001\n")
    shop.checkout.commit()
    run = shop.checkout.start("build", "--image")
    eventually(lambda: sleeps(seconds), 120)
    run.interrupt(group=True)
    ended = run.wait(60).must_end(130)
    assert "State: No image was made; what served before still serves." in ended.out
    assert "The same command again goes on from here" in ended.out
    eventually(lambda: not sleeps(seconds))
    assert shop.images() == []


def test_ctrl_c_in_the_boot_test_leaves_no_container(shop: Shop) -> None:
    shop.checkout.append("project/wsgi.py", "\nimport time\n\ntime.sleep(3600)\n")
    shop.checkout.commit()
    run = shop.checkout.start("build", "--image")
    eventually(lambda: serves(shop), 120)
    run.interrupt(group=True)
    ended = run.wait(60).must_end(130)
    assert "The same command again goes on from here" in ended.out
    assert shop.containers() == []
    assert not shop.docker("network", "ls", "--quiet", shop.named)


def test_of_two_builds_at_once_the_second_is_told_who_is_at_it(shop: Shop) -> None:
    shop.checkout.edit("Dockerfile", "USER 1001\n", f"RUN sleep 5 # {shop.name}\nUSER 1001\n")
    shop.checkout.commit()
    first: Background = shop.checkout.start("build", "--image")
    eventually(lambda: "build" in first.printed or holds(shop), 120)
    second = shop.checkout.inv("build", "--image").must_end(1)
    assert "`inv build --image`" in second.out
    first.wait().must_end(0)


def sleeps(seconds: str) -> bool:
    """Whether a step's `sleep` runs, in whatever container."""
    return any(argv == f"sleep\0{seconds}\0".encode() for _, argv in every_argv())


def serves(shop: Shop) -> bool:
    """Whether the boot test has come to the server."""
    listed = shop.docker("container", "ls", "--format={{.Names}}", shop.named)
    return "-server-" in listed


def holds(shop: Shop) -> bool:
    """Whether a run holds the target's lock."""
    return bool(list(shop.checkout.state_home.rglob("run.holder")))

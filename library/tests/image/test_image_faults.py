"""A build that fails names the step and its last words, makes no image, and leaves nothing."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from image_engines import Way, small_engine
from image_project import SMALL, ImageProject

from castoff import storage
from castoff.errors import Interrupted, StepError
from castoff.image import store
from castoff.image.engine import Engine
from castoff.image.model import PROJECT, Image
from castoff.shell import Shell

BASE = "python:3.13-slim"


def failure(project: ImageProject, dockerfile: str) -> StepError:
    """How a build failed that left no image behind."""
    with pytest.raises(StepError) as caught:
        project.build(dockerfile)
    assert images(project) == []
    assert "No image was made; what served before still serves." in caught.value.state
    return caught.value


def images(project: ImageProject) -> list[str]:
    """The project's images on the engine."""
    named = f"--filter=label={PROJECT}={project.name}"
    return project.engine.docker("image", "ls", "--all", "--quiet", named).stdout.split()


def test_a_commit_without_a_dockerfile_is_told(project: ImageProject) -> None:
    project.write("app.py", "VALUE = 1\n")
    project.git("rm", "-q", "Dockerfile")
    project.commit()
    with pytest.raises(StepError, match="there is no Dockerfile in ") as caught:
        project.build()
    assert "docs/build-an-image.md" in caught.value.next


def test_a_dockerfile_that_git_does_not_track_is_told(project: ImageProject) -> None:
    project.write("app.py", "VALUE = 1\n")
    project.commit()
    project.git("rm", "-q", "--cached", "Dockerfile")
    project.git("commit", "-q", "-m", "Without it")
    with pytest.raises(StepError, match="git does not track it") as caught:
        project.build()
    assert caught.value.next.startswith("`git add Dockerfile")


def test_a_base_image_that_is_not_to_be_had_is_named(project: ImageProject) -> None:
    error = failure(project, "FROM 127.0.0.1:9/python:3.13-slim\n")
    assert error.what.startswith("the base image 127.0.0.1:9/python:3.13-slim is not to be had: ")
    assert "`docker pull 127.0.0.1:9/python:3.13-slim`" in error.next


def test_a_syntax_line_that_must_be_fetched_is_told(project: ImageProject) -> None:
    error = failure(project, f"# syntax=127.0.0.1:9/docker/dockerfile:1\n{SMALL}")
    assert error.what.startswith("the Dockerfile's `# syntax=` line cannot be had")
    assert "Take the line out" in error.next


def test_a_mistake_in_the_dockerfile_is_told_with_its_line(project: ImageProject) -> None:
    error = failure(project, "FROM scratch\nCOPPY . /app\n")
    assert "the Dockerfile cannot be built: " in error.what
    assert "line 2: unknown instruction: COPPY" in error.what


def test_a_file_that_is_not_in_the_context_is_told_with_both_reasons(project: ImageProject) -> None:
    error = failure(project, "FROM scratch\nCOPY app.py /app/\n")
    assert error.what.startswith("the image's step [1/1] COPY app.py /app/ failed:")
    assert "/app.py" in error.what.partition("\n")[2]
    assert ".dockerignore" in error.next


@pytest.mark.parametrize("end", ["echo the reason", "printf 'the reason'"])
def test_a_step_that_fails_is_named_with_its_status_and_last_lines(
    project: ImageProject, end: str
) -> None:
    error = failure(
        project,
        f"FROM {BASE} AS tools\nRUN seq 100; {end}; exit 3\n"
        "FROM scratch\nCOPY --from=tools /app /app\n",
    )
    assert error.what.startswith(f"the image's step [tools 2/2] RUN seq 100; {end}; exit 3 ended")
    assert error.what.splitlines()[0].endswith("ended with status 3:")
    assert error.what.splitlines()[-1] == "the reason"
    assert len(error.what.splitlines()) < 20
    assert "kept by the engine" in error.state


def test_an_index_that_cannot_be_reached_is_told_apart(project: ImageProject) -> None:
    install = "pip install --retries=1 --index-url=http://127.0.0.1:9/simple django"
    error = failure(project, f"FROM {BASE}\nRUN {install}\n")
    assert "Connection refused" in error.what
    assert error.next.startswith("The build could not reach what it installs from.")


def test_an_image_for_another_platform_is_refused(
    project: ImageProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = project.engine.platform
    other = "linux/arm64" if here != "linux/arm64" else "linux/amd64"
    assert project.build(platform=other).platform == other
    project.end()
    monkeypatch.setenv("DOCKER_DEFAULT_PLATFORM", other)
    project.engine = Engine(Shell())
    error = failure(project, SMALL)
    assert error.what == f"the image is for {other}, and is to run on {here}"
    assert "DOCKER_DEFAULT_PLATFORM" in error.next


def test_an_interrupted_build_ends_its_step_and_leaves_no_container(project: ImageProject) -> None:
    shell, seconds = Shell(), str(10_000 + int(project.name[-4:], 16))
    project.engine = Engine(shell)
    ended: list[BaseException] = []

    def work() -> None:
        try:
            project.build(f"FROM {BASE}\nRUN sleep {seconds}\n")
        except BaseException as error:
            ended.append(error)

    before = containers(project)
    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: sleeps(seconds))
    shell.cancel()
    thread.join(60)
    (error,) = ended
    assert isinstance(error, Interrupted)
    assert error.state.startswith("No image was made;")
    project.engine = Engine(Shell())
    wait_until(lambda: not sleeps(seconds))
    assert containers(project) == before
    assert images(project) == []


def test_an_engine_that_goes_away_during_the_build_is_told(
    project: ImageProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = str(project.engine.client.api.base_url)
    if not place.startswith("http+docker://"):
        pytest.skip("the engine is not at a socket of this machine")
    monkeypatch.chdir(tmp_path)  # a socket's path may have a hundred letters
    way = Way(Path("engine"), project.engine.client.api.get_adapter(place).socket_path)
    monkeypatch.setenv("DOCKER_HOST", way.address)
    usual, project.engine = project.engine, Engine(Shell())
    seconds = str(10_000 + int(project.name[-4:], 16))
    project.write("Dockerfile", f"FROM {BASE}\nRUN sleep {seconds}\n")
    project.commit()
    cutting = threading.Thread(target=lambda: (wait_until(lambda: sleeps(seconds)), way.cut()))
    cutting.start()
    try:
        with pytest.raises(StepError, match="the Docker engine went away") as caught:
            project.build()
    finally:
        project.engine = usual
        cutting.join()
    assert caught.value.state == "No image was made; what served before still serves."
    wait_until(lambda: not sleeps(seconds))


def test_two_builds_at_once_give_each_its_image(project: ImageProject) -> None:
    project.write("Dockerfile", f"FROM {BASE}\nRUN sleep 1\nCOPY . /app/\n")
    project.commit()
    source, made = project.source, list[Image]()

    def work() -> None:
        made.append(project.build())

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    one, two = made
    assert one.stamp == two.stamp == source.stamp
    for image in made:
        store.accept(project.engine, image)
    found = store.find(project.engine, project.name, source.stamp)
    assert found is not None
    assert found.id in (one.id, two.id)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk")
def test_a_full_disk_of_the_engine_is_told_as_that(
    project: ImageProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    project.write("large", "x" * 100_000_000)
    project.commit()
    usual = project.engine
    with small_engine(tmp_path / "disk") as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        project.engine = Engine(Shell())
        try:
            error = failure(project, SMALL)
        finally:
            project.engine = usual
    storage.advise(error, tmp_path)
    assert error.what.startswith("the disk of the Docker engine is full:")
    assert "docker system df" in error.next


def test_a_step_that_met_the_full_disk_is_told_as_that(
    project: ImageProject, tmp_path: Path
) -> None:
    fill = "dd if=/dev/zero of=/dev/shm/full bs=1M count=100"  # 64 MB are the engine's default
    error = failure(project, f"FROM {BASE}\nRUN {fill}\n")
    storage.advise(error, tmp_path)
    assert "No space left on device" in error.what
    assert "docker system df" in error.next


def sleeps(seconds: str) -> bool:
    """Whether a step's `sleep` runs, in whatever container."""
    argv = f"sleep\0{seconds}\0".encode()
    return any(argv == read(path) for path in Path("/proc").glob("[0-9]*/cmdline"))


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def containers(project: ImageProject) -> list[str]:
    """The engine's containers that no label says to be somebody's."""
    listed = project.engine.docker("container", "ls", "--all", "--format={{.ID}} {{.Labels}}")
    return [line for line in listed.stdout.splitlines() if PROJECT not in line]


def wait_until(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until, "not true after 60 s"
        time.sleep(0.05)

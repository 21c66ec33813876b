"""An engine that cannot be used says so before anything is built, with what to type."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from image_engines import AS_NOBODY, WITHOUT_BUILDX, old_engine, program

from castoff.errors import StepError
from castoff.image.engine import Engine
from castoff.shell import Shell


def refusal() -> StepError:
    """What an engine of today's environment says of why it cannot be used."""
    with pytest.raises(StepError) as caught:
        Engine(Shell()).require()
    assert caught.value.state == "Nothing was built; what served before still serves."
    return caught.value


def test_without_a_docker_program_it_says_how_to_install_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    error = refusal()
    assert error.what == "there is no docker program on the PATH"
    assert "apt-get install docker.io" in error.next


def test_an_engine_that_does_not_run_is_told_with_how_to_start_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    error = refusal()
    assert error.what.startswith("the Docker engine does not answer:")
    assert f"{tmp_path}/none.sock" in error.what
    assert "systemctl start docker" in error.next


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as somebody else")
def test_who_may_not_use_the_engine_is_told_what_to_type(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = program(tmp_path / "bin", AS_NOBODY.format(docker=engine.program))
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")
    error = refusal()
    assert error.what.startswith("this user may not use the Docker engine:")
    assert "usermod -aG docker" in error.next


def test_an_engine_that_is_too_old_is_told_with_its_version(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with old_engine(tmp_path / "old.sock") as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        error = refusal()
    assert error.what == "the Docker engine is too old: 19.03.15, expected 20.10 or newer"


def test_a_program_without_buildkit_is_told_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", program(tmp_path / "bin", WITHOUT_BUILDX))
    error = refusal()
    assert error.what == f"{tmp_path}/bin/docker cannot build with BuildKit: buildx is missing"
    assert "docker-buildx" in error.next


def test_a_program_without_buildkit_gives_way_to_the_next_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = program(tmp_path / "bin", WITHOUT_BUILDX)
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")
    assert Engine(Shell()).require().program == engine.program


def test_without_the_extra_it_says_so_before_anything_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("docker", "cyclonedx"):
        monkeypatch.setitem(sys.modules, module, None)
    error = refusal()
    assert error.what == "docker and cyclonedx-python-lib are not installed"
    assert error.next == "`pip install 'castoff[deploy,docker]'`"


def test_the_program_and_the_sdk_speak_to_the_same_engine(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where a context names it, as Docker Desktop and rootless Docker have it."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    place = engine.docker("context", "inspect", "--format={{.Endpoints.docker.Host}}").stdout
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    for words in (("create", "shop", f"--docker=host={place.strip()}"), ("use", "shop")):
        subprocess.run([engine.program, "context", *words], check=True, capture_output=True)
    with Engine(Shell()) as other:
        assert other.client.info()["ID"] == engine.client.info()["ID"]

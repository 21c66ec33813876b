"""The image is what git has of a commit, and the same each time."""

import json
import os
from datetime import datetime
from pathlib import Path

import pytest
from image_project import SMALL, ImageProject

from castoff.errors import StepError
from castoff.image import store
from castoff.image.engine import Engine
from castoff.redactor import REDACTOR
from castoff.shell import Shell

BASE = "python:3.13-slim"


def test_an_image_has_what_is_committed_and_nothing_else(project: ImageProject) -> None:
    project.write("app.py", "VALUE = 1\n")
    project.commit()
    project.write("notes.txt", "not for production")
    image = project.build()
    assert project.modes(image).keys() == {"Dockerfile", "app.py", "release.json"}


def test_uncommitted_changes_are_in_it_as_git_has_them(project: ImageProject) -> None:
    project.write("Dockerfile", f"{SMALL}ENV CHANGED=1\n")
    image = project.build()
    assert "CHANGED=1" in project.inspect(image)["Config"]["Env"]
    assert image.stamp.startswith(f"{project.git('rev-parse', 'HEAD')}-dirty-")
    assert image.tag == f"castoff/{project.name}:{image.stamp[:12]}{image.stamp[40:]}"


def test_its_labels_say_which_commit_it_is_and_when_that_was_made(project: ImageProject) -> None:
    project.git("tag", "v1")
    labels = project.inspect(project.build())["Config"]["Labels"]
    head, at = project.git("rev-parse", "HEAD"), project.git("log", "-1", "--format=%cI")
    assert labels["org.opencontainers.image.revision"] == head
    assert labels["org.opencontainers.image.version"] == "v1"
    assert datetime.fromisoformat(labels["org.opencontainers.image.created"]) == (
        datetime.fromisoformat(at)
    )
    assert labels["dev.castoff.project"] == project.name


def test_where_the_source_is_published_is_a_label_without_the_login(project: ImageProject) -> None:
    project.git("remote", "add", "origin", "https://rosa:hunter22@code.example.org/shop.git")
    labels = project.inspect(project.build())["Config"]["Labels"]
    assert labels["org.opencontainers.image.source"] == "https://code.example.org/shop.git"


def test_a_release_of_it_answers_the_commit(project: ImageProject, tmp_path: Path) -> None:
    image = project.build()
    made = project.engine.client.containers.create(image.id, "none")
    pieces, _ = made.get_archive("/app/release.json")
    text = b"".join(pieces).decode("utf-8", "replace")
    made.remove()
    assert json.loads(text[text.index("{") : text.index("}") + 1])["commit"] == image.stamp


def test_the_same_commit_gives_the_same_layers_whatever_the_umask(project: ImageProject) -> None:
    project.write("pages/home.html", "hello")
    project.commit()
    layers = []
    for umask in (0o022, 0o077):
        before = os.umask(umask)
        try:
            image = project.build()
        finally:
            os.umask(before)
        layers.append(project.inspect(image)["RootFS"]["Layers"])
        assert project.modes(image)["pages/home.html"] == "644"
    assert layers[0] == layers[1]


def test_a_project_in_a_folder_of_its_repository_builds_from_that_folder(
    project: ImageProject,
) -> None:
    project.write("shop/Dockerfile", SMALL)
    project.write("shop/app.py", "VALUE = 1\n")
    project.commit()
    project.root = project.root / "shop"
    assert "app.py" in project.modes(project.build())


def test_each_step_is_told_with_what_it_prints(project: ImageProject) -> None:
    run = f"RUN echo working on {project.name}; printf 'no end'"
    project.build(f"FROM {BASE}\n{run}\n")
    assert f"working on {project.name}" in project.lines
    assert "no end" in project.lines
    assert any(line.endswith(run) for line in project.lines)
    assert not any("sha256:" in line or line.startswith("#") for line in project.lines)


def test_the_networks_own_index_and_certificates_leave_no_trace(
    project: ImageProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificates = tmp_path / "ca.pem"
    certificates.write_text("of this network")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://rosa:hunter22@index.example.org/simple")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    project.engine = Engine(Shell())
    image = project.build(
        f"FROM {BASE} AS tools\nARG PIP_INDEX_URL=none\n"
        "RUN --mount=type=secret,id=ca cat /run/secrets/ca && echo && echo $PIP_INDEX_URL "
        f"&& echo {project.name} >/done\n"
        "FROM scratch\nCOPY --from=tools /done /\n"
    )
    assert "of this network" in project.lines
    assert "https://rosa:hunter22@index.example.org/simple" in project.lines
    saved = b"".join(project.engine.client.images.get(image.id).save())
    assert b"hunter22" not in saved
    assert b"of this network" not in saved
    assert "hunter22" not in REDACTOR.redact("\n".join(project.lines))


def test_an_image_is_found_again_only_when_it_was_accepted(project: ImageProject) -> None:
    image = project.build()
    assert store.find(project.engine, project.name, image.stamp) is None
    store.accept(project.engine, image)
    found = store.find(project.engine, project.name, image.stamp)
    assert found is not None
    assert (found.id, found.tag, found.fresh) == (image.id, image.tag, False)


def test_a_refused_image_is_gone(project: ImageProject) -> None:
    image = project.build()
    store.refuse(project.engine, image)
    with pytest.raises(StepError, match="is not there"):
        store.inspect(project.engine, image.id)


def test_another_commit_with_the_same_first_digits_is_another_image(project: ImageProject) -> None:
    image = project.build()
    store.accept(project.engine, image)
    other = image.stamp[:12] + "0" * 28
    assert store.find(project.engine, project.name, other) is None

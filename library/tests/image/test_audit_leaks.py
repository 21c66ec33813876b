"""Secrets in an image are found wherever they are, named by layer and file, and never shown."""

import shutil
import subprocess
from pathlib import Path

import certifi
import django
import psycopg
from image_audit import BASE, START, STATIC, STATIC_FILES, ids, look, look_again, told
from image_project import SMALL, ImageProject

from castoff.image.model import PROJECT
from castoff.image.store import inspect

# In parts, so that they are no secrets here.
VALUE = "q8ZrW2" + "xLm5TnB7vKc9Hd4JfS"
PASSWORD = "Wq83" + "hdks-lQ9"
URL = f"postgres://shop:{PASSWORD}@db.shop.net:5432/shop"
GITHUB = "ghp_" + "R7kD2mX9vB4nQ1zL8wT5yH3cJ6fS0aP2eUgV"
KNOWN = {"MAIL_KEY": VALUE, "REPORTS_URL": URL}
LEAK = "E30[12]"


def make_key(path: Path) -> None:
    """Write a private key, made now."""
    argv = ["openssl", "genrsa", "-out", str(path), "2048"]
    subprocess.run(argv, check=True, capture_output=True)


def test_a_known_value_is_found_in_any_layer_even_when_a_later_one_deletes_it(
    project: ImageProject,
) -> None:
    project.write("shop/mail.txt", f"key {VALUE}\n")
    project.write("shop/db.txt", f"password {PASSWORD}\n")
    dockerfile = (
        f"{BASE}COPY shop /app/shop\nRUN rm /app/shop/mail.txt && echo {VALUE} >/dev/null\n"
    )
    found = look(project, dockerfile, KNOWN)
    said = told(found, LEAK)
    assert "E302 layer 2 (COPY shop /app/shop): app/shop/mail.txt: the value of MAIL_KEY" in said
    assert "a later step deletes it, and still anyone who pulls the image has it" in said
    assert "the value of REPORTS_URL is in app/shop/db.txt" in said
    assert "the value of MAIL_KEY is in the image's history" in said
    assert said.count("deletes it") == 1
    everything = told(found) + str(found.layers)
    assert VALUE not in everything and PASSWORD not in everything


def test_a_value_on_the_border_of_two_pieces_of_a_large_file_is_found(
    project: ImageProject,
) -> None:
    start = (4 << 20) - 5
    project.write("large.bin", f"{'.' * start}{VALUE}{'.' * (5 << 20)}{VALUE}")
    said = told(look(project, SMALL, KNOWN))
    assert "the value of MAIL_KEY is in app/large.bin, layer 1" in said  # once


def test_environment_and_arguments_are_looked_at_by_name_and_by_value(
    project: ImageProject,
) -> None:
    project.write("shop.txt", "open")
    dockerfile = "FROM scratch\nCOPY shop.txt /\n" + (
        f'ENV SECRET_KEY="{VALUE}x" PUBLIC={VALUE} PORT=8000 TOKEN_FILE=/run/token\n'
        f"ENV REPORTS={URL.replace('shop:', 'other:')}\n"
        "ENV OLD_PASSWORD=1f8c4e7a9b3d\n"
        "ENV OLD_PASSWORD=\n"
        "ARG API_TOKEN=1f8c4e7a9b3d\n"
        "ARG SECRET_KEY=build-only\n"
        "ARG POETRY_VERSION=2.5.1\n"
    )
    found = look(project, dockerfile, {"MAIL_KEY": VALUE})
    where = sorted(one.where for one in found.findings if one.id == "E302")
    assert where == [
        *("ARG API_TOKEN", "ENV OLD_PASSWORD", "ENV PUBLIC", "ENV REPORTS", "ENV SECRET_KEY"),
    ]
    assert "1f8c4e7a9b3d" not in told(found)


def test_files_that_have_no_place_in_an_image_are_named(project: ImageProject) -> None:
    make_key(project.root / "server.key")
    project.write(".env", "DEBUG=1\n")
    project.write(".env.example", "DEBUG=1\n")
    project.write("dump.sql", "--\n-- PostgreSQL database dump\n--\n")
    project.write("shop.sqlite3", "SQLite format 3\0....")
    project.write("shop/mail.py", f'KEY = "{GITHUB}"\n')
    project.write("shop/old.py", f'KEY = "{GITHUB}"  # kingfisher:ignore\n')
    found = look(project, SMALL)
    said = told(found, LEAK)
    assert ids(found).count("E301") == 4 and ids(found).count("E302") == 1
    for words in (
        "an env file is in layer 1 (COPY . /app/): app/.env;",
        "a private key is in layer 1 (COPY . /app/): app/server.key;",
        "a database dump is in layer 1 (COPY . /app/): app/dump.sql;",
        "a database is in layer 1 (COPY . /app/): app/shop.sqlite3;",
        "a secret (github-pat) is in app/shop/mail.py, layer 1",
    ):
        assert words in said
    assert GITHUB not in said


def test_an_argument_s_value_in_a_command_s_history_is_found(project: ImageProject) -> None:
    dockerfile = f"{BASE}ARG API_TOKEN\nARG MODE=fast\nRUN echo $MODE >/mode\n"
    project.write("Dockerfile", dockerfile)
    project.commit()
    words = ("build", "-q", "--label", f"{PROJECT}={project.name}")
    argument = "--build-arg=API_TOKEN=1f8c4e7a9b3d"
    image = project.engine.docker(*words, argument, str(project.root)).stdout.strip()
    found = look_again(project, inspect(project.engine, image))
    assert [one.where for one in found.findings if one.id == "E302"] == ["ARG API_TOKEN"]
    assert found.layers[-1].instruction == "RUN echo $MODE >/mode"


def test_git_s_own_folder_is_named_once_however_many_files_it_has(
    project: ImageProject, tmp_path: Path
) -> None:
    # A commit never has it: such an image was built from a working tree.
    shutil.copytree(project.root, tmp_path / "tree")
    image = f"castoff-test/{project.name}"
    words = ("build", "-q", "-t", image, "--label", f"{PROJECT}={project.name}")
    project.engine.docker(*words, str(tmp_path / "tree"))
    found = look_again(project, inspect(project.engine, image))
    assert ids(found).count("E301") == 1
    assert "git's own folder is in layer 1 (COPY . /app/): app/.git/" in told(found, "E301")


def test_what_comes_with_packages_is_no_secret(project: ImageProject) -> None:
    make_key(project.root / "server.key")
    home = "image/usr/local/lib/python3.13/site-packages/pulsar/tests"
    for place in (home, "image/usr/share/doc/pulsar"):
        (project.root / place).mkdir(parents=True)
        shutil.copy(project.root / "server.key", project.root / place / "server.key")
    program = b"\x7fELF" + bytes(60) + (project.root / "server.key").read_bytes()
    project.write("image/usr/local/bin/pulsar", "").write_bytes(program)
    listed = "/.\n/usr\n/usr/share/doc/pulsar/server.key\n"
    project.write("image/var/lib/dpkg/info/pulsar.list", listed)
    for module in (django, psycopg, certifi):
        folder = Path(str(module.__file__)).parent
        name = f"usr/local/lib/python3.13/site-packages/{folder.name}"
        hidden = shutil.ignore_patterns("__pycache__", "*.mo", "*.po")
        shutil.copytree(folder, project.root / "image" / name, ignore=hidden)
    project.write(*STATIC)
    project.write("staticfiles/a.1234.css", "a{}")
    found = look(project, f"{BASE}{STATIC_FILES}COPY image/ /\n{START}", KNOWN)
    assert told(found) == ""

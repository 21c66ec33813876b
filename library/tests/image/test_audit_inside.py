"""What an image is made of: rights, Python, static files, packages, size; and its bill."""

import json

import pytest
from cyclonedx.model.bom import Bom
from image_audit import BASE, EMPTY, GOOD, START, STATIC, ids, look, look_again, told
from image_project import SMALL, ImageProject

METADATA = "Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{more}\n"
HOME = "venv/lib/python3.13/site-packages"


def install(project: ImageProject, name: str, version: str, *more: str) -> None:
    """Put a package's metadata where an image has it."""
    text = METADATA.format(name=name, version=version, more="\n".join(more))
    project.write(f"{HOME}/{name}-{version}.dist-info/METADATA", text)


@pytest.fixture
def good(project: ImageProject) -> ImageProject:
    """A project whose image has nothing wrong."""
    project.write(*STATIC)
    project.write("staticfiles/a.1234.css", "a{}")
    install(
        project, "Django", "5.2.1", "License-Expression: BSD-3-Clause", "Requires-Dist: sqlparse"
    )
    install(project, "sqlparse", "0.5.3", "License: BSD")
    return project


LOCKED = {"django": "5.2.1", "sqlparse": "0.5.3"}
VENV = f"{GOOD}COPY venv /app/venv\n"


def test_a_good_image_has_no_finding_and_a_bill_that_is_the_same_each_time(
    good: ImageProject,
) -> None:
    from castoff.image.sbom import render

    image = good.build(VENV.replace(EMPTY, BASE))
    found = look_again(good, image, locked=LOCKED)
    assert told(found) == ""
    bill = render(image, found.packages, found.created)
    again = look_again(good, image, locked=LOCKED)
    assert render(image, again.packages, again.created) == bill
    read = Bom.from_json(json.loads(bill))  # type: ignore[attr-defined]
    urls = {str(one.purl) for one in read.components}
    assert {"pkg:pypi/django@5.2.1", "pkg:pypi/sqlparse@0.5.3"} < urls
    assert sum(url.startswith("pkg:deb/debian/") for url in urls) > 50
    assert found.created == read.metadata.timestamp
    assert [layer.instruction for layer in found.layers[1:]] == [
        "COPY staticfiles /app/staticfiles",
        "COPY venv /app/venv",
    ]
    assert found.layers[2].files == 2


def test_packages_that_are_not_those_of_the_lock_are_named(good: ImageProject) -> None:
    install(good, "pip", "25.0")
    install(
        good,
        "poetry",
        "2.5.1",
        "Requires-Dist: cleo (>=2)",
        "Requires-Dist: tomli; python_version<'3.11'",
    )
    install(good, "cleo", "2.1.0")
    install(good, "uvloop", "0.21.0")
    install(good, "requests", "2.32.0", 'Requires-Dist: uvloop; sys_platform == "linux"')
    good.write(
        "tools/lib/python3.13/site-packages/ruff-1.dist-info/METADATA", "Name: ruff\nVersion: 1\n"
    )
    locked = {"django": "5.2.2", "sqlparse": "0.5.3", "whitenoise": "6.12.0"}
    said = told(look(good, f"{VENV}COPY tools /tools\n", locked=locked), "E308")
    assert "in another version than the lock has: django 5.2.1 (locked: 5.2.2)." in said
    assert "in the lock and not in the image: whitenoise." in said
    assert "in the image and not in the lock: requests." in said


def test_static_files_that_are_missing_are_told(good: ImageProject) -> None:
    assert "are not collected" in told(look(good, f"{EMPTY}COPY venv /venv\n{START}"), "E307")
    good.write(STATIC[0], '{"paths": {}}')
    assert "are not collected" in told(look(good, GOOD), "E307")
    good.write(STATIC[0], '{"paths": {"a.css": "a.1234.css", "b.css": "b.9.css"}}')
    lost = told(look(good, GOOD), "E307")
    assert "1 of 2 static files that app/staticfiles/staticfiles.json names" in lost
    assert "b.9.css" in lost
    good.write("plain/admin/css/base.css", "a{}")  # another storage writes no manifest
    assert told(look(good, f"{EMPTY}COPY plain /app/static\n{START}"), "E307") == ""
    packaged = f"{EMPTY}COPY plain /usr/lib/python3/django/contrib/admin/static\n{START}"
    assert "are not collected" in told(look(good, packaged), "E307")


def test_files_that_anybody_may_write_or_that_make_root_are_told(good: ImageProject) -> None:
    dockerfile = VENV.replace(EMPTY, BASE).replace(
        "USER",
        "RUN mkdir -m 777 /app/media && touch /app/lock && chmod 666 /app/lock"
        " && mkdir -m 1777 /scratch && echo /usr/bin/sudo >>/var/lib/dpkg/info/sudo.list"
        " && cp /bin/true /usr/bin/sudo && cp /bin/true /usr/bin/mine"
        " && chmod u+s /usr/bin/sudo /usr/bin/mine\nUSER",
    )
    found = look(good, dockerfile, locked=LOCKED)
    assert ids(found) == ["E303"] * 3
    assert "usr/bin/sudo runs as its owner" in told(found)
    assert "usr/bin/mine runs as its owner" in told(found)
    assert "everybody may write app/media:" in told(found)


def test_a_python_out_of_support_is_told(good: ImageProject) -> None:
    old = f"{EMPTY}COPY venv /usr/local\nCOPY staticfiles /s\n{START}"
    assert told(look(good, old, locked=LOCKED)) == ""
    good.git("mv", "venv/lib/python3.13", "venv/lib/python3.9")
    said = told(look(good, old, locked=LOCKED))
    assert "W306 FROM: Python 3.9 gets no security fixes since October 2025." in said


def test_an_image_over_the_budget_says_what_takes_the_room(project: ImageProject) -> None:
    project.write("venv/lib/python3.13/site-packages/heavy/data.bin", "." * 2_000_000)
    project.write("app/data.bin", "." * 1_000_000)
    image = project.build(SMALL)
    assert told(look_again(project, image, budget_mb=4), "W309") == ""
    said = told(look_again(project, image, budget_mb=2), "W309")
    assert "the image has 3.0 MB, and the budget is 2 MB" in said
    assert "3.0 MB layer 1 (COPY . /app/): heavy 2.0 MB, app/app 1.0 MB" in said

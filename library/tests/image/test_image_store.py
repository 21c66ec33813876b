"""Old images of the project go, those in use stay, and nothing else on the engine is touched."""

import io
import json
import tarfile
from datetime import UTC, datetime, timedelta

from image_project import ImageProject

from castoff.image import store
from castoff.image.model import PROJECT, Image


def accepted(project: ImageProject, how_many: int) -> list[Image]:
    """Images of so many commits, each accepted; the oldest first."""
    made = []
    for number in range(how_many):
        project.write("app.py", f"VALUE = {number}\n")
        project.commit()
        image = project.build()
        store.accept(project.engine, image)
        made.append(image)
    return made


def there(project: ImageProject, *images: Image) -> list[bool]:
    """Whether each of the images can still be found by its stamp."""
    return [bool(store.find(project.engine, project.name, one.stamp)) for one in images]


def test_the_last_five_are_kept(project: ImageProject) -> None:
    images = accepted(project, 7)
    gone = store.prune(project.engine, project.name)
    assert sorted(gone) == sorted(one.tag for one in images[:2])
    assert there(project, *images) == [False] * 2 + [True] * 5
    assert store.prune(project.engine, project.name) == []


def test_what_was_accepted_last_is_kept_whenever_it_was_built(project: ImageProject) -> None:
    images = accepted(project, 3)
    store.accept(project.engine, images[0])
    store.prune(project.engine, project.name, keep=2)
    assert there(project, *images) == [True, False, True]


def test_what_is_named_as_in_use_is_kept(project: ImageProject) -> None:
    images = accepted(project, 4)
    in_use = {images[0].id, images[1].stamp}
    store.prune(project.engine, project.name, keep=1, in_use=in_use)
    assert there(project, *images) == [True, True, False, True]


def test_what_a_container_was_made_from_is_kept_even_when_it_does_not_run(
    project: ImageProject,
) -> None:
    images = accepted(project, 2)
    project.engine.client.containers.create(images[0].id, "none", labels={PROJECT: project.name})
    store.prune(project.engine, project.name, keep=1)
    assert there(project, *images) == [True, True]


def test_a_name_that_somebody_gave_an_image_stays_with_it(project: ImageProject) -> None:
    (image,) = accepted(project, 1)
    own = f"{project.name}-kept:mine"
    project.engine.docker("image", "tag", image.id, own)
    accepted(project, 2)
    assert image.tag in store.prune(project.engine, project.name, keep=1)
    assert store.inspect(project.engine, own).id == image.id


def test_the_images_of_others_are_left_alone(project: ImageProject) -> None:
    mine = accepted(project, 1)
    before = all_images(project)
    other = f"{project.name}-and-more"  # begins with the same letters
    assert store.prune(project.engine, other, keep=0) == []
    assert store.prune(project.engine, project.name[:-1], keep=0) == []
    assert there(project, *mine) == [True]
    assert store.prune(project.engine, project.name, keep=0) == [mine[0].tag]
    assert before - all_images(project) == {mine[0].id}


def test_what_a_killed_run_left_goes_when_it_is_old_enough(project: ImageProject) -> None:
    fresh = project.build()
    old = made_at(project, fresh, datetime.now(UTC) - timedelta(days=2))
    assert store.prune(project.engine, project.name) == [old]
    assert store.inspect(project.engine, fresh.id)


def all_images(project: ImageProject) -> set[str]:
    """The ids of the project's images."""
    listed = project.engine.docker(
        *("image", "ls", "--quiet", "--no-trunc", f"--filter=label={PROJECT}={project.name}")
    )
    return set(listed.stdout.split())


def made_at(project: ImageProject, image: Image, when: datetime) -> str:
    """The id of the same image, as if it had been made at another time."""
    client, changed = project.engine.client, io.BytesIO()
    saved = io.BytesIO(b"".join(client.images.get(image.id).save()))
    with tarfile.open(fileobj=saved) as old, tarfile.open(fileobj=changed, mode="w") as new:
        for entry in old:
            content = old.extractfile(entry)
            data = content.read() if content else b""
            if entry.name.endswith(".json") and b'"rootfs"' in data:
                data = json.dumps(json.loads(data) | {"created": when.isoformat()}).encode()
                entry.size = len(data)
            new.addfile(entry, io.BytesIO(data))
    (loaded,) = client.images.load(changed.getvalue())
    return str(loaded.id)

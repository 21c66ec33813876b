"""Every engine's way of saving an image is read; one that is cut off is told, and never guessed."""

import gzip
import io
import json
import tarfile
from threading import Event

import pytest
from image_audit import BASE, look_again
from image_project import SMALL, ImageProject

from castoff.errors import Interrupted, StepError
from castoff.image.contents import Contents, keep, stack
from castoff.image.detect import detector
from castoff.image.known import Known
from castoff.image.walk import walk
from castoff.model import Secret

VALUE = "q8ZrW2" + "xLm5TnB7vKc9Hd4JfS"


def saved(project: ImageProject, dockerfile: str) -> bytes:
    """What the engine saves of an image of the project."""
    image = project.build(dockerfile)
    return b"".join(project.engine.client.images.get(image.id).save())


def read(data: bytes, size: int = 65_536) -> Contents:
    """Walk a saved image that comes in pieces of some size."""
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return stack(walk(pieces, Known({"MAIL_KEY": Secret("MAIL_KEY", VALUE)}), detector, keep))


def as_newer_engines_do(data: bytes) -> bytes:
    """The same image with its layers compressed, in an OCI layout, its manifest first."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {one.name: tar.extractfile(one) for one in tar if one.isreg()}
        texts = {name: file.read() for name, file in files.items() if file}
    (manifest,) = json.loads(texts["manifest.json"])
    blobs = {f"blobs/sha256/{at:064}": texts[n] for at, n in enumerate(manifest["Layers"], 1)}
    config = f"blobs/sha256/{0:064}"
    new = [{"Config": config, "RepoTags": None, "Layers": list(blobs)}]
    made = {
        "manifest.json": json.dumps(new).encode(),
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        config: texts[manifest["Config"]],
        **{name: gzip.compress(blob) for name, blob in blobs.items()},
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in made.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def test_what_older_and_newer_engines_save_is_read_alike(project: ImageProject) -> None:
    project.write("mail.txt", VALUE)
    data = saved(project, f"{SMALL}COPY mail.txt /again/\n")
    old, new = read(data), read(as_newer_engines_do(data), size=1000)
    assert old == new
    assert [leak.hit.path for leak in old.leaks] == ["app/mail.txt", "again/mail.txt"]
    assert [layer.instruction for layer in old.layers] == ["COPY . /app/", "COPY mail.txt /again/"]


def test_what_later_layers_delete_or_replace_is_gone(project: ImageProject) -> None:
    for name in ("one/a.txt", "one/deep/b.txt", "two/c.txt", "three/d.txt"):
        project.write(name, "text")
    found = read(
        saved(
            project,
            f"{BASE}COPY . /app/\n"
            "RUN rm -r /app/one && mkdir /app/one && echo >/app/one/new.txt && rm /app/two/c.txt"
            " && rm -r /app/three\n",
        )
    )
    inside = {path for path in found.files if path.startswith(("app/one", "app/t"))}
    assert inside == {"app/one", "app/one/new.txt", "app/two"}


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_an_image_that_is_cut_off_is_an_error_and_not_a_clean_one(
    project: ImageProject, part: float
) -> None:
    project.write("large.txt", "text" * 20_000)
    data = saved(project, SMALL)
    with pytest.raises(StepError, match="the image cannot be read") as caught:
        read(data[: int(len(data) * part)])
    assert caught.value.state and caught.value.next


def test_an_image_that_is_gone_is_told(project: ImageProject) -> None:
    image = project.build(SMALL)
    project.engine.docker("image", "rm", image.id)
    with pytest.raises(StepError, match=f"the image {image.short} could not be read"):
        look_again(project, image)


def test_a_run_that_is_interrupted_ends_the_audit(
    project: ImageProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = project.build(SMALL)
    cancelled = Event()
    cancelled.set()
    assert project.engine.client.ping()
    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(project.engine.shell, "cancelled", cancelled)
        look_again(project, image)

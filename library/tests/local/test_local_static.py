"""Static files that are the same as those of an earlier release are not collected again."""

import shutil
from pathlib import Path

import pytest
from local_project import STORAGE, Shop

from castoff.errors import StepError
from castoff.targets.local import static_files
from castoff.targets.local.builds import Build


@pytest.fixture
def shop(tmp_path: Path, python: Path) -> Shop:
    """A project that was never built."""
    return Shop(tmp_path, python)


def test_a_change_of_code_alone_takes_the_files_of_the_release_before(shop: Shop) -> None:
    first = shop.build()
    shop.write("views.py", "# other code")
    second = shop.build()
    assert contents(second) == contents(first)
    assert contents(second)["shop.css"] == "body { background: url(shop.svg) }"
    assert all(is_same(first, second, name) for name in first.static)


def test_they_are_still_taken_when_the_release_between_had_others(shop: Shop) -> None:
    first = shop.build()
    shop.write("static/shop.css", "body { color: red }")
    second = shop.build()
    shop.write("static/shop.css", "body { background: url(shop.svg) }")
    third = shop.build()
    assert not is_same(first, second, "shop.css")
    assert is_same(first, third, "shop.css")
    assert contents(third) == contents(first)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("static/shop.svg", "<svg><g/></svg>"),
        ("static/more.svg", "<svg/>"),
        ("settings.py", '\nSTATIC_URL = "/assets/"\n'),
        ("settings.py", '\nSTATICFILES_DIRS = [("shop", BASE_DIR / "static")]\n'),
        ("settings.py", "\nA_STORAGE_MAY_READ_THIS = {1, 2}\n"),
    ],
)
def test_whatever_may_change_them_has_them_collected_anew(shop: Shop, name: str, text: str) -> None:
    first = shop.build()
    kept = (shop.root / name).read_text() if name == "settings.py" else ""
    shop.write(name, kept + text)
    second = shop.build()
    assert not any(is_same(first, second, name) for name in {*first.static} & {*second.static})


def test_a_setting_that_cannot_be_compared_has_them_collected_each_time(shop: Shop) -> None:
    settings = (shop.root / "settings.py").read_text()
    shop.write("settings.py", f"{settings}\ndef key(request): ...\nKEY = key\n")
    assert shop.build().static_digest == ""


def test_a_deleted_file_is_not_there_any_more(shop: Shop) -> None:
    shop.write("static/old.css", "")
    assert "old.css" in contents(shop.build())
    (shop.root / "static/old.css").unlink()
    assert "old.css" not in contents(shop.build())


def test_the_project_s_own_storage_may_do_anything_and_collects_each_time(shop: Shop) -> None:
    module, _, name = STORAGE.rpartition(".")
    own = f"import views\nfrom {module} import {name}\nclass Own({name}):\n    pass\n"
    shop.write("own.py", own)
    shop.write("settings.py", (shop.root / "settings.py").read_text().replace(STORAGE, "own.Own"))
    first = shop.build()
    second = shop.build()
    assert contents(first) == contents(second)
    assert not is_same(first, second, "shop.css")


def test_files_in_the_commit_s_own_static_root_are_kept(shop: Shop) -> None:
    shop.write("collected/hand-made.txt", "1")
    assert contents(shop.build())["hand-made.txt"] == "1"
    shop.write("collected/hand-made.txt", "2")
    assert contents(shop.build())["hand-made.txt"] == "2"


def test_a_release_folder_that_somebody_took_files_from_is_not_relied_upon(shop: Shop) -> None:
    first = shop.build()
    whole = contents(first)
    Path(first.static_root, first.static[-1]).unlink()
    second = shop.build()
    assert contents(second) == whole
    assert not any(is_same(first, second, name) for name in first.static[:-1])


def test_a_page_of_the_release_before_still_finds_its_files(shop: Shop) -> None:
    first = shop.build()
    shop.write("static/shop.css", "body { color: red }")
    second = shop.build()
    static_files.share(second, first)
    assert all(Path(second.static_root, name).is_file() for name in first.static)
    third = shop.build()
    old = next(name for name in first.static if name not in second.static)
    assert not Path(third.static_root, old).exists(), "only those of the one before"


def test_a_folder_is_there_whole_or_not_at_all(shop: Shop) -> None:
    first = shop.build()
    shop.write("static/shop.css", "body { background: url(nowhere.svg) }")
    with pytest.raises(StepError, match=r"static files cannot be collected: .*nowhere\.svg"):
        shop.build()
    assert folders(first) == [first.artifact.id]


def test_what_a_killed_run_left_is_deleted_by_the_next(shop: Shop) -> None:
    first = shop.build()
    place = Path(first.artifact.location)
    shutil.copytree(place, place.with_name(".new-0123"))
    shutil.copytree(place, place.with_name(".gone-0123"))
    second = shop.build()
    assert folders(first) == sorted([first.artifact.id, second.artifact.id])
    shop.builds.prune([second.artifact.id])
    assert folders(second) == [second.artifact.id]


def contents(build: Build) -> dict[str, str]:
    """The static files that a release serves, without their manifest."""
    files = {name: Path(build.static_root, name) for name in build.static}
    return {name: path.read_text() for name, path in files.items() if path.suffix != ".json"}


def is_same(one: Build, other: Build, name: str) -> bool:
    """Whether both releases have the very same file, and not two with the same content."""
    return Path(one.static_root, name).samefile(Path(other.static_root, name))


def folders(build: Build) -> list[str]:
    """Every folder beside a release's."""
    return sorted(path.name for path in Path(build.artifact.location).parent.iterdir())

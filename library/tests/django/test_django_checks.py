"""`manage.py check` says what is wrong with castoff's own configuration."""

import pytest
from django_shop import Project


@pytest.mark.parametrize(
    ("environment", "code", "expected"),
    [
        ({}, 0, "no issues"),
        ({"SKIP_MIDDLEWARE": "1"}, 1, "castoff.E218"),
        ({"CASTOFF_PROBE_TOKEN": "short"}, 0, "castoff.W220"),
        ({"CASTOFF_PROBE_TOKEN": ""}, 0, "no issues"),
    ],
)
def test_check_names_the_fault_by_its_id(
    sqlite_shop: Project, environment: dict[str, str], code: int, expected: str
) -> None:
    found, output = sqlite_shop.manage("check", **environment)
    assert found == code, output
    assert expected in output


def test_a_middleware_that_is_not_first_is_a_fault(sqlite_shop: Project) -> None:
    settings = sqlite_shop.folder / "settings.py"
    settings.write_text(settings.read_text() + "\nMIDDLEWARE.reverse()\n")
    code, output = sqlite_shop.manage("check")
    assert code == 1
    assert "not first" in output


def test_the_models_need_no_further_migration(sqlite_shop: Project) -> None:
    code, output = sqlite_shop.manage("makemigrations", "--check", "--dry-run", "castoff")
    assert code == 0, output

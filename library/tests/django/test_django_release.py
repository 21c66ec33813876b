"""`manage.py release` against a real PostgreSQL, in processes of its own."""

import signal
import subprocess
import time
from collections.abc import Callable
from hashlib import sha256

import psycopg
import pytest
from django_shop import Project

from castoff.django.lock import KEY

NOTE = 'migrations.AddField("item", "note", models.CharField(max_length=9, null=True)),'
SLEEP = 'migrations.RunSQL("SELECT pg_sleep({})"),'
CONCURRENTLY = """
    migrations.RunSQL("ALTER TABLE shop_item ADD code int"),
    migrations.RunSQL("CREATE UNIQUE INDEX CONCURRENTLY item_name ON shop_item (name)"),
    migrations.RunSQL("SELECT 1"),
"""
HERE = "datname = current_database() AND pid <> pg_backend_pid()"
LOCK = f"SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE {HERE} AND objsubid = 1"
SLEEPING = f"SELECT 1 FROM pg_stat_activity WHERE {HERE} AND query LIKE 'SELECT pg_sleep(20)%'"


def until(condition: Callable[[], object], seconds: float = 20) -> float:
    """Seconds until the condition held."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - start


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def test_a_first_release_migrates_and_writes_the_ledger(shop: Project) -> None:
    output = shop.release(CASTOFF_BY="ann@example.org")
    assert "  shop.0001_initial  0." in output
    assert "written to the ledger" in output
    [row] = shop.ledger()
    assert (row["commit"], row["version"]) == ("a" * 40, "1.2")
    assert row["committed_at"] == "2026-01-02T03:04:05+00:00"
    assert (row["who"], row["verdict"]) == ("ann@example.org", "")
    names = {each["migration"] for each in row["applied"]}
    assert names == set(row["known"])
    assert {"castoff.0001_initial", "contenttypes.0001_initial", "shop.0001_initial"} <= names
    file = shop.folder / "shop/migrations/0001_initial.py"
    assert row["known"]["shop.0001_initial"] == sha256(file.read_bytes()).hexdigest()
    assert row["applied"][0]["sha256"] == row["known"]["castoff.0001_initial"]
    assert shop.query("SELECT count(*) FROM django_content_type WHERE app_label='castoff'") == [
        (2,)
    ]


def test_the_same_release_again_has_nothing_to_do(shop: Project) -> None:
    shop.release()
    assert "nothing to do" in shop.release()
    assert len(shop.ledger()) == 1


def test_another_commit_without_migrations_gets_a_row_of_its_own(shop: Project) -> None:
    shop.release()
    shop.stamp("b" * 40 + "-dirty-0123456789ab")
    shop.release()
    shop.stamp("a" * 40)
    shop.release()
    rows = shop.ledger()
    assert [row["commit"][:1] for row in rows] == ["a", "b", "a"]
    assert [row["applied"] for row in rows[1:]] == [[], []]


def test_what_older_code_cannot_stand_is_said_and_kept(shop: Project) -> None:
    shop.release()
    operations = f'{NOTE} migrations.RemoveField("item", "name"),'
    shop.migration("0002_swap", operations, after="0001_initial")
    shop.stamp("b" * 40)
    text = "RemoveField shop.Item.name: older code still reads the column"
    assert text in shop.release()
    [applied] = shop.ledger()[-1]["applied"]
    assert (applied["migration"], applied["breaks"]) == ("shop.0002_swap", [text])


def test_two_at_once_on_an_empty_database_one_waits_and_finds_nothing_to_do(shop: Project) -> None:
    shop.migration("0002_slow", SLEEP.format(1), after="0001_initial")
    both = [shop.start("release") for _ in range(2)]
    ended = [finish(process) for process in both]
    assert [code for code, _ in ended] == [0, 0], ended
    waited = [output for _, output in ended if "waiting" in output]
    assert len(waited) == 1, ended
    assert "for castoff release aaaaaaaaaaaa (pid " in waited[0]
    assert "nothing to do" in waited[0]
    assert len(shop.ledger()) == 1


def test_waiting_ends_and_says_who_holds_the_lock(shop: Project) -> None:
    shop.migration("0002_slow", SLEEP.format(20), after="0001_initial")
    holder = shop.start("release")
    until(lambda: shop.query(LOCK))
    code, output = shop.manage("release", "--lock-wait", "0.5")
    holder.kill()
    finish(holder)
    assert code == 1
    assert "not free within 0.5 s" in output
    assert "castoff release aaaaaaaaaaaa (pid " in output
    assert "Nothing was changed." in output


def test_kill_9_of_the_holder_frees_the_lock_and_its_statement_quickly(shop: Project) -> None:
    shop.migration("0002_slow", SLEEP.format(20), after="0001_initial")
    holder = shop.start("release")
    until(lambda: shop.query(SLEEPING))
    holder.kill()
    assert until(lambda: not shop.query(LOCK)) < 1
    assert until(lambda: not shop.query(SLEEPING)) < 3
    finish(holder)
    [row] = shop.ledger()
    assert "shop.0001_initial" in [each["migration"] for each in row["applied"]]
    shop.migration("0002_slow", "", after="0001_initial")
    assert "shop.0002_slow" in shop.release()


@pytest.mark.parametrize(
    ("number", "expected", "word"),
    [(signal.SIGTERM, 143, "SIGTERM"), (signal.SIGINT, 130, "Ctrl-C")],
)
def test_a_stopped_release_frees_the_lock_and_says_where_the_database_stands(
    shop: Project, number: int, expected: int, word: str
) -> None:
    shop.migration("0002_slow", NOTE + SLEEP.format(20), after="0001_initial")
    process = shop.start("release")
    until(lambda: shop.query(SLEEPING))
    process.send_signal(number)
    code, output = finish(process)
    assert code == expected, output
    assert f"failed in shop.0002_slow: stopped by {word}" in output
    assert "shop.0002_slow: rolled back whole" in output
    assert "Traceback" not in output
    assert until(lambda: not shop.query(LOCK)) < 1
    assert until(lambda: not shop.query(SLEEPING)) < 3


def test_a_release_stopped_while_it_waits_has_changed_nothing(shop: Project) -> None:
    with psycopg.connect(shop.url) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [KEY])
        process = shop.start("release")
        assert process.stdout
        said = [process.stdout.readline() for _ in range(2)]
        process.terminate()
        code, output = finish(process)
    assert "waiting up to 300 s for another release (pid " in said[1]
    assert (code, "Nothing was changed." in output) == (143, True), output
    assert shop.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_migration_fails_instead_of_waiting_behind_a_long_transaction(shop: Project) -> None:
    shop.release()
    shop.migration("0002_note", NOTE, after="0001_initial")
    for environment in ({}, {"POOL": "1"}):
        with psycopg.connect(shop.url) as reader:
            reader.execute("SELECT * FROM shop_item")
            start = time.monotonic()
            code, output = shop.manage("release", "--lock-timeout", "0.3", **environment)
        assert time.monotonic() - start < 5
        assert code == 1, output
        assert "canceling statement due to lock timeout" in output
        assert "another session held a lock for too long" in output
        assert "shop.0002_note: rolled back whole" in output
    assert "shop.0002_note" in shop.release()


def test_the_lock_timeout_does_not_stay_on_the_connection(shop: Project) -> None:
    code = (
        "from django.db import connection\n"
        "from django.core.management import call_command\n"
        "def now():\n"
        "    with connection.cursor() as cursor:\n"
        "        cursor.execute('SHOW lock_timeout')\n"
        "        return cursor.fetchone()[0]\n"
        "before = now()\n"
        "call_command('release')\n"
        "print(before, now())\n"
    )
    url = shop.url
    for environment in ({}, {"POOL": "1"}):
        shop.url = f"{url}&options=-c%20lock_timeout%3D7s"
        found, output = shop.manage("shell", "-c", code, **environment)
        assert found == 0, output
        assert output.splitlines()[-1] == "7s 7s"


def test_an_atomic_migration_that_fails_is_rolled_back_and_the_rest_is_kept(shop: Project) -> None:
    shop.release()
    shop.query("INSERT INTO shop_item (name) VALUES ('secret row')")
    shop.migration("0002_note", NOTE, after="0001_initial")
    broken = "migrations.RunSQL('ALTER TABLE shop_item ADD x int NOT NULL'),"
    broken = NOTE.replace("note", "more") + broken
    shop.migration("0003_broken", broken, after="0002_note")
    shop.migration("0004_after", "", after="0003_broken")
    shop.stamp("b" * 40)
    code, output = shop.manage("release")
    assert code == 1
    said = output[output.index("CommandError") :].splitlines()
    assert said == [
        'CommandError: the release failed in shop.0003_broken: column "x" of relation "shop_item"'
        " contains null values",
        "The database now:",
        "  applied by this run and kept: shop.0002_note (in the ledger)",
        "  shop.0003_broken: rolled back whole",
        "  not begun: shop.0004_after",
        "This command stopped nothing: what served before still runs.",
        "Next: correct the cause and release again: it goes on from here.",
    ]
    assert [each["migration"] for each in shop.ledger()[-1]["applied"]] == ["shop.0002_note"]
    columns = shop.query(
        "SELECT column_name FROM information_schema.columns WHERE table_name='shop_item'"
    )
    assert {name for (name,) in columns} == {"id", "name", "note"}


def test_a_migration_that_is_not_atomic_says_how_far_it_came(shop: Project) -> None:
    shop.release()
    shop.query("INSERT INTO shop_item (name) VALUES ('twin'), ('twin')")
    shop.migration("0002_index", CONCURRENTLY, after="0001_initial", atomic=False)
    shop.stamp("b" * 40)
    code, output = shop.manage("release")
    assert code == 1
    assert 'could not create unique index "item_name"' in output
    assert "applied by this run and kept: nothing" in output
    assert "shop.0002_index: not atomic, so it may be half done: 1 of 3 operations" in output
    assert "DROP INDEX CONCURRENTLY item_name" in output
    assert "put right by hand what shop.0002_index left half done" in output
    assert "twin" not in output
    assert "Traceback" not in output
    assert len(shop.ledger()) == 1


def test_castoffs_own_table_is_made_before_another_migration_can_fail(shop: Project) -> None:
    shop.migration("0001_initial", "migrations.RunSQL('SELECT 1/0'),", app="ashop")
    code, output = shop.manage("release")
    assert code == 1
    assert "applied by this run and kept: castoff.0001_initial" in output
    assert "failed in ashop.0001_initial: division by zero" in output
    assert shop.ledger()[0]["applied"][0]["migration"] == "castoff.0001_initial"


def test_python_that_raises_in_a_migration_is_one_line_and_no_traceback(shop: Project) -> None:
    shop.migration("0002_py", "migrations.RunPython(lambda apps, editor: 1 / 0),", "0001_initial")
    code, output = shop.manage("release")
    assert code == 1
    assert "failed in shop.0002_py: ZeroDivisionError: division by zero" in output
    assert "Traceback" not in output


def test_migrations_that_cannot_be_loaded_change_nothing(shop: Project) -> None:
    shop.migration("0002_lost", "", after="0001_gone")
    code, output = shop.manage("release")
    assert (code, "Traceback" in output) == (1, False), output
    assert "did not begin: NodeNotFoundError" in output
    shop.migration("0002_lost", "", after="0001_initial")
    shop.migration("0002_twin", "", after="0001_initial")
    code, output = shop.manage("release")
    assert (code, "Traceback" in output) == (1, False), output
    assert "Conflicting migrations" in output


def test_an_unreachable_database_never_shows_the_password(shop: Project) -> None:
    shop.query("CREATE ROLE walled LOGIN PASSWORD 'right'")
    urls = [
        "postgresql://sam:s3cret-pw@127.0.0.1:1/none",
        "postgresql://sam:s3cret-pw@/none?host=/nowhere",
        shop.url.replace("castoff@", "walled:s3cret-pw@"),
        "postgresql://sam:s3cret-pw@127.0.0.1:1/none?sslmode=s3cret-pw",
    ]
    for url, environment in zip(urls, ({}, {}, {"POOL": "1"}, {}), strict=True):
        shop.url = url
        code, output = shop.manage("release", **environment)
        assert code == 1
        assert "the release did not begin" in output
        assert "Nothing was changed." in output
        assert "s3cret-pw" not in output
        assert "Traceback" not in output


def test_a_project_may_replace_migrate_by_its_own(shop: Project) -> None:
    commands = shop.folder / "ashop/management/commands"
    commands.mkdir(parents=True)
    (commands / "migrate.py").write_text(
        "from django.core.management.commands import migrate\n"
        "class Command(migrate.Command):\n"
        "    def handle(self, *args, **options):\n"
        "        print('our own migrate')\n"
        "        super().handle(*args, **options)\n"
    )
    output = shop.release()
    assert "our own migrate" in output
    assert "  shop.0001_initial  0." in output


def test_a_wrong_number_of_seconds_is_answered(sqlite_shop: Project) -> None:
    for option in ("--lock-wait=-1", "--lock-timeout=nan"):
        code, output = sqlite_shop.manage("release", option)
        assert (code, "Traceback" in output) == (2, False)
        assert option.split("=")[0] in output

"""How an image starts, as the engine has it after a build: user, start command, address."""

import pytest
from image_audit import BASE, look, told
from image_project import SMALL, ImageProject

from castoff.image.contents import Contents
from castoff.image.saved import Settings
from castoff.image.start import start

STARTS = "E30[345]"
CMD = 'CMD ["gunicorn", "project.wsgi"]\n'


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (f"USER 1001\n{CMD}", ""),
        (f'USER 1001:1001\nENTRYPOINT ["/run"]\n{CMD}', ""),
        (f"{CMD}", "E303 USER: the process runs as root (there is no USER)"),
        (f"USER 0:1001\n{CMD}", "E303 USER: the process runs as root (USER 0 is root)"),
        ("USER 1001\n", "E304 CMD: the image has no start command of its own (nothing at all)"),
        ("USER 1001\nCMD gunicorn project.wsgi\n", "E304 CMD: the start command is in shell form"),
        ("USER 1001\nCMD python manage.py release && exec gunicorn project.wsgi\n", ""),
        (
            'USER 1001\nCMD ["python", "manage.py", "runserver", "0.0.0.0:8000"]\n',
            "E304 CMD: it starts through runserver",
        ),
        (
            'USER 1001\nCMD ["gunicorn", "--bind", "127.0.0.1:8000", "project.wsgi"]\n',
            "E305 CMD: it binds 127.0.0.1",
        ),
        (
            'USER 1001\nCMD ["gunicorn", "--bind=0.0.0.0:80", "project.wsgi"]\n',
            "E305 CMD: it binds port 80, and the platform expects 8000",
        ),
        (f"USER 1001\nENV PORT=5000\n{CMD}", "E305 ENV PORT: ENV PORT says 5000"),
        (f"USER 1001\nEXPOSE 80 443\n{CMD}", "E305 EXPOSE: EXPOSE says 443, 80"),
        (f"USER 1001\nEXPOSE 80 8000\n{CMD}", ""),
    ],
)
def test_what_the_engine_was_told_is_looked_at(
    project: ImageProject, lines: str, said: str
) -> None:
    text = told(look(project, SMALL + lines), STARTS)
    assert text.startswith(said) and bool(text) == bool(said)
    assert text.count("\nE30") == 0  # one fault, one finding


def test_what_the_base_image_starts_is_no_start_command_and_its_root_is_root(
    project: ImageProject,
) -> None:
    text = told(look(project, f"{BASE}RUN echo 'boss:x:0:0::/:/bin/sh' >>/etc/passwd\nUSER boss\n"))
    assert "E303 USER: the process runs as root (USER boss is root)" in text
    assert "the image has no start command of its own (only `python3`, from the base image)" in text


def address(*words: str, port: int | None = 8000, **env: str) -> str:
    """What is said of the address that a start command binds."""
    given = tuple(f"{name}={value}" for name, value in env.items())
    settings = Settings(user="1001", env=given, cmd=words)
    found = start(Contents(settings, (), {}, {}, (), ()), port)
    return "\n".join(one.message for one in found if one.id == "E305")


@pytest.mark.parametrize(
    "words",
    [
        ("gunicorn", "-b", "0.0.0.0:8000", "project.wsgi"),
        ("gunicorn", "-b:8000", "project.wsgi"),
        ("gunicorn", "--bind", "[::]:8000", "project.wsgi"),
        ("gunicorn", "--bind", "unix:/run/app.sock", "project.wsgi"),
        ("gunicorn", "--config=project/gunicorn.py", "project.wsgi"),
        ("uvicorn", "--host", "0.0.0.0", "--port=8000", "project.asgi"),
        ("sh", "-c", "exec gunicorn --bind 0.0.0.0:$PORT project.wsgi"),
        ("sh", "-c", "exec gunicorn --bind 0.0.0.0:${PORT:-8000} project.wsgi"),
        ("sh", "-c", "exec gunicorn 'unclosed"),
        ("/app/start",),
    ],
)
def test_an_address_that_is_reached_is_no_finding(words: tuple[str, ...]) -> None:
    assert address(*words) == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gunicorn", "-b", "localhost:8000", "project.wsgi"), "it binds localhost"),
        (("gunicorn", "-b", "[::1]:8000", "project.wsgi"), "it binds ::1"),
        (("gunicorn", "--bind", "0.0.0.0:$PORT", "project.wsgi"), "no shell puts the value in"),
        (("uvicorn", "project.asgi"), "it binds 127.0.0.1"),
        (("uvicorn", "--host=0.0.0.0", "--port", "80", "project.asgi"), "it binds port 80"),
        (("python", "manage.py", "runserver"), "it binds 127.0.0.1"),
        (("python", "manage.py", "runserver", "--noreload", "0:9000"), "it binds port 9000"),
        (("sh", "-c", "exec gunicorn -b 127.0.0.1:$PORT project.wsgi"), "it binds 127.0.0.1"),
    ],
)
def test_an_address_that_nobody_reaches_is_told(words: tuple[str, ...], said: str) -> None:
    assert said in address(*words)


def test_the_address_may_stand_in_the_environment() -> None:
    words = ("gunicorn", "project.wsgi")
    assert "it binds 127.0.0.1" in address(*words, GUNICORN_CMD_ARGS="--bind=127.0.0.1:8000")
    assert address("uvicorn", "project.asgi", UVICORN_HOST="0.0.0.0") == ""


def test_no_port_is_compared_where_the_platform_tells_it() -> None:
    assert address("gunicorn", "-b", "0.0.0.0:80", "project.wsgi", port=None) == ""
    assert address("gunicorn", "project.wsgi", port=None, PORT="5000") == ""

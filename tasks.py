"""The project's tasks: castoff's, and the project's own beside them."""

from shlex import quote

from invoke import Context, task

import castoff


@task
def test(c: Context) -> None:
    """Run the app's tests on a throw-away PostgreSQL."""
    python = quote(str(castoff.app_python(c)))
    with castoff.scratch_database() as url:
        c.run(f"{python} manage.py test project", env={"DATABASE_URL": url})


ns = castoff.collection(__file__, test)

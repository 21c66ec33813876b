"""``inv doctor``: what is here, what runs, and what each target lacks. It changes nothing.

It is wanted most when something is broken, so that nothing it looks at can end it: what cannot be
looked at is one more thing that it tells.
"""

import sys
from pathlib import Path
from typing import Any

from castoff.console import JsonLines, Terminal
from castoff.doctor.look import look
from castoff.doctor.show import show
from castoff.errors import CastoffError, ExitCode


def doctor(root: Path, values: Any, json: bool, wrong: CastoffError | None = None) -> ExitCode:
    """Look at everything, show it, and return the exit code.

    Args:
        root: the project's folder.
        values: what stands under ``castoff:``, as far as it can be read.
        json: whether stdout is for JSON lines, and text for people goes to stderr.
        wrong: what is wrong with the configuration.
    """
    health = look(root, values, wrong)
    show(Terminal(sys.stderr if json else sys.stdout, []), health)
    if json:
        JsonLines(sys.stdout).write({"event": "result", "ok": health.ok, **health.fields})
    return max((one.code for one in health.every_problem), default=ExitCode.DONE)

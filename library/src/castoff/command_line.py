"""What Invoke leaves open on the command line: a wrong word, an option without its value."""

import re
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from invoke import Argument, Exit, ParseError, Task

if TYPE_CHECKING:
    from invoke import Program

    from castoff.errors import WrongInput

NOTHING = "Nothing was done."


class CastoffTask(Task[Callable[..., Any]]):
    """A task of castoff's own: its ``--target`` does not go without a name."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """Return the task's arguments."""
        texts = dict(self.help)
        arguments = super().get_arguments(ignore_unknown_help)
        self.help = texts  # Invoke 3.0.3 has used them up, and asks again to complete a word
        for argument in arguments:
            if argument.kind is list:  # Invoke 3.0.3 takes its empty list for a value
                argument.raw_value = None
        return arguments


def explain_wrong_words() -> None:
    """Let a word that Invoke does not know be answered as castoff answers every wrong input.

    Invoke says no more than that it does not know it, and has no hook; so this stands around the
    parsing of the one program that ``inv`` is. Another program that runs the tasks is left alone.
    """
    main = sys.modules.get("invoke.main")
    if main is None or "parse_tasks" in vars(main.program):
        return
    for name in ("parse_tasks", "parse_cleanup"):
        parse = getattr(main.program, name)
        setattr(main.program, name, partial(_explained, main.program, parse))


def asks_for_json() -> bool:
    """Whether the words ask for JSON, where Invoke has not parsed them yet, or could not."""
    return "--json" in sys.argv or "-j" in sys.argv


def _explained(program: "Program", parse: Callable[[], None]) -> None:
    try:
        parse()
    except ParseError as error:
        from castoff.session import answer

        raise answer(_explain(program, error), asks_for_json()) from None
    except BrokenPipeError:  # as of `inv --list | head -1`
        from castoff.console import silence

        silence(sys.stdout)
        raise Exit(code=0) from None


def _explain(program: "Program", error: ParseError) -> "WrongInput":
    from castoff.errors import WrongInput

    said, task = str(error), (error.context.name if error.context else None) or ""
    options = f"`inv {task} --help` lists its options." if task else "`inv --help` lists them."
    if unknown := re.fullmatch("No idea what '(.*)' is!", said):
        word = unknown[1]
        return _no_option(program, error, word) if word[:1] == "-" else _no_task(program, word)
    if lacking := re.match(r"Flag <Argument: ([\w-]+).* needed value", said):
        return WrongInput(f"`--{lacking[1]}` needs a value", NOTHING, options)
    return WrongInput(said, NOTHING, options)


def _no_option(program: "Program", error: ParseError, word: str) -> "WrongInput":
    from castoff.errors import WrongInput
    from castoff.nearest import meant

    task = (error.context.name if error.context else None) or ""
    known = [*program.initial_context.flags, *(error.context.flags if error.context else ())]
    return WrongInput(
        f"{f'`inv {task}`' if task else '`inv`'} has no option `{word}`",
        NOTHING,
        f"{meant(word, known)}`inv {f'{task} ' if task else ''}--help` lists its options.",
    )


def _no_task(program: "Program", word: str) -> "WrongInput":
    from castoff.errors import WrongInput
    from castoff.nearest import meant
    from castoff.yaml_file import ROOT

    targets = program.collection.configuration().get(ROOT, {}).get("targets", {})
    near = f"Did you mean `--target={word}`? " if word in targets else ""
    near = near or meant(word, program.collection.task_names)
    return WrongInput(f"there is no task `{word}`", NOTHING, f"{near}`inv --list` lists the tasks.")

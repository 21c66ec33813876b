"""Shell completion: a script for each shell, and what Invoke's ``--complete`` does not know.

The scripts ask ``inv --complete -- inv WORD…``, whose last word is the one that is being typed.
Invoke answers with tasks and options, but has no values; those of ``--target`` are told here.
"""

from collections.abc import Iterable, Sequence
from importlib import resources

from castoff.errors import WrongInput

SCRIPTS = {"bash": "inv.bash", "zsh": "inv.zsh", "fish": "inv.fish"}
FLAGS = ("--target", "-t")


def script(shell: str) -> str:
    """Return the script that a shell reads.

    Raises:
        WrongInput: there is none for the shell.
    """
    if shell in SCRIPTS:
        return resources.files(__name__).joinpath(SCRIPTS[shell]).read_text(encoding="utf-8")
    from castoff.nearest import meant

    raise WrongInput(
        f"--shell={shell}: there is no completion for it" if shell else "--shell is not given",
        "Nothing was done.",
        f"{meant(shell, SCRIPTS)}Shells are: {', '.join(SCRIPTS)}.",
    )


def targets(argv: Sequence[str], tasks: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the words that the last one can become; none when it is no value of ``--target``.

    Args:
        argv: the words of ``inv --complete -- inv WORD…``.
        tasks: the tasks that have ``--target``.
        names: the targets.
    """
    words = list(argv[argv.index("--") + 1 :]) if "--" in argv else []
    if len(words) < 2 or not _asks_for_target(words, set(tasks)):
        return []
    head, equals, typed = words[-1].partition("=")
    before = head + equals if equals else ""
    chosen, comma, _ = (typed if equals else head).rpartition(",")
    taken = chosen.split(",")
    return [before + chosen + comma + name for name in names if name not in taken]


def _asks_for_target(words: list[str], tasks: set[str]) -> bool:
    """Whether the last word is a value of the last task's ``--target``."""
    *before, last = words
    flag, equals, _ = last.partition("=")
    if (flag if equals else before[-1]) not in FLAGS:
        return False
    # A task in a namespace has its name after a dot.
    return any(word.rpartition(".")[2] in tasks for word in before)

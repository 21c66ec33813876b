"""The right name for a wrong one."""

from collections.abc import Iterable

ALIKE = 0.6  # of difflib's ratio, where 1 is the same


def meant(wrong: str, known: Iterable[str], head: str = "") -> str:
    """Ask whether the nearest known name was meant; an empty text where none is near.

    Args:
        wrong: the name that nothing has.
        known: the names that there are.
        head: what stands before each name where it is typed, as ``INVOKE_CASTOFF_``.
    """
    import difflib  # here, because the supervisor never asks

    near = difflib.get_close_matches(wrong, sorted(known), 1, ALIKE)
    return f"Did you mean `{head}{near[0]}`? " if near else ""

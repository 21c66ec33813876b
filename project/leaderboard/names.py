"""Players' names: how they are stored, and when two of them are the same."""

import unicodedata

from django.core.exceptions import ValidationError

MAX_LENGTH = 40


def tidy(raw: str) -> str:
    """The name as it is shown: composed letters, single spaces; raises ValidationError if unfit."""
    name = " ".join(unicodedata.normalize("NFC", raw).split())
    if not name:
        raise ValidationError("Enter a name.")
    if len(name) > MAX_LENGTH:
        raise ValidationError(f"Use at most {MAX_LENGTH} characters.")
    if not name.isprintable():
        raise ValidationError("Use letters, digits and signs that can be seen.")
    return name


def key(name: str) -> str:
    """What is equal for two spellings of one name: `ANNA` and `anna`.

    Made here and not by the database's `lower()`, which knows only ASCII in the C locale.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())

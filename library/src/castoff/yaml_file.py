"""``invoke.yaml`` as it stands: a broken one is answered here, before Invoke's own traceback.

It is read for ``inv --list`` too, and so imports nothing that Invoke has not.
"""

from pathlib import Path
from typing import Any

from castoff.errors import WrongInput

ROOT = "castoff"


def read(path: Path) -> dict[str, Any]:
    """Return what stands under ``castoff:``; nothing when there is no file.

    Raises:
        WrongInput: it is not YAML, or not a mapping.
    """
    import invoke.util

    yaml: Any = invoke.util.yaml  # the copy that Invoke brings along
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        content = None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise WrongInput(
            f"{path.name} cannot be read: {reason}",
            "Nothing was done.",
            f"Mend {path.name}; it must be a YAML mapping in UTF-8.",
        ) from None
    if content is not None and not isinstance(content, dict):
        raise WrongInput(
            f"{path.name} is a {type(content).__name__}, expected a mapping",
            "Nothing was done.",
            f"Put castoff's settings under the key `{ROOT}:`.",
        )
    values: dict[str, Any] | None = (content or {}).get(ROOT, {})
    if values is None:  # Invoke would answer it with a traceback
        raise WrongInput(
            f"{ROOT}: expected a mapping, got nothing",
            "Nothing was done.",
            f"Write the settings under it, or take `{ROOT}:` out of {path.name}.",
        )
    return values

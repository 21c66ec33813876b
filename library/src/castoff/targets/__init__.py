"""The platforms: each driver translates the Target protocol, and knows no step."""

from typing import TYPE_CHECKING

from castoff.errors import WrongInput
from castoff.nearest import meant

if TYPE_CHECKING:
    from castoff.project import Project
    from castoff.targets.base import Target

GROUP = "castoff.targets"


def load(project: "Project", name: str) -> "Target":
    """Make the target ``name`` with the driver of its platform, found by entry point.

    Raises:
        WrongInput: no installed package has a driver for the platform.
    """
    # Here, because the supervisor imports this package too, and finds no driver.
    from importlib.metadata import entry_points

    platform = project.config.targets[name].platform or name
    drivers = {entry.name: entry for entry in entry_points(group=GROUP)}
    if platform not in drivers:
        raise WrongInput(
            f"castoff.targets.{name}.platform: no driver for the platform `{platform}`",
            "Nothing was done.",
            f"{meant(platform, drivers)}Installed drivers: {', '.join(sorted(drivers)) or 'none'}.",
        )
    target: Target = drivers[platform].load()(project, name)
    return target

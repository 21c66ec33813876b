"""Shows what the doctor found to a person."""

from castoff.console import Terminal
from castoff.doctor.health import Folder, Health, Problem, TargetHealth
from castoff.model import Tool

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def show(terminal: Terminal, health: Health) -> None:
    """Print it: what is installed, the project, its state, each target, and the last word."""
    terminal.line("Installed", "bold")
    _tools(terminal, health.installed)
    terminal.line("Project", "bold")
    terminal.line(f"  {health.root}")
    commit, _, subject = health.commit.partition(" ")
    terminal.line(f"  commit {commit[:9]} {subject}" if commit else "  no commit")
    terminal.line(f"  lock {health.lock}" if health.lock else "  no usable lock")
    _problems(terminal, health.problems)
    _state(terminal, health.state)
    for name, target in health.targets.items():
        terminal.line(f"Target {name}{_of(name, target.platform)}", "bold")
        _target(terminal, target)
    if health.ok:
        terminal.line("Every target can be deployed to. `inv check` looks at the app itself.")
    else:
        bad = [one for one in health.every_problem if one.code]
        terminal.line(f"{len(bad)} to be mended, each with ✗ above.", "bold red")


def size(number: int) -> str:
    """Bytes as a person reads them, in powers of 1000."""
    value, unit = float(number), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.0f} {UNITS[unit]}" if value >= 10 or not unit else f"{value:.1f} {UNITS[unit]}"


def _of(name: str, platform: str) -> str:
    return f" ({platform})" if platform != name else ""


def _tools(terminal: Terminal, tools: list[Tool]) -> None:
    for one in tools:
        terminal.line(f"  {one.name:<12}{one.version:<9} {one.where}".rstrip())


def _state(terminal: Terminal, state: Folder) -> None:
    terminal.line("State", "bold")
    terminal.line(f"  {state.path}")
    for name, number in state.parts.items():
        terminal.line(f"  {name:<18}{size(number):>9}")
    terminal.line(f"  {'in all':<18}{size(state.size):>9}, {size(state.free)} free on the disk")


def _target(terminal: Terminal, target: TargetHealth) -> None:
    terminal.line(f"  {_standing(target)}")
    _tools(terminal, target.tools)
    for part, text in target.parts.items():
        terminal.line(f"  {part:<12}{text}")
    _problems(terminal, target.problems)
    if target.ok:
        terminal.line("  ✓ lacks nothing", "green")


def _standing(target: TargetHealth) -> str:
    if target.release is None:
        return "nothing was released yet" if target.url else "it cannot be told what serves"
    since = f"{target.release.at.astimezone():%Y-%m-%d %H:%M}"
    verb = f"serves at {target.url}" if target.serving else "does not run"
    return f"{target.release.id} {verb}, released {since}, commit {target.release.commit[:9]}"


def _problems(terminal: Terminal, problems: list[Problem]) -> None:
    for one in problems:
        mark, style = ("✗", "red") if one.code else ("!", "yellow")
        first, *rest = one.what.splitlines() or [""]
        terminal.line(f"  {mark} {first}", style)
        for line in [*rest, *one.next.splitlines()]:
            terminal.line(f"    {line}")

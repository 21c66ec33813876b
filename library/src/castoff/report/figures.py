"""Figures as a person reads them."""

from datetime import datetime


def seconds(value: float) -> str:
    """Seconds, as in ``40 ms``, ``1.16 s`` or ``2 min 05 s``."""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    if value < 59.95:
        return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02} s"


def size(value: int) -> str:
    """Bytes in powers of a thousand, as in ``8.2 MB``."""
    if value < 1000:
        return f"{value} bytes"
    power = next((power for power in (1, 2) if value < 999.5 * 1000**power), 3)
    amount = value / 1000**power
    return f"{amount:.{amount < 99.95:d}f} {('kB', 'MB', 'GB')[power - 1]}"


def moment(value: datetime) -> str:
    """A time in this machine's time zone, as in ``2026-11-21 12:23:02+01:00``."""
    return value.astimezone().isoformat(" ", "seconds")


def ticks(most: float) -> list[float]:
    """Round values from 0 to ``most``, three to six of them."""
    if most <= 0:
        return [0.0]
    step = 10.0 ** _exponent(most)
    step = next(step * part for part in (0.1, 0.2, 0.5, 1, 2) if most / (step * part) <= 5)
    return [number * step for number in range(int(most / step) + 1)]


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])

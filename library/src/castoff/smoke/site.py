"""What every question is given."""

from dataclasses import dataclass
from datetime import datetime

from castoff.config import SmokeConfig
from castoff.model import Secret
from castoff.smoke.browser import Browser


@dataclass(frozen=True)
class Site:
    """A running release, and what is expected of it.

    Attributes:
        browser: asks it.
        stamp: the stamp that it must answer.
        token: its probe's token, where known.
        options: what to ask.
        admin: the admin's path with both slashes, or an empty text.
        health_path: where it answers health checks.
        http_url: the plain http side of an https URL, or an empty text.
        now: the time at which it is asked.
    """

    browser: Browser
    stamp: str
    token: Secret | None
    options: SmokeConfig
    admin: str
    health_path: str
    http_url: str
    now: datetime

    @property
    def home(self) -> str:
        """The path of the first page."""
        return self.options.pages[0] if self.options.pages else "/"

    @property
    def login(self) -> str:
        """The path of the admin's login page."""
        return f"{self.admin}login/"

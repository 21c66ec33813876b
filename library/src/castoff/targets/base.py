"""The protocol between the steps and the platforms. Steps call nothing else of a target."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, runtime_checkable

from castoff.model import (
    Artifact,
    Attachment,
    Environment,
    Finding,
    Release,
    Secret,
    Source,
    Status,
    Tool,
)
from castoff.shell import Result

Say = Callable[[str], None]
"""Takes a line of progress or output, for a person."""


@runtime_checkable
class Target(Protocol):
    """A place to deploy to. Every method may raise StepError, and is safe to call again.

    Attributes:
        name: the target's name in the configuration.
        url: where the app answers, as ``https://host`` or ``http://localhost:8000``.
        domains: custom domains, as full URLs.
        accepts_dirty: whether uncommitted changes may be deployed here.
        asks_before_create: whether the app is made only when ``--create`` asks for it.
        database_name: the config var that ``attach`` sets.
    """

    name: str
    accepts_dirty: bool
    asks_before_create: bool
    database_name: str

    @property
    def url(self) -> str: ...

    @property
    def domains(self) -> tuple[str, ...]: ...

    def preflight(self) -> list[Finding]:
        """Look at the tools, the login, the app and the platform's own files; change nothing."""
        ...

    def tools(self) -> list[Tool]:
        """Return the programs on this machine that the platform needs; `preflight` has the lacking.

        Raises:
            StepError: one is lacking, and nothing else would tell.
        """
        ...

    def exists(self) -> bool:
        """Return whether the app is there on the platform."""
        ...

    def create(self, say: Say) -> str:
        """Make the app on the platform, and return what was made in one line."""
        ...

    def build(self, source: Source, environment: Environment, say: Say) -> Artifact:
        """Make the artifact of a source, stamped; release nothing. Made once, found after."""
        ...

    def find(self, source: Source, environment: Environment) -> Artifact | None:
        """Return the artifact of a source if it was made before."""
        ...

    def config(self) -> dict[str, str]:
        """Return the names that are set there, each with a digest; never a value."""
        ...

    def configure(self, values: Mapping[str, Secret]) -> None:
        """Set config vars, to take effect with the next release."""
        ...

    def database(self) -> Attachment | None:
        """Return the attached database, or None."""
        ...

    def attach(self, say: Say) -> Attachment:
        """Make a database and attach it; attaching twice is one attachment."""
        ...

    def outdated(self, artifact_id: str) -> str:
        """Say why a release of the artifact would change what serves; empty when it would not."""
        ...

    def release(self, artifact: Artifact, say: Say) -> Release:
        """Run the release command, put the artifact live; return when the platform says healthy.

        Raises:
            StepError: it did not come up; what served before still serves.
        """
        ...

    def releases(self) -> list[Release]:
        """Return the releases, newest first."""
        ...

    def rollback(
        self, release: Release, say: Say, may: Callable[[], None] = lambda: None
    ) -> Release:
        """Put the code of an earlier release live, without its release command.

        Args:
            release: the earlier one.
            say: takes lines of progress.
            may: called before anything changes for those who use the app; it raises to refuse,
                and then nothing was changed.
        """
        ...

    def run(self, argv: Sequence[str], say: Say) -> Result:
        """Run a one-off command in the current release's environment."""
        ...

    def logs(self, follow: bool) -> Iterator[str]:
        """Yield the app's log lines, for ever if ``follow``."""
        ...

    def status(self, revive: bool) -> Status:
        """Say what runs; with ``revive`` also bring back what died by itself."""
        ...

    def probe_token(self) -> Secret | None:
        """Return the token that the running release's probe takes, where it can be read back."""
        ...

    def stop(self, say: Say) -> bool:
        """Stop serving, keeping all data; return whether anything was running."""
        ...

    def lock(self, what: str) -> "Lock":
        """Keep two runs from changing the target at once.

        Raises:
            StepError: another run holds it; says which, and since when.
        """
        ...


class Lock(Protocol):
    """A held lock, freed at the end of its ``with`` block."""

    def __enter__(self) -> object: ...

    def __exit__(self, *error: object) -> None: ...

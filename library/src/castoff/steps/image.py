"""The image of a commit: built, audited and booted before anything may take it."""

from contextlib import suppress

from castoff import targets
from castoff.errors import CastoffError
from castoff.image.engine import Engine
from castoff.image.make import Maker
from castoff.image.model import Image
from castoff.image.store import KEPT
from castoff.project import Project
from castoff.run import Work
from castoff.steps import Job, Made, Outcome, run


def image(passed: dict[str, Image]) -> Work:
    """Make the work of ``inv build --image``.

    Args:
        passed: takes the image that has passed, by the target's name.
    """

    def work(job: Job, made: Made) -> Made:
        with job.locked("build --image"), Engine(job.project.shell) as engine:
            way = _Way(Maker(engine, job.project, job.target.name))
            made = run(((way.build,),), job, made)
            if way.image and way.image.fresh:
                made = run(((way.audit,), (way.boot,)), job, made)
            if way.image:
                passed[job.target.name] = way.image
        return made

    return work


class _Way:
    """The steps of one image; each hands it to the next."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self.image: Image | None = None

    def build(self, job: Job, made: Made) -> Outcome:
        assert made.source is not None
        if made.lock_problem:
            raise made.lock_problem
        self.image = self._maker.find(made.source)
        if self.image:
            job.measured("build", {"image": self.image.size})
            return Outcome(f"{_detail(self.image)}, made before", changed=False)
        what = f"the image of {made.source.short}"
        if not job.plan("build", f"build, audit and boot {what}", "none was made of it yet"):
            return Outcome(f"would build {what}", changed=False)
        assert made.environment is not None
        self.image = self._maker.build(made.source, made.environment)
        return Outcome(_detail(self.image))

    def audit(self, job: Job, made: Made) -> Outcome:
        assert self.image is not None and made.environment is not None
        self._maker.step = "audit"
        found = self._maker.audit(self.image, made.environment)
        return Outcome(
            f"{found.files:,} files in {len(found.layers)} layers, {len(found.packages)} packages",
            changed=False,
        )

    def boot(self, job: Job, made: Made) -> Outcome:
        assert self.image is not None
        self._maker.step = "boot"
        booted = self._maker.boot(self.image)
        self._maker.accept(self.image, _released(job.project))
        return Outcome(
            f"answers after {booted.boot_seconds:.1f} s, ends {booted.stop_seconds:.1f} s after "
            f"SIGTERM, {booted.memory.worker_mb:.0f} MiB a worker",
            changed=False,
        )


def _released(project: Project) -> set[str]:
    """The stamps that a target may go back to: kept, however many images were made since."""
    stamps: set[str] = set()
    for name in project.config.targets:
        with suppress(CastoffError):
            releases = targets.load(project, name).releases()
            stamps |= {one.commit for one in releases[:KEPT]}
    return stamps


def _detail(image: Image) -> str:
    return f"{image.tag}, {image.size / 1e6:.1f} MB"

"""A checkout and the images and containers that an engine has of it."""

from secrets import token_hex

from checkout import Checkout, Run

from castoff.image.engine import Engine

LABEL = "dev.castoff.project"


class Shop:
    """A checkout whose project's name no other test has, with what the engine knows of it."""

    def __init__(self, checkout: Checkout, engine: Engine) -> None:
        self.checkout = checkout
        self._engine = engine
        self.name = f"test-{token_hex(4)}"
        self.named = f"--filter=label={LABEL}={self.name}"
        checkout.configure(project=self.name)
        self.first = checkout.commit()

    def build(self, *words: str, **env: str) -> Run:
        """Run `inv build --image --json`."""
        return self.checkout.inv("build", "--image", "--json", *words, env=env)

    def docker(self, *words: str) -> str:
        """Run the docker program, and return what it prints."""
        return self._engine.docker(*words).stdout.strip()

    def images(self) -> list[str]:
        """The project's images, those without a tag too."""
        return self.docker("image", "ls", "--all", "--quiet", "--no-trunc", self.named).split()

    def containers(self) -> list[str]:
        """The project's containers, in whatever state."""
        return self.docker("container", "ls", "--all", "--quiet", self.named).split()

    def end(self) -> None:
        """Take everything of it away from the engine."""
        for container in self.containers():
            self.docker("container", "rm", "--force", "--volumes", container)
        for image in set(self.images()):
            self.docker("image", "rm", "--force", image)

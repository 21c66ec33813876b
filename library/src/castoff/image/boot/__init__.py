"""The boot test: an image is run as its platform will run it, before it leaves this machine."""

from castoff.image.boot.trial import Booted, Trial, boot

__all__ = ["Booted", "Trial", "boot"]

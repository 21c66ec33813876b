"""The software bill of materials of an image, in CycloneDX: https://cyclonedx.org/docs/1.6/json/."""

from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from castoff.image.model import Image
from castoff.image.packages import Package


def render(image: Image, packages: Iterable[Package], created: datetime | None) -> bytes:
    """Return the bill of an image's packages, as JSON; of the same image the same bytes.

    Args:
        image: the image.
        packages: what is in it.
        created: when the image was made.
    """
    name, _, tag = (image.tag or image.short).partition(":")
    whole = Component(
        type=ComponentType.CONTAINER, name=name, version=tag or image.id, bom_ref=image.id
    )
    tool = Component(type=ComponentType.APPLICATION, name="castoff", version=version("castoff"))
    bom = Bom(
        components=map(_component, packages),
        serial_number=uuid5(NAMESPACE_URL, image.id),  # a random one would differ each time
        metadata=BomMetaData(
            component=whole,
            tools=ToolRepository(components=[tool]),
            timestamp=created or datetime.fromtimestamp(0, UTC),
        ),
    )
    bom.register_dependency(whole, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=1).encode()


def _component(package: Package) -> Component:
    url = _url(package)
    licenses = [LicenseFactory().make_from_string(package.license)] if package.license else ()
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        purl=url,
        bom_ref=url.to_string(),
        licenses=licenses,
    )


def _url(package: Package) -> PackageURL:
    """The package's URL: https://github.com/package-url/purl-spec."""
    if package.kind == "pypi":
        return PackageURL("pypi", None, package.name, package.version)
    vendor = package.distro.partition("-")[0] or "debian"
    qualifiers = {"arch": package.arch, "distro": package.distro}
    return PackageURL("deb", vendor, package.name, package.version, qualifiers)

"""Static files: who serves them, and under which names."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from castoff.checks import Facts, check, finding
from castoff.checks.app_facts import SettingsFacts
from castoff.checks.settings import app_of, settings_of
from castoff.model import Finding


@check("E211", family="settings", needs=["settings"])
def static_files_are_not_served(facts: Facts) -> Iterator[Finding]:
    """E211: WhiteNoise is missing, or not right after SecurityMiddleware."""
    settings, roles = settings_of(facts), app_of(facts).roles
    if roles is None or not _serves_static_files(settings):
        return
    order = '"django.middleware.security.SecurityMiddleware",\n'
    order += '"whitenoise.middleware.WhiteNoiseMiddleware",'
    if roles.whitenoise is None:
        message = "WhiteNoise is missing: with DEBUG off nothing serves static files, they are 404."
        yield finding("E211", "MIDDLEWARE", message, order)
    elif roles.security is not None and roles.whitenoise != roles.security + 1:
        message = (
            "WhiteNoise is not right after SecurityMiddleware: what stands between them runs for "
            "every static file, and may keep it from being served."
        )
        yield finding("E211", "MIDDLEWARE", message, order)


def _serves_static_files(settings: SettingsFacts) -> bool:
    """Whether there are static files, and they are not on another host."""
    local = not urlsplit(settings.static_url).netloc
    return local and "django.contrib.staticfiles" in settings.installed_apps


@check("E212", family="settings", needs=["settings"])
def static_settings_are_wrong(facts: Facts) -> Iterator[Finding]:
    """E212: STATIC_ROOT unset, no manifest storage, STORAGES without its default."""
    settings, app = settings_of(facts), app_of(facts)
    if "default" not in settings.storages:
        message = "STORAGES has no default: the first upload ends in InvalidStorageError."
        hint = '"default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},'
        yield finding("E212", "STORAGES", message, hint)
    if not _serves_static_files(settings):
        return
    if not settings.static_root:
        message = "STATIC_ROOT is not set: collectstatic fails, and static files are 404."
        yield finding("E212", "STATIC_ROOT", message, 'STATIC_ROOT = BASE_DIR / "staticfiles"')
    if app.manifest_storage is False:
        message = (
            "static files get no name of their own for each version: browsers keep the old ones "
            "after a deploy."
        )
        kind = "whitenoise.storage.CompressedManifestStaticFilesStorage"
        yield finding("E212", "STORAGES", message, f'"staticfiles": {{"BACKEND": "{kind}"}},')
    error = app.error_in("collectstatic")
    if error and error.kind == "exception" and settings.static_root:
        message = f"static files cannot be collected: {error.error}"
        yield finding("E212", error.where or "STATICFILES_DIRS", message)

"""The likely cause of a wrong answer, and the fix."""

import re

from castoff.smoke.browser import Answer, origin_of
from castoff.smoke.wrong import Wrong, shown

# From Django's technical_404.html, technical_500.html, csrf_403.html and
# default_urlconf.html, the same words in 4.2 to 6.1.
DEBUG_PAGE = re.compile(
    rb"because you have (<code>|<a [^>]*>)?DEBUG\s*=\s*True|The install worked successfully!"
)


def shows_debug(answer: Answer) -> bool:
    """Whether it is one of the pages that Django shows only with DEBUG on."""
    return DEBUG_PAGE.search(answer.body) is not None


def debug_is_on(answer: Answer) -> Wrong:
    """Say that DEBUG is on."""
    return Wrong(
        f"{answer.path} answered {answer.status} with Django's debug page",
        "DEBUG is on, and shows code and settings to everyone. Set DEBUG = False in the "
        "production settings, and see that DJANGO_SETTINGS_MODULE names them.",
    )


def unexpected(answer: Answer, wanted: int = 200) -> Wrong:
    """Say what a wrong status most likely comes from."""
    if shows_debug(answer):
        return debug_is_on(answer)
    if answer.redirect:
        return _redirected(answer, wanted)
    origin = origin_of(answer.url)
    what = f"{answer.path} answered {answer.status}, expected {wanted}"
    return Wrong(what, _WHY.get(answer.status, _OTHERWISE).format(origin=origin))


def _redirected(answer: Answer, wanted: int) -> Wrong:
    target = answer.redirect
    what = f"{answer.path} answered {answer.status} to {shown(target)}, expected {wanted}"
    if target == answer.url:
        return Wrong(
            f"{what}: a redirect to itself, without end",
            "SECURE_SSL_REDIRECT is on, and the app does not see that the request came by https. "
            'Set SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https").',
        )
    if answer.url.startswith("http:") and target.startswith("https:"):
        return Wrong(
            what,
            "The app redirects to https, and this target is plain http: give PUBLIC_URLS its "
            f"URL ({origin_of(answer.url)}), from which SECURE_SSL_REDIRECT should follow.",
        )
    return Wrong(
        what,
        "Give the path that answers by itself in castoff.smoke (invoke.yaml); a page that needs "
        "a login cannot be asked.",
    )


_WHY = {
    400: "Most likely ALLOWED_HOSTS lacks this host: put {origin} into PUBLIC_URLS.",
    401: "It asks for a password: something in front of the app guards it, which smoke cannot "
    "pass.",
    403: "The app or something in front of it refuses the request: `inv logs` shows which.",
    404: "No URL pattern has this path, or another app answers at {origin}. The paths that are "
    "asked are in castoff.smoke (invoke.yaml).",
    429: "Something limits the rate of requests: let this machine pass, or ask less.",
    500: "The app raised an exception: `inv logs` has its traceback.",
    502: "What stands before the app got no answer from it: it crashed or still boots. "
    "`inv status` and `inv logs` tell.",
    503: "The app is not up, or in maintenance: `inv status` and `inv logs` tell.",
    504: "The app did not answer in time: `inv logs` shows what its workers do.",
}
_OTHERWISE = "`inv logs` shows what the app did with the request."

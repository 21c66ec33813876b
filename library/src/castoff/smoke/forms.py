"""Forms, posted as a browser posts them, through CSRF; and the admin."""

from secrets import token_hex

from castoff.config import FormConfig
from castoff.smoke.browser import Answer, Browser, origin_of, resolve
from castoff.smoke.explain import shows_debug, unexpected
from castoff.smoke.html import Form, files, read
from castoff.smoke.pages import fetch, judge
from castoff.smoke.site import Site
from castoff.smoke.static import check_file
from castoff.smoke.wrong import Wrong

TOKEN = "csrfmiddlewaretoken"


def admin(site: Site) -> str:
    """The login page, with its own style sheets."""
    answer = _login_page(site)
    sheets = [file for file in files(answer) if file.use == "stylesheet"]
    if not sheets:
        raise Wrong(
            f"{answer.path} links no style sheet of this site",
            "The admin's templates are overridden without one, or its files come from elsewhere: "
            "set castoff.smoke.admin to none if that is meant.",
        )
    for sheet in sheets:
        check_file(site, sheet)
    return f"200; style sheets: {len(sheets)}"


def login(site: Site) -> str:
    """The admin login refuses a name that nobody has, by its form and not by 403."""
    page = _login_page(site)
    # Without a password Django refuses the form before it asks any backend: no time goes into
    # hashing, and an app that counts failed logins has nothing to write.
    fields = {"username": f"castoff-smoke-{token_hex(6)}", "password": ""}
    answer = _post(site.browser, page, fields)
    if answer.status != 200 or shows_debug(answer):
        raise _refused(answer, 200)
    again = read(answer)
    if not any(form.has_password for form in again.forms) or not again.says_invalid:
        raise Wrong(
            f"{answer.path} took the form and did not show it again with an error",
            "Something else than Django's login answers the post, a cache perhaps: "
            "set castoff.smoke.admin to none if that is meant.",
        )
    return "posted through CSRF, refused with the form's own error"


def form(site: Site, form: FormConfig) -> str:
    """A form of the project's own."""
    answer = _post(site.browser, fetch(site, form.path), form.fields)
    if answer.status != form.expect or shows_debug(answer):
        raise _refused(answer, form.expect)
    return f"posted through CSRF, {answer.status}"


def _login_page(site: Site) -> Answer:
    hint = "Set castoff.smoke.admin to the admin's path, or to none when there is no login there."
    answer = site.browser.get(site.login)
    if answer.status == 404 and not shows_debug(answer):
        raise Wrong(f"{answer.path} answered 404, expected 200", hint)
    judge(answer)
    if not any(form.has_password for form in read(answer).forms):
        raise Wrong(f"{answer.path} has no form with a password", hint)
    return answer


def _post(browser: Browser, page: Answer, fields: dict[str, str]) -> Answer:
    found = _choose(page, fields)
    target = resolve(page.url, found.action or page.url) or page.url
    headers = {
        "Origin": browser.origin,
        "Referer": page.url,
        "Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in page.cookies),
    }
    sent = {name: value for name, value in headers.items() if value}
    return browser.post(target, sent, {**found.fields, **fields})


def _choose(page: Answer, fields: dict[str, str]) -> Form:
    """The form that has these fields, and Django's token."""
    posted = [form for form in read(page).forms if form.method == "post"]
    fitting = [form for form in posted if fields.keys() <= form.names]
    if not fitting:
        wanted = ", ".join(sorted(fields)) or "any field"
        raise Wrong(
            f"{page.path} has no form to post with {wanted}",
            "Give the page that shows the form, and its fields' own names, in "
            "castoff.smoke.forms (invoke.yaml).",
        )
    if TOKEN not in fitting[0].fields:
        raise Wrong(
            f"the form on {page.path} has no CSRF token",
            "Put {% csrf_token %} (in Jinja {{ csrf_input }}) into the form.",
        )
    return fitting[0]


def _refused(answer: Answer, wanted: int) -> Wrong:
    if answer.status != 403:
        return unexpected(answer, wanted)
    return Wrong(
        f"{answer.path} answered the posted form with 403, expected {wanted}",
        "Django's CSRF check refuses it: CSRF_TRUSTED_ORIGINS lacks this origin, so put "
        f"{origin_of(answer.url)} into PUBLIC_URLS; or the app takes the request "
        "for http (SECURE_PROXY_SSL_HEADER, X-Forwarded-Proto); or a cache keeps the page "
        "with its token. With CSRF passed, it is the view's own refusal: `inv logs` tells.",
    )

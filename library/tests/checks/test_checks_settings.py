"""Each settings check, on a real project with one thing wrong; as it was before, nothing is."""

import pytest
from checks_shop import HTTPS, Shop, ids, texts

PLAIN = "http://localhost:8000"


@pytest.mark.parametrize("url", [HTTPS, PLAIN])
def test_nothing_is_found_in_a_project_as_the_docs_have_it(shop: Shop, url: str) -> None:
    report = shop.check(url)
    assert ids(report) == set(), report.findings
    assert report.not_looked == {}
    assert report.looked >= 23


SETTINGS_FAULTS = {
    "debug": ("DEBUG = True", {"E204", "security.W018"}, "every error shows"),
    "any host": ('ALLOWED_HOSTS = ["*"]', {"E205"}, "whoever sends a request"),
    "host missing": ('ALLOWED_HOSTS = ["www.shop.example"]', {"E205"}, "shop.example is not in"),
    "origin missing": ("CSRF_TRUSTED_ORIGINS = []", {"E206"}, "https://shop.example is not"),
    "other scheme": ('CSRF_TRUSTED_ORIGINS = ["http://shop.example"]', {"E206"}, "403"),
    "no proxy header": ("SECURE_PROXY_SSL_HEADER = None", {"E207"}, "for ever"),
    "wrong header": (
        'SECURE_PROXY_SSL_HEADER = ("X-Forwarded-Proto", "https")',
        {"E207"},
        "is ('X-Forwarded-Proto', 'https')",
    ),
    "session cookie": ("SESSION_COOKIE_SECURE = False", {"E209", "security.W012"}, "session"),
    "CSRF cookie": ("CSRF_COOKIE_SECURE = False", {"E209", "security.W016"}, "CSRF cookie"),
    "no redirect": ("SECURE_SSL_REDIRECT = False", {"E209", "security.W008"}, "redirects"),
    "no WhiteNoise": ("del MIDDLEWARE[2]", {"E211"}, "WhiteNoise is missing"),
    "WhiteNoise late": (
        "MIDDLEWARE.append(MIDDLEWARE.pop(2))",
        {"E211"},
        "not right after SecurityMiddleware",
    ),
    "no STATIC_ROOT": ("STATIC_ROOT = None", {"E212"}, "STATIC_ROOT is not set"),
    "no manifest": (
        'STORAGES["staticfiles"]["BACKEND"] = '
        '"django.contrib.staticfiles.storage.StaticFilesStorage"',
        {"E212"},
        "browsers keep the old ones",
    ),
    "no default storage": ('del STORAGES["default"]', {"E212"}, "InvalidStorageError"),
    "release middleware missing": ("del MIDDLEWARE[0]", {"E217", "E218"}, "missing"),
    "release middleware second": (
        "MIDDLEWARE.insert(1, MIDDLEWARE.pop(0))",
        {"E211", "E217", "E218"},
        "number 2, not first",
    ),
    "Django's own": ("SECURE_HSTS_SECONDS = 0", {"security.W004"}, "HSTS"),
    "Django's error": ('FILE_UPLOAD_TEMP_DIR = "/nowhere"', {"files.E001"}, "nonexistent"),
}


@pytest.mark.parametrize("fault", SETTINGS_FAULTS)
def test_one_wrong_setting_gives_its_own_finding_and_no_other(shop: Shop, fault: str) -> None:
    line, expected, words = SETTINGS_FAULTS[fault]
    shop.append("shop/settings.py", line)
    report = shop.check()
    assert ids(report) == expected
    assert words in "\n".join(texts(report, id_) for id_ in expected)


def test_nothing_about_https_is_asked_of_a_plain_http_target(shop: Shop) -> None:
    shop.append(
        "shop/settings.py",
        "CSRF_TRUSTED_ORIGINS = []\nSECURE_HSTS_SECONDS = 0\nSILENCED_SYSTEM_CHECKS = []\n"
        "SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = False",
    )
    assert ids(shop.check(PLAIN)) == set()


def test_every_custom_domain_must_be_allowed_and_trusted(shop: Shop) -> None:
    shop.append(
        "shop/settings.py",
        'ALLOWED_HOSTS = [".Shop.example"]\nCSRF_TRUSTED_ORIGINS = ["https://*.shop.example"]',
    )
    within = ("https://shop.example", "https://WWW.shop.example", "https://a.b.shop.example")
    assert ids(shop.check(*within)) == set()
    beside = shop.check(*within, "https://notshop.example:8443")
    assert ids(beside) == {"E205", "E206"}
    assert "notshop.example is not in ALLOWED_HOSTS" in texts(beside, "E205")
    assert "https://notshop.example:8443 is not" in texts(beside, "E206")


def test_without_staticfiles_or_with_another_host_for_them_nothing_is_asked(shop: Shop) -> None:
    shop.append(
        "shop/settings.py",
        'STATIC_URL = "https://cdn.example/"\nSTATIC_ROOT = None\ndel MIDDLEWARE[2]\n'
        'STORAGES["staticfiles"] = '
        '{"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}',
    )
    assert ids(shop.check()) == set()


def test_a_subclass_of_a_middleware_counts_as_it(shop: Shop) -> None:
    shop.write(
        "shop/own.py",
        "from whitenoise.middleware import WhiteNoiseMiddleware\n"
        "from castoff.django.middleware import ReleaseMiddleware\n"
        "class Static(WhiteNoiseMiddleware): pass\n"
        "class Release(ReleaseMiddleware): pass\n",
    )
    shop.append(
        "shop/settings.py", 'MIDDLEWARE[0], MIDDLEWARE[2] = "shop.own.Release", "shop.own.Static"'
    )
    assert ids(shop.check()) == set()


def test_a_health_path_that_redirects_or_raises_is_told_with_its_reason(shop: Shop) -> None:
    shop.append("shop/settings.py", 'CASTOFF_HEALTH_PATH = "/other"\nALLOWED_HOSTS = ["*"]')
    shop.append("shop/settings.py", "del MIDDLEWARE[0]")
    redirected = shop.check()
    assert "/other answers 301, a redirect to https://" in texts(redirected, "E217")
    shop.append("shop/settings.py", "SECURE_SSL_REDIRECT = False")
    shop.append("shop/urls.py", 'urlpatterns += [path("other", lambda request: 1 / 0)]')
    raised = shop.check()
    assert "answers 500 (ZeroDivisionError" in texts(raised, "E217")


def test_a_health_path_that_asks_the_database_is_not_judged(shop: Shop) -> None:
    shop.append("shop/settings.py", 'CASTOFF_HEALTH_PATH = "/no"\nMIDDLEWARE.append("shop.own.db")')
    shop.append("shop/settings.py", "MIDDLEWARE.insert(1, MIDDLEWARE.pop())")
    shop.write(
        "shop/own.py",
        "from django.db import connection\nfrom django.http import HttpResponse\n"
        "def db(get_response):\n"
        "    def call(request):\n"
        '        connection.cursor()\n        return HttpResponse("ok")\n'
        "    return call\n",
    )
    shop.append("shop/settings.py", 'MIDDLEWARE[0:1] = []\nMIDDLEWARE.insert(0, "shop.own.db")')
    report = shop.check()
    assert "E217" not in ids(report)
    assert "asks the database" in report.not_looked["E217"]

"""The home page's files: each fault is found, and names the file."""

import gzip

import pytest
from smoke_scripted import answering, respond
from smoke_served import Serve, Served

from castoff.model import SmokeCheck

CSS = b"body{color:red}" * 200
HASHED = "/static/style.0123456789ab.css"


def static_of(home: str, path: str = "", answer: bytes = b"") -> SmokeCheck:
    """What is said of a home page whose one file answers so."""

    def handle(asked: str, head: str) -> bytes:
        if asked == "/":
            return respond(body=home.encode())
        return answer if asked == path else respond("404 Not Found")

    with answering(handle) as served:
        return served.ask(token=None)["static"]


def sheet(path: str) -> str:
    return f'<link rel=stylesheet href="{path}">'


def test_without_whitenoise_each_file_is_named(serve: Serve) -> None:
    checks = serve("no-whitenoise").ask()
    detail = checks["static"].detail
    assert detail.startswith("wrong are 4 of 4: /static/style.")
    assert detail.count("answered 404") == 4
    assert detail.count("WhiteNoise") == 1, "one cause, told once"
    assert not checks["admin"].ok
    assert "/static/admin/css/base." in checks["admin"].detail


def test_files_that_were_not_compressed_are_found(serve: Serve) -> None:
    detail = serve("uncompressed").ask()["static"].detail
    assert detail.startswith("wrong are 1 of 4: /static/style."), (
        "the others are too small to matter"
    )
    assert "came uncompressed" in detail
    assert "CompressedManifestStaticFilesStorage" in detail


def test_hashed_names_must_be_kept_by_browsers(serve: Serve) -> None:
    detail = serve("mutable").ask()["static"].detail
    assert detail.startswith("wrong are 4 of 4")
    assert "may not be kept (Cache-Control: max-age=60, public)" in detail


def test_a_style_sheet_of_another_type_is_found(serve: Serve) -> None:
    detail = serve("wrong-type").ask()["static"].detail
    assert "came as text/plain, used as a stylesheet" in detail


def test_a_home_page_without_files_passes_and_says_so(serve: Serve) -> None:
    check = serve("unlinked").ask()["static"]
    assert check.ok
    assert check.detail == "/ links no files of its own"


def test_a_file_on_another_origin_is_never_asked() -> None:
    others = "".join(
        sheet(link)
        for link in ("https://elsewhere.invalid/a.css", "//elsewhere.invalid/b.css", "data:,x")
    )
    assert static_of(others).detail == "/ links no files of its own"


@pytest.mark.parametrize(
    "home",
    [
        "<p <div <link rel=stylesheet href=/a.css <b></i></p></p>",
        "<![junk <link rel=stylesheet href=/a.css>",
        '<!-- <link rel=stylesheet href="/never.css"> --><base href="/deep/">'
        '<link rel="Preload STYLESHEET" href="../a.css?v=1#x"><link rel=stylesheet href=http://[>',
    ],
)
def test_broken_markup_is_read_as_far_as_it_goes(home: str) -> None:
    check = static_of(home, "/a.css?v=1" if "v=1" in home else "/a.css", respond(kind="text/css"))
    assert check.ok, check.detail


def test_any_years_long_age_is_as_good_as_immutable() -> None:
    body = gzip.compress(CSS)
    kept = respond(
        body=body,
        kind="text/css",
        Content_Encoding="gzip",
        Cache_Control="public, max-age=31536000",
    )
    assert static_of(sheet(HASHED), HASHED, kept).ok


def test_a_file_that_names_no_encoding_that_it_has_is_found() -> None:
    broken = respond(body=CSS, kind="text/css", Content_Encoding="gzip", Cache_Control="immutable")
    detail = static_of(sheet(HASHED), HASHED, broken).detail
    assert "an answer that is broken" in detail


def test_a_page_in_place_of_a_file_is_found() -> None:
    detail = static_of("<script src=/app.js></script>", "/app.js", respond()).detail
    assert "/app.js came as text/html, used as a script" in detail


def test_data_that_is_not_a_script_is_no_file() -> None:
    home = '<script type="application/json" src="/x.json"></script>'
    assert static_of(home).detail == "/ links no files of its own"


def test_an_svg_must_be_an_svg() -> None:
    detail = static_of("<img src=/a.svg>", "/a.svg", respond(kind="image/png")).detail
    assert "/a.svg came as image/png" in detail


def test_many_faults_are_counted_and_not_all_listed() -> None:
    detail = static_of("".join(sheet(f"/{number}.css") for number in range(30))).detail
    assert detail.startswith("wrong are 30 of 30: /0.css answered 404")
    assert "; and 26 more" in detail
    assert "/20.css" not in detail


def test_without_pages_there_are_no_files_to_ask_for(good: Served) -> None:
    assert "static" not in good.ask(pages=())

"""The page of a run: what it says, that it is safe to open and to send, that all can read it."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from core_report import COMMIT, Page, account

from castoff.events import Bus, Failed, Note, Started
from castoff.model import Secret
from castoff.report import html as pages
from castoff.report.gather import Ending, Gathered
from castoff.report.page import render
from castoff.report.write import HEAD, TAIL, read_log

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>"
    "\"'></pre></style></title><!-- &lt; javascript:alert(1)"
)
STYLE = Path(pages.__file__).with_name("style.css").read_text()


def page(text: str = "plain words") -> Page:
    return Page(render(account(text), "index.html"))


def test_whatever_a_commit_a_program_or_a_finding_says_stays_text() -> None:
    hostile, plain = page(HOSTILE), page()
    assert [name for name, _ in hostile.elements] == [name for name, _ in plain.elements]
    assert hostile.text.count(HOSTILE) == plain.text.count("plain words") > 30
    changed = [
        one for one, other in zip(hostile.elements, plain.elements, strict=True) if one != other
    ]
    assert changed == []


def test_only_web_addresses_and_the_history_are_links() -> None:
    assert {link["href"] for link in page("javascript:alert(1)").all("a")} == {"index.html"}
    assert {link["href"] for link in page("https://a.example/?a&b").all("a")} == {
        "index.html",
        "https://a.example/?a&b",
    }


def test_it_loads_nothing_and_runs_nothing() -> None:
    shown = page()
    assert not {"script", "link", "img", "iframe", "object", "form"} & {
        name for name, _ in shown.elements
    }
    attributes = {name for _, found in shown.elements for name in found}
    assert (
        not {name for name in attributes if name.startswith("on")} | {"src", "style"} & attributes
    )
    assert "url(" not in STYLE
    assert "@import" not in STYLE
    [policy] = [
        meta["content"]
        for meta in shown.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "script-src" not in policy


def test_no_secret_and_no_order_to_a_terminal_is_in_it() -> None:
    Secret("KEY", "very-secret<value>")
    html = render(account("a \x1b[31mvery-secret<value>\x9b2J\x07 b\x00"), "index.html")
    assert "very-secret" not in html
    assert html.count("[redacted]") > 30
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", html)


def test_it_says_what_was_deployed_by_whom_and_how_it_ended() -> None:
    text = page().text
    for told in (
        "deploy of shop ✗ failed",
        COMMIT,
        "a287c3f118c9 with uncommitted changes",
        "What failed",
        "State now",
        "Next",
        "plain words on plain words, as the operating system has it",
        "plain words, as git has it",
        "8.2 MB",
        "0.25 s",
        "1.0 kB left out here",
    ):
        assert told in text, told


def test_a_finding_of_several_targets_is_told_once_with_its_fix() -> None:
    text = page().text
    assert text.count("E101") == 1
    assert "plain words on fly, heroku" in text
    assert "Silenced: plain words" in text


def test_who_cannot_see_it_finds_a_way_through() -> None:
    shown = page()
    assert shown.all("html") == [{"lang": "en"}]
    levels = [int(name[1]) for name, _ in shown.elements if re.fullmatch("h[1-6]", name)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(shown.all("main")) == len(shown.all("header")) == len(shown.all("nav")) == 1
    assert {head.get("scope") for head in shown.all("th")} == {"col", "row", "rowgroup"}
    assert len(shown.all("caption")) == len(shown.all("table"))
    [drawing] = shown.all("svg")
    assert drawing["role"] == "img"
    ids = [found["id"] for _, found in shown.elements if "id" in found]
    assert len(ids) == len(set(ids))
    labels = {found["aria-labelledby"] for _, found in shown.elements if "aria-labelledby" in found}
    assert labels <= set(ids)


def test_steps_that_ran_side_by_side_overlap_in_the_drawing() -> None:
    told = account("words")
    check, build = told.steps[:2]
    check.began, check.seconds, build.began, build.seconds = 0.0, 1.0, 0.5, 1.0
    bars = Page(render(told, "")).all("rect")[:2]
    spans = [
        (float(bar["x"][:-1]), float(bar["x"][:-1]) + float(bar["width"][:-1])) for bar in bars
    ]
    assert spans[0][0] < spans[1][0] < spans[0][1] < spans[1][1]
    assert bars[0]["y"] != bars[1]["y"]


def test_how_a_step_ended_is_told_in_words_and_not_by_colour_alone() -> None:
    text = page().text
    for words in ("✓ done: ", "✓ done, changed nothing: ", "✗ failed: "):
        assert words in text


def test_a_step_that_failed_beside_another_has_its_own_reason() -> None:
    heard = Gathered()
    tell = Bus(heard)
    for step in ("check", "build"):
        tell(Started("local", step))
    tell(Failed("local", "check", 1.0, "two errors\nmore", "", ""))
    tell(Note("local", "build", "build failed too: no static files", True))
    ended = [(one.step, one.ending, one.detail) for one in heard.steps]
    assert ended == [
        ("check", Ending.FAILED, "two errors"),
        ("build", Ending.FAILED, "build failed too: no static files"),
    ]
    assert heard.notes == []


def test_what_was_interrupted_did_not_end() -> None:
    heard = Gathered()
    for step in ("check", "build"):
        heard(Started("local", step))
    heard(Failed("local", "check", 1.0, "interrupted", "", ""))
    heard.close()
    assert [one.ending for one in heard.steps] == [Ending.CUT, Ending.CUT]
    assert heard.steps[1].seconds > 0


def test_of_a_large_log_the_first_and_the_last_lines_are_shown_and_where_it_is(
    tmp_path: Path,
) -> None:
    path = tmp_path / "large.log"
    with path.open("w") as file:
        for number in range(400_000):
            file.write(f"line {number} {'x' * 65}\n")
    found = read_log(path)
    assert found is not None
    assert found.path == path
    assert found.head.startswith("line 0 ")
    assert found.tail.startswith("line ")
    assert found.tail.endswith(f"line 399999 {'x' * 65}\n")
    assert len(found.head) + len(found.tail) <= HEAD + TAIL
    assert found.left_out == path.stat().st_size - len(found.head) - len(found.tail)


def test_a_small_log_is_shown_whole_and_one_that_is_gone_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "small.log"
    path.write_bytes(b"one\ntwo \xff\n")
    found = read_log(path)
    assert found is not None
    assert (found.head, found.left_out, found.tail) == ("one\ntwo �\n", 0, "")
    assert read_log(tmp_path / "gone.log") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(scheme: str) -> None:
    blocks = [
        dict(re.findall(r"--([a-z]+): (#[0-9a-f]+)", block))
        for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
        if "--" in block
    ]
    light, dark = blocks
    assert light.keys() == dark.keys()
    colours = light if scheme == "light" else dark
    for text in ("ink", "quiet", "link", "done", "bad", "mind"):
        for behind in ("page", "card"):
            assert contrast(colours[text], colours[behind]) >= 4.5, (text, behind)
    assert contrast(colours["ink"], colours["code"]) >= 4.5
    for bar in ("bar", "bad", "mind"):
        assert contrast(colours[bar], colours["card"]) >= 3, bar


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

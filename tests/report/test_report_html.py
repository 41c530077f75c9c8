"""The page: every number has an address, nothing of a sheet is alive, all can read it."""

from __future__ import annotations

import copy
import itertools
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from report_factory import HOSTILE, svg_of

from meta.errors import ReportError
from meta.report.figures import inline_svg
from meta.report.html import content_policy, read_script, render_html
from meta.report.templating import templates_folder

#: Elements without an end tag.
VOID = {"meta", "br", "hr", "img", "input", "link"}

#: Attributes that would run or load something.
ADDRESSES = ("href", "src", "action", "formaction", "data", "poster", "srcset", "xlink:href")


class Page(HTMLParser):
    """Elements with their attributes and text, in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self.open: list[int] = []
        self.outside: dict[int, str] = {}
        self.feed(text)
        assert not self.open, [self.elements[i][0] for i in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, {k: v or "" for k, v in attrs}, []))
        if tag not in VOID:
            self.open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        addressed = any("data-id" in self.elements[i][1] for i in self.open)
        for i in self.open:
            self.elements[i][2].append(data)
            self.outside[i] = self.outside.get(i, "") + ("" if addressed else data)

    def loose(self) -> list[tuple[str, dict[str, str], str]]:
        """Return every element with its text that has no address."""
        return [(name, attrs, self.outside.get(i, "")) for i, (name, attrs, _) in enumerate(self.elements)]

    def all(self, tag: str) -> list[tuple[dict[str, str], str]]:
        return [(attrs, "".join(text)) for name, attrs, text in self.elements if name == tag]


@pytest.fixture
def html(results: dict[str, Any], figures: dict[str, str]) -> str:
    return render_html(results, figures)


@pytest.fixture
def page(html: str) -> Page:
    return Page(html)


def value_at(results: dict[str, Any], path: str) -> Any:
    """Walk results.json along an id, as a reader would; keys may hold dots."""
    here: Any = results
    parts = path.split(".")
    while parts:
        if isinstance(here, list):
            here = here[int(parts.pop(0))]
            continue
        for size in range(1, len(parts) + 1):
            key = ".".join(parts[:size])
            if key in here:
                here, parts = here[key], parts[size:]
                break
        else:
            raise KeyError(path)
    return here


def shown_number(text: str) -> tuple[float, int, str]:
    """Read a number back: its value, its decimals, and a bound sign."""
    bare = re.sub(r"^P( = )?", "", text).strip().replace("\u202f", "").replace("−", "-").removesuffix("%")
    sign = "<" if bare.startswith("<") else ""
    bare = bare.removeprefix("<").strip()
    return float(bare), len(bare.partition(".")[2]), sign


def test_every_number_has_an_address_and_is_what_stands_there(page: Page, results: dict[str, Any]) -> None:
    checked = 0
    for _, attrs, text in page.elements:
        if "data-id" not in attrs:
            continue
        stored = value_at(results, attrs["data-id"])
        stored = len(stored) if isinstance(stored, list) else float(stored)
        number, decimals, sign = shown_number("".join(text))
        analysis = attrs["data-id"].split(".")[1] if attrs["data-id"].startswith("analyses.") else ""
        unit = results["analyses"][analysis]["unit"]["factor"] if analysis else 1.0
        factors = {1.0, unit, 100.0} if attrs["data-id"].endswith("level") else {1.0, unit}
        if sign:
            assert stored < number, attrs
        else:
            assert any(abs(stored * f - number) <= 0.5 * 10.0**-decimals * (1 + 1e-9) for f in factors), (
                attrs,
                stored,
                number,
            )
        checked += 1
    assert checked > 300


def test_no_number_of_a_result_is_shown_without_an_address(page: Page) -> None:
    """Cells of number columns hold numbers with addresses, an en dash, or words of a source."""
    cells = [bare for name, attrs, bare in page.loose() if name == "td" and attrs.get("class") == "num"]
    assert len(cells) > 200
    assert [cell for cell in cells if re.search(r"\d", cell) and "<script>" not in cell] == []


def test_links_within_the_page_lead_somewhere_and_ids_are_unique(page: Page) -> None:
    ids = [attrs["id"] for _, attrs, _ in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for attrs, text in page.all("a"):
        if attrs["href"].startswith("#"):
            assert attrs["href"][1:] in ids, (attrs, text)


def test_a_number_of_the_opening_leads_to_its_studies(page: Page) -> None:
    links = [a for a, _ in page.all("a") if a.get("data-id") == "analyses.trs_total.fit.natural.value"]
    assert links
    assert all(a["href"] == "#trs_total-studies" for a in links)
    rows = [text for attrs, text in page.all("tr") if attrs.get("id", "").startswith("trs_total-study-")]
    assert len(rows) == 9
    assert "trs_incidence.csv:2" in rows[0]


def test_hostile_text_is_inert(html: str, page: Page) -> None:
    assert html.count("<script") == 1
    assert "\u202e" not in html
    for name, attrs, _ in page.elements:
        assert name not in ("img", "iframe", "object", "embed", "form", "base", "link", "foreignobject")
        for key, value in attrs.items():
            assert not key.startswith("on"), (name, key)
            if key in ADDRESSES:
                assert re.match(r"(https?://[^\s\"'<>]+|#[\w-]+|[\w./-]+)$", value), (name, key, value)
                assert "javascript" not in value
    assert "<script>alert(1)</script>" in "".join(t for _, t in page.all("h2"))


def test_sources_are_links_only_where_they_are_web_addresses(page: Page) -> None:
    hrefs = {a["href"] for a, _ in page.all("a") if a["href"].startswith("http")}
    assert hrefs == {
        "https://pubmed.ncbi.nlm.nih.gov/1/",
        "https://doi.org/x",
        "https://fine.example/a",
        "https://orca.cardiff.ac.uk/141268/",
        "https://doi.org/10.1136/bmj.n71",
        "https://doi.org/10.1136/bmj-2024-079183",
    }


def test_a_cell_of_five_thousand_letters_is_cut(results: dict[str, Any], figures: dict[str, str]) -> None:
    long = copy.deepcopy(results)
    long["analyses"]["hostile"]["fit"]["studies"][0]["label"] = "A" * 5000
    assert "A" * 100 not in render_html(long, figures)


def test_nothing_comes_from_elsewhere(html: str) -> None:
    script = read_script()
    assert f'content="{content_policy(script)}"'.replace("'", "&#39;") in html
    assert "default-src &#39;none&#39;" in html
    assert f"<script>{script}</script>" in html
    assert not re.search(r"fetch|XMLHttpRequest|import\(|eval|innerHTML|https?:", script)
    style = html.split("<style>")[1].split("</style>")[0]
    # nothing but the subset of the figures' font
    assert not re.search(r"url\((?!data:font/ttf;base64,[A-Za-z0-9+/=]+\))", style)
    assert "@import" not in style


def test_the_page_is_accessible(page: Page) -> None:
    assert page.all("html")[0][0]["lang"] == "en"
    levels = [int(name[1]) for name, _, _ in page.elements if re.fullmatch(r"h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(attrs.get("scope") in ("col", "row") for attrs, _ in page.all("th"))
    assert all(
        "role" in attrs and ("aria-label" in attrs or "aria-labelledby" in attrs)
        for attrs, _ in page.all("svg")
    )
    ids = {attrs["id"] for _, attrs, _ in page.elements if "id" in attrs}
    for _, attrs, _ in page.elements:
        for key in ("aria-labelledby", "aria-describedby"):
            assert set(attrs.get(key, "").split()) <= ids
    first = next(attrs for name, attrs, _ in page.elements if name == "a")
    assert first["class"] == "skip"
    assert all(
        attrs.get("tabindex") == "0"
        for _, attrs, _ in page.elements
        if attrs.get("class") in ("scroll", "drawing")
    )


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_colours_have_contrast() -> None:
    """Text colours reach 4.5 to 1 on white and on the wash behind a row that was linked to (WCAG 2.2, AA)."""
    style = (templates_folder() / "_style.css").read_text("utf-8")
    colours = dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", style))
    for ground in ("#ffffff", colours["wash"]):
        for name in ("ink", "grey", "blue"):
            assert (luminance(ground) + 0.05) / (luminance(colours[name]) + 0.05) >= 4.5, name


def test_wide_things_scroll_inside_their_own_box(page: Page, html: str) -> None:
    assert ".scroll,.drawing{overflow-x:auto;max-width:100%" in html
    assert html.count('<div class="scroll"') == len(page.all("table"))
    assert html.count('<div class="drawing"') == 3


def test_same_input_same_bytes(results: dict[str, Any], figures: dict[str, str]) -> None:
    assert render_html(results, figures) == render_html(copy.deepcopy(results), dict(figures))


def test_templates_hold_no_numbers_and_no_arithmetic() -> None:
    for path in sorted(templates_folder().rglob("*.j2")):
        text = path.read_text("utf-8")
        code = " ".join(re.findall(r"\{[{%].*?[%}]\}", text, re.DOTALL))
        assert not re.search(r"\|\s*(round|sum|int|float|abs|length|format)\b", code), path
        assert not re.search(r"[\w)\]]\s*(\*\*?|//?|%(?!\}))\s*[\w(]", re.sub(r"\"[^\"]*\"", "", code)), path
        words = re.sub(r"\{[{%#].*?[%}#]\}|<[^>]*>|utf-8", " ", text, flags=re.DOTALL)
        words = re.sub(r"^1\. ", "", words, flags=re.MULTILINE)
        assert not re.search(r"\d", words), path


def test_the_risk_of_bias_has_its_column_and_section(page: Page) -> None:
    headings = [text for attrs, text in page.all("th") if attrs["scope"] == "col"]
    assert headings.count("Risk of bias") >= 8
    assert "Risk of bias" in [text for _, text in page.all("h3")]
    assert "not assessed" in [text for _, text in page.all("td")]


def test_another_format_is_refused(results: dict[str, Any], figures: dict[str, str]) -> None:
    with pytest.raises(ReportError, match="must have format 'trs-meta-results@1'; got 'x'"):
        render_html({**results, "format": "x"}, figures)


def test_a_missing_figure_is_named(results: dict[str, Any]) -> None:
    with pytest.raises(
        ReportError, match=r"name a figure 'analyses/trs_total/forest\.svg' that was not given"
    ):
        render_html(results, {})


def test_anchors_that_would_meet_are_refused(results: dict[str, Any], figures: dict[str, str]) -> None:
    twice = copy.deepcopy(results)
    twice["analyses"]["two"]["id"] = "o:ne"
    twice["analyses"]["one"]["id"] = "o-ne"
    with pytest.raises(ReportError, match="more than one becomes o-ne"):
        render_html(twice, figures)


class TestFigures:
    """Drawings inside the page."""

    def test_a_drawing_keeps_its_text_and_gets_names_of_its_own(self) -> None:
        out = inline_svg(svg_of("&lt;b&gt; 12.7"), "fig1", "Forest plot")
        assert "&lt;b&gt; 12.7" in out
        assert 'aria-labelledby="fig1-t"' in out
        assert 'id="fig1-c"' in out
        assert 'clip-path="url(#fig1-c)"' in out
        assert 'href="#fig1-c"' in out
        assert "metadata" not in out
        assert "DOCTYPE" not in out
        assert '[data-figure="fig1"] *{stroke-linejoin: round}' in out

    def test_a_drawing_without_a_name_gets_one(self) -> None:
        out = inline_svg('<svg xmlns="http://www.w3.org/2000/svg"/>', "f", 'A "plot"')
        assert out == '<svg id="f" role="img" aria-label="A &quot;plot&quot;"></svg>'

    @pytest.mark.parametrize(
        ("inside", "message"),
        [
            ("<script>alert(1)</script>", "holds an element 'script'"),
            ("<foreignObject/>", "holds an element 'foreignObject'"),
            ("<image href='x.png'/>", "holds an element 'image'"),
            ("<g onclick='x()'/>", "attribute onclick"),
            ("<use href='https://evil.example/x.svg#a'/>", "may only refer to itself"),
            ("<rect fill='url(https://evil.example)'/>", "reaches outside the drawing"),
            ("<style>@import 'x'; a{}</style>", "its style reaches outside the drawing"),
            ("<g>", "is no well-formed SVG"),
        ],
    )
    def test_what_is_no_drawing_is_refused(self, inside: str, message: str) -> None:
        with pytest.raises(ReportError, match=message):
            inline_svg(f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>', "f", "plot")

    def test_entities_are_refused(self) -> None:
        bomb = '<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>'
        with pytest.raises(ReportError, match="is no well-formed SVG"):
            inline_svg(bomb, "f", "plot")

    def test_a_page_is_no_drawing(self) -> None:
        with pytest.raises(ReportError, match="its root element is 'html'"):
            inline_svg("<html/>", "f", "plot")


def test_hostile_text_is_long_enough_to_mean_something() -> None:
    assert all(
        mark in HOSTILE for mark in ("<script>", "onerror=", "=HYPERLINK", "\u202e", "|", "`", "javascript:")
    )

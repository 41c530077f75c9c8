"""Figures as files: the same bytes every time, words for screen readers, and text that stays text."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import pytest
from defusedxml.ElementTree import fromstring
from figure_data import cohort_groups, cohorts_fit, count_study, make_fit, refits_of
from matplotlib.figure import Figure
from PIL import Image

from meta.errors import MissingGlyphWarning, OptionError
from meta.options import DisplayUnit
from meta.plots import theme
from meta.plots.draw import draw_page
from meta.plots.forest import forest_plot
from meta.plots.funnel import funnel_plot
from meta.plots.layout import Disc, Page, clean_text
from meta.plots.refits import leave_one_out_plot
from meta.plots.save import figure_bytes, save_figure
from meta.plots.theme import font_path, text_width
from meta.results import Natural

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "]]> <![CDATA[ x",
    "<!-- --> -- &amp; &lt;",
    "=HYPERLINK(1)",
    "a\u202eb\u200fc\u2067d",
    "a\ufeffb",
    "\x00\x08\x1b\ufffe\ud800 lone",
    "$\\frac{1}{2}$ 100% $x$",
    "line\nbreak\ttab",
    "x" * 5000,
    "研究 2020",
    "מחקר 2018",
    "Исследование",
    "Μελέτη",
)


def figure() -> Figure:
    return forest_plot(cohorts_fit(), subgroups=cohort_groups(), title="A title", provenance="results.json")


def parse(content: bytes) -> ElementTree.Element:
    return fromstring(content)


STARTS = {"svg": b"<?xml", "pdf": b"%PDF", "png": b"\x89PNG", "eps": b"%!PS-Adobe-3.0 EPSF", "tiff": b"II*"}


@pytest.mark.parametrize("format", list(STARTS))
def test_the_same_figure_gives_the_same_bytes(format: str) -> None:
    first = figure()
    content = figure_bytes(first, format)
    assert figure_bytes(first, format) == content
    assert figure_bytes(figure(), format) == content
    assert content.startswith(STARTS[format])


@pytest.mark.parametrize("format", ["png", "tiff"])
@pytest.mark.parametrize("dpi", [None, 600])
def test_pictures_are_as_large_in_print_as_they_were_laid_out(format: str, dpi: int | None) -> None:
    made = figure()
    page = made.page  # type: ignore[attr-defined]
    with Image.open(io.BytesIO(figure_bytes(made, format, dpi=dpi))) as picture:
        dots = dpi or 300
        assert picture.info["dpi"] == pytest.approx((dots, dots), rel=1e-4)
        size = [pixels / dots * 25.4 for pixels in picture.size]
        assert picture.mode == ("RGB" if format == "tiff" else "RGBA")
    # whole pixels
    assert size == pytest.approx([page.width, page.height], abs=25.4 / dots)


def test_an_eps_has_its_title_and_says_nothing_of_when_it_was_made() -> None:
    made = forest_plot(cohorts_fit(), title="Risk − “τ”")
    content = figure_bytes(made, "eps")
    head = content.partition(b"%%EndComments")[0].decode("ascii").splitlines()
    assert head[1] == "%%Title: Risk ? ???"
    assert not any("Date" in line or "Matplotlib" in line for line in head)
    points = [part / 25.4 * 72 for part in (made.page.width, made.page.height)]  # type: ignore[attr-defined]
    (box,) = (line.split()[1:] for line in head if line.startswith("%%HiResBoundingBox"))
    assert [float(part) for part in box[2:]] == pytest.approx(points, abs=0.01)
    assert b"/FontType 42" in content


def test_an_eps_mixes_what_shines_through_and_leaves_the_figure_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    page = Page(20.0, 10.0, (Disc(5.0, 5.0, 3.0, "#204060", opacity=0.5),), (), "", "")
    made = draw_page(page)
    before = figure_bytes(made, "svg")
    assert b"\n0.563 0.625 0.688 setrgbcolor" in figure_bytes(made, "eps")
    assert figure_bytes(made, "svg") == before
    assert not caplog.records


@pytest.mark.parametrize(
    ("format", "dpi", "words"),
    [
        ("svg", 300, "dpi is for png and tiff; svg is not made of dots"),
        ("png", 30, "dpi must be a whole number from 72 to 1200; got 30"),
        ("tiff", 300.5, "dpi must be a whole number from 72 to 1200; got 300.5"),
        ("tiff", True, "dpi must be a whole number from 72 to 1200; got True"),
    ],
)
def test_a_resolution_that_cannot_be_is_refused(format: str, dpi: int, words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)):
        figure_bytes(figure(), format, dpi=dpi)


def test_bytes_depend_neither_on_the_process_nor_on_its_surroundings(tmp_path: Path) -> None:
    program = (
        "import hashlib, sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_figure_files import figure, figure_bytes\n"
        "made = ('svg', 'pdf', 'png', 'eps', 'tiff')\n"
        "print([hashlib.sha256(figure_bytes(figure(), f)).hexdigest() for f in made])"
    )
    (tmp_path / "matplotlibrc").write_text(
        "lines.linewidth: 7\nsvg.fonttype: path\nfont.size: 30\nsavefig.bbox: tight\n"
    )
    outputs = []
    for extra in (
        {"PYTHONHASHSEED": "1", "TZ": "UTC"},
        {"PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1", "MATPLOTLIBRC": str(tmp_path)},
    ):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, str(Path(__file__).parent)],
            env={**os.environ, **extra},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1]


def test_settings_of_the_user_do_not_move_a_byte() -> None:
    before = figure_bytes(figure())
    with matplotlib.rc_context(
        {"lines.linewidth": 9, "patch.antialiased": False, "svg.fonttype": "path", "font.size": 40}
    ):
        assert figure_bytes(figure()) == before


def test_an_svg_speaks_to_screen_readers() -> None:
    root = parse(figure_bytes(figure()))
    assert root.get("role") == "img"
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert root.get("aria-labelledby") == title.get("id")
    assert root.get("aria-describedby") == description.get("id")
    assert title.text == "A title"
    assert description.text is not None
    assert (
        "Pooled value of 12 studies: 17.1 per 100, 95% confidence interval 12.7 to 22.6" in description.text
    )
    assert "Chan SKW 2021: 12.7 [10.9, 14.7]" in description.text


def test_svg_text_is_text_and_anchored_where_it_was_laid_out() -> None:
    chart = figure()
    root = parse(figure_bytes(chart))
    shown = [(t.text, t.get("style") or "") for t in root.iter(f"{SVG}text")]
    assert [text for text, _ in shown] == [box.text for box in chart.page.texts]  # type: ignore[attr-defined]
    anchors = {"left": "start", "right": "end", "center": "middle"}
    for (_, style), box in zip(shown, chart.page.texts, strict=True):  # type: ignore[attr-defined]
        assert f"text-anchor: {anchors[box.align]}" in style
        assert "Verdana" in style


def test_ids_differ_between_figures_so_that_several_can_share_a_page() -> None:
    other = forest_plot(cohorts_fit(), title="Another")
    ids = [{e.get("id") for e in parse(figure_bytes(f)).iter() if e.get("id")} for f in (figure(), other)]
    assert ids[0].isdisjoint(ids[1])


def test_nothing_in_an_svg_points_elsewhere_or_runs() -> None:
    content, styles = re.subn(r"<style>[^<]*</style>", "", figure_bytes(figure()).decode())
    assert styles == 1
    for word in ("<!DOCTYPE", "<script", "<style", "href", "<metadata", "url("):
        assert word not in content


@pytest.mark.filterwarnings("ignore::meta.errors.MissingGlyphWarning")
@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("format", list(STARTS))
def test_hostile_text_is_inert(text: str, format: str) -> None:
    listed = [count_study(text, 3, 30), count_study("B", 4, 30)]
    made = forest_plot(
        make_fit(listed, Natural(0.1, 0.05, 0.2, None, None)),
        title=text,
        notes=[text],
        provenance=text,
        unit=DisplayUnit(100.0, text[:40], text),
    )
    content = figure_bytes(made, format)
    if format != "svg":
        return
    root = parse(content)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "g", "path", "text", "defs", "clipPath", "use", "rect", "style"}
    assert not any(
        name.startswith("on") or "href" in name for element in root.iter() for name in element.attrib
    )
    everything = " ".join(element.text or "" for element in root.iter())
    assert not {"\u202e", "\u200f", "\u2067", "\x00"} & set(everything)
    # the whole name is there: as text, or as the tooltip of what was cut
    assert clean_text(text)[:20] in "".join(root.itertext())


def test_a_character_that_the_font_lacks_is_a_named_warning() -> None:
    listed = [count_study("研究 2020", 3, 30), count_study("B", 4, 30)]
    made = forest_plot(make_fit(listed, None), title="Risk")
    with pytest.warns(MissingGlyphWarning) as caught:
        content = figure_bytes(made)
    assert [str(one.message) for one in caught] == [
        "figure 'Risk': DejaVu Sans has no glyph for 研 (U+7814), 究 (U+7A76); an SVG shows them in a font "
        "of its reader, other formats as boxes; tables keep them"
    ]
    assert caught[0].message.characters == ("研", "究")  # type: ignore[union-attr]
    assert "研究 2020" in content.decode()
    with pytest.warns(MissingGlyphWarning, match=r"U\+7814"):
        figure_bytes(made, "png", dpi=72)


def test_a_warning_names_twelve_characters_and_counts_the_rest() -> None:
    assert "㐋 (U+340B) and 8 more; an SVG" in str(
        MissingGlyphWarning("A", tuple(chr(0x3400 + i) for i in range(20)))
    )


def test_a_cut_name_has_a_tooltip() -> None:
    name = "A very long name of a consortium " * 40
    content = figure_bytes(forest_plot(make_fit([count_study(name, 3, 30), count_study("B", 4, 30)], None)))
    assert name.strip() in {t.text for t in parse(content).iter(f"{SVG}title")}


def test_measured_text_is_as_wide_as_drawn_text() -> None:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    for face in ("regular", "bold", "italic"):
        for text in (
            "Moreno-Sancho 2022",
            "12.7 [10.9, 14.7]",
            "τ² = 0.236, I² = 93%",
            "−1\u202f234.5",
            "Исследование",
        ):
            drawn, _, _ = TextToPath().get_text_width_height_descent(
                text, FontProperties(fname=str(font_path(face)), size=100), False
            )
            measured = text_width(text, 100.0, face) / 25.4 * 72
            assert drawn <= measured * 1.001
            assert measured == pytest.approx(drawn, rel=0.02)


def test_every_kind_of_figure_has_title_and_description() -> None:
    fit = cohorts_fit()
    refits = refits_of(fit, "leave_one_out", [0.17 + 0.001 * i for i in range(12)])
    for made, words in (
        (funnel_plot(fit), "Funnel plot of 12 studies"),
        (leave_one_out_plot(refits, fit), "Leave-one-out plot of 12 refits"),
        (forest_plot(fit), "Forest plot of 12 studies"),
    ):
        root = parse(figure_bytes(made))
        assert (root.findtext(f"{SVG}desc") or "").startswith(words)
        assert root.findtext(f"{SVG}title")


def test_files_are_written_by_their_suffix(tmp_path: Path) -> None:
    save_figure(figure(), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_bytes() == figure_bytes(figure())
    save_figure(figure(), tmp_path / "a.tif", dpi=100)
    assert (tmp_path / "a.tif").read_bytes() == figure_bytes(figure(), "tiff", dpi=100)
    with pytest.raises(OptionError, match="one of 'svg', 'pdf', 'png', 'eps', 'tiff'; got 'jpg'"):
        save_figure(figure(), tmp_path / "a.jpg")


def test_a_figure_drawn_elsewhere_can_be_saved_too() -> None:
    assert parse(figure_bytes(Figure())).get("role") == "img"


def test_colours_of_text_keep_the_contrast_of_wcag_aa() -> None:
    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for color in {box.color for box in figure().page.texts} | {theme.GREEN}:
        assert 1.05 / (luminance(color) + 0.05) >= 4.5

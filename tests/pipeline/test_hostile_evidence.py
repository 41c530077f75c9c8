"""The shipped review with hostile text in every text cell of every sheet, and in the words of its plan."""

from __future__ import annotations

import csv
import io
import re
import shutil
import tomllib
from html.parser import HTMLParser
from itertools import count, cycle
from pathlib import Path

import pytest
from defusedxml.ElementTree import fromstring
from markdown_it import MarkdownIt

import extraction
from extraction.codebook import find_schema
from meta.pipeline import RunResult, run_review
from meta.report.html import read_script

EVIDENCE = Path(extraction.__file__).parent / "evidence"

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://x.example","y")',
    "\u202eright to left\u2067marks\u200f",
    "A" * 5000,
    'back\\slash\\" q() #',
    "controls\x0b\x0c\x1b[31m\x07\x7f\x85\u2028end",
    "```\n| a | b |\n[x](javascript:alert(1))",
    "@SUM(1)",
    "+1-2",
    "\ttab",
    "javascript:alert(1)",
    'http://x.example/"onmouseover="alert(1)',
    "https://x.example/)](javascript:alert(2))",
    "{{7*7}} {% raw %} ${7*7} %s {0}",
    "$x_1$ \\frac{1}{2} $$",
    "]]></svg></title><script>alert(3)</script>",
    "</style></script><iframe srcdoc=x>",
    "\ufffe\uffff\U0001f600",
)

#: Columns that tie rows together: they keep their words, behind hostile ones where a study is named.
TIES = {"estimate_id", "overlap_group", "trial_id", "target_id", "treatment", "comparator", "doi", "pmid"}

#: Keys of the plan that hold words.
WORDS = "title|question|about|heading|axis|words|sign|reason|caveat|source"

#: What a report and a drawing of ours are made of, and nothing else.
SHAPES = "svg|g|path|text|tspan|title|desc|defs|clippath|use|rect|circle|ellipse|line|polyline|polygon"
PAGE = re.compile(
    "html|head|meta|style|body|a|header|h[1-4]|p|nav|details|summary|ol|ul|li|main|section|span|div|table|caption"
    f"|thead|tbody|tr|th|td|dl|dt|dd|figure|figcaption|footer|script|strong|em|code|{SHAPES}"
)
DRAWING = re.compile(f"metadata|rdf|work|type|agent|creator|format|date|{SHAPES}")
FACES = re.compile(
    r"\s*(@font-face\{font-family:'DejaVu Sans';font-weight:\w+;font-style:\w+;"
    r"src:url\(data:font/ttf;base64,[A-Za-z0-9+/=]+\)[^{}<>]*\}\s*)+"
)


def attack_sheets(folder: Path) -> tuple[int, dict[str, str]]:
    """Replace every text cell that the codebook leaves free; return how many, and studies by old name."""
    plan = tomllib.loads((folder / "review.toml").read_text(encoding="utf-8"))
    words, attacked = cycle(HOSTILE), 0
    names: dict[str, str] = {}
    for entry in [*plan["sheets"].values(), *plan["targets"].values()]:
        schema, path = find_schema(entry["schema"]), folder / entry["file"]
        with path.open(encoding="utf-8-sig", newline="") as stream:
            header, *rows = csv.reader(stream)
        if "study_id" in header:
            for row in rows:
                study = row[header.index("study_id")]
                names.setdefault(study, (next(words).replace(";", ",") + study).strip())
        for row in rows:
            for i, name in enumerate(header):
                column = schema.find(name)
                assert column is not None
                if name == "study_id":
                    row[i] = names[row[i]]
                elif name == "overlaps_with":
                    parts = [part.strip() for part in row[i].split(";") if part.strip()]
                    row[i] = "; ".join(names[part] for part in parts)
                elif not (name in TIES or column.numeric or column.values):
                    row[i] = next(words)
                    attacked += 1
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([header, *rows])
    return attacked, names


def attack_plan(folder: Path, names: dict[str, str]) -> int:
    """Replace the words of the plan: titles, labels, headings, reasons, caveats; return how many.

    Rows that it names are called by their new names.
    """
    path, words = folder / "review.toml", cycle(HOSTILE)
    number = count(1)

    def quoted(text: str) -> str:
        plain = (c if " " <= c <= "~" and c not in '"\\' else f"\\U{ord(c):08X}" for c in text)
        return f'"{"".join(plain)}"'

    text, replaced = re.subn(
        rf'(?m)(\b(?:{WORDS}) = )"(?:[^"\\\n]|\\.)*"',
        lambda found: found[1] + quoted(next(words)[:300]),
        re.sub(r'(?s)""".*?"""', '"long"', path.read_text(encoding="utf-8")),
    )
    text = re.sub(r'(?m)(\brow = )"(\w+)"', lambda found: found[1] + quoted(names[found[2]]), text)
    text, labels = re.subn(
        r'(?m)^(  \{label = )"[^"\n]+"',
        lambda found: found[1] + quoted(f"{next(words)[:300]}{next(number)}"),
        text,
    )
    lines, more = re.subn(
        r'(?m)^  "(?:[^"\\\n]|\\.)*",$', lambda _: f"  {quoted(next(words)[:300])},", text
    )
    path.write_text(lines, encoding="utf-8")
    return replaced + labels + more


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = Path(tmp_path_factory.mktemp("hostile")) / "review"
    shutil.copytree(EVIDENCE, folder)
    cells, names = attack_sheets(folder)
    assert cells > 2500
    assert attack_plan(folder, names) > 250
    return run_review(folder, out=folder.parent / "out")


class Page(HTMLParser):
    """Every element with its attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        else:
            self.shown.append(data)


def test_the_numbers_do_not_move(attacked: RunResult) -> None:
    natural = attacked.results["analyses"]["trs_total"]["fit"]["natural"]
    assert [round(100 * natural[key], 2) for key in ("value", "low", "high")] == [17.07, 12.70, 22.59]


def test_the_page_holds_our_elements_and_our_script_alone(attacked: RunResult) -> None:
    page = Page(attacked.report.read_text(encoding="utf-8"))
    assert page.open == []
    assert [tag for tag, _ in page.found if not PAGE.fullmatch(tag)] == []
    assert page.scripts == [read_script()]
    for tag, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "srcdoc")], tag
        target = attributes.get("href")
        if target is not None:
            assert re.match(r"#[\w-]+$|https?://[^\s\"'<>`]+$|[a-z_/0-9-]+\.[A-Za-z]+$", target), target
    shown = "".join(page.shown)
    assert "<script>alert(1)</script>" in shown
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", shown)


def test_every_drawing_is_xml_of_our_elements(attacked: RunResult) -> None:
    drawings = sorted(attacked.out.rglob("*.svg"))
    assert len(drawings) > 30
    for path in drawings:
        text = path.read_text(encoding="utf-8")
        assert not re.search("[\u2028-\u202e\u2066-\u2069\ufffe\uffff]", text), path
        for element in fromstring(text).iter():
            if element.tag.endswith("}style"):
                # the letters that the figure needs, and nothing else
                assert FACES.fullmatch(element.text or ""), path
                continue
            assert DRAWING.fullmatch(element.tag.split("}")[-1].lower()), (path, element.tag)
            for name, value in element.attrib.items():
                assert not name.startswith("on")
                assert "href" not in name or value.startswith("#")


def test_a_spreadsheet_runs_nothing_of_the_effects(attacked: RunResult) -> None:
    tables = sorted(attacked.out.rglob("effects.csv"))
    assert len(tables) == 14
    for path in tables:
        header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline=""))
        assert all(len(row) == len(header) for row in rows)
        for row in rows:
            for name, cell in zip(header, row, strict=True):
                number = re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell)
                assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r")), (path, name, cell)
                assert not re.search("[\x00-\x1f\x7f]", cell), (path, name)


def test_the_scripts_for_r_keep_hostile_text_in_strings(attacked: RunResult) -> None:
    for path in sorted(attacked.out.rglob("analysis.R")):
        script = path.read_text(encoding="ascii")
        bare = re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', re.sub(r"(?m)^\s*#.*$", "", script))
        assert not re.search(r"alert|HYPERLINK|onmouse|\bq\(|iframe|frac", bare), path
        assert bare.count("(") == bare.count(")")


def test_the_markdown_holds_no_element_and_no_link_of_the_sheets(attacked: RunResult) -> None:
    text = (attacked.out / "report.md").read_text(encoding="utf-8")
    links = []
    for block in MarkdownIt("commonmark").enable("table").parse(text):
        assert block.type not in ("html_block", "fence", "code_block"), block.content[:200]
        for token in block.children or ():
            if token.type == "html_inline":
                assert re.fullmatch(r'<a id="[\w.-]+">|</a>|<br>', token.content), token.content
            elif token.type in ("link_open", "image"):
                links.append(str(token.attrGet("href") or token.attrGet("src")))
    assert len(links) > 50
    assert [link for link in links if not re.match("#|https?://|analyses/|report|results", link)] == []

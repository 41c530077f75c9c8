"""Hostile text in every text cell and in the words of the protocol is inert in HTML, SVG, CSV and R."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from extraction.errors import ReviewError
from meta.pipeline import run_review

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://example.org","x")',
    "‮\u2067right to left\u2066\u202c",
    "]]></svg><script>alert(2)</script>",
    "```\n| a | [x](javascript:alert(3)) |",
    '"); system("touch owned"); ("\\',
    "long " * 1000,
)

REVIEW = """\
title = '<script>alert("t")</script>'
question = '"><img src=x onerror=alert(1)>'
[sheets.bad]
file = "sheet.csv"
schema = "generic"
[[analyses]]
id = "bad"
title = '</title><script>alert("a")</script>'
question = '[x](javascript:alert(1)) `code` | pipe'
sheet = "bad"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "proportions-glmm@1"
cumulative = "year"
subgroups = [{by = "group", title = "<b>bold</b>"}]
descriptors = [{column = "note", heading = "<i>note</i>"}]
caveats = ["<script>alert('c')</script>"]
unit = {factor = 100, heading = "Per 100 <u>", axis = "<script>axis</script>"}
"""


SMALL = "study_id,events,n,year,note,group\na,1,2,2000,x,g\n"


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["study_id", "year", "events", "n", "note", "group", "source_url", "risk_of_bias"])
    for i, text in enumerate(HOSTILE):
        group = HOSTILE[i % 2]
        writer.writerow(
            [f"{text}{i}", 2000 + i, 3 + i, 40 + i, text, group, f"javascript:alert({i})//{text}", text]
        )
    (folder / "sheet.csv").write_text(out.getvalue(), encoding="utf-8")
    (folder / "review.toml").write_text(REVIEW, encoding="utf-8")
    return run_review(folder, out=folder / "out")


def test_the_page_has_one_script_of_its_own_and_no_handler_or_script_address(attacked):
    html = attacked.report.read_text(encoding="utf-8")
    parser = Elements()
    parser.feed(html)
    assert sum(tag == "script" for tag, _ in parser.found) <= 1
    for tag, attributes in parser.found:
        assert tag not in ("iframe", "object", "embed", "base", "form", "img")
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        for name in ("href", "src", "xlink:href", "action"):
            assert re.match(r"(#|https?:|[A-Za-z0-9_./-]*$)", attributes.get(name) or ""), attributes
    assert "Content-Security-Policy" in html


def test_every_drawing_is_sound_xml_without_script_or_link(attacked):
    drawings = sorted(attacked.out.rglob("*.svg"))
    assert len(drawings) >= 4
    for path in drawings:
        for element in ElementTree.fromstring(path.read_bytes()).iter():
            name = str(element.tag).split("}")[-1]
            assert name not in ("script", "foreignObject", "a", "image", "iframe"), path.name
            assert not [key for key in element.attrib if key.lower().startswith("on")]


def test_the_markdown_holds_no_live_markup(attacked):
    text = (attacked.out / "report.md").read_text(encoding="utf-8")
    # CommonMark: a backslash before < makes it a letter; our own anchors, addresses of files and papers of
    # the checklists are all there is
    tags = set(re.findall(r"(?<!\\)<(/?[A-Za-z!][^>\s]*)", text))
    papers = {"https://doi.org/10.1136/bmj.n71", "https://doi.org/10.1136/bmj-2024-079183"}
    assert {tag for tag in tags if not tag.startswith("analyses/bad/")} <= {"a", "/a", "br", "br/"} | papers
    assert not re.search(r"(?<!\\)\]\(javascript:", text)


def test_a_spreadsheet_would_run_nothing(attacked):
    text = (attacked.out / "analyses" / "bad" / "effects.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(HOSTILE)
    for row in rows:
        for name in ("label", "group", "reason"):
            assert not (row.get(name) or "").startswith(("=", "+", "-", "@", "\t", "\r")), row


def test_the_script_for_r_holds_no_text_of_the_sheet_outside_a_string(attacked):
    script = (attacked.out / "analyses" / "bad" / "analysis.R").read_text(encoding="utf-8")
    assert script.isascii()
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', re.sub(r"(?m)^\s*#.*$", "", script))
    for word in ("alert", "touch", "HYPERLINK", "javascript"):
        assert word not in bare


def test_what_was_written_in_the_sheet_is_kept_as_text(attacked):
    results = json.loads((attacked.out / "results.json").read_text(encoding="utf-8"))
    labels = [s["label"] for s in results["analyses"]["bad"]["fit"]["studies"]]
    assert "<script>alert(1)</script>0" in labels


@pytest.mark.parametrize("file", ["../sheet.csv", "/etc/passwd", "a/../../b.csv"])
def test_a_protocol_cannot_reach_outside_its_folder(tmp_path, file):
    (tmp_path / "review.toml").write_text(REVIEW.replace('"sheet.csv"', f'"{file}"'), encoding="utf-8")
    with pytest.raises(ReviewError, match="outside"):
        run_review(tmp_path, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "x y", "", "con:", "<b>"])
def test_an_id_that_would_make_a_bad_file_name_is_refused(tmp_path, name):
    (tmp_path / "review.toml").write_text(REVIEW.replace('id = "bad"', f'id = "{name}"'), encoding="utf-8")
    (tmp_path / "sheet.csv").write_text(SMALL, encoding="utf-8")
    with pytest.raises(ReviewError, match="id"):
        run_review(tmp_path, out=tmp_path / "out")

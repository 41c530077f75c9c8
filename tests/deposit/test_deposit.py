"""What a run leaves for an archive: every column described as it is, every file named with its hash."""

import csv
import hashlib
import io
import json

import pytest

import meta
from extraction.errors import ProblemsError
from meta.errors import ProtocolError
from meta.living.archive import is_release
from meta.pipeline import compute_review
from meta.protocol.review import read_review
from meta.releases.freeze import freeze_release
from meta.releases.verify import verify_release
from meta.releases.versions import compare_versions

PROTOCOL = """\
title = "Six cohorts: wie oft?"
question = "Does an archive understand it?"
authors = ["Ada Example", "Bo Example"]

[sheets."my cohorts"]
file = "in/cohorts.csv"
schema = "generic"
delimiter = "semicolon"
decimal = "comma"
missing = {weeks = ["NA"]}

[[analyses]]
id = "share"
title = "A share"
question = "What share?"
sheet = "my cohorts"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
model = {pi_method = "bootstrap", seed = 7}
leave_one_out = false
moderators = [{formula = "~ weeks"}]
subgroups = [{by = "site"}]
alternatives = [{label = "Plain", reason = "No draws", model = {pi_method = "t_k1"}}]
"""

SHEET = (
    "study_id;year;events;n;weeks;site;note\n"
    "Ada;1999;3;40;4,5;x;=1+1\n"
    "Bö;2004;2;25;6;x;\"a;b, or \"\"c\"\"\"\n"
    "Cy;2011;12;90;NA;y;\n"
    "Di;2015;7;61;12,25;y;\n"
    "Ed;2016;9;50;8;x;\n"
    "Fo;2017;4;44;9;y;\n"
)


def write_review(folder, protocol=PROTOCOL):
    (folder / "in").mkdir(parents=True)
    (folder / "review.toml").write_text(protocol, encoding="utf-8", newline="")
    (folder / "in" / "cohorts.csv").write_text(SHEET, encoding="utf-8", newline="")
    return folder


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a review, and of a run of it."""
    review = write_review(tmp_path_factory.mktemp("deposit") / "review")
    meta.run_review(review, out=review.parent / "out")
    return review.parent / "out"


def load(run, name):
    return json.loads((run / name).read_text(encoding="utf-8"))


def table(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def check_cell(field, text):
    """Check a cell by its field, as Table Schema says; a second reading, not the writer's."""
    limits = field.get("constraints", {})
    if text == "":
        return "required" not in limits
    if field["type"] == "string":
        return text in limits.get("enum", [text])
    if field["type"] == "boolean":
        return text in (*field["trueValues"], *field["falseValues"])
    x = int(text) if field["type"] == "integer" else float(text)
    low, high = limits.get("minimum", x), limits.get("maximum", x)
    return low <= x <= high and x > limits.get("exclusiveMinimum", x - 1)


def test_every_resource_is_as_its_schema_hash_and_size_say(run):
    package = load(run, "datapackage.json")
    names = [resource["name"] for resource in package["resources"]]
    assert names == ["data-my_cohorts", "effects-share"]
    for resource in package["resources"]:
        content = (run / resource["path"]).read_bytes()
        assert resource["bytes"] == len(content)
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        fields = resource["schema"]["fields"]
        rows = table(run / resource["path"])
        assert list(rows[0]) == [field["name"] for field in fields]
        for row in rows:
            wrong = [(field["name"], row[field["name"]]) for field in fields
                     if not check_cell(field, row[field["name"]])]
            assert wrong == []


def test_a_sheet_is_plain_csv_whatever_it_was(run):
    rows = table(run / "data" / "my_cohorts.csv")
    assert [row["weeks"] for row in rows] == ["4.5", "6", "", "12.25", "8", "9"]
    assert [rows[0]["note"], rows[1]["note"]] == ["'=1+1", 'a;b, or "c"']
    fields = {f["name"]: f for f in load(run, "datapackage.json")["resources"][0]["schema"]["fields"]}
    assert (fields["events"]["type"], fields["weeks"]["type"]) == ("integer", "number")
    assert fields["note"]["type"] == "string"
    assert fields["study_id"]["description"]


def test_effect_sizes_are_described_by_measure_and_codebook(run):
    resource = load(run, "datapackage.json")["resources"][1]
    types = {field["name"]: field["type"] for field in resource["schema"]["fields"]}
    assert types == {
        "label": "string", "yi": "number", "vi": "number", "events": "number", "n": "number",
        "site": "string", "weeks": "number", "used": "boolean", "reason": "string",
    }
    assert "Measure PLO" in resource["description"]


def test_the_crate_names_every_file_with_its_hash_and_every_reference_leads_somewhere(run):
    crate = load(run, "ro-crate-metadata.json")
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    files = {e["@id"]: e for e in crate["@graph"] if e["@type"] == "File"}
    there = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()}
    assert set(files) == there - {"ro-crate-metadata.json"}
    assert {part["@id"] for part in entities["./"]["hasPart"]} == set(files)
    for name, entity in files.items():
        if name != "manifest.json":
            content = (run / name).read_bytes()
            assert entity["sha256"] == hashlib.sha256(content).hexdigest()
            assert entity["contentSize"] == str(len(content))
    action = entities["#run"]
    assert {ref["@id"] for ref in action["object"]} == {
        "data/protocol.toml", "data/my_cohorts.csv", "#profile-house%401",
    }
    assert {"@id": "results.json"} in action["result"]
    assert entities[action["instrument"]["@id"]]["version"] == meta.__version__

    def references(node):
        if isinstance(node, dict):
            if set(node) == {"@id"}:
                yield node["@id"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    assert {ref for ref in references(crate["@graph"]) if ref not in entities} == {
        "https://w3id.org/ro/crate/1.1"
    }
    assert [entities[f"#author-{i}"]["name"] for i in (1, 2)] == ["Ada Example", "Bo Example"]
    assert (run / "data" / "protocol.toml").read_text(encoding="utf-8") == PROTOCOL


def test_the_only_day_is_the_one_that_the_protocol_declares(run, tmp_path):
    assert "datePublished" not in load(run, "ro-crate-metadata.json")["@graph"][1]
    dated = write_review(tmp_path / "dated", f'published = "2026-11-24"\n{PROTOCOL}')
    files = compute_review(read_review(dated)).files
    root = json.loads(files["ro-crate-metadata.json"])["@graph"][1]
    assert root["datePublished"] == "2026-11-24"
    assert "version" not in root
    wrong = write_review(tmp_path / "wrong", f'published = "24.11.2026"\n{PROTOCOL}')
    with pytest.raises(ProblemsError, match='must be a day in quotes, such as "2026-11-24"'):
        read_review(wrong)


def test_the_manifest_holds_hashes_versions_and_seeds(run):
    manifest = load(run, "manifest.json")
    results = load(run, "results.json")
    there = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()} - {"manifest.json"}
    assert manifest["files"] == {
        name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in there
    }
    assert manifest["format"] == "trs-meta-run@1"
    for name in ("engine", "packages", "protocol", "python", "sheets", "targets"):
        assert manifest[name] == results["provenance"][name]
    assert [profile["name"] for profile in manifest["profiles"]] == ["house@1"]
    assert manifest["seeds"]["analyses.share.fit.spec.seed"] == 7
    assert set(manifest["seeds"].values()) == {7}


def test_the_same_bytes_again_and_other_bytes_for_another_cell(run, tmp_path):
    review = run.parent / "review"
    again = compute_review(read_review(review)).files
    for name in ("datapackage.json", "ro-crate-metadata.json", "data/my_cohorts.csv"):
        assert again[name] == (run / name).read_bytes()
    other = write_review(tmp_path / "other")
    sheet = other / "in" / "cohorts.csv"
    sheet.write_text(SHEET.replace("Ada;1999;3", "Ada;1999;4"), encoding="utf-8")
    changed = compute_review(read_review(other)).files
    assert changed["datapackage.json"] != again["datapackage.json"]


def test_a_protocol_that_changes_during_a_run_is_told(tmp_path):
    review = write_review(tmp_path / "review")
    checked = read_review(review)
    (review / "review.toml").write_text(PROTOCOL + "\n", encoding="utf-8")
    with pytest.raises(ProtocolError, match="was changed while it was being run"):
        compute_review(checked)


def test_a_release_holds_them_too_and_they_are_verified(tmp_path):
    review = write_review(tmp_path / "review")
    release = freeze_release(review, version="1.0", note="first search").folder
    root = load(release, "ro-crate-metadata.json")["@graph"][1]
    assert root["version"] == "1.0"
    assert load(release, "datapackage.json")["version"] == "1.0"
    assert load(release, "manifest.json")["format"] == "trs-meta-release@1"
    assert verify_release(release, crosscheck=False).failures == ()
    sheet = release / "data" / "my_cohorts.csv"
    sheet.write_text(sheet.read_text(encoding="utf-8").replace("Ada,1999,3", "Ada,1999,4"), encoding="utf-8")
    (failure,) = verify_release(release, crosscheck=False).failures
    assert str(failure).startswith("data/my_cohorts.csv: changed since the release: made again from the")


def test_the_folder_of_a_run_is_no_release(tmp_path):
    review = write_review(tmp_path / "review")
    release = freeze_release(review, version="1.0", note="first search").folder
    meta.run_review(review, out=review)
    assert not is_release(review)
    assert is_release(release)
    changes = compare_versions(release, review)
    assert [analysis.what for analysis in changes.analyses] == ["same"]

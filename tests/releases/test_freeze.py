"""What a release holds, which versions may be made, and that the same inputs give the same bytes."""

import hashlib
import json
import re
import shutil

import pytest
import small_review
from click.testing import CliRunner
from small_review import is_whole, tree, write_review

import meta
from extraction.errors import ProblemsError
from meta.cli import main
from meta.errors import OptionError, ProtocolError, ReleaseError
from meta.living.archive import list_releases, read_snapshot
from meta.pipeline import run_review
from meta.profiles.loader import load_profile
from meta.protocol.review import check_review, read_review
from meta.releases import freeze
from meta.releases.freeze import freeze_release


@pytest.fixture
def review(tmp_path):
    write_review(tmp_path / "review")
    return tmp_path / "review"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_a_release_holds_inputs_results_figures_reports_and_their_hashes(review):
    made = freeze_release(review, version="2026.11.0", note="the first")
    assert made.folder == review / "releases" / "2026.11.0"
    files = tree(made.folder)
    content = files.pop("manifest.json")
    manifest = json.loads(content)
    assert {"results.json", "report.html", "report.md", "analyses/share/forest.svg"} < set(files)
    assert files["review/review.toml"] == small_review.PROTOCOL.encode()
    assert files["review/data/cohorts.csv"] == small_review.SHEET.encode()
    assert sha256(files["profiles/house@1.toml"]) == load_profile("house@1").sha256
    results = json.loads(files["results.json"])
    provenance = results["provenance"]
    assert manifest == {
        "format": "trs-meta-release@1",
        "version": "2026.11.0",
        "note": "the first",
        "previous": None,
        "protocol": "review/review.toml",
        "engine": meta.__version__,
        "python": provenance["python"],
        "packages": provenance["packages"],
        "files": {name: sha256(data) for name, data in files.items()},
    }
    assert content == (json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    assert made.manifest_sha256 == sha256(content)
    assert provenance["protocol"]["sha256"] == manifest["files"]["review/review.toml"]
    assert provenance["sheets"][0]["sha256"] == manifest["files"]["review/data/cohorts.csv"]


def test_a_release_holds_every_file_that_the_shipped_review_names():
    checked = read_review()
    inputs = freeze._read_inputs(checked)
    beside = checked.path.parent
    kept = {name.removeprefix("review/") for name in inputs if name.startswith("review/")}
    text = checked.path.read_text(encoding="utf-8")
    assert kept == {"review.toml", *re.findall(r'^file = "([^"]+)"', text, flags=re.MULTILINE)}
    assert len(kept) == 9
    for name in kept:
        assert inputs[f"review/{name}"] == (beside / name).read_bytes()
    named = set(re.findall(r'profile = "([^"]+)"', text))
    assert {name for name in inputs if name.startswith("profiles/")} == {f"profiles/{n}.toml" for n in named}
    assert freeze.releases_folder() == freeze.Path("releases")


@pytest.mark.parametrize("inside", ["", "deeper/still"])
def test_nothing_is_written_into_a_release(review, inside):
    made = freeze_release(review, version="1.0", note="the first")
    before = tree(made.folder)
    with pytest.raises(ReleaseError, match=r"is inside the release 1\.0; a release is never overwritten$"):
        run_review(review, out=made.folder / inside)
    with pytest.raises(ReleaseError, match=r"is inside the release 1\.0; a release is never overwritten$"):
        freeze_release(review, version="1.1", note="the next", releases=made.folder / inside)
    assert tree(made.folder) == before
    run_review(review, out=review / "out")


def test_each_release_names_the_manifest_before_it(review):
    made = [freeze_release(review, version=v, note="a note") for v in ("2026.9", "2026.11.0", "2026.11.1")]
    assert [m.manifest.previous for m in made] == [
        None,
        {"version": "2026.9", "sha256": sha256((made[0].folder / "manifest.json").read_bytes())},
        {"version": "2026.11.0", "sha256": sha256((made[1].folder / "manifest.json").read_bytes())},
    ]
    assert list_releases(review / "releases") == tuple(made)


def test_a_protocol_of_another_name_keeps_it_and_a_note_is_kept_to_the_letter(tmp_path):
    plan = write_review(tmp_path, "plan of 2026.toml")
    note = " Zwei Zeilen, “β” \n\tand a second\n"
    made = freeze_release(plan, version="1.0", note=note)
    assert made.folder == tmp_path / "releases" / "1.0"
    assert made.manifest.protocol == "review/plan of 2026.toml"
    snapshot = read_snapshot(made.folder)
    assert (snapshot.name, snapshot.note, snapshot.document["title"]) == ("1.0", note, "Four cohorts")


def test_the_same_inputs_version_note_and_predecessor_give_the_same_bytes(review, tmp_path):
    elsewhere = tmp_path / "a folder elsewhere"
    shutil.copytree(review, elsewhere)
    for folder in (review, elsewhere):
        for version in ("1.0", "1.1"):
            freeze_release(folder, version=version, note=f"version {version}")
    assert tree(review) == tree(elsewhere)
    text = b"".join(tree(review / "releases").values()).decode("utf-8")
    assert str(tmp_path) not in text
    assert ".part" not in text


@pytest.mark.parametrize(
    "version",
    ["1", "v1.0", "1.0/2", "../1.0", "1..0", "1.2.3.4.5", "1.0\n", "１.２", "", "1.0-rc1", "1.1234567890"],
)
def test_a_version_is_numbers_joined_by_dots(review, version):
    with pytest.raises(OptionError) as raised:
        freeze_release(review, version=version, note="a note")
    assert str(raised.value) == (
        f"{version!r} is no version; a version is two to four numbers joined by dots, such as 2026.11.0"
    )
    assert not (review / "releases").exists()


@pytest.mark.parametrize(
    ("version", "is_above"),
    [
        ("2026.9.9", False),
        ("2026.10", False),
        ("2026.010.0", False),
        ("2025.99.0", False),
        ("2026.10.0.1", True),
        ("2026.11", True),
        ("10000.0", True),
    ],
)
def test_versions_go_up_by_their_numbers(review, version, is_above):
    freeze_release(review, version="2026.10.0", note="the first")
    if is_above:
        assert is_whole(freeze_release(review, version=version, note="the next").folder)
        return
    with pytest.raises(ReleaseError) as raised:
        freeze_release(review, version=version, note="the next")
    assert str(raised.value) == (
        f"release {version} is not above the newest one, 2026.10.0; versions only go up"
    )


@pytest.mark.parametrize(
    "there", ["release", "empty folder", "folder without manifest", "file", "dangling link"]
)
def test_a_version_that_exists_is_never_overwritten_however_broken(review, there):
    place = review / "releases" / "1.0"
    if there == "release":
        freeze_release(review, version="1.0", note="the first")
        (place / "manifest.json").write_text("broken")
    elif there.endswith("link"):
        place.parent.mkdir()
        place.symlink_to("nowhere")
    elif there == "file":
        place.parent.mkdir()
        place.write_text("precious")
    else:
        place.mkdir(parents=True)
        if "without" in there:
            (place / "results.json").write_text("precious")
    before = tree(place.parent)
    with pytest.raises(ReleaseError) as raised:
        freeze_release(review, version="1.0", note="again")
    assert str(raised.value) == "release 1.0 exists already; a release is never overwritten"
    assert tree(place.parent) == before


def test_nothing_is_released_upon_a_broken_chain(review):
    made = freeze_release(review, version="1.0", note="the first")
    freeze_release(review, version="1.1", note="the next")
    manifest = made.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("the first", "the 1st"))
    with pytest.raises(ReleaseError) as raised:
        freeze_release(review, version="1.2", note="upon it")
    assert str(raised.value) == (
        f"{manifest}: its SHA-256 is not the one that 1.1 recorded, so it was changed after it was released"
    )
    assert not (review / "releases" / "1.2").exists()


@pytest.mark.parametrize("note", ["", "  \n\t", "\u200b\x1b"])
def test_a_release_needs_a_note(review, note):
    with pytest.raises(OptionError, match=r"^a release needs a note: a sentence that says why there is"):
        freeze_release(review, version="1.0", note=note)


def test_half_a_character_in_a_note_is_refused(review):
    with pytest.raises(OptionError, match=r"^the note has a character that is none \(position 3\)$"):
        freeze_release(review, version="1.0", note="no\udce9")


def test_a_review_with_problems_is_not_released_and_leaves_no_folder(review):
    sheet = review / "data" / "cohorts.csv"
    sheet.write_bytes(sheet.read_bytes().replace(b",3,40,", b",41,40,"))
    with pytest.raises(ProblemsError, match=r"cohorts.csv line 2, events: .*\[events-exceed-n\]"):
        freeze_release(review, version="1.0", note="the first")
    with pytest.raises(ProtocolError, match=r"^no protocol at"):
        freeze_release(review / "nowhere", version="1.0", note="the first")
    assert not (review / "releases").exists()


@pytest.mark.parametrize("end", [ProtocolError("review.toml, analysis 'share': no"), KeyboardInterrupt()])
def test_what_ends_an_analysis_leaves_no_release(review, monkeypatch, end):
    def stop(*_args, **_options):
        raise end

    monkeypatch.setattr(freeze, "compute_review", stop)
    with pytest.raises(type(end)) as raised:
        freeze_release(review, version="1.0", note="the first")
    assert raised.value is end
    assert tree(review / "releases") == {".gitattributes": b"* -text\n"}
    assert [path.name for path in (review / "releases").iterdir()] == [".gitattributes"]


def test_a_sheet_saved_while_it_is_released_cannot_make_hashes_disagree(review, monkeypatch):
    sheet = review / "data" / "cohorts.csv"

    def read_then_save(place):
        checked = read_review(place)
        sheet.write_bytes(small_review.SHEET.replace(",12,90,", ",13,90,").encode())
        return checked

    monkeypatch.setattr(freeze, "read_review", read_then_save)
    made = freeze_release(review, version="1.0", note="the first")
    assert is_whole(made.folder)
    results = json.loads((made.folder / "results.json").read_text(encoding="utf-8"))
    frozen = (made.folder / "review" / "data" / "cohorts.csv").read_bytes()
    assert b",13,90," in frozen
    assert results["provenance"]["sheets"][0]["sha256"] == sha256(frozen)
    assert [s["counts"]["events"] for s in results["analyses"]["share"]["fit"]["studies"]] == [3, 2, 13, 7]


def test_a_sheet_that_went_away_while_it_is_released_is_named(review, monkeypatch):
    def read_then_lose(place):
        checked = read_review(place)
        (review / "data" / "cohorts.csv").unlink()
        return checked

    monkeypatch.setattr(freeze, "read_review", read_then_lose)
    with pytest.raises(ReleaseError) as raised:
        freeze_release(review, version="1.0", note="the first")
    assert str(raised.value) == "cohorts.csv: the file cannot be read any more (No such file or directory)"
    assert [path.name for path in (review / "releases").iterdir()] == [".gitattributes"]


def test_a_sheet_whose_name_not_every_system_can_keep_is_named(review):
    (review / "data" / "cohorts.csv").rename(review / "data" / "a:b.csv")
    plan = review / "review.toml"
    plan.write_text(plan.read_text().replace("data/cohorts.csv", "data/../data/a:b.csv"))
    with pytest.raises(ReleaseError) as raised:
        freeze_release(review, version="1.0", note="the first")
    assert str(raised.value) == (
        "review.toml: the file name 'data/../data/a:b.csv' cannot be kept in a release; use a plain name, "
        "without '..', colon or backslash"
    )


def test_releases_beside_a_review_change_nothing_in_a_check(review):
    before = check_review(review), read_review(review)
    freeze_release(review, version="1.0", note="the first")
    assert (check_review(review), read_review(review)) == before


@pytest.mark.parametrize(
    ("kept", "is_enough"),
    [
        ("* -text\n", True),
        ("# ours\n*.png binary\n*  -text diff\n", True),
        ("* binary\n", True),
        ("", False),
        ("*.csv -text\n", False),
        ("* text=auto\n", False),
    ],
)
def test_attributes_that_are_there_are_left_alone_and_warned_of(review, kept, is_enough):
    path = review / "releases" / ".gitattributes"
    path.parent.mkdir()
    path.write_text(kept)
    told = []
    freeze_release(review, version="1.0", note="the first", tell=told.append)
    assert path.read_text() == kept
    assert told == (
        []
        if is_enough
        else [
            f"warning: {path} lacks the line '* -text', so git may change line ends, and hashes would no "
            "longer hold"
        ]
    )


@pytest.fixture
def shell(review, monkeypatch):
    monkeypatch.chdir(review)

    def call(*words):
        done = CliRunner().invoke(main, ["release", *words])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return call


def test_the_shell_says_where_a_release_is_and_what_names_it(shell):
    first = shell(".", "--version", "1.0", "--note", "the first")
    assert (first.exit_code, first.stderr) == (0, "")
    folder = freeze.Path("releases/1.0")
    digest = sha256((folder / "manifest.json").read_bytes())
    number = len(tree(folder)) - 1
    assert first.stdout.splitlines() == [
        "Release                  releases/1.0",
        f"Files                    {number}, and releases/1.0/manifest.json",
        f"SHA-256 of the manifest  {digest}",
        "Release before it        none, this is the first",
    ]
    second = shell(".", "--version", "1.1", "--note", "the next", "--releases", "releases", "--json")
    found = json.loads(second.stdout)
    assert found["folder"] == "releases/1.1"
    assert found["previous"] == {"version": "1.0", "sha256": digest}
    assert found["manifest_sha256"] == sha256(freeze.Path("releases/1.1/manifest.json").read_bytes())
    assert (found["files"], found["warnings"]) == (len(tree(freeze.Path("releases/1.1"))) - 1, [])
    assert found["changed"] == []


def test_the_shell_says_in_a_line_each_which_analyses_a_release_changed(shell, review):
    shell(".", "--version", "1.0", "--note", "the first")
    same = shell(".", "--version", "1.1", "--note", "nothing new")
    assert same.stdout.splitlines()[4:] == ["Version 1.1; the one analysis did not change since 1.0."]
    sheet = review / "data" / "cohorts.csv"
    sheet.write_bytes(sheet.read_bytes().replace(b",12,90,", b",21,90,"))
    moved = shell(".", "--version", "1.2", "--note", "a cell corrected")
    line, _headings, analysis = moved.stdout.splitlines()[4:]
    assert line == "Version 1.2; the one analysis changed since 1.1."
    assert analysis.startswith("A share")
    again = shell(".", "--version", "1.3", "--note", "the same again", "--json")
    assert json.loads(again.stdout)["changed"] == []
    sheet.write_bytes(small_review.SHEET.encode())
    back = shell(".", "--version", "1.4", "--note", "taken back", "--json")
    assert json.loads(back.stdout)["changed"] == ["share"]


def test_the_shell_calls_a_bad_version_wrong_usage_and_a_taken_one_a_problem(shell):
    assert shell(".", "--version", "1.0", "--note", "the first").exit_code == 0
    for words, code, line in (
        (("--version", "new", "--note", "x"), 2, "Error: 'new' is no version; a version is two to four"),
        (("--version", "1.1", "--note", " "), 2, "Error: a release needs a note: a sentence that says why"),
        (("--version", "1.0", "--note", "x"), 1, "Error: release 1.0 exists already; a release is never"),
    ):
        done = shell(".", *words)
        assert done.exit_code == code
        assert done.stderr.splitlines()[-1].startswith(line)
        assert done.stdout == ""

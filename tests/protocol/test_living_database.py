"""A living database that nobody here wrote, in three releases, read as it is published."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from meta.answers import answer_analysis
from meta.protocol.review import Review, check_review, read_review

FOLDER = Path(__file__).parent.parent / "golden" / "suicide-psyctr"
VERSIONS = ("23.0.2", "23.1.0", "23.1.1")

#: SHA-256 of the files as they were published: git must leave their bytes (CRLF) alone.
BYTES = {
    "23.0.2": "5cec3c3eedb94d83410d7346c69d64ba10b3a92a8455e9954e2c9c3d79db8761",
    "23.1.0": "38ae70c841ca2ce84fcabda65eb99e2ebf87443c9df2c18c84f47fe97fe4feeb",
    "23.1.1": "54926741dda01c01c01b83e2e3437de11908bdbfed54f9a5383b25f1dd3e4097",
}

#: By metafor.R beside it: estimate, low, high, tau2 and se of the rows that have .g and .g_se.
METAFOR = json.loads((FOLDER / "metafor.json").read_text(encoding="utf-8"))

#: Relative; the worst difference seen is 2e-14.
RTOL = 1e-10

#: Studies with two arms against one control among the rows of ideation.
SHARED = ["Brent 1997", "Britton 2020", "Bryan 2017", "Ertl 2011", "Patsiokas 1985", "Wei 2013"]


def lay(folder: Path, version: str, *without: str) -> Path:
    """Lay one release beside the review, without the lines of the protocol that begin so."""
    shutil.copyfile(FOLDER / version / "data.csv", folder / "data.csv")
    lines = (FOLDER / "review.toml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(without)] if without else lines
    (folder / "review.toml").write_text("\n".join(kept) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module", params=VERSIONS)
def read(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Review]:
    folder = tmp_path_factory.mktemp("release")
    return request.param, read_review(lay(folder, request.param))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_files_are_those_that_were_published(version: str) -> None:
    data = (FOLDER / version / "data.csv").read_bytes()
    assert hashlib.sha256(data).hexdigest() == BYTES[version]
    assert data.count(b"\r\n") == data.count(b"\n") == 191


def test_one_protocol_reads_all_three_and_its_key_names_each_row(read: tuple[str, Review]) -> None:
    _, review = read
    sheet = review.sheets["trials"]
    assert len(sheet) == 190
    assert "" not in sheet.columns
    assert sheet.schema.key == ("study", "multi_arm1", "outcome_type")
    assert len({tuple(row[c] for c in sheet.schema.key) for row in sheet.rows}) == 190
    assert sheet.rows[0].text[".g"] == "-2,93050147860304"
    assert sheet.rows[0][".g"] == -2.93050147860304
    assert sheet.rows[1].text[".g"] == "NA"
    assert sheet.rows[1][".g"] is None


def test_the_pooled_value_is_that_of_metafor(read: tuple[str, Review]) -> None:
    version, review = read
    plan = review.protocol.analyses[0]
    fit = answer_analysis(plan, review.selections[plan.id], review.targets).fit
    assert fit is not None
    assert fit.estimate is not None
    assert fit.tau2 is not None
    estimate = fit.estimate
    found = {
        "k": fit.k,
        "estimate": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "tau2": fit.tau2.value,
        "se": estimate.se,
    }
    assert found["k"] == 102
    assert found == pytest.approx(METAFOR[version], rel=RTOL)


def test_the_check_finds_few_warnings_and_no_errors(read: tuple[str, Review]) -> None:
    _, review = read
    assert [(p.rule, p.value) for p in review.warnings] == [
        ("unnamed-column", ""),
        *(("shared-control", study) for study in SHARED),
    ]
    rows = "'Brent 1997 cbt' (line 23) and 'Brent 1997 fam' (line 24)"
    assert f"{rows} share the control group 'supp'" in review.warnings[1].message


def test_a_column_of_words_that_the_codebook_calls_numbers_is_one_warning(tmp_path: Path) -> None:
    folder = lay(tmp_path, "23.1.1", "types")
    found = [p for p in check_review(folder) if p.rule == "carried-as-text"]
    assert [(p.column, p.value, p.severity) for p in found] == [("time", "post", "warning")]


@pytest.mark.parametrize(
    ("without", "rules"),
    [
        (("delimiter",), ["wrong-delimiter"]),
        (("delimiter", "decimal"), ["wrong-delimiter"]),
        (("decimal",), ["decimal-comma"]),
        (('".g" =', '".g_se" ='), ["not-a-number", "not-a-number"]),
    ],
)
def test_what_is_not_declared_is_said_to_be_likely_in_a_few_clear_lines(
    tmp_path: Path, without: tuple[str, ...], rules: list[str]
) -> None:
    problems = [p for p in check_review(lay(tmp_path, "23.0.2", *without)) if p.severity == "error"]
    assert [p.rule for p in problems] == rules
    assert all("declare " in p.advice for p in problems)


def test_a_study_called_na_stays_a_name_where_no_code_is_declared(tmp_path: Path) -> None:
    folder = lay(tmp_path, "23.1.1")
    data = (folder / "data.csv").read_bytes().replace(b'"Alavi 2013"', b'"NA"')
    (folder / "data.csv").write_bytes(data)
    assert read_review(folder).selections["ideation"].labels[0] == "NA"

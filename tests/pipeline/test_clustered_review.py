"""A review of rows clustered in studies, from the sheet to report and R script."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from meta.cli import main
from meta.pipeline import run_review

ROWS = [
    ("A", 0.10, 0.05, 1), ("A", 0.25, 0.04, 2), ("A", 0.05, 0.06, 3), ("B", 0.60, 0.05, 1),
    ("B", 0.80, 0.03, 2), ("C", 0.35, 0.02, 1), ("D", -0.20, 0.04, 1), ("D", 0.10, 0.05, 3),
    ("E", 0.45, 0.03, 2), ("E", 0.50, 0.06, 3), ("F", 0.90, 0.05, 2),
]  # fmt: skip

REVIEW = """
title = "Dependent rows"
question = "How large?"
[sheets.rows]
file = "rows.csv"
schema = "generic"
[[analyses]]
id = "che"
title = "Correlated effects"
question = "How large?"
sheet = "rows"
label = "row"
measure = "GEN"
columns = {y = "y", v = "v"}
profile = "house@1"
model = {model = "correlated_effects", cluster = "study_id", rho = 0.7}
overlap = {rule = ["most_cohorts"]}
[[analyses.moderators]]
formula = "~ wave"
[[analyses]]
id = "robust"
title = "Robust"
question = "How large?"
sheet = "rows"
label = "row"
measure = "GEN"
columns = {y = "y", v = "v"}
profile = "house@1"
model = {ci_method = "CR1", cluster = "study_id"}
"""


def write_rows(folder: Path) -> Path:
    lines = [f"{study},{study}{i},{y},{v},{wave}" for i, (study, y, v, wave) in enumerate(ROWS)]
    file = folder / "rows.csv"
    file.write_text("\n".join(["study_id,row,y,v,wave", *lines]) + "\n", encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clustered")
    write_rows(folder)
    (folder / "review.toml").write_text(REVIEW, encoding="utf-8")
    run_review(folder / "review.toml", out=folder / "out")
    return folder / "out"


def test_the_report_says_rows_of_studies_and_divides_tau2(out: Path) -> None:
    text = (out / "report.md").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "from 11 rows of 6 studies" in text
    assert "the sampling errors of rows of one study are taken to correlate by 0.7" in text
    assert "is cluster-robust (CR2)" in text
    assert "multiplied by m / (m − 1), m being the number of studies" in text
    assert "lies between studies" in text
    assert "lies within studies" in text
    assert "may share people, since the model lets their sampling errors correlate" in text
    assert "has no description in words" not in text
    assert "| Correlated effects | 6 |" in text


def test_the_r_script_fits_the_same_models(out: Path) -> None:
    script = (out / "analyses" / "che" / "analysis.R").read_text(encoding="utf-8")
    assert "V <- vcalc(vi, cluster = study, obs = row, rho = 0.7, data = rows)" in script
    assert "fit <- rma.mv(yi, V, random = ~ 1 | study/row, data = rows," in script
    assert 'coef_test(fit, vcov = "CR2", cluster = rows$study, test = "Satterthwaite")' in script
    assert 'joint <- Wald_test(fit, constraints = constrain_zero(2:2), vcov = "CR2",' in script
    assert 'study = rows[["study_id"]]' in script
    header = (out / "analyses" / "che" / "effects.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "study_id" in header.split(",")
    robust = (out / "analyses" / "robust" / "analysis.R").read_text(encoding="utf-8")
    assert 'fit <- rma(yi, vi, data = rows,\n           method = "REML", test = "z"' in robust


def test_the_shell_shows_components_and_studies(tmp_path: Path) -> None:
    file = write_rows(tmp_path)
    words = ["fit", str(file), "--measure", "GEN", "--columns", "y=y,v=v", "--label", "row"]
    done = CliRunner().invoke(
        main, [*words, "--model", "correlated_effects", "--cluster", "study_id", "--rho", "0.6"]
    )
    assert done.exit_code == 0, done.output
    assert "correlated_effects, REML, CR2, rho 0.6, clustered by study_id" in done.output
    assert "6, of 11 rows" in done.output
    assert "tau2 between studies" in done.output
    bad = CliRunner().invoke(main, [*words, "--model", "three_level", "--cluster", "study"])
    assert bad.exit_code == 1
    assert "cluster: no column 'study'; did you mean 'study_id'?" in bad.output

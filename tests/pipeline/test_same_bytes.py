"""The same input gives the same bytes, whatever the hash seed, the time zone, the locale and the folder."""

import hashlib
import os
import subprocess
import sys

REVIEW = """\
title = "Three cohorts and two trials"
question = "Are bytes repeated?"

[sheets.all]
file = "sheet.csv"
schema = "generic"

[[analyses]]
id = "share"
title = "A share"
question = "What share?"
sheet = "all"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "proportions-glmm@1"
cumulative = "year"
subgroups = [{by = "note"}]
descriptors = [{column = "note", heading = "Note"}]

[[analyses]]
id = "logit"
title = "The same on logits"
question = "What share?"
sheet = "all"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
moderators = [{formula = "~ year"}]
"""

SHEET = """\
study_id,year,events,n,note
Ångström1999,1999,3,40,β
Böhm2004,2004,0,25,α
Çelik2011,2011,12,90,α
Dvořák2015,2015,7,61,β
"""

#: hash seed, time zone, locale
WORLDS = (("0", "UTC", "C"), ("12345", "Pacific/Kiritimati", "C.UTF-8"))


def test_two_runs_in_two_worlds_write_the_same_bytes(tmp_path):
    review = tmp_path / "review"
    review.mkdir()
    (review / "review.toml").write_text(REVIEW, encoding="utf-8")
    (review / "sheet.csv").write_text(SHEET, encoding="utf-8")
    written = []
    for i, (seed, zone, locale) in enumerate(WORLDS):
        here = tmp_path / f"world {i}"
        here.mkdir()
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": locale, "LANG": locale}
        command = [sys.executable, "-m", "meta.cli", "run", str(review), "--figures", "svg,pdf,png"]
        done = subprocess.run(
            command, cwd=here, env=env, capture_output=True, text=True, encoding="utf-8", check=False
        )
        assert done.returncode == 0, done.stderr
        files = sorted(p for p in (here / "out").rglob("*") if p.is_file())
        written.append({str(p.relative_to(here)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files})
    assert written[0] == written[1]
    assert {name.rsplit(".", 1)[1] for name in written[0]} == {
        "svg",
        "pdf",
        "png",
        "csv",
        "R",
        "html",
        "md",
        "json",
        "bib",
        "toml",
    }

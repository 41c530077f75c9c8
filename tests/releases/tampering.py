"""A review that is released and verified in a moment, and hands that change a release."""

import csv
import hashlib
import io
import json

from meta.releases.verify import verify_release

#: How a failure says that a file is not the one that was released.
CHANGED = " (the hash of the file is no longer the manifest's)"

PROTOCOL = """\
title = "Five cohorts"
question = "Can anyone get the same numbers?"

[sheets.cohorts]
file = "data/cohorts.csv"
schema = "generic"

[[analyses]]
id = "share"
title = "A share"
question = "What share?"
sheet = "cohorts"
label = "study_id"
measure = "PLO"
columns = {events = "events", n = "n"}
profile = "house@1"
filters = [{column = "role", equals = "main"}]
descriptors = [{column = "country", heading = "Country"}]
alternatives = [
  {label = "Paule and Mandel", reason = "Another estimator", model = {tau2_method = "PM"}},
]
caveats = ["Few cohorts."]
leave_one_out = false

[[analyses]]
id = "late"
title = "Another share"
question = "What share later?"
sheet = "cohorts"
label = "study_id"
measure = "PLO"
columns = {events = "late", n = "n"}
profile = "proportions-glmm@1"
leave_one_out = false
"""

SHEET = (
    "study_id,year,events,n,late,role,country,note\n"
    "First1999,1999,3,40,2,main,Norway,a\n"
    '"Second, A 2004",2004,2,25,4,main,Italy,"b, or c"\n'
    "Third2011,2011,12,90,8,main,China,d\n"
    "Fourth2015,2015,7,61,5,main,Norway,e\n"
    "Fifth2016,2016,9,50,6,other,Spain,f\n"
)

CSV = "review/data/cohorts.csv"
TOML = "review/review.toml"
FOREST = "analyses/share/forest.svg"


def write_review(folder):
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "cohorts.csv").write_text(SHEET, encoding="utf-8", newline="")
    (folder / "review.toml").write_text(PROTOCOL, encoding="utf-8", newline="")


def replace_text(path, old, new):
    """Put ``new`` in the place of the one ``old`` of a file."""
    text = path.read_bytes().decode("utf-8")
    assert text.count(old) == 1
    path.write_bytes(text.replace(old, new).encode("utf-8"))


def set_cell(path, line, column, text):
    """Write another text into one cell; every other byte of the file stays. Return the old text."""
    lines = path.read_bytes().decode("utf-8").splitlines(keepends=True)
    header, row = next(csv.reader(lines)), next(csv.reader([lines[line - 1]]))
    old, row[header.index(column)] = row[header.index(column)], text
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(row)
    lines[line - 1] = out.getvalue()
    path.write_bytes("".join(lines).encode("utf-8"))
    return old


def read_results(release):
    return json.loads((release / "results.json").read_text(encoding="utf-8"))


def write_results(release, results):
    text = json.dumps(results, ensure_ascii=False, indent=1) + "\n"
    (release / "results.json").write_text(text, encoding="utf-8", newline="")


def set_stored(release, address, change):
    """Change what stands at an address of results.json; return it as it was."""
    results = read_results(release)
    *path, last = [int(part) if part.isdigit() else part for part in address.split(".")]
    place = results
    for part in path:
        place = place[part]
    old, place[last] = place[last], change(place[last])
    write_results(release, results)
    return old


def flip_byte(path, after):
    """Change one byte, the next one behind ``after``; return its number, counted from 1."""
    data = bytearray(path.read_bytes())
    at = data.index(after) + len(after)
    data[at] = ord("7") if data[at] != ord("7") else ord("8")
    path.write_bytes(bytes(data))
    return at + 1


def hash_again(release, **further):
    """Write the hashes of the files as they are now into the manifest, and what else it is to say."""
    path = release / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((release / name).read_bytes()).hexdigest()
    path.write_text(json.dumps({**manifest, **further}, sort_keys=True), encoding="utf-8")


def told(release):
    """Return the failures of a release in words."""
    return [str(failure) for failure in verify_release(release, crosscheck=False).failures]


def only(release):
    """Return the one failure of a release in words."""
    (failure,) = told(release)
    return failure

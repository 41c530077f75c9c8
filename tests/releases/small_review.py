"""A review that is released in a fraction of a second, and how to look at what a release left on the disk."""

import hashlib
import json

PROTOCOL = """\
title = "Four cohorts"
question = "Is a release whole?"

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
leave_one_out = false
"""

#: Line ends of two kinds, and letters beyond ASCII: what git and encodings like to touch.
SHEET = (
    "study_id,year,events,n,note\r\n"
    "Ångström1999,1999,3,40,β\r\n"
    "Böhm2004,2004,2,25,α\r\n"
    "Çelik2011,2011,12,90,α\r\n"
    "Dvořák2015,2015,7,61,β\n"
)


def write_review(folder, protocol_name="review.toml"):
    """Write the review; return its protocol's path."""
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "cohorts.csv").write_bytes(SHEET.encode())
    (folder / protocol_name).write_bytes(PROTOCOL.encode())
    return folder / protocol_name


def tree(folder):
    """Return the bytes of every file below a folder, by its path."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def is_whole(release):
    """Say whether a release holds its manifest, and exactly the bytes that the manifest names."""
    files = tree(release)
    manifest = json.loads(files.pop("manifest.json"))
    return manifest["files"] == {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(out.glob("trs_meta-*.whl"))) as archive:
        return archive.namelist()


def test_the_wheel_has_two_packages_and_nothing_stray(wheel):
    tops = {name.split("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"meta", "extraction"}


def test_the_wheel_carries_what_the_main_job_reads(wheel):
    for name in (
        "meta/_templates/report.html.j2",
        "meta/_templates/report.md.j2",
        "meta/profiles/house@1.toml",
        "meta/py.typed",
        "extraction/py.typed",
        "extraction/evidence/review.toml",
        "extraction/evidence/trs_incidence.csv",
        "extraction/evidence/README.md",
    ):
        assert name in wheel, name

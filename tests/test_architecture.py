import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

#: What `import meta` must not bring along: it costs a user seconds before the first number.
HEAVY = (
    "matplotlib",
    "jinja2",
    "pandas",
    "statsmodels",
    "pymare",
    "scipy.stats",
    "formulaic",
    "pydantic",
    "rich",
)


def python(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.strip()


def test_the_import_contracts_hold():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_import_meta_stays_light():
    loaded = python("import meta, sys; print(' '.join(sorted(sys.modules)))").split()
    assert [name for name in HEAVY if name in loaded] == []


def test_fitting_a_model_needs_neither_pandas_nor_plotting():
    code = (
        "import meta, sys\n"
        "e = meta.EffectSizes.from_arrays([0.1, 0.3, 0.2], [0.01, 0.02, 0.03])\n"
        "meta.fit_model(e)\n"
        "print(' '.join(sorted(sys.modules)))"
    )
    loaded = python(code).split()
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("folder", ["meta", "extraction"])
def test_subpackages_re_export_nothing(folder):
    for init in sorted((ROOT / folder).glob("*/**/__init__.py")):
        lines = [line for line in init.read_text().splitlines() if line.startswith(("import ", "from "))]
        assert [line for line in lines if "__future__" not in line] == [], init


def test_no_module_and_public_function_share_a_name():
    names = python("import meta, extraction; print(*meta.__all__, *extraction.__all__)").split()
    tops = {p.stem for p in (ROOT / "meta").glob("*") if p.suffix == ".py" or p.is_dir()}
    assert set(names) & tops == set()

"""``meta fit`` on a file with semicolons, decimal commas and NA, as its users meet it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from meta.cli import main

DATABASE = Path(__file__).parent.parent / "golden" / "suicide-psyctr" / "23.1.1" / "data.csv"

WORDS = (
    "fit", DATABASE, "--measure", "GEN", "--columns", "y=.g,se=.g_se", "--label", "study,multi_arm1",
    "--where", "outcome_type=ideation", "--profile", "metafor@1",
)  # fmt: skip

DECLARED = (
    "--delimiter", "semicolon", "--decimal", "comma", "--missing", ".g=NA", "--missing", ".g_se=NA",
    "--missing", "multi_arm1=NA",
)  # fmt: skip


@pytest.fixture
def shell() -> Callable[..., Result]:
    def call(*words: object) -> Result:
        done = CliRunner().invoke(main, [str(word) for word in words])
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return call


def test_a_sheet_is_read_as_declared(shell: Callable[..., Result]) -> None:
    done = shell(*WORDS, *DECLARED, "--json")
    assert done.exit_code == 0
    fit = json.loads(done.stdout)
    assert fit["k"] == 102
    assert fit["estimate"]["value"] == pytest.approx(-0.30439663126029, rel=1e-10)
    assert fit["studies"][0]["label"] == "Alavi 2013"


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            (),
            ["1 error:", "the cells seem to be separated by semicolons", "meta fit: --delimiter semicolon"],
        ),
        (
            ("--delimiter", "semicolon"),
            ["3 errors:", "of .g, .g_se seem to have decimal commas (202 cells", "meta fit: --decimal comma"],
        ),
        (
            ("--delimiter", "semicolon", "--decimal", "comma"),
            ["2 errors:", "'NA' is not a number (in 88 cells", "meta fit: --missing .g_se=NA"],
        ),
    ],
)  # fmt: skip
def test_what_is_not_declared_is_said_to_be_likely_with_the_option(
    shell: Callable[..., Result], declared: tuple[str, ...], said: list[str]
) -> None:
    done = shell(*WORDS, *declared)
    assert done.exit_code == 1
    assert all(text in done.stderr for text in said), done.stderr
    assert done.stderr.count("\n") <= 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--delimiter", ";"), "is not one of 'comma', 'semicolon', 'tab'"),
        (("--decimal", ","), "is not one of 'point', 'comma'"),
        (("--missing", "NA"), "'NA' is not of the form name=value"),
    ],
)
def test_words_that_are_not_offered_are_wrong_usage(
    shell: Callable[..., Result], words: tuple[str, str], said: str
) -> None:
    done = shell(*WORDS, *words)
    assert done.exit_code == 2
    assert said in done.stderr

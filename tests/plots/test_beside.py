"""A second process draws the same bytes as the first one, and its loss loses nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import meta
from meta.plots import beside
from meta.plots.beside import PictureProcess
from meta.plots.save import figure_bytes


def make_figure(k: int) -> Any:
    labels = [f"Study {i}" for i in range(k)]
    effects = meta.EffectSizes.from_arrays(np.arange(k) / 10, np.full(k, 0.04), labels=labels)
    return meta.forest_plot(meta.fit_model(effects))


@pytest.fixture(scope="module")
def figures() -> dict[str, object]:
    return {f"figure {k}": make_figure(k) for k in (3, 4, 5)}


@pytest.fixture(scope="module")
def drawn(figures: dict[str, object]) -> dict[str, bytes]:
    return {name: figure_bytes(figure, "png") for name, figure in figures.items()}


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)


def collect(figures: dict[str, object]) -> dict[str, bytes]:
    pictures = PictureProcess()
    for name, figure in figures.items():
        pictures.ask(name, figure)
    return pictures.collect()


def test_the_same_bytes_in_the_order_of_asking(
    figures: dict[str, object], drawn: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_content: bytes) -> bytes:
        raise AssertionError("this process drew")

    pictures = PictureProcess()
    for name, figure in figures.items():
        pictures.ask(name, figure)
    for _, future in pictures._asked.values():
        assert future is not None
        future.result(timeout=120)
    monkeypatch.setattr(beside, "_draw", never)
    found = pictures.collect()
    assert found == drawn
    assert list(found) == list(figures)
    assert pictures.collect() == {}


def test_what_has_not_begun_is_drawn_here(figures: dict[str, object], drawn: dict[str, bytes]) -> None:
    assert collect(figures) == drawn


def test_a_figure_is_drawn_as_it_was_when_asked_for(drawn: dict[str, bytes]) -> None:
    pictures, figure = PictureProcess(), make_figure(3)
    pictures.ask("figure 3", figure)
    figure.clear()
    assert pictures.collect()["figure 3"] == drawn["figure 3"]


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(3)",
        "import sys; sys.stdin.buffer.read(9); sys.stdout.buffer.write(b'x' * 4)",
    ],
)
def test_a_process_that_fails_loses_nothing(
    program: str, figures: dict[str, object], drawn: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "_PROGRAM", program)
    assert collect(figures) == drawn


def test_no_process_can_be_had(
    figures: dict[str, object], drawn: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert collect(figures) == drawn


def test_one_core_draws_by_itself(
    figures: dict[str, object], drawn: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    monkeypatch.setattr(subprocess, "Popen", None)
    assert collect(figures) == drawn


def test_the_process_ends_with_the_object_that_began_it(figures: dict[str, object]) -> None:
    pictures = PictureProcess()
    pictures.ask("one", figures["figure 3"])
    process = pictures._process
    assert process is not None
    pictures._asked["one"][1].result(timeout=120)
    del pictures
    assert process.poll() == 0


def test_the_process_sees_the_modules_of_the_first() -> None:
    done = subprocess.run(
        [sys.executable, "-c", beside._PROGRAM, "[]"], input=b"", capture_output=True, check=False
    )
    assert b"No module named" in done.stderr

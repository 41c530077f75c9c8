"""Figures as files while a review is computed: in every format asked for, for the page, and for Word."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meta.errors import MissingGlyphWarning
from meta.plots.beside import PictureProcess
from meta.plots.glyphs import missing_glyphs
from meta.plots.save import DEFAULT_DPI, PIXELS, figure_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(slots=True)
class Pictures:
    """What the figures of a run become.

    Attributes
    ----------
    formats : sequence of str
        Formats beside SVG, which is always written.
    dpi : int or None
        Of PNG and TIFF files.
    wants : callable
        Whether the Word document shows figures of a kind.
    files : dict of str to bytes
        By path.
    drawings : dict of str to str
        SVG by its path: the names under which results.json knows them.
    pictures : dict of str to bytes
        What Word shows and is drawn already, by the path of the SVG.
    lacking : list of str
        Which characters of which figures the font lacks.
    process : PictureProcess
        Draws what else Word shows while this process goes on fitting.
    """

    formats: Sequence[str]
    dpi: int | None
    wants: Callable[[str], bool]
    files: dict[str, bytes] = field(default_factory=dict)
    drawings: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    process: PictureProcess = field(default_factory=PictureProcess)

    def collect(self) -> dict[str, bytes]:
        """Return what Word shows, PNG at 300 dots per inch, by the path of the SVG."""
        return {**self.pictures, **self.process.collect()}

    def add(self, figures: Mapping[str, Figure], folder: str, kind: str | None = None) -> dict[str, str]:
        """Save figures in a folder; return the path of each SVG by its name.

        Parameters
        ----------
        figures : mapping of str to Figure
            By name, which is safe as that of a file.
        folder : str
            Empty: beside the report.
        kind : str, optional
            What all of them are, where their names do not say so.
        """
        names = {}
        for name, figure in figures.items():
            path = f"{folder}/{name}" if folder else name
            for suffix in dict.fromkeys(["svg", *self.formats]):
                dpi = self.dpi if suffix in PIXELS else None
                self.files[f"{path}.{suffix}"] = _bytes(figure, suffix, dpi)
            names[name] = f"{path}.svg"
            self.drawings[names[name]] = self.files[names[name]].decode("utf-8")
            if self.wants(kind or name):
                drawn = self.files.get(f"{path}.png") if self.dpi in (None, DEFAULT_DPI) else None
                if drawn is None:
                    self.process.ask(names[name], figure)
                else:
                    self.pictures[names[name]] = drawn
        self._name_missing(figures, folder)
        return names

    def _name_missing(self, figures: Mapping[str, Figure], folder: str) -> None:
        """Say once for all figures of a folder which characters their font lacks."""
        found = {name: missing for name, figure in figures.items() if (missing := missing_glyphs(figure))}
        if found:
            every = sorted({character for missing in found.values() for character in missing})
            where = f"{folder}: {', '.join(found)}" if folder else ", ".join(found)
            self.lacking.append(str(MissingGlyphWarning(where, tuple(every))))


def _bytes(figure: Figure, suffix: str, dpi: int | None) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MissingGlyphWarning)
        return figure_bytes(figure, suffix, dpi=dpi)  # type: ignore[arg-type]  # it checks the format

"""A page becomes a matplotlib figure: texts, lines, polygons, nothing decided here."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Polygon
from matplotlib.text import Text
from matplotlib.transforms import Affine2D, Transform

from meta.plots import theme
from meta.plots.layout import Disc, Page, Patch, Shape, Stroke, TextBox
from meta.plots.theme import Face

_MM_PER_INCH = 25.4
#: What a reader of the SVG uses who lacks the font: Verdana is as wide, so nothing comes to overlap.
_FAMILIES = ["DejaVu Sans", "Verdana", "sans-serif"]


#: ``none`` keeps text as text, 42 embeds TrueType so that PDF and EPS keep text as text; a fixed salt makes
#: SVG ids repeat.
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "meta",
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "path.simplify": False,
    "font.sans-serif": ["DejaVu Sans"],
    "lines.scale_dashes": False,
}
#: Groups of settings that could move a byte: all at matplotlib's defaults, whatever the user's matplotlibrc
#: says.
_GROUPS = ("figure.", "font.", "lines.", "patch.", "path.", "pdf.", "ps.", "savefig.", "svg.", "text.")


def settings() -> AbstractContextManager[None]:
    """Return a context in which matplotlib draws and writes by our settings, not by those of the user."""
    default: Any = matplotlib.rcParamsDefault
    chosen: Any = {
        key: value for key, value in sorted(default.items()) if key.startswith(_GROUPS)
    } | _SETTINGS
    return matplotlib.rc_context(chosen)


class Chart(Figure):
    """A matplotlib figure that keeps the page it was drawn from, which holds its title and description."""

    def __init__(self, page: Page) -> None:
        super().__init__(
            figsize=(page.width / _MM_PER_INCH, page.height / _MM_PER_INCH), facecolor=theme.PAPER
        )
        self.page = page


def draw_page(page: Page) -> Chart:
    """Draw a page as a figure of its size; one artist a text or shape, in the order of the page."""
    with settings():
        figure = Chart(page)
        inch = 1 / _MM_PER_INCH
        millimetres = Affine2D().scale(inch, -inch).translate(0, page.height * inch) + figure.dpi_scale_trans
        for order, shape in enumerate(page.shapes):
            _add_shape(figure, shape, order, millimetres)
        for order, box in enumerate(page.texts):
            _add_text(figure, box, order, len(page.shapes), millimetres)
    return figure


def _add_shape(figure: Figure, shape: Shape, order: int, millimetres: Transform) -> None:
    """Add one shape, above those before it."""
    if isinstance(shape, Stroke):
        line = Line2D(
            [shape.x1, shape.x2],
            [shape.y1, shape.y2],
            color=shape.color,
            linewidth=shape.width,
            linestyle=(0, shape.dash) if shape.dash else "-",
            solid_capstyle="butt",
            dash_capstyle="butt",
            transform=millimetres,
            zorder=order,
            gid=f"shape-{order}",
        )
        figure.add_artist(line)
        return
    edge = shape.edge if shape.edge and shape.width > 0 else "none"
    patch = (
        Circle((shape.x, shape.y), shape.radius)
        if isinstance(shape, Disc)
        else Polygon(list(shape.points), closed=shape.fill is not None)
    )
    patch.set(facecolor=shape.fill or "none", edgecolor=edge, linewidth=shape.width, joinstyle="miter")
    if isinstance(shape, Patch) and shape.dash:
        patch.set_linestyle((0, shape.dash))
    if isinstance(shape, Disc) and shape.opacity < 1.0:
        patch.set_alpha(shape.opacity)
    patch.set(transform=millimetres, zorder=order, gid=f"shape-{order}")
    figure.add_artist(patch)


_PROPERTIES: dict[tuple[float, Face], FontProperties] = {}


def _font_properties(size: float, face: Face) -> FontProperties:
    """Return the properties of a face.

    They name the file that ships with matplotlib so that it looks alike everywhere.
    """
    if (size, face) not in _PROPERTIES:
        _PROPERTIES[size, face] = FontProperties(
            family=_FAMILIES,
            size=size,
            weight="bold" if face == "bold" else "normal",
            style="italic" if face == "italic" else "normal",
            fname=str(theme.font_path(face)),
        )
    return _PROPERTIES[size, face]


def _add_text(figure: Figure, box: TextBox, order: int, first: int, millimetres: Transform) -> None:
    """Add one text as it stands: a name with dollar signs is a name, not a formula."""
    x, y = box.anchor, box.baseline
    if box.turned:
        x, y = box.x + theme.ASCENT * box.size * theme.MM_PER_POINT, box.y + box.h / 2
    text = Text(
        x,
        y,
        box.text,
        color=box.color,
        fontproperties=_font_properties(box.size, box.face),
        horizontalalignment=box.align,
        verticalalignment="baseline",
        rotation=90.0 if box.turned else 0.0,
        rotation_mode="anchor" if box.turned else "default",
        parse_math=False,
        transform=millimetres,
        zorder=first + order,
        gid=f"text-{order}",
    )
    figure.add_artist(text)

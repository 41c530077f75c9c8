"""The numbers of the page: where each stands, what is read there, and its address."""

from __future__ import annotations

from html.parser import HTMLParser

from meta.report.written import Place, Written

#: Elements that hold words of their own, which places are counted by.
BLOCKS = frozenset(
    ["p", "td", "th", "li", "dt", "dd", "h1", "h2", "h3", "h4", "caption", "figcaption", "summary", "title"]
)

#: Elements without an end.
_EMPTY = frozenset(["meta", "link", "br", "hr", "img", "input", "col", "wbr", "path", "use"])


class PageReader(HTMLParser):
    """Reads a page into its texts by place, and its numbers; drawings, styles and scripts are passed over.

    Attributes
    ----------
    texts : dict of str to str
        The words of each place, in the order of reading.
    places : list of Place
        The numbers with an address.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: dict[str, str] = {}
        self.places: list[Place] = []
        self._open: list[tuple[str, str]] = []
        self._count: dict[tuple[str, str], int] = {}
        self._passed = 0
        self._number: list[str] | None = None
        self._address = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element; one with an id begins a new count."""
        if tag in ("svg", "script", "style"):
            self._passed += 1
        if tag in _EMPTY or (self._passed and tag not in ("svg", "script", "style")):
            return
        given = dict(attrs)
        inside = self._open[-1][1] if self._open else ""
        place = given.get("id") or inside.partition(" ")[0]
        if tag in BLOCKS:
            number = self._count[place, tag] = self._count.get((place, tag), 0) + 1
            place = f"{place} {tag} {number}".strip()
        elif not given.get("id"):
            place = inside
        self._open.append((tag, place))
        if given.get("data-id"):
            self._number, self._address = [], given["data-id"] or ""

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        if tag in ("svg", "script", "style"):
            self._passed -= 1
        elif self._passed or tag in _EMPTY:
            return
        if self._number is not None and tag in ("a", "span"):
            self.places.append(Place(self._place, "".join(self._number), self._address))
            self._number = None
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Add words to the place that is open."""
        if self._passed or not self._open:
            return
        if self._number is not None:
            self._number.append(data)
        self.texts[self._place] = self.texts.get(self._place, "") + data

    @property
    def _place(self) -> str:
        return self._open[-1][1]


def read_page(page: str) -> PageReader:
    """Read a page of :func:`meta.report.html.render_html`."""
    reader = PageReader()
    reader.feed(page)
    reader.close()
    return reader


def map_page(page: str) -> Written:
    """Return a page with the map of its numbers: ``trs_total p 3``, counted within the nearest id."""
    return Written(page.encode("utf-8"), tuple(read_page(page).places))

"""The shapes that templates read: tables, figures and sections of finished texts."""

from __future__ import annotations

from dataclasses import dataclass

from meta.report.pieces import Link, Piece, Sentence


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    ``number`` columns hold numbers of the results and are set to the right, as are ``right`` ones, which hold
    figures as the sheet
    writes them; ``wide`` columns hold some words, ``prose`` ones sentences.
    """

    heading: str
    number: bool = False
    wide: bool = False
    prose: bool = False
    right: bool = False

    @property
    def kind(self) -> str:
        """The one word by which a style sheet knows the column; empty for a plain one."""
        kinds = {"num": self.number, "right": self.right, "prose": self.prose, "wide": self.wide}
        return next((kind for kind, is_so in kinds.items() if is_so), "")


@dataclass(frozen=True, slots=True)
class Row:
    """One row; its first cell names it. ``muted`` rows take no part in the numbers, ``strong`` sum up."""

    cells: tuple[Sentence, ...]
    anchor: str = ""
    muted: bool = False
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; without rows it is not shown. ``notes`` stand below it."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[Sentence, ...] = ()

    @property
    def is_list(self) -> bool:
        """Whether the table is a list of names and values."""
        return len(self.columns) == 2


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: its file beside the report (the key of its drawing), its caption, and words in its place."""

    file: str
    caption: str
    alternative: str


@dataclass(frozen=True, slots=True)
class Card:
    """One analysis in the opening."""

    sentence: Sentence
    caveat: Sentence


@dataclass(frozen=True, slots=True)
class Block:
    """A part of an analysis: sentences, a figure, tables, and tables folded away under ``folded``."""

    title: str
    sentences: tuple[Sentence, ...] = ()
    figure: Figure | None = None
    tables: tuple[Table, ...] = ()
    folded: str = ""
    hidden: tuple[Table, ...] = ()

    @property
    def shows_hidden(self) -> bool:
        """Whether there is anything to fold away."""
        return any(table.rows for table in self.hidden)

    @property
    def exists(self) -> bool:
        """Whether there is anything to show."""
        return bool(
            self.sentences or self.figure or any(table.rows for table in (*self.tables, *self.hidden))
        )


@dataclass(frozen=True, slots=True)
class AnalysisView:
    """One analysis as the report shows it; blocks that have nothing to say are left out."""

    anchor: str
    title: str
    question: str
    method: Link
    results: tuple[Sentence, ...]
    caveats: tuple[Sentence, ...]
    forest: Figure | None
    summary: Table
    selection: Block
    blocks: tuple[Block, ...]
    studies: Block
    files: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class MethodView:
    """The methods of all analyses that share measure, spec and profile."""

    anchor: str
    title: str
    parts: tuple[tuple[str, tuple[Sentence, ...]], ...]
    analyses: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Sentences and tables folded away under a title."""

    title: str
    sentences: tuple[Sentence, ...]
    tables: tuple[Table, ...]

    @property
    def exists(self) -> bool:
        """Whether there is anything to fold away."""
        return bool(self.sentences) or any(table.rows for table in self.tables)


@dataclass(frozen=True, slots=True)
class ChangesView:
    """What changed since the last release; ``line`` says it in the opening."""

    title: str
    line: Sentence
    sentences: tuple[Sentence, ...]
    figures: tuple[Figure, ...]
    table: Table
    folds: tuple[Fold, ...]


@dataclass(frozen=True, slots=True)
class ReportView:
    """The whole report: every text finished, every number with its address."""

    title: str
    question: str
    authors: str
    about: str
    cards: tuple[Card, ...]
    glance: Table
    findings: Block
    changes: ChangesView | None
    methods: tuple[MethodView, ...]
    overlap: Block
    analyses: tuple[AnalysisView, ...]
    flow: Block
    bias: Block
    excluded: Block
    problems: Block
    crosscheck: Block
    provenance: Block
    checklist: Block
    files: tuple[Link, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure in reading order, each file once."""
        shown: list[Figure | None] = list(self.changes.figures) if self.changes is not None else []
        for one in self.analyses:
            shown += [one.forest, *(block.figure for block in (one.selection, *one.blocks, one.studies))]
        blocks = (
            self.findings,
            self.overlap,
            self.flow,
            self.bias,
            self.excluded,
            self.problems,
            self.crosscheck,
            self.provenance,
            self.checklist,
        )
        shown += [block.figure for block in blocks]
        found: dict[str, Figure] = {}
        for figure in shown:
            if figure is not None:
                found.setdefault(figure.file, figure)
        return tuple(found.values())


def row(*cells: Piece | Sentence, anchor: str = "", muted: bool = False, strong: bool = False) -> Row:
    """Return a row of cells, each a piece or a sentence."""
    return Row(tuple(c if isinstance(c, tuple) else (c,) for c in cells), anchor, muted, strong)

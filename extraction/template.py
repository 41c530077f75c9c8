"""The files of a new review, to be filled in: protocol, sheet, codebook, README."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from extraction.codebook import codebook_markdown, find_schema
from extraction.errors import ReviewError
from extraction.files import write_atomic

#: Columns of a fresh sheet: what an analysis of proportions needs, who may overlap, where figures come from.
SHEET_COLUMNS = (
    "study_id",
    "authors_short",
    "year",
    "country",
    "events",
    "n",
    "followup_years",
    "overlaps_with",
    "risk_of_bias",
    "source_location",
    "source_url",
    "note",
)

#: The title in the files that are copied, which are complete in themselves.
_STAND_IN = "A new review"


def new_review_files(title: str) -> dict[str, str]:
    """Return the files of a new review by name: what ``meta init`` writes.

    Parameters
    ----------
    title : str
        Title of the review.

    Returns
    -------
    dict
        Contents of ``review.toml`` (with remarks that teach it), ``sheet.csv`` (a header), ``CODEBOOK.md``,
        ``README.md``.

    Raises
    ------
    ReviewError
        If the title is empty.
    """
    words = " ".join(title.split())
    if not words:
        raise ReviewError("a review needs a title")
    starter = files("extraction") / "starter"
    protocol = (starter / "review.toml").read_text(encoding="utf-8")
    readme = (starter / "README.md").read_text(encoding="utf-8")
    return {
        "review.toml": protocol.replace(f'"{_STAND_IN}"', _toml_text(words), 1),
        "sheet.csv": ",".join(SHEET_COLUMNS) + "\n",
        "CODEBOOK.md": codebook_markdown(find_schema("generic")),
        "README.md": readme.replace(_STAND_IN, words, 1),
    }


def write_new_review(folder: str | Path, title: str) -> tuple[Path, ...]:
    """Write the files of a new review into a folder, which is made as needed.

    Returns
    -------
    tuple of Path
        The files, in the order in which to read them.

    Raises
    ------
    ReviewError
        If the folder is a file, or one of the files exists already: then nothing is written.
    """
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise ReviewError(f"{place} is a file; a review is a folder")
    contents = {place / name: text for name, text in new_review_files(title).items()}
    taken = [path.name for path in contents if path.exists()]
    if taken:
        held = ", ".join(taken)
        raise ReviewError(f"{place} already holds {held}; nothing was written (choose another folder)")
    for path, text in contents.items():
        write_atomic(path, text)
    return tuple(contents)


def _toml_text(text: str) -> str:
    """Return a text as a TOML string."""
    marks = {"\\": "\\\\", '"': '\\"'}
    written = (f"\\u{ord(c):04X}" if ord(c) < 32 or ord(c) == 127 else marks.get(c, c) for c in text)
    return f'"{"".join(written)}"'

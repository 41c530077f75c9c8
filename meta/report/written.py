"""What a writer gives back: the file, and the map of the numbers in it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """One number of a written document: where it stands, what is read there, and whence it came.

    Attributes
    ----------
    place : str
        The part of the document in its reading order ("paragraph 12", "table 3 row 2 column 5").
        Several numbers of one part share its place, in the order of reading.
    text : str
        The number as it is written there, units, marks and intervals included.
    id : str
        Its address in ``results.json``.
    """

    place: str
    text: str
    id: str


@dataclass(frozen=True, slots=True)
class Written:
    """A finished document.

    Attributes
    ----------
    content : bytes
        The file, the same bytes each time for the same results and pictures.
    places : tuple of Place
        Every number in it that comes from ``results.json``, in the order of reading.
    warnings : tuple of str
        What the writer had to change, each naming where (a character that the format forbids, ...).
    """

    content: bytes
    places: tuple[Place, ...]
    warnings: tuple[str, ...] = ()

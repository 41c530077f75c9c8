"""Where each key of a TOML file stands: ``tomllib`` reads values and forgets their lines."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: Keys and places of array items, from the root to a value.
Path = tuple[str | int, ...]


def find_lines(text: str) -> Mapping[Path, int]:
    """Return the line of every key, table and array item of a valid TOML text.

    Parameters
    ----------
    text : str
        A text that ``tomllib`` has read without an error.

    Returns
    -------
    mapping of path to int
        Lines are counted from 1. The path of the second filter's column in the third analysis is
        ``("analyses", 2, "filters", 1, "column")``.
    """
    scanner = _Scanner(text)
    scanner.read_document()
    return MappingProxyType(scanner.lines)


def nearest_line(lines: Mapping[Path, int], path: Path) -> int | None:
    """Return the line of a path, or of the nearest table around it; None for the file as a whole."""
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None


class _Scanner:
    """Walks over the characters of a valid TOML text; knows strings, comments and tables, and no values."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.line = 1
        self.lines: dict[Path, int] = {}
        self._items: dict[Path, int] = {}

    def read_document(self) -> None:
        """Read every table header and every ``key = value``."""
        table: Path = ()
        while self._skip_space(newlines=True):
            if self.text.startswith("[[", self.at):
                self._move(2)
                table = self._array_item(self._read_key())
                self._move(2)
            elif self.text[self.at] == "[":
                self._move(1)
                table = self._inside(self._read_key())
                self._note(table)
                self._move(1)
            else:
                self._read_pair(table)

    def _array_item(self, key: list[str]) -> Path:
        """Return the path of a new item of an array of tables."""
        array = (*self._inside(key[:-1]), key[-1])
        self._items[array] = self._items.get(array, -1) + 1
        item: Path = (*array, self._items[array])
        self._note(item)
        return item

    def _note(self, table: Path) -> None:
        """Give a table its line, and those around it that no line of their own has named yet."""
        for end in range(1, len(table) + 1):
            self.lines.setdefault(table[:end], self.line)

    def _inside(self, key: list[str]) -> Path:
        """Return the path of a table header, with the place of the last item of each array on the way."""
        path: Path = ()
        for part in key:
            path = (*path, part)
            if path in self._items:
                path = (*path, self._items[path])
        return path

    def _read_pair(self, table: Path) -> None:
        start = self.line
        key = self._read_key()
        for end in range(1, len(key) + 1):
            self.lines.setdefault((*table, *key[:end]), start)
        self._skip_space()
        self._move(1)  # the equals sign
        self._skip_space()
        self._read_value((*table, *key))

    def _read_key(self) -> list[str]:
        """Read a key, dotted or not, quoted or not."""
        parts = []
        while True:
            self._skip_space()
            if self.text[self.at] in "\"'":
                parts.append(self._read_string())
            else:
                start = self.at
                while self.text[self.at].isalnum() or self.text[self.at] in "_-":
                    self._move(1)
                parts.append(self.text[start : self.at])
            self._skip_space()
            if self.text[self.at] != ".":
                return parts
            self._move(1)

    def _read_value(self, path: Path) -> None:
        first = self.text[self.at]
        if first in "\"'":
            self._read_string()
        elif first == "[":
            self._read_array(path)
        elif first == "{":
            self._read_inline_table(path)
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}#\n":
                self._move(1)

    def _read_array(self, path: Path) -> None:
        self._move(1)
        place = 0
        while self._skip_space(newlines=True) and self.text[self.at] != "]":
            self.lines[(*path, place)] = self.line
            self._read_value((*path, place))
            place += 1
            self._skip_space(newlines=True)
            if self.text[self.at] == ",":
                self._move(1)
        self._move(1)

    def _read_inline_table(self, path: Path) -> None:
        self._move(1)
        while self._skip_space(newlines=True) and self.text[self.at] != "}":
            self._read_pair(path)
            self._skip_space(newlines=True)
            if self.text[self.at] == ",":
                self._move(1)
        self._move(1)

    def _read_string(self) -> str:
        """Skip a string of any kind; return what stands between its quotes."""
        quote = self.text[self.at]
        mark = quote * 3 if self.text.startswith(quote * 3, self.at) else quote
        self._move(len(mark))
        start = self.at
        while not self.text.startswith(mark, self.at):
            self._move(2 if quote == '"' and self.text[self.at] == "\\" else 1)
        # a multi-line string may end in up to two quotes of its own before the closing mark
        while len(mark) == 3 and self.text.startswith(quote, self.at + 3):
            self._move(1)
        content = self.text[start : self.at]
        self._move(len(mark))
        return content

    def _skip_space(self, *, newlines: bool = False) -> bool:
        """Skip blanks, and newlines and comments where they may stand; return whether anything is left."""
        blanks = " \t\n" if newlines else " \t"
        while self.at < len(self.text):
            if self.text[self.at] in blanks:
                self._move(1)
            elif newlines and self.text[self.at] == "#":
                while self.at < len(self.text) and self.text[self.at] != "\n":
                    self._move(1)
            else:
                return True
        return False

    def _move(self, count: int) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

"""Errors of the engine: one root, one branch a stage."""

from __future__ import annotations

from extraction.errors import ReviewError


class MetaError(ReviewError):
    """Root of the engine's own errors; the text says what is wrong and what is allowed."""


class OptionError(MetaError, ValueError):
    """An option has a value that is not allowed, or that the chosen model does not use."""


class ProfileError(MetaError):
    """A method profile is unknown or malformed."""


class EffectError(MetaError, ValueError):
    """Effect sizes cannot be computed from what was given."""


class ModelError(MetaError, ValueError):
    """A model cannot be fitted because the input itself is invalid."""


class ProtocolError(MetaError):
    """A protocol cannot be read at all (its single faults are ``Problem`` objects)."""


class PlotError(MetaError):
    """A figure cannot be drawn from what was given."""


class ReportError(MetaError):
    """A report cannot be written."""


class ReleaseError(MetaError):
    """A release cannot be made, or a folder of releases is not what it should be."""


class ExplainError(MetaError):
    """A number cannot be explained: it has no such address, or there are no results to look in."""


class LayoutWarning(UserWarning):
    """A figure leaves ``columns`` out, or is wider than asked for, since there is no room."""

    def __init__(self, message: str, columns: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.columns = columns


#: Most characters that a warning names one by one.
_MOST_NAMED = 12


class MissingGlyphWarning(UserWarning):
    """The font of the figures lacks ``characters`` of a figure; tables keep them."""

    def __init__(self, figure: str, characters: tuple[str, ...]) -> None:
        named = ", ".join(f"{character} (U+{ord(character):04X})" for character in characters[:_MOST_NAMED])
        more = f" and {len(characters) - _MOST_NAMED} more" if len(characters) > _MOST_NAMED else ""
        super().__init__(
            f"figure {figure!r}: DejaVu Sans has no glyph for {named}{more}; an SVG shows them in a font of "
            "its reader, other formats as boxes; tables keep them"
        )
        self.figure = figure
        self.characters = characters

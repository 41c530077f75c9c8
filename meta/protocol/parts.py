"""What the models of a protocol are made of: texts that can be seen, numbers, cells."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr
from pydantic_core import PydanticCustomError


def seen(text: str) -> str:
    """Return text as a reader sees it: one line, without what leaves no mark (controls, direction marks)."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _require_seen(text: str) -> str:
    if not seen(text):
        raise PydanticCustomError("string_too_short", "nothing in it can be seen")
    return text


Words = Annotated[str, Field(min_length=1), AfterValidator(_require_seen)]

#: TOML knows nan and inf, which no choice of a review can be.
Number = StrictInt | Annotated[StrictFloat, Field(allow_inf_nan=False)]
Cell = StrictStr | Number


class Part(BaseModel):
    """A part of a protocol: unknown keys are errors, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

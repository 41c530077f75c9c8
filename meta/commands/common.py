"""What commands share: errors in words, and the exit codes."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from extraction.errors import ProblemsError, ReviewError
from extraction.names import visible
from meta.errors import OptionError, ProfileError
from meta.screen import print_json, print_problems, print_warnings

#: Exit codes: 0 done, 1 the review has problems, 2 wrong usage (click's own).
PROBLEMS = 1


class Commands(click.Group):
    """A group of commands that says in words when what they print cannot be written."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            if error.errno == errno.EPIPE:  # click ends quietly where a reader such as head has gone
                raise
            # what is still held back would fail once more when Python ends
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            with suppress(OSError):
                click.echo(visible(f"Error: cannot print: {error.strerror or error}"), err=True)
            sys.exit(PROBLEMS)


@contextmanager
def in_words(as_json: bool) -> Iterator[None]:
    """Turn errors that are meant for the user into words, and the exit code for problems."""
    try:
        yield
    except ReviewError as error:
        tell_error(error, as_json)
        sys.exit(PROBLEMS)
    except OSError as error:
        if error.errno == errno.EPIPE:  # click ends quietly where a reader such as head has gone
            raise
        where = f"{error.filename}: " if error.filename is not None else ""
        tell_error(ReviewError(f"{where}{error.strerror or error}"), as_json)
        sys.exit(PROBLEMS)


@contextmanager
def as_usage() -> Iterator[None]:
    """Call a choice that is not offered wrong usage, where it came from the command line."""
    try:
        yield
    except (OptionError, ProfileError) as error:
        raise click.UsageError(visible(str(error))) from error


def tell_error(error: ReviewError, as_json: bool) -> None:
    """Say what is wrong: on stderr, or as JSON on stdout where a program reads it."""
    problems = error.problems if isinstance(error, ProblemsError) else ()
    if as_json:
        print_json({"error": str(error), "problems": [p.to_dict() for p in problems]})
    elif problems:
        print_problems([p for p in problems if p.severity == "error"])
        print_warnings([p for p in problems if p.severity == "warning"])
    else:
        click.echo(visible(f"Error: {error}"), err=True)

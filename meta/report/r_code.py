"""Pieces of R code: numbers and strings written safely, comparisons, and the head of the script."""

from __future__ import annotations

import math
import re

#: Count columns of ``effects.csv``, by the keywords of ``effect_sizes``.
COUNTS = (
    "events", "mean", "sd", "n", "time",
    "events1", "mean1", "sd1", "n1", "time1",
    "events2", "mean2", "sd2", "n2", "time2",
    "mean_pre", "mean_post", "sd_pre", "sd_post", "r", "controls",
)

R_HEAD = """\
# The fits of analysis {id} in results.json, made again in R with the package metafor.
#
#   Rscript analysis.R
#
# reads effects.csv beside it. Every comparison prints both numbers and stops the script where they differ by
# more than its tolerance: a relative one, or an absolute one where the number itself is below 0.01.

suppressPackageStartupMessages(library(metafor))

script <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
folder <- if (length(script) == 1) dirname(gsub("~+~", " ", script, fixed = TRUE)) else "."

# Everything is read as text first, so that a study called NA or 007 keeps its name.
dat <- read.csv(file.path(folder, "effects.csv"), colClasses = "character", na.strings = "",
                check.names = FALSE, encoding = "UTF-8")
numbers <- c({numeric})
for (name in numbers) dat[[name]] <- as.numeric(dat[[name]])
dat <- dat[dat$used == 1, ]

compared <- 0
compare <- function(what, results, r, tolerance) {{
  r <- unname(as.numeric(r))
  cat(sprintf("  %-38s results.json %20.12g   R %20.12g\\n", what, results, r))
  stopifnot(all.equal(results, r, tolerance = tolerance, scale = pmax(abs(results), 0.01)))
  compared <<- compared + 1
}}

# metafor iterates to a looser precision unless told otherwise. A tolPwrss below 1e-9 is out of glmer's reach
# where studies have millions of people.
tight <- list(threshold = 1e-9 * min(dat$vi, 1, na.rm = TRUE), tol = 1e-14, maxiter = 20000)
tight_glmm <- list(glmerCtrl = list(optimizer = "bobyqa", tolPwrss = 1e-8,
                                    optCtrl = list(maxfun = 2e5, rhoend = 1e-9)))"""

R_TAIL = """
cat(sprintf("\\nComparisons made: %d; all hold.\\n", compared))
"""


def r_number(value: float | str) -> str:
    """Return a number as R reads it back exactly; ``results.json`` writes infinities as text."""
    if isinstance(value, str):
        return {"Inf": "Inf", "-Inf": "-Inf"}[value]
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return repr(float(value))


def r_string(text: str) -> str:
    """Return text as an R string in ASCII: whatever it holds, it cannot end the string or the line."""
    return '"' + "".join(_r_character(character) for character in text) + '"'


def file_name_text(text: str) -> str:
    """Return text that may stand in a comment: letters, digits, hyphen and underscore only."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text)


def r_compare(what: str, results: float | str | None, r: str, tolerance: str) -> list[str]:
    """Return the line that compares a number of ``results.json`` with R's; none where there is no number."""
    if results is None or isinstance(results, str):
        return []
    return [f"compare({r_string(_printable(what))}, {r_number(results)}, {r}, {tolerance})"]


def r_title(text: str) -> list[str]:
    """Return lines that print a heading, in one line and without control characters."""
    return ["", f"cat({r_string(chr(10) + _printable(text) + chr(10))})"]


def _printable(text: str) -> str:
    """Return text for a screen: one line, and nothing that a terminal would obey."""
    return "".join(character if character.isprintable() else " " for character in text)


def _r_character(character: str) -> str:
    if character == "\n":
        return "\\n"
    if character in '"\\':
        return "\\" + character
    if " " <= character <= "~":
        return character
    # R has no string with a zero byte; lone surrogates are no characters
    if character == "\0" or "\ud800" <= character <= "\udfff":
        return "?"
    return f"\\U{ord(character):08x}"

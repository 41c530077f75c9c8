"""The command ``meta``: its commands are the files of :mod:`meta.commands`."""

from __future__ import annotations

import click

from meta.commands.check import check
from meta.commands.common import Commands
from meta.commands.diff import diff
from meta.commands.explain import explain
from meta.commands.fit import fit
from meta.commands.init import init
from meta.commands.release import release
from meta.commands.run import run
from meta.commands.sensitivity import sensitivity
from meta.commands.verify import verify
from meta.screen import open_screen


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="trs-meta", prog_name="meta")
def main() -> None:
    """Random-effects meta-analysis for living reviews.

    \b
    meta run                 the shipped review, into out/
    meta init my-review      start a review of your own
    meta check my-review     every problem in its sheets and protocol
    meta run my-review       fit, draw and report it
    """  # noqa: D301  (click reads the control character)
    open_screen()


for command in (run, check, fit, sensitivity, explain, release, diff, verify, init):
    main.add_command(command)


if __name__ == "__main__":
    main()

"""The files that describe a run or a release to an archive, made from its inputs and its other files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extraction.files import sha256
from meta.deposit.crate import CRATE_FILE, crate_bytes
from meta.deposit.package import PACKAGE_FILE, package_bytes
from meta.deposit.sheets import PROTOCOL_FILE, deposit_sheets
from meta.errors import ProtocolError
from meta.protocol.review import Review


def deposit_files(
    checked: Review,
    results: Mapping[str, Any],
    files: Mapping[str, bytes],
    *,
    version: str | None,
) -> dict[str, bytes]:
    """Return sheets and protocol under ``data/``, ``datapackage.json`` and ``ro-crate-metadata.json``.

    Parameters
    ----------
    checked : Review
        What was analysed.
    results : mapping
        Content of results.json.
    files : mapping of str to bytes
        The other files of the run, by path.
    version : str or None
        Of a release; None for a run.

    Returns
    -------
    dict of str to bytes
        By path. The same inputs give the same bytes; nothing of the clock is in them.

    Raises
    ------
    ProtocolError
        If the protocol was changed while it was being run.
    """
    protocol = checked.path.read_bytes()
    if sha256(protocol) != checked.protocol_sha256:
        raise ProtocolError(f"{checked.path.name} was changed while it was being run; run it again")
    sheets = deposit_sheets(checked)
    made = {PROTOCOL_FILE: protocol, **{sheet.path: sheet.content for sheet in sheets}}
    made[PACKAGE_FILE] = package_bytes(checked.protocol, sheets, results["analyses"], files, version)
    described = {**made, **files}
    made[CRATE_FILE] = crate_bytes(checked.protocol, sheets, results, described, version)
    return made

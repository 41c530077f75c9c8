"""``manifest.json`` of a run: hashes of everything read and written, versions, seeds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from extraction.files import sha256
from meta.inference.bootstrap_prediction import DEFAULT_SEED
from meta.living.archive import RUN_FORMAT


def run_manifest(results: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Return the manifest of a run.

    Parameters
    ----------
    results : mapping
        Content of results.json, whose provenance holds the hashes of the inputs.
    files : mapping of str to bytes
        Every file of the run but the manifest, by path.

    Returns
    -------
    bytes
        JSON with sorted keys: ``engine``, ``python`` and ``packages``; ``protocol``, ``sheets``, ``targets``
        and ``profiles`` with their SHA-256; ``seeds`` by the address at which each was used; ``files`` with
        the SHA-256 of each.
    """
    found = results["provenance"]
    content = {
        "format": RUN_FORMAT,
        "engine": found["engine"],
        "python": found["python"],
        "packages": found["packages"],
        "protocol": found["protocol"],
        "sheets": found["sheets"],
        "targets": found["targets"],
        "profiles": [{"name": p["name"], "sha256": p["sha256"]} for p in found["profiles"]],
        "seeds": dict(find_seeds(results["analyses"], "analyses")),
        "files": {name: sha256(data) for name, data in files.items()},
    }
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode("utf-8")


def find_seeds(node: object, address: str) -> Iterator[tuple[str, int]]:
    """Yield the address and value of every seed that a fit or a bootstrap was given, or took by default."""
    if isinstance(node, Mapping):
        seed = node.get("seed")
        if isinstance(seed, int):
            yield f"{address}.seed", seed
        elif node.get("pi_method") == "bootstrap":
            yield f"{address}.seed", DEFAULT_SEED
        for key, value in node.items():
            yield from find_seeds(value, f"{address}.{key}")
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from find_seeds(value, f"{address}.{i}")

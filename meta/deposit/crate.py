"""``ro-crate-metadata.json``: what the files of a run are, and by which tool they came from which inputs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from extraction.files import sha256
from meta.deposit.package import PACKAGE_FILE
from meta.deposit.sheets import PROTOCOL_FILE, Deposited
from meta.protocol.plan import Protocol

CRATE_FILE = "ro-crate-metadata.json"

#: The manifest beside it holds this file's hash, so this file cannot hold the manifest's.
MANIFEST = "manifest.json"

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
CONFORMS = "https://w3id.org/ro/crate/1.1"

#: A word that the context of RO-Crate 1.1 lacks.
SHA256 = "https://schema.org/sha256"

TOOL = "#trs-meta"
RUN = "#run"

#: What a file is by its ending: media type, and words.
ENDINGS = {
    "csv": "text/csv",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "html": "text/html",
    "json": "application/json",
    "bib": "application/x-bibtex",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "png": "image/png",
    "R": "text/x-r-source",
    "svg": "image/svg+xml",
    "toml": "application/toml",
}

#: Names of the files at the top.
NAMES = {
    "results.json": "Every number, with its address",
    "report.html": "Report",
    "report.md": "Report as Markdown",
    "report.docx": "Report for Word",
    "report.pdf": "Report as PDF",
    PROTOCOL_FILE: "Protocol: the plan declared in advance",
    PACKAGE_FILE: "Frictionless Data Package: columns of the sheets and of the effect sizes",
    MANIFEST: "Hashes of all inputs and outputs, versions and seeds",
}


def crate_bytes(
    protocol: Protocol,
    sheets: Sequence[Deposited],
    results: Mapping[str, Any],
    files: Mapping[str, bytes],
    version: str | None,
) -> bytes:
    """Return ``ro-crate-metadata.json``: RO-Crate 1.1, JSON-LD.

    Parameters
    ----------
    protocol : Protocol
        Title, question, authors, and the date that it declares, which is all that this file says of time.
    sheets : sequence of Deposited
        The inputs.
    results : mapping
        Content of results.json: versions and profiles.
    files : mapping of str to bytes
        Every file that the crate describes, inputs included, by path.
    version : str or None
        Of a release; why it was made stands in its manifest.

    Notes
    -----
    RO-Crate asks for ``datePublished``; it stands here only where the protocol declares it
    (``published = "2026-11-24"``), since the day of a run is no matter of its inputs.
    """
    inputs = [PROTOCOL_FILE, *(sheet.path for sheet in sheets)]
    described = {sheet.path: f"Sheet {sheet.name}: {sheet.sheet.schema.title}" for sheet in sheets}
    graph = [
        {
            "@id": CRATE_FILE,
            "@type": "CreativeWork",
            "conformsTo": {"@id": CONFORMS},
            "about": {"@id": "./"},
        },
        _root(protocol, [*files, MANIFEST], version),
        *_people(protocol),
        *_files(files, described),
        {"@id": MANIFEST, "@type": "File", "name": NAMES[MANIFEST], "encodingFormat": ENDINGS["json"]},
        *_run(results, inputs, [name for name in files if name not in inputs]),
    ]
    document = {"@context": [CONTEXT, {"sha256": SHA256}], "@graph": graph}
    return (json.dumps(document, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _root(protocol: Protocol, names: Sequence[str], version: str | None) -> dict[str, Any]:
    """Describe the whole."""
    found: dict[str, Any] = {
        "@id": "./",
        "@type": "Dataset",
        "name": protocol.title,
        "description": " ".join(filter(None, (protocol.question, protocol.about))),
    }
    if protocol.published is not None:
        found["datePublished"] = protocol.published
    if version is not None:
        found["version"] = version
    if protocol.authors:
        found["author"] = [{"@id": f"#author-{i + 1}"} for i in range(len(protocol.authors))]
    found["hasPart"] = [_ref(name) for name in names]
    found["mentions"] = [{"@id": RUN}]
    return found


def _people(protocol: Protocol) -> Iterator[dict[str, Any]]:
    for i, author in enumerate(protocol.authors):
        yield {"@id": f"#author-{i + 1}", "@type": "Person", "name": author}


def _files(files: Mapping[str, bytes], described: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Describe every file: what it is, its size and its hash."""
    for name, content in files.items():
        ending = name.rpartition(".")[2]
        yield {
            **_ref(name),
            "@type": "File",
            "name": described.get(name) or NAMES.get(name) or _name(name),
            "encodingFormat": ENDINGS.get(ending, "application/octet-stream"),
            "contentSize": str(len(content)),
            "sha256": sha256(content),
        }


def _name(path: str) -> str:
    """Return what a file of an analysis, or another one, is called."""
    parts = path.split("/")
    if parts[0] == "analyses" and len(parts) == 3:
        kind = parts[2]
        words = {"effects.csv": "effect sizes", "analysis.R": "the same fits in R"}
        return f"Analysis {parts[1]}: {words.get(kind, 'figure ' + kind.rpartition('.')[0])}"
    return path


def _run(
    results: Mapping[str, Any], inputs: Sequence[str], outputs: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Describe the run: the tool, what it read, what it wrote."""
    software = results["provenance"]
    profiles = [(str(p["name"]), str(p["title"]), str(p["sha256"])) for p in software["profiles"]]
    yield {
        "@id": RUN,
        "@type": "CreateAction",
        "name": "Meta-analysis of the sheets by the protocol",
        "instrument": {"@id": TOOL},
        "object": [*map(_ref, inputs), *({"@id": _profile(name)} for name, _, _ in profiles)],
        "result": [_ref(name) for name in outputs],
    }
    packages = ", ".join(f"{name} {number}" for name, number in software["packages"].items())
    yield {
        "@id": TOOL,
        "@type": "SoftwareApplication",
        "name": "trs-meta",
        "version": software["engine"],
        "softwareRequirements": f"Python {software['python']}, {packages}",
    }
    for name, title, digest in profiles:
        yield {
            "@id": _profile(name),
            "@type": "CreativeWork",
            "name": f"Method profile {name}: {title}",
            "sha256": digest,
        }


def _profile(name: str) -> str:
    return f"#profile-{quote(name)}"


def _ref(path: str) -> dict[str, str]:
    """Return the id of a file: its path as an address."""
    return {"@id": quote(path)}

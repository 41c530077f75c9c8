"""The file of a Word document: the same bytes each time, and its own properties without clocks."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from meta.errors import ReportError

#: Time that stands in every entry of the container.
_EPOCH = (1980, 1, 1, 0, 0, 0)

#: First in a container, so that programs tell what it is.
_FIRST = "[Content_Types].xml"

#: Word's longest property.
_LONGEST_PROPERTY = 255

#: Most that a document may hold when unpacked, in bytes, and most parts.
MAX_UNPACKED = 128 * 2**20
MAX_PARTS = 2_000


def pack_document(document: Any) -> bytes:
    """Return a document as bytes that the same content always has."""
    stream = io.BytesIO()
    document.save(stream)
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(stream.getvalue())) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in sorted(old.namelist(), key=lambda n: (n != _FIRST, n)):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o600 << 16
            # pictures are packed already
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
            new.writestr(entry, old.read(name))
    return out.getvalue()


def describe_document(document: Any, title: str, authors: str, subject: str) -> None:
    """Say in a document's properties what it is; when it was made is left out, there is no clock."""
    properties = document.core_properties
    properties.title, properties.author = title[:_LONGEST_PROPERTY], authors[:_LONGEST_PROPERTY]
    properties.subject = subject[:_LONGEST_PROPERTY]
    properties.comments = properties.keywords = properties.last_modified_by = ""
    properties.language = "en-GB"
    element = properties._element
    for child in list(element):
        if child.tag.rsplit("}", 1)[-1] in ("created", "modified", "revision", "lastPrinted"):
            element.remove(child)


def check_container(content: bytes, name: str) -> None:
    """Refuse what is no container, or unpacks to more than a document has use for.

    Raises
    ------
    ReportError
        Naming the file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as error:
        raise ReportError(f"{name}: this is no Word document (.docx)") from error
    total = sum(part.file_size for part in parts)
    if total > MAX_UNPACKED or len(parts) > MAX_PARTS:
        raise ReportError(
            f"{name}: unpacks to {total} bytes in {len(parts)} parts; a Word template may have "
            f"{MAX_UNPACKED} bytes in {MAX_PARTS} parts"
        )

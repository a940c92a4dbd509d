"""Whether a JPEG 2000 file is whole, told from its boxes without decoding it."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import BinaryIO

from processing.errors import InputError
from processing.places import opened

_SIGNATURE = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
_START_OF_CODESTREAM = b"\xff\x4f\xff\x51"
_END_OF_CODESTREAM = b"\xff\xd9"


def check_whole(path: Path) -> None:
    """Raise InputError unless the file is a JPEG 2000 file whose codestream ends where it should.

    Reads a few hundred bytes: the headers of the boxes (ISO/IEC 15444-1 Annex I) and the codestream's end marker.
    """
    try:
        with opened(path) as stream:
            size = stream.seek(0, io.SEEK_END)
            stream.seek(0)
            start, stop = _codestream(stream, size, path)
            if stop > size:
                raise InputError(f"cut short: {size} of at least {stop} bytes", where=path, mend="fetch it again")
            stream.seek(max(start, stop - 2))
            if stream.read(2) != _END_OF_CODESTREAM:
                raise InputError(f"cut short: {size} bytes and no end marker", where=path, mend="fetch it again")
    except FileNotFoundError:
        raise InputError("file is not there", where=path) from None


def _codestream(stream: BinaryIO, size: int, path: Path) -> tuple[int, int]:
    """First byte of the codestream and the byte after its last."""
    head = stream.read(12)
    if head.startswith(_START_OF_CODESTREAM):
        return 0, size
    if head != _SIGNATURE:
        raise InputError("not a JPEG 2000 file", where=path, mend="fetch it again")
    at = 12
    while at + 8 <= size:
        stream.seek(at)
        length, kind = struct.unpack(">I4s", stream.read(8))
        header = 8
        if length == 1:
            length, header = struct.unpack(">Q", stream.read(8).ljust(8, b"\0"))[0], 16
        stop = size if length == 0 else at + length
        if kind == b"jp2c":
            return at + header, stop
        if stop <= at:
            break
        at = stop
    raise InputError(f"cut short: {size} bytes and no image in them", where=path, mend="fetch it again")

"""Reading a product's XML metadata by tag, namespaces aside, with errors that name the file."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from processing.errors import InputError
from processing.io.times import utc
from processing.places import opened

_AGAIN = "fetch the product again"


class Document:
    """One XML file. Tags are given without their namespace.

    Raises InputError when the file is missing or not XML.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            with opened(file) as stream:
                self._root = ElementTree.parse(stream).getroot()  # noqa: S314 - expat loads nothing external
        except FileNotFoundError:
            raise InputError("file is not there", where=file, mend=_AGAIN) from None
        except (ElementTree.ParseError, UnicodeDecodeError) as error:
            raise InputError(f"not valid XML ({error})", where=file, mend=_AGAIN) from None

    def elements(self, tag: str) -> Iterator[ElementTree.Element]:
        """Every element called ``tag``, in order."""
        return (element for element in self._root.iter() if _tag(element) == tag)

    def text(self, tag: str) -> str:
        """Text of the first element called ``tag``; empty when there is none."""
        return next(((element.text or "").strip() for element in self.elements(tag)), "")

    def time(self, tag: str) -> np.datetime64:
        """Text of ``tag`` as a UTC time in nanoseconds."""
        time = utc(self.text(tag))
        if time is None:
            raise InputError(f"{tag} is {self.text(tag)!r}, not a time", where=self.file, mend=_AGAIN)
        return time

    def number(self, element: ElementTree.Element) -> float:
        """Text of an element as a number."""
        try:
            return float((element.text or "").strip())
        except ValueError:
            what = f"{_tag(element)} is {element.text!r}, not a number"
            raise InputError(what, where=self.file, mend=_AGAIN) from None

    def child(self, parent: ElementTree.Element | None, tag: str) -> float:
        """Number in the child ``tag`` of an element, NaN when there is none."""
        found = None if parent is None else next((child for child in parent if _tag(child) == tag), None)
        return math.nan if found is None else self.number(found)


def _tag(element: ElementTree.Element) -> str:
    return str(element.tag).rsplit("}", 1)[-1]

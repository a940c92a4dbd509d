"""Which granules of different products are of one pass of the satellite."""

from __future__ import annotations

import re
from collections.abc import Collection

from processing.project import Input, Project

_PASS = re.compile(r"_(\d{14})_(\d{4})(\d{2})\d{2}_\d{3}_\d{2}")


def pass_of(ident: str) -> str:
    """Reference ground track and cycle (``ttttcc``) in a granule's identifier; empty where it names none.

    The region is not part of it: sea-ice products are cut by hemisphere, ATL03 by region.
    """
    found = _PASS.search(ident)
    return found[2] + found[3] if found else ""


def same_pass(one: str, other: str) -> bool:
    """Whether two identifiers name the same ground track and cycle."""
    own = pass_of(one)
    return bool(own) and own == pass_of(other)


def references_of(project: Project, granule: str, kinds: Collection[str] = ("atl07", "atl10")) -> list[Input]:
    """References of those kinds that are of the granule's pass, by identifier."""
    return [item for item in project.inputs("references") if item.kind in kinds and same_pass(granule, item.ident)]

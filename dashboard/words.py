"""Numbers and names as they are shown: one place for units and formats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from dashboard.catalog import Pair

_GRANULE = re.compile(r"ATL03_(\d{14})_(\d{4})(\d{2})(\d{2})_(\d{3})_(\d{2})")


def instant(time: np.datetime64) -> str:
    """UTC to the minute."""
    if np.isnat(time):
        return "time unknown"
    return str(np.datetime_as_string(time, unit="m")).replace("T", " ")


def granule_title(ident: str, time: np.datetime64) -> str:
    """A granule by its time and ground track, or its identifier when it says neither."""
    found = _GRANULE.search(ident)
    if found is None:
        return ident
    return f"{instant(time)}  RGT {int(found[2])}, cycle {int(found[3])}"


def distinct(titles: Mapping[str, str]) -> dict[str, str]:
    """Identifiers by title, from titles by identifier; a title that several share gets the identifier added."""
    shared = Counter(titles.values())
    return {f"{title} ({ident})" if shared[title] > 1 else title: ident for ident, title in titles.items()}


def granule_facts(ident: str) -> dict[str, str]:
    """RGT, cycle, region and release from a granule's identifier."""
    found = _GRANULE.search(ident)
    if found is None:
        return {}
    return {"RGT": str(int(found[2])), "cycle": str(int(found[3])), "region": found[4], "release": found[5]}


def beam_title(name: str, strong: bool | None) -> str:
    """A beam; a dot marks the strong ones."""
    return f"{name} ●" if strong else name


def minutes_apart(minutes: float) -> str:
    """Scene time minus track time for reading."""
    if abs(minutes) < 90:
        return f"{minutes:+.1f} min"
    return f"{minutes / 60:+.1f} h" if abs(minutes) < 72 * 60 else f"{minutes / 1440:+.1f} d"


def scene_title(ident: str) -> str:
    """A scene by its tile, or the beginning of its identifier when it has none."""
    tile = re.search(r"(?<![A-Z0-9])T\d{2}[A-Z]{3}(?![A-Z0-9])", ident)
    return tile[0] if tile else (ident if len(ident) <= 22 else f"{ident[:21]}…")


def pair_title(pair: Pair) -> str:
    """A scene by its tile and how far it is from the track in time."""
    return f"{scene_title(pair.scene)}  {minutes_apart(pair.minutes)}"


def metres(length: float) -> str:
    """A length in metres or kilometres."""
    return f"{length:,.0f} m" if length < 1000 else f"{length / 1000:,.2f} km"


def position(lat: float, lon: float) -> tuple[str, str]:
    """Latitude and longitude to about ten metres."""
    return f"{abs(lat):.4f}° {'N' if lat >= 0 else 'S'}", f"{abs(lon):.4f}° {'E' if lon >= 0 else 'W'}"


def rate(hertz: float) -> str:
    """A photon rate."""
    return f"{hertz / 1e6:.2f} MHz" if np.isfinite(hertz) else "unknown"


def share(mask: Any) -> str:
    """The part of a mask that is set, in percent."""
    if len(mask) == 0:
        return "–"
    value = 100.0 * float(np.mean(mask))
    return f"{value:.1f} %" if value else "0 %"


def percent(value: float) -> str:
    """A part of one in percent, 0 or 100 only where it is so; a dash where there is none."""
    if not np.isfinite(value):
        return "–"
    if 0.0 < value < 0.001:
        return "< 0.1 %"
    if 0.999 < value < 1.0:
        return "> 99.9 %"
    return f"{100.0 * value:.0f} %" if value in (0.0, 1.0) else f"{100.0 * value:.1f} %"


def count(number: int) -> str:
    """A count with a suffix where it is large."""
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if number >= 10 * limit:
            return f"{number / limit:.1f} {suffix}"
    return f"{number:,}"


def swatch(colour: str) -> str:
    """A patch of colour."""
    return f"<span class='swatch' style='background:{colour}'></span>"


def definitions(facts: Mapping[str, str]) -> str:
    """Names and values in two columns."""
    return (
        "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items()) + "</dl>"
    )

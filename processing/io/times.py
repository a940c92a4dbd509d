"""Times written in files and on command lines."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

ATLAS_EPOCH = np.datetime64("2018-01-01T00:00:00", "ns")
"""Zero of ``delta_time``, UTC; no leap second has been added since."""


def utc(text: str) -> np.datetime64 | None:
    """A time in ISO 8601, extended or basic, as UTC nanoseconds; None when ``text`` is none.

    A time without an offset is taken as UTC. A date alone is not a time.
    """
    text = text.strip()
    if len(text) < len("20190101T0000"):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return np.datetime64(time.replace(tzinfo=None), "ns")

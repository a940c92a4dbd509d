"""The colours of a granule's segments as the state asks for them, as ranks of whole beams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dashboard.current import TrackLabels
from dashboard.place import Place
from dashboard.views import colouring
from dashboard.views.colouring import Ranks, Scheme

Version = tuple[object, ...]


class SegmentRanks:
    """Ranks of the beams at a ``Place`` in the colours of ``state.colour``."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._analysts: list[str] = []
        self._seen: tuple[str, int] = ("", 0)

    @property
    def mode(self) -> str:
        return self.place.state.colour

    def scheme(self, variant: str) -> Scheme:
        """Colours and legend; ``variant`` is ``light``, ``dark`` or ``scene``."""
        return colouring.scheme(self.mode, variant, self.analysts if self.mode == "source" else ())

    @property
    def analysts(self) -> list[str]:
        """Who worked on the granule, in the order of their first events, so that a colour stays with its analyst.

        A second opinion is given blind: it knows its own analyst alone.
        """
        state = self.place.state
        if state.opinion == "second":
            return [state.analyst]
        book = self.place.workspace.book
        if self._seen[0] != state.granule:
            self._analysts, self._seen = [], (state.granule, 0)
        new = book.events(state.granule, after=self._seen[1])
        names = dict.fromkeys(event.analyst for event in new if event.paints and not event.layer)
        self._analysts += [name for name in names if name not in self._analysts]
        self._seen = (state.granule, new[-1].id if new else self._seen[1])
        return self._analysts

    def version(self, beam: str) -> Version:
        """Changes when ``ranks`` would give something else; compare it with ``same``."""
        if self.mode in ("label", "source"):
            labels = self.place.desk.labels(beam)
            return self.mode, labels, labels.last
        return self.mode, self._facts(beam), 0

    @staticmethod
    def same(first: Version | None, second: Version) -> bool:
        """Whether two versions are one: labels change in place, so that they are told apart by identity and event."""
        return first is not None and first[0] == second[0] and first[1] is second[1] and first[2] == second[2]

    def ranks(self, beam: str) -> Ranks:
        """Rank of every segment of a beam, row for row with its Track."""
        if self.mode in ("label", "source"):
            return self._label_ranks(self.place.desk.labels(beam))
        facts = self._facts(beam)
        if facts is None:
            return np.ones(len(self.place.workspace.track(self.place.state.granule, beam)), np.int8)
        return self._kept(beam, facts)

    def _label_ranks(self, labels: TrackLabels) -> Ranks:
        if self.mode == "label":
            return colouring.label_ranks(labels.label)
        return colouring.source_ranks(labels.analyst, labels.analysts, self.analysts)

    def _facts(self, beam: str) -> Any:
        """The column that colours flags or confidence; None where the beam has none."""
        workspace, granule = self.place.workspace, self.place.state.granule
        if self.mode == "flag":
            return workspace.label_facts(granule, beam).get("auto_flags")
        run = self._run(beam)
        return None if not run else workspace.model_facts(granule, beam, run)["entropy"]

    def _run(self, beam: str) -> str:
        return self.place.workspace.prediction(self.place.state.granule, beam)

    def _kept(self, beam: str, facts: Any) -> Ranks:
        """Ranks of what edits do not change, made once for every session."""
        workspace, granule = self.place.workspace, self.place.state.granule
        kind, run = ("autolabels", "") if self.mode == "flag" else ("predictions", self._run(beam))
        make: Callable[[], Ranks] = (
            (lambda: colouring.flag_ranks(facts))
            if self.mode == "flag"
            else (lambda: colouring.confidence_ranks(np.float32(1.0) - facts))
        )
        path = workspace.project.table_path(kind, granule, beam, run)
        owner = workspace.labels_version(granule, beam)
        found: Ranks = workspace.kept(("ranks", self.mode, owner), path, make)
        return found

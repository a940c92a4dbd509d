"""What the analyst looks at, without any display: one object fires one event for each change, views listen.

Nothing here imports a user interface. ``State`` holds the place (granule, beam, position, span) and how it is shown; a
change of any part reaches every listener once, as a ``Change`` that says which parts moved and who moved them, so that
a view need not answer its own gesture.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import param

from dashboard.selection import Selection

log = logging.getLogger(__name__)

PAGES = ("overview", "review", "freeboard", "products", "agreement", "jobs", "compare")
IMAGES = ("true", "false", "swir", "B02", "B03", "B04", "B08", "B11", "none")
OVERLAYS = ("none", "labels", "cloud")
COLOURS = ("label", "source", "flag", "confidence")
REASONS = ("cloud", "shadow", "transition", "drift", "other")
OPINIONS = ("first", "second")
WHY = ("", "cloud", "shadow", "transition", "drift", "entropy", "disagreement", "unlabelled", "saturated")
KINDS = ("", "0", "1", "2", "-1")
CONTRASTS = ("auto", "bright", "dark")
SCOPES = ("view", "beam", "stretch", "granule", "project")
BY = ("class", "beam", "granule", "run")
METHODS = ("", "minimum", "average", "nearest", "weighted", "robust")
HEIGHTS = ("", "median", "mean")
TOGETHER = ("one", "strong", "all")
ASIDES = ("distribution", "map", "lead", "leads")
TINTS = ("strength", "granule")
QUANTITIES = ("freeboard", "height", "sea_surface", "density", "classes")
SHADES = ("class", "type")
ONTO = ("freeboard", "review")
ASPECTS = ("models", "scores", "differences", "freeboard")
GROUNDS = ("clear", "labels", "truth")
LAUNCHES = ("resample", "autolabel", "snapshot", "train", "classify", "freeboard", "evaluate")
SPANS = (20.0, 4_000_000.0)
PERSONAL = ("theme", "analyst")
PASSING = ("selection", "edits", "zones", "shift", "lasso", "box")
"""Parts that come and go with the work at hand: in no address."""


@dataclass(frozen=True)
class Change:
    """One change of the state.

    Attributes
    ----------
    names : parameters that have new values.
    origin : the view that caused it; empty for the address, a key or a control.
    """

    names: frozenset[str]
    origin: str = ""

    def touches(self, *names: str) -> bool:
        """Whether any of ``names`` changed."""
        return not self.names.isdisjoint(names)


Listener = Callable[[Change], None]
Later = Callable[[Callable[[], None]], None]
"""Runs a call soon, on the page's own thread."""


class State(param.Parameterized):
    """The place and the way it is shown. Set several parts at once with ``move``."""

    page = param.Selector(default="overview", objects=list(PAGES), doc="Page")
    granule = param.String("", doc="Granule identifier")
    beam = param.String("", doc="Beam, such as gt2l")
    x = param.Number(math.nan, doc="Along-track distance at the middle of the profile [m]")
    span = param.Number(5000.0, bounds=SPANS, doc="Length of track in the profile [m]")
    scene = param.String("", doc="Scene under the track; the nearest in time when empty")
    image = param.Selector(default="true", objects=list(IMAGES), doc="Band combination of the scene")
    contrast = param.Selector(default="auto", objects=list(CONTRASTS), doc="Contrast stretch of the scene")
    source = param.String("", doc="Where classes come from: auto, snapshot:v0001, prediction:RUN or truth")
    run = param.String("", doc="Freeboard run; the newest when empty")
    scope = param.Selector(default="view", objects=list(SCOPES), doc="What the distribution of freeboard is of")
    by = param.Selector(default="class", objects=list(BY), doc="What the distribution of freeboard is parted by")
    method = param.Selector(default="", objects=list(METHODS), doc="Sea-surface estimator; the run's own when empty")
    window_km = param.Number(0.0, bounds=(0.0, 200.0), doc="Sea-surface window [km]; the run's own when 0")
    stride_km = param.Number(
        0.0,
        bounds=(0.0, 100.0),
        doc="Distance of window centres [km]; when 0 half a window that is set, or the run's own",
    )
    height = param.Selector(default="", objects=list(HEIGHTS), doc="Height of a segment; the run's own when empty")
    lead = param.Integer(-1, bounds=(-1, 2**40), doc="Lead at hand by its first segment; none when -1")
    stretch_start = param.Number(math.nan, doc="Start of the stretch whose figures are told [m along the track]")
    stretch_end = param.Number(math.nan, doc="End of that stretch [m along the track]")
    together = param.Selector(default="one", objects=list(TOGETHER), doc="Beams whose freeboard is drawn")
    apart = param.Boolean(False, doc="Whether beams are drawn below one another instead of in one figure")
    aside = param.Selector(default="distribution", objects=list(ASIDES), doc="What is told beside freeboard")
    product = param.String("", doc="What is compared with, by its identifier; ATL10 of the pass when empty")
    quantity = param.Selector(default="freeboard", objects=list(QUANTITIES), doc="What is compared with products")
    shade = param.Selector(default="class", objects=list(SHADES), doc="What colours the pairs: our class or its type")
    box = param.Tuple(None, length=4, allow_None=True, doc="Pairs chosen in Products: least and most theirs, ours [m]")
    onto = param.Selector(default="freeboard", objects=list(ONTO), doc="Page that a place clicked in Products opens on")
    tint = param.Selector(default="strength", objects=list(TINTS), doc="What colours the tracks of the overview")
    models = param.String("", doc="Models that are compared, comma separated; in use and the newest other when empty")
    aspect = param.Selector(default="models", objects=list(ASPECTS), doc="What of the models is compared")
    ground = param.Selector(default="clear", objects=list(GROUNDS), doc="What the models are judged by")
    job = param.Integer(0, bounds=(0, 2**53), doc="Job that is looked at, or repeated by the form; none when 0")
    launch = param.Selector(default="", objects=["", *LAUNCHES], doc="Stage whose form is open")
    overlay = param.Selector(default="none", objects=list(OVERLAYS), doc="What lies over the image")
    opacity = param.Number(0.5, bounds=(0.0, 1.0), doc="Opacity of what lies over the image [1]")
    colour = param.Selector(default="label", objects=list(COLOURS), doc="What colours the beams")
    reason = param.Selector(default="cloud", objects=list(REASONS), doc="Why labels are corrected")
    opinion = param.Selector(default="first", objects=list(OPINIONS), doc="Labels in force, or a blind second opinion")
    zone = param.String("", doc="Zone of the queue at hand, as granule/beam/first segment")
    why = param.Selector(default="", objects=list(WHY), doc="Zones of one reason only")
    where = param.String("", doc="Zones of one granule or of granule/beam only")
    kind = param.Selector(default="", objects=list(KINDS), doc="Zones whose auto-label is mostly of one class only")
    todo = param.Boolean(False, doc="Zones still to do only")
    drifting = param.Boolean(False, doc="Whether the drift is being set by hand")
    shift = param.Tuple(None, length=2, allow_None=True, doc="Drift (x, y) tried out while it is set by hand [m]")
    selection = param.ClassSelector(class_=Selection, default=None, allow_None=True, doc="Segments selected")
    lasso = param.Boolean(False, doc="Whether a drag on the map draws a loop")
    analyst = param.String("", doc="Who corrects labels")
    edits = param.Integer(0, doc="Grows whenever labels of any track change")
    zones = param.Integer(0, doc="Grows whenever zones come into the queue")
    theme = param.Selector(default="light", objects=["light", "dark"], doc="Light or dark page")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._listeners: list[Listener] = []
        self._origin = ""
        self.param.watch(self._fire, self.parts())

    @classmethod
    def parts(cls) -> list[str]:
        """Names of the parameters that make the state."""
        return [name for name in cls.param if name != "name"]

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every Change from now on."""
        self._listeners.append(listener)

    def move(self, origin: str = "", **values: Any) -> None:
        """Set several parts as one change; ``span`` is brought into its bounds."""
        if "span" in values:
            values["span"] = min(max(float(values["span"]), SPANS[0]), SPANS[1])
        previous, self._origin = self._origin, origin
        try:
            self.param.update(**values)
        finally:
            self._origin = previous

    @property
    def window(self) -> tuple[float, float]:
        """Start and end of the profile along the track, in metres."""
        return self.x - self.span / 2, self.x + self.span / 2

    @property
    def stretch(self) -> tuple[float, float] | None:
        """Ends of the stretch whose figures are told, m along the track; None when there is none."""
        ends = self.stretch_start, self.stretch_end
        return ends if ends[1] > ends[0] else None

    def query(self) -> dict[str, str]:
        """The parts that differ from the defaults, as they stand in the address."""
        found = {}
        for name in self.parts():
            value = getattr(self, name)
            if name in PERSONAL + PASSING or value == self.param[name].default or _is_nan(value):
                continue
            found[name] = _text(value)
        return found

    def restore(self, query: Mapping[str, str], origin: str = "") -> list[str]:
        """Take the state from an address; parts that are absent fall back to the defaults.

        Returns one line for each value that could not be used.
        """
        values: dict[str, Any] = {}
        refused = []
        for name in self.parts():
            if name in PERSONAL + PASSING:
                continue
            parameter = self.param[name]
            text = query.get(name)
            try:
                values[name] = parameter.default if text is None else _parse(parameter, text)
            except ValueError:
                refused.append(f"the address asks for {name} = {text!r}, which is not possible; the default is shown")
                values[name] = parameter.default
        self.move(origin=origin, **values)
        return refused

    def _fire(self, *events: Any) -> None:
        change = Change(frozenset(event.name for event in events if not _same(event.old, event.new)), self._origin)
        if not change.names:
            return
        for listener in list(self._listeners):
            listener(change)


def _parse(parameter: Any, text: str) -> Any:
    if isinstance(parameter, param.Selector):
        if text not in parameter.objects:
            raise ValueError(text)
        return text
    if isinstance(parameter, param.Boolean):
        if text not in ("0", "1"):
            raise ValueError(text)
        return text == "1"
    if isinstance(parameter, param.Number):
        value = int(text) if isinstance(parameter, param.Integer) else float(text)
        low, high = parameter.bounds or (-math.inf, math.inf)
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(text)
        return value
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _same(old: Any, new: Any) -> bool:
    return old == new or (_is_nan(old) and _is_nan(new))

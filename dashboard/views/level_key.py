"""The line above the figures that says what is drawn how."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard import palette
from dashboard.level_shown import ShownLevel
from dashboard.views.level_beams import beam_colours
from dashboard.views.level_rows import FLAG_COLOURS, FLAGS


def key_line(shown: ShownLevel, beams: Sequence[str], theme: str) -> str:
    """HTML of the line; empty without freeboard."""
    level = shown.level
    if level is None:
        return ""
    ink, surface = palette.theme(theme), palette.surface(level.sea.estimator, theme)
    parts = [
        _line(surface.colour, f"sea surface, {surface.name}"),
        f"<span><span class='broad' style='background:{surface.colour}'></span>interpolated</span>",
        f"<span><span class='tri' style='color:{palette.class_colour(2, theme)}'>▼</span>lead</span>",
        _line(ink["ink"], "mean ± σ"),
    ]
    if shown.place.companion is not None:
        parts.append(_line(ink["mark"], "ATL10"))
    if beams and not shown.place.state.apart:
        colours = beam_colours(shown.place.beams, theme)
        parts += [_line(colours[beam], beam) for beam in beams]
    colours_of = dict(zip((name for name, _ in FLAGS), FLAG_COLOURS[theme], strict=True))
    present = [name for name, bit in reversed(FLAGS) if shown.has_flag(int(bit))]
    parts += [_patch(colours_of[name], name) for name in present]
    return f"<div class='keyline'>{''.join(parts)}</div>"


def _line(colour: str, name: str) -> str:
    return f"<span><span class='line' style='border-color:{colour}'></span>{name}</span>"


def _patch(colour: str, name: str) -> str:
    return f"<span><span class='swatch' style='background:{colour}'></span>{name}</span>"

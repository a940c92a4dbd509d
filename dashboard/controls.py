"""Controls that show one part of the state and set it; they follow when it changes elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import panel as pn

from dashboard import palette
from dashboard.state import State

STATIC = Path(__file__).resolve().parent / "static"
_LET_GO = "Bokeh.index.find_one(cb_obj)?.input_el?.blur()"
"""A list that was chosen from lets go of the keys: the next one is the page's, not a search in the list."""


@lru_cache(maxsize=8)
def sheet(name: str) -> str:
    """A style sheet of the page's own, as text: components then need no further request."""
    return (STATIC / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def colours_sheet() -> str:
    """Colours of classes (``--class-0``) and of the reasons of zones (``--why-cloud``) in either theme, as CSS."""
    light, dark = ({**_class_roles(theme), **_why_roles(theme)} for theme in palette.THEMES)
    return ":host{" + "".join(f"--{role}:light-dark({light[role]},{dark[role]});" for role in light) + "}"


def _class_roles(theme: str) -> dict[str, str]:
    return {f"class-{code}": colour for code, colour in palette.class_colours(theme).items()}


def _why_roles(theme: str) -> dict[str, str]:
    flags, steps, page = palette.flag_colours(theme), palette.sureness_colours(theme)[1], palette.theme(theme)
    return {
        "why-cloud": flags["cloud"],
        "why-shadow": flags["shadow"],
        "why-transition": flags["transition"],
        "why-drift": flags["drift unsure"],
        "why-entropy": steps[-1],
        "why-disagreement": page["accent"],
        "why-unlabelled": palette.class_colour(-1, theme),
        "why-saturated": palette.theme(theme)["warn"],
    }


class Chart(pn.pane.Bokeh):
    """A figure on a page.

    The pane would look through all of the figure's models for scripts that name the figure by its identifier, which
    ours do not: with five figures a third of what a page takes to be served.
    """

    def __init__(self, figure: Any, sizing_mode: str | None = None) -> None:
        super().__init__(figure, sizing_mode=sizing_mode, margin=0)

    def _get_model(self, doc: Any, root: Any = None, parent: Any = None, comm: Any = None) -> Any:
        if root is None:
            return self.get_root(doc, comm)
        self._models[root.ref["id"]] = (self.object, parent)
        return self.object


class Bound:
    """A widget tied to one part of the state."""

    def __init__(self, state: State, name: str, widget: Any) -> None:
        self.state = state
        self.name = name
        self.widget = widget
        self._following = False
        widget.param.watch(self._chosen, "value")

    def follow(self, options: Mapping[str, Any] | None = None, shown: Any = None) -> None:
        """Show the state's value (or ``shown`` where the state leaves it open) among ``options``, or the first of them.

        The first is shown here, or the widget would choose it by itself later, as though somebody had.
        """
        self._following = True
        try:
            value = getattr(self.state, self.name) or shown
            if options is not None and dict(self.widget.options) != dict(options):
                first = next(iter(options.values()), None)
                self.widget.param.update(options=dict(options), value=value if value in options.values() else first)
            elif value in self.widget.options.values():
                self.widget.value = value
        finally:
            self._following = False

    def _chosen(self, event: Any) -> None:
        if not self._following and event.new is not None:
            self.state.move(**{self.name: event.new})


class Slid(Bound):
    """A slider tied to a number of the state."""

    def follow(self, options: Mapping[str, Any] | None = None, shown: Any = None) -> None:  # noqa: ARG002
        """Show the state's value."""
        self._following = True
        try:
            self.widget.value = getattr(self.state, self.name)
        finally:
            self._following = False


def slider(state: State, name: str, label: str, width: int) -> Slid:
    """A slider between the bounds of a number; the state follows while it is dragged."""
    low, high = state.param[name].bounds
    widget = pn.widgets.FloatSlider(
        label=label, start=low, end=high, step=(high - low) / 20, value=getattr(state, name), width=width, margin=0,
        height=47, show_value=False, align="end", css_classes=["slid"],
        stylesheets=[sheet("widgets.css"), f'.bk-slider-title::before {{ content: "{label}"; }}'],
    )  # fmt: skip
    return Slid(state, name, widget)


def select(state: State, name: str, label: str, width: int) -> Bound:
    """A drop-down list; once something is chosen it leaves the keys to the page."""
    widget = pn.widgets.Select(label=label, options={}, width=width, margin=0, stylesheets=[sheet("widgets.css")])
    widget.jscallback(value=_LET_GO)
    return Bound(state, name, widget)


def choice(state: State, name: str, options: Mapping[str, str]) -> Bound:
    """A row of buttons of which one is pressed."""
    widget = pn.widgets.RadioButtonGroup(
        options=dict(options),
        value=getattr(state, name) or None,
        margin=0,
        stylesheets=[sheet("widgets.css")],
        align="end",
    )
    return Bound(state, name, widget)


def button(label: str, meaning: str, call: Callable[[], None]) -> pn.widgets.Button:
    """A small button; ``meaning`` shows under the mouse."""
    looks = {"stylesheets": [sheet("widgets.css")], "css_classes": ["solo"]}
    made = pn.widgets.Button(label=label, description=meaning, margin=0, align="end", **looks)
    made.on_click(lambda _: call())
    return made


def press(made: pn.widgets.Button, on: bool) -> None:
    """Show a small button as pressed, as one that turns a mode on is."""
    looks = ["solo", "on"] if on else ["solo"]
    if made.css_classes != looks:
        made.css_classes = looks


def bar(*controls: Any) -> pn.Row:
    """The line of controls at the top of a page."""
    style = {
        "gap": "10px",
        "padding": "4px 14px 6px",
        "align-items": "flex-end",
        "border-bottom": "1px solid var(--line)",
        "background": "var(--card)",
    }
    return pn.Row(*controls, sizing_mode="stretch_width", height=58, margin=0, styles=style)


def body(*cards: Any) -> pn.Row:
    """The cards of a page, side by side."""
    style = {"gap": "10px", "padding": "10px 14px"}
    return pn.Row(*cards, sizing_mode="stretch_both", margin=0, styles=style)


def card(content: Any, **options: Any) -> pn.Column:
    """A panel with an edge."""
    style = {
        "background": "var(--card)",
        "border": "1px solid var(--line)",
        "border-radius": "10px",
        "overflow": "hidden",
    }
    return pn.Column(content, margin=0, styles=style | options.pop("styles", {}), **options)


def html(name: str, **options: Any) -> pn.pane.HTML:
    """Text that a page fills; ``name`` is its class."""
    return pn.pane.HTML("", margin=0, css_classes=[name], stylesheets=[sheet("text.css")], **options)

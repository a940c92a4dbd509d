"""The scene in a map and what lies over it, both as tiles on the scene's own grid."""

from __future__ import annotations

from bokeh.models import CustomJS, TileRenderer, WMTSTileSource
from bokeh.plotting import figure

from dashboard import tiles
from dashboard.place import Place
from dashboard.state import Change
from processing.io.sentinel2 import Scene

_FETCH = """
  const begun = (layer) => {
    const view = Bokeh.index.find_one(plot);
    return [...(view?.renderer_views.values() ?? [])].some((drawn) => drawn.model === layer && drawn.map_initialized);
  };
  const fetch = (tries) => {
    const idle = layers.filter((layer) => layer.visible && layer.tile_source.url && !begun(layer));
    for (const layer of idle) layer.change.emit();
    if (idle.length && tries) setTimeout(() => fetch(tries - 1), 100);
  };
  fetch(100);
"""
"""A layer that joins a figure asks for tiles only when it is painted again, and nothing else may ask for that."""


class SceneImages:
    """Two layers of tiles at the bottom of a figure: the image and the overlay.

    Attributes
    ----------
    note : why what was asked for is not there, in one line; empty when it is.
    """

    def __init__(self, place: Place, plot: figure) -> None:
        self.place = place
        self._plot = plot
        self.image, self.overlay = _layer(), _layer()
        self.note = ""
        fetch = CustomJS(args={"plot": plot, "layers": [self.image, self.overlay]}, code=_FETCH)
        plot.js_on_change("renderers", fetch)
        for layer in (self.image, self.overlay):
            layer.js_on_change("visible", fetch)

    def update(self, change: Change) -> None:
        """Show the state's image and overlay."""
        if change.touches("opacity"):
            self.overlay.alpha = self.place.state.opacity
        if not change.touches("granule", "scene", "image", "contrast", "overlay", "opacity", "page"):
            return
        scene, state = self.place.scene, self.place.state
        self.note = "" if scene else "no scene under this granule: leadline add PROJECT SCENE"
        known = self.place.opened and scene is not None
        over = state.overlay if known and self._has_overlay() else "none"
        shown = state.image if known and scene is not None and state.image in tiles.images_of(scene) else "none"
        self._show(self.image, scene, shown)
        self._show(self.overlay, scene, over)

    def _has_overlay(self) -> bool:
        """Whether there is what the state wants over the image; says so when there is not."""
        pair, state = self.place.pair, self.place.state
        if state.overlay == "none" or pair is None:
            return False
        self.note = self.place.workspace.painter.codes.trouble(state.granule, pair.scene)
        return not self.note

    def _show(self, layer: TileRenderer, scene: Scene | None, image: str) -> None:
        pair, state = self.place.pair, self.place.state
        layer.visible = image != "none"
        if scene is None or pair is None or image == "none":
            return
        grid = tiles.grid(scene)
        url = tiles.address(self.place.workspace, pair.scene, image, state.contrast, state.granule)
        source = layer.tile_source
        if source.url != url:
            source.update(
                url=url,
                x_origin_offset=-grid.left,
                y_origin_offset=grid.edge - grid.top,
                initial_resolution=grid.edge / tiles.TILE,
                max_zoom=grid.levels,
                min_zoom=0,
            )
        if layer not in self._plot.renderers:
            at = 0 if layer is self.image else int(self.image in self._plot.renderers)
            self._plot.renderers = [*self._plot.renderers[:at], layer, *self._plot.renderers[at:]]


def _layer() -> TileRenderer:
    source = WMTSTileSource(url="", wrap_around=False, snap_to_zoom=False, attribution="")
    return TileRenderer(tile_source=source, smoothing=False, visible=False)

"""The scene in a map and what lies over it, both as tiles on the scene's own grid."""

from __future__ import annotations

from bokeh.models import CustomJS, TileRenderer, WMTSTileSource
from bokeh.plotting import figure

from dashboard import tiles
from dashboard.place import Place
from dashboard.state import Change
from processing.io.sentinel2 import Scene

_SETTLE = """
  const settle = (tries) => {
    const layers = plot.renderers.filter(({tile_source}) => tile_source);
    const views = [...(Bokeh.index.find_one(plot)?.renderer_views.values() ?? [])];
    const built = views.filter(({model, settled}) => layers.includes(model) && !settled);
    for (const view of built) {
      const source = view.model.tile_source;
      source.get_level_by_extent = source.get_closest_level_by_extent;
      Object.assign(view, {settled: true, _map_data() {}, _enforce_aspect_ratio() {}});
      view.request_paint();
    }
    const missing = layers.some((layer) => !views.some(({model}) => model === layer));
    if (missing && tries) setTimeout(() => settle(tries - 1), 30);
  };
  settle(300);
"""
"""A layer that joins a figure fetches its tiles only when it is painted again, which nothing else may ask for; and it
would round the ranges to one of its levels, at first and whenever the figure's size changes: the map would jump. Its
level is the one nearest to the screen's, not the coarser of two.
"""


class SceneImages:
    """Two layers of tiles at the bottom of a figure: the image and the overlay.

    Attributes
    ----------
    layers : by ``image`` and ``overlay``, those that have been shown; one belongs to one grid of tiles.
    overlaid : which overlay is shown; ``none`` where there is none.
    note : why what was asked for is not there, in one line; empty when it is.
    """

    def __init__(self, place: Place, plot: figure) -> None:
        self.place = place
        self._plot = plot
        self.layers: dict[str, TileRenderer] = {}
        self._grids: dict[str, tiles.Grid] = {}
        self.note = ""
        self.overlaid = "none"
        plot.js_on_change("renderers", CustomJS(args={"plot": plot}, code=_SETTLE))

    def update(self, change: Change) -> None:
        """Show the state's image and overlay."""
        if not change.touches("granule", "scene", "image", "contrast", "overlay", "opacity", "page"):
            return
        scene, state = self.place.scene, self.place.state
        self.note = "" if scene else "no scene under this granule: leadline add PROJECT SCENE"
        known = self.place.opened and scene is not None
        self.overlaid = state.overlay if known and self._has_overlay() else "none"
        shown = state.image if known and scene is not None and state.image in tiles.images_of(scene) else "none"
        self._show("image", scene, shown, 1.0)
        self._show("overlay", scene, self.overlaid, state.opacity)

    def _has_overlay(self) -> bool:
        """Whether there is what the state wants over the image; says so when there is not."""
        pair, state = self.place.pair, self.place.state
        if state.overlay == "none" or pair is None:
            return False
        self.note = self.place.workspace.painter.codes.trouble(state.granule, pair.scene)
        return not self.note

    def _show(self, name: str, scene: Scene | None, image: str, alpha: float) -> None:
        pair, state = self.place.pair, self.place.state
        if scene is None or pair is None or image == "none":
            if name in self.layers:
                self.layers[name].visible = False
            return
        grid = tiles.grid(scene)
        url = tiles.address(self.place.workspace, pair.scene, image, state.contrast, state.granule)
        if self._grids.get(name) != grid:
            self._put(name, _layer(grid, url))
            self._grids[name] = grid
        layer = self.layers[name]
        layer.update(visible=True, alpha=alpha)
        if layer.tile_source.url != url:
            layer.tile_source.url = url

    def _put(self, name: str, layer: TileRenderer) -> None:
        """Put a layer in the place of the one of its name: the image lowest, the overlay on it."""
        others = [drawn for drawn in self._plot.renderers if drawn is not self.layers.get(name)]
        self.layers[name] = layer
        at = int(name == "overlay" and self.layers.get("image") in others)
        self._plot.renderers = [*others[:at], layer, *others[at:]]


def _layer(grid: tiles.Grid, url: str) -> TileRenderer:
    source = WMTSTileSource(
        url=url,
        x_origin_offset=-grid.left,
        y_origin_offset=grid.edge - grid.top,
        initial_resolution=grid.edge / tiles.TILE,
        max_zoom=grid.levels,
        min_zoom=0,
        wrap_around=False,
        snap_to_zoom=False,
        attribution="",
    )
    return TileRenderer(tile_source=source, smoothing=False)

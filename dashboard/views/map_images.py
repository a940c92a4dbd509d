"""The scene in a map and what lies over it, both as tiles on the scene's own grid."""

from __future__ import annotations

from bokeh.models import CustomJS, TileRenderer, WMTSTileSource
from bokeh.plotting import figure

from dashboard import tiles
from dashboard.controls import STATIC
from dashboard.place import Place
from dashboard.state import Change
from processing.io.sentinel2 import Scene

_LAYERS = (STATIC / "tile_layers.js").read_text(encoding="utf-8")


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
        settle = CustomJS(args={"plot": plot}, code=_LAYERS)
        for changed in ("renderers", "inner_width"):
            plot.js_on_change(changed, settle)

    def update(self, change: Change) -> None:
        """Show the state's image and overlay; before the browser has drawn the page, have them ready."""
        if not change.touches("granule", "scene", "image", "contrast", "overlay", "opacity", "page"):
            return
        scene, state = self.place.scene, self.place.state
        self.note = "" if scene else "no scene under this granule: leadline add PROJECT SCENE"
        self.overlaid = state.overlay if scene is not None and self._has_overlay() else "none"
        shown = state.image if scene is not None and state.image in tiles.images_of(scene) else "none"
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
        layer.update(visible=self.place.opened, alpha=alpha)
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

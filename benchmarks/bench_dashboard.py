"""How quickly the page's server answers a move over 1 M segments, and paints a tile. Synthetic input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pandas as pd
from bokeh.document import Document
from bokeh.document.events import DocumentPatchedEvent
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from bokeh.protocol.messages.patch_doc import patch_doc
from numpy.typing import NDArray

from benchmarks.harness import Row, best_of
from dashboard import detail, palette

_SEGMENTS = 1_000_000
_STEPS = count(1)
_Line = tuple[NDArray[np.float64], NDArray[np.float64]]


class Page:
    """A figure in a document, whose changes become the message that a browser is sent."""

    def __init__(self, plot: figure) -> None:
        self.document = Document()
        self.document.add_root(plot)
        self.document.models.flush_synced()
        self._events: list[DocumentPatchedEvent] = []
        self.document.callbacks.on_change_dispatch_to(self)

    def _document_patched(self, event: DocumentPatchedEvent) -> None:
        self._events.append(event)

    def answer(self, change: Callable[[], object]) -> int:
        """Bytes of the message after ``change``."""
        change()
        message = patch_doc.create(self._events)
        self._events.clear()
        return len(message.content_json) + sum(len(buffer.to_bytes()) for buffer in message.buffers)


def rows() -> Iterator[Row]:
    """Time from a move to the picture or the message being made; the browser's own drawing comes on top."""
    yield from _detail_rows()
    yield _tile_row()
    yield _map_row()


def _detail_rows() -> Iterator[Row]:
    rng = np.random.default_rng(1)
    x = np.arange(1.0, 2.0 * _SEGMENTS, 2.0, dtype=np.float64)
    height = rng.normal(0.3, 0.2, _SEGMENTS).astype(np.float32)
    rank = rng.integers(2, 5, _SEGMENTS).astype(np.int8)
    view = detail.View((0.0, 2.0 * _SEGMENTS), (-0.5, 1.5), 2400, 300)
    detail.highest(x[:10], height[:10], rank[:10], view)
    note = "synthetic, one core"
    ours, peer = _profile(x, height, rank, view), _rasterized(x, height, rank, view)
    yield Row("profile of 1 M segments to the page's message", 1e3 * ours, "ms", "<= 100 ms", ours <= 0.1, 1e3 * peer,
              "HoloViews rasterize, without the classes' colours", note)  # fmt: skip
    seconds = best_of(lambda: detail.gather(x, height, 0.0, 2.0 * _SEGMENTS, 900))
    yield Row("line of 1 M segments to 900 means", 1e3 * seconds, "ms", "<= 50 ms", seconds <= 0.05, note=note)
    seconds = best_of(lambda: detail.column_ranks(x, rank, 0.0, 2.0 * _SEGMENTS, 2400))
    yield Row("class row of 1 M segments", 1e3 * seconds, "ms", "<= 50 ms", seconds <= 0.05, note=note)


def _profile(x: NDArray[np.float64], y: NDArray[np.float32], rank: NDArray[np.int8], view: detail.View) -> float:
    """Seconds to draw the segments in the colours of their classes, as the profile does on a move, and send them."""
    names = ("image", "x", "y", "dw", "dh")
    source, plot = ColumnDataSource({name: [] for name in names}), figure()
    plot.image_rgba(*names, source=source)
    page = Page(plot)

    def draw() -> None:
        lut = np.array([0, *(palette.rgba(str(colour)) for colour in palette.class_lut("light"))], np.uint32)
        pixels = lut[detail.thicken(detail.highest(x, y, rank, view), 1)]
        (left, right), (low, high) = view.x, view.y
        source.data = {"image": [pixels], "x": [left], "y": [low], "dw": [right - left], "dh": [high - low]}

    return best_of(lambda: page.answer(draw))


def _rasterized(x: NDArray[np.float64], y: NDArray[np.float32], rank: NDArray[np.int8], view: detail.View) -> float:
    """Seconds that HoloViews takes for the same picture, its plot updated in place on a move, and sent."""
    import holoviews as hv
    from datashader import max as highest
    from holoviews.operation.datashader import rasterize

    hv.extension("bokeh")
    points = hv.Points(pd.DataFrame({"x": x, "y": y, "rank": rank}), ["x", "y"], "rank")
    moved = hv.streams.RangeXY(x_range=view.x, y_range=view.y)
    size = {"width": view.width, "height": view.height, "dynamic": True}
    image = rasterize(points, aggregator=highest("rank"), streams=[moved], **size)
    plot = hv.renderer("bokeh").get_plot(image)
    page = Page(plot.state)
    seconds = best_of(
        lambda: page.answer(lambda: moved.event(x_range=(view.x[0], view.x[1] + next(_STEPS)), y_range=view.y))
    )
    plot.cleanup()
    return seconds


def _map_row() -> Row:
    """Tracks of an overview of 20 granules drawn again and sent, as when another is chosen."""
    along = np.linspace(0.0, 1e5, 34)
    lines = [(along + 3e4 * number, 2.0 * along) for number in range(120)]
    source, plot = ColumnDataSource({"xs": [], "ys": []}), figure()
    plot.multi_line("xs", "ys", source=source)
    page = Page(plot)

    def draw() -> None:
        source.data = {"xs": [x for x, _ in lines], "ys": [y for _, y in lines]}

    ours, peer = 1e3 * best_of(lambda: page.answer(draw)), 1e3 * _projected(lines)
    return Row("120 tracks of the polar map to the page's message", ours, "ms", peer=peer, peer_name="GeoViews",
               note="synthetic")  # fmt: skip


def _projected(lines: list[_Line]) -> float:
    """Seconds that GeoViews takes to update the same lines, given in the map's own projection, and to send them."""
    import cartopy.crs as ccrs
    import geoviews as gv
    import holoviews as hv

    hv.extension("bokeh")
    polar = ccrs.SouthPolarStereo(true_scale_latitude=-71)
    paths = [{"x": x, "y": y} for x, y in lines]
    pipe = hv.streams.Pipe(data=paths)
    drawn = hv.DynamicMap(lambda data: gv.Path(data, ["x", "y"], crs=polar), streams=[pipe])
    plot = hv.renderer("bokeh").get_plot(drawn.opts(gv.opts.Path(projection=polar)))
    page = Page(plot.state)
    seconds = best_of(lambda: page.answer(lambda: pipe.send(paths)))
    plot.cleanup()
    return seconds


def _tile_row() -> Row:
    from dashboard import tiles

    rng = np.random.default_rng(2)
    chunk = rng.integers(1, 10_000, (3, tiles.TILE, tiles.TILE)).astype(np.uint16)
    stretch = tiles.Stretch(0.05, 0.9)
    seconds = best_of(lambda: tiles.encode(tiles.colour(chunk, stretch)), 5)
    return Row("scene tile, 256 x 256, stretch and PNG", 1e3 * seconds, "ms", "<= 20 ms", seconds <= 0.02, note="noise")

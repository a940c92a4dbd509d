"""How quickly the page's server answers a move over 1 M segments, and paints a tile. Synthetic input."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.harness import Row, best_of
from dashboard import detail

_SEGMENTS = 1_000_000
_STEPS = count(1)


def rows() -> Iterator[Row]:
    """Time from a move to the data being ready to send; the browser's own drawing comes on top."""
    yield from _detail_rows()
    yield _tile_row()
    yield _map_row()


def _detail_rows() -> Iterator[Row]:
    rng = np.random.default_rng(1)
    x = 2.0 * np.arange(_SEGMENTS) + 1.0
    height = rng.normal(0.3, 0.2, _SEGMENTS).astype(np.float32)
    rank = rng.integers(2, 5, _SEGMENTS).astype(np.int8)
    view = detail.View((0.0, 2.0 * _SEGMENTS), (-0.5, 1.5), 2400, 300)
    detail.highest(x[:10], height[:10], rank[:10], view)
    note = "synthetic, one core"
    seconds = best_of(lambda: detail.thicken(detail.highest(x, height, rank, view), 1))
    peer = 1e3 * _datashaded(x, height, rank, view)
    yield Row("profile of 1 M segments to pixels", 1e3 * seconds, "ms", "<= 100 ms", seconds <= 0.1, peer,
              "HoloViews datashade", note)  # fmt: skip
    seconds = best_of(lambda: detail.gather(x, height, 0.0, 2.0 * _SEGMENTS, 900))
    yield Row("line of 1 M segments to 900 means", 1e3 * seconds, "ms", "<= 50 ms", seconds <= 0.05, note=note)
    seconds = best_of(lambda: detail.column_ranks(x, rank, 0.0, 2.0 * _SEGMENTS, 2400))
    yield Row("class row of 1 M segments", 1e3 * seconds, "ms", "<= 50 ms", seconds <= 0.05, note=note)


def _datashaded(x: NDArray[np.float64], y: NDArray[np.float32], rank: NDArray[np.int8], view: detail.View) -> float:
    """Seconds that HoloViews takes for the same picture, its plot updated in place on a move."""
    import holoviews as hv
    from datashader import max as highest
    from holoviews.operation.datashader import rasterize

    hv.extension("bokeh")
    points = hv.Points(pd.DataFrame({"x": x, "y": y, "rank": rank}), ["x", "y"], "rank")
    moved = hv.streams.RangeXY(x_range=view.x, y_range=view.y)
    size = {"width": view.width, "height": view.height, "dynamic": True}
    image = rasterize(points, aggregator=highest("rank"), streams=[moved], **size)
    plot = hv.renderer("bokeh").get_plot(image)
    seconds = best_of(lambda: moved.event(x_range=(view.x[0], view.x[1] + next(_STEPS)), y_range=view.y))
    plot.cleanup()
    return seconds


def _map_row() -> Row:
    """Tracks of an overview of 20 granules drawn again, as when another is chosen."""
    from bokeh.models import ColumnDataSource

    along = np.linspace(0.0, 1e5, 34)
    lines = [(along + 3e4 * number, 2.0 * along) for number in range(120)]
    source = ColumnDataSource({"xs": [], "ys": []})
    seconds = best_of(lambda: source.update(data={"xs": [x for x, _ in lines], "ys": [y for _, y in lines]}))
    peer = 1e3 * _projected(lines)
    return Row("120 tracks on the polar map", 1e3 * seconds, "ms", peer=peer, peer_name="GeoViews", note="synthetic")


def _projected(lines: list[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> float:
    """Seconds that GeoViews takes to update the same lines, given in the map's own projection."""
    import cartopy.crs as ccrs
    import geoviews as gv
    import holoviews as hv

    hv.extension("bokeh")
    polar = ccrs.SouthPolarStereo(true_scale_latitude=-71)
    paths = [{"x": x, "y": y} for x, y in lines]
    pipe = hv.streams.Pipe(data=paths)
    drawn = hv.DynamicMap(lambda data: gv.Path(data, ["x", "y"], crs=polar), streams=[pipe])
    plot = hv.renderer("bokeh").get_plot(drawn.opts(gv.opts.Path(projection=polar)))
    seconds = best_of(lambda: pipe.send(paths), 2)
    plot.cleanup()
    return seconds


def _tile_row() -> Row:
    from dashboard import tiles

    rng = np.random.default_rng(2)
    chunk = rng.integers(1, 10_000, (3, tiles.TILE, tiles.TILE)).astype(np.uint16)
    stretch = tiles.Stretch(0.05, 0.9)
    seconds = best_of(lambda: tiles.encode(tiles.colour(chunk, stretch)), 5)
    return Row("scene tile, 256 x 256, stretch and PNG", 1e3 * seconds, "ms", "<= 20 ms", seconds <= 0.02, note="noise")

// The layers of tiles of `plot`, as it has them now or will have once their views are built.
//
// A layer that joins a figure fetches its tiles only when it is painted again, which nothing else may ask for. It would
// also round the ranges to one of its levels, at first and whenever the figure's size changes: the map would jump. Its
// level is the one nearest to the screen's, not the coarser of two. Tiles of a level already in sight are fetched at
// once, those of another one when zooming has come to rest; those of finer levels are not asked for before they are
// wanted, because the server would be busy with them when the next edit comes.
const fetchAtOnce = (view, update) => function (...words) {
  update.apply(this, words);
  const { width, height } = this.plot_view.frame.bbox, source = this.model.tile_source;
  const extent = this.get_extent(), level = source.get_level_by_extent(extent, height, width);
  if (view.level === undefined || view.level === level) this._fetch_tiles(source.get_tiles_by_extent(extent, level));
  view.level = level;
};

const settle = (tries) => {
  const layers = plot.renderers.filter(({ tile_source }) => tile_source);
  const views = [...(Bokeh.index.find_one(plot)?.renderer_views.values() ?? [])];
  const built = views.filter(({ model, settled }) => layers.includes(model) && !settled);
  for (const view of built) {
    const { has_finished, _update } = view;
    view.model.tile_source.get_level_by_extent = view.model.tile_source.get_closest_level_by_extent;
    Object.assign(view, {
      settled: true,
      _map_data() {},
      _enforce_aspect_ratio() {},
      _prefetch_tiles() {},
      _update: fetchAtOnce(view, _update),
      has_finished() { return !this.model.visible || has_finished.call(this); },
    });
    view.request_paint();
  }
  const missing = layers.some((layer) => !views.some(({ model }) => model === layer));
  if (missing && tries) setTimeout(() => settle(tries - 1), 30);
};
settle(300);

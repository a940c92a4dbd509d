"""A project as a notebook takes it: tables as pandas frames, maps as xarray data sets.

Nothing heavy is imported before it is needed, so that ``import leadline`` is quick.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from processing.project import Project

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from processing.local.measured import MeasuredTrack

Names = str | Sequence[str]
_EVERYWHERE = (float("-inf"), float("inf"))


def open_project(place: str | Path) -> Opened:
    """The project in a folder or at a URL; raises MissingError when there is none.

    >>> import leadline
    >>> project = leadline.open("PROJECT")
    >>> project.synthetic
    False
    """
    return Opened(Project(place))


class Opened:
    """A project, to be read. Each row of a table has ``granule_id``, ``beam``, ``time``, ``lat`` and ``lon`` (degree).

    Methods take ``granule`` and ``beam`` (a name or several; all when empty), ``run`` (the newest when empty),
    ``between`` (m of ``x_atc``, closed) and ``columns`` (beside time and place; all when empty). ``frame.attrs`` holds
    units, title, provenance and whether the inputs are synthetic. A table is read whole: name beams or a stretch for
    large projects, or take one beam at a time from :meth:`tracks`.

    Methods raise MissingError when a table, run, granule or beam is not there, InputError for an unknown column, and
    StaleError when a table no longer follows from its inputs.
    """

    def __init__(self, project: Project) -> None:
        self.project = project

    def __repr__(self) -> str:
        return f"leadline.open({str(self.project.root)!r})"

    @property
    def synthetic(self) -> bool:
        """Whether any input comes from a simulation."""
        return self.project.synthetic

    @property
    def granules(self) -> list[str]:
        """Granules that have segments.

        >>> import leadline
        >>> leadline.open("PROJECT").granules
        ['ATL03_20191104195311_05940510_006_01']
        """
        return sorted({granule for granule, _ in self.project.tracks("segments")})

    @property
    def runs(self) -> list[str]:
        """Freeboard runs, the newest last."""
        return self.project.runs("freeboard")

    def freeboard(
        self,
        granule: Names = "",
        beam: Names = "",
        run: str = "",
        between: tuple[float, float] = _EVERYWHERE,
        columns: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Freeboard (m), its uncertainty, class, height and sea surfaces of each segment.

        >>> import leadline
        >>> project = leadline.open("PROJECT")
        >>> frame = project.freeboard(beam="gt1l", columns=["freeboard", "freeboard_sigma", "label"])
        >>> list(frame.columns[-4:])
        ['label', 'freeboard', 'freeboard_sigma', 'class']
        >>> frame.attrs["units"]["freeboard"]
        'm'
        """
        return self.table("freeboard", granule, beam, run, between, columns)

    def segments(
        self,
        granule: Names = "",
        beam: Names = "",
        between: tuple[float, float] = _EVERYWHERE,
        columns: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Photon statistics of each segment."""
        return self.table("segments", granule, beam, "", between, columns)

    def thickness(self, granule: Names = "", beam: Names = "", run: str = "") -> pd.DataFrame:
        """Thickness (m) of each segment by the project's snow depth and densities."""
        return self.table("thickness", granule, beam, run)

    def leads(self, granule: Names = "", beam: Names = "", run: str = "") -> pd.DataFrame:
        """Leads along the tracks, one a row: width, spacing, height (m)."""
        return self.table("leads", granule, beam, run)

    def along(self, length: float = 1000.0, granule: Names = "", beam: Names = "", run: str = "") -> pd.DataFrame:
        """Means over stretches of ``length`` m of track.

        >>> import leadline
        >>> project = leadline.open("PROJECT")
        >>> len(project.along(length=500)) > len(project.along(length=1000))
        True
        """
        from processing.stages import Aggregate

        changed = _with(self.project, Aggregate, length=float(length))
        return Opened(changed).table("along", granule, beam, run)

    def table(
        self,
        what: str,
        granule: Names = "",
        beam: Names = "",
        run: str = "",
        between: tuple[float, float] = _EVERYWHERE,
        columns: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Any table that ``leadline export --what`` knows, such as ``ridges`` or ``snapshots``."""
        import pyarrow as pa

        from processing.local.export import Choice, tables_of

        choice = Choice(_named(granule), _named(beam), *between, tuple(columns))
        described, parts = tables_of(self.project, what, run, choice)
        whole = pa.concat_tables(parts)
        frame = whole.to_pandas(strings_to_categorical=True)
        frame.attrs = {
            "title": described.title,
            "synthetic": described.synthetic,
            "units": {each.name: (each.metadata or {}).get(b"unit", b"").decode() for each in described.fields},
            "provenance": described.provenance,
        }
        return _with_class(frame)

    def tracks(self, granule: Names = "", beam: Names = "", run: str = "") -> Iterator[MeasuredTrack]:
        """One beam at a time, as numpy arrays.

        >>> import leadline
        >>> [len(track.freeboard) for track in leadline.open("PROJECT").tracks(beam="gt1l")]
        [955]
        """
        from processing.local.measured import measured_tracks

        return measured_tracks(self.project, run, _named(granule), _named(beam))

    def grid(self, epsg: int = 0, cell: float = 25_000.0, run: str = "", granule: Names = "") -> xr.Dataset:
        """Means on cells of ``cell`` m of a polar stereographic grid, EPSG:3413 or 3031 (by hemisphere when 0).

        >>> import leadline
        >>> leadline.open("PROJECT").grid(cell=50_000).freeboard.attrs["units"]
        'm'
        """
        from processing.local.gridding import gridded
        from processing.stages import Aggregate

        changed = _with(self.project, Aggregate, cell=float(cell))
        maps = gridded(changed, epsg or self._hemisphere(run), run, _named(granule) or None)
        return _dataset(maps, self.synthetic)

    def compare(self, granule: str = "", run: str = "") -> pd.DataFrame:
        """Agreement with each ATL07 and ATL10 of the granules' passes: product, beam, quantity, bias, rms (m), ...

        A row for each beam, and one for all beams together. Empty without such products.
        """
        from processing.local.agreement_rows import agreement_rows

        return agreement_rows(self.project, [granule] if granule else self.granules, run)

    def report(self, out: str | Path, granule: str = "", run: str = "") -> Path:
        """Write the HTML report of a granule (the only one, when empty) to ``out``."""
        from processing.local.report import write_report

        write_report(self.project, granule, run, Path(out))
        return Path(out)

    def _hemisphere(self, run: str) -> int:
        from processing.local.measured import measured_tracks

        some = next((track for track in measured_tracks(self.project, run) if len(track)), None)
        return 3413 if some is not None and some.lat[0] >= 0 else 3031


def _named(names: Names) -> tuple[str, ...]:
    given = (names,) if isinstance(names, str) else tuple(names)
    return tuple(name for name in given if name)


def _with(project: Project, stage: Any, **values: float) -> Project:
    """The project with other values of some parameters, in memory alone. Raises InputError for one out of bounds."""
    checked = project.stage(stage, values)
    changed = Project(project.root)
    sections = dict(changed.settings.get("stage", {}))
    section = {**sections.get(stage.key, {}), **{name: getattr(checked, name) for name in values}}
    changed.settings = {**changed.settings, "stage": {**sections, stage.key: section}}
    return changed


def _with_class(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with classes in words beside the codes, in the order of the codes."""
    from processing.schema import SurfaceClass

    code = next((name for name in ("label", "predicted", "label_auto") if name in frame), None)
    if code is None:
        return frame
    import pandas as pd

    names = [each.name.lower().replace("_", " ") for each in sorted(SurfaceClass)]
    places = (frame[code].to_numpy() - min(SurfaceClass)).tolist()
    frame["class"] = pd.Categorical.from_codes(places, categories=pd.Index(names))
    return frame


def _dataset(maps: Any, synthetic: bool) -> xr.Dataset:
    import xarray as xr

    variables = {
        name: (("y", "x"), values, {"units": maps.layers[name].unit, "long_name": maps.layers[name].meaning})
        for name, values in maps.maps.items()
    }
    facts = {"crs": f"EPSG:{maps.epsg}", "synthetic": str(synthetic).lower()}
    axes = {name: (name, getattr(maps, name), {"units": "m"}) for name in ("y", "x")}
    return xr.Dataset(variables, axes, facts)

"""Imports point one way, heavy packages stay where they belong, and the command line starts without them."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("processing", "training", "dashboard", "assets")
HEAVY = {
    *("aiohttp", "botocore", "fsspec", "s3fs", "upath"),
    *("bokeh", "cartopy", "cv2", "datashader", "geoviews", "h5py", "holoviews", "horovod", "llvmlite", "matplotlib"),
    *("mlflow", "numba", "pandas", "panel", "playwright", "pyspark", "rasterio", "scipy", "sqlalchemy", "torch"),
}

# A module may import its own layer and those before it. Spark, twin and local stand side by side.
LAYERS = (
    ("processing.errors", "assets"),
    (
        *("processing.schema", "processing.stages", "processing.provenance", "processing.interrupt"),
        *("processing.progress", "processing.cores", "processing.places"),
    ),
    ("processing.core",),
    ("processing.io", "processing.project", "processing.history"),
    ("processing.database",),
    ("processing.label_log", "processing.label_tables"),
    ("processing.labels", "processing.charts"),
    ("processing.local", "processing.spark", "processing.twin"),
    ("processing.notebook",),
    ("processing.cli",),
    ("processing.__main__",),
    ("training", "processing.commands"),
    ("dashboard",),
)
FORBIDDEN = {
    "processing.core": {"processing.project", "processing.labels", "processing.provenance", "processing.progress"},
    "processing.twin": {"processing.spark"},
    "processing.local": {"processing.spark", "processing.twin"},
    "processing.spark": {"processing.twin"},
    "training": {"processing.commands", "processing.twin", "dashboard"},
    "processing.commands": {"training", "dashboard"},
    "dashboard": {
        "training",
        "processing.commands",
        "processing.spark",
        "processing.twin",
        "pyspark",
        "torch",
        "horovod",
    },
}
CORE_MAY = {"numpy", "numba", "scipy", "cv2"} | set(sys.stdlib_module_names)
CORE_MAY_NOT = {"io", "os", "pathlib", "tempfile", "shutil", "socket", "subprocess", "logging", "sqlite3"}


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def imports(path: Path, *, top_only: bool = False) -> set[str]:
    """Dotted names imported by a file; ``from a import b`` counts as ``a`` and ``a.b``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in _top_level(tree) if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _top_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Nodes that run at import: everything outside functions and ``if TYPE_CHECKING``."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def layer(name: str) -> int | None:
    for rank, packages in enumerate(LAYERS):
        if any(within(name, package) for package in packages):
            return rank
    return None


MODULES = dict(modules())


@pytest.mark.parametrize("name", MODULES)
def test_imports_never_point_upward(name: str) -> None:
    rank = layer(name)
    if rank is None:
        assert name == "processing", f"{name} belongs to no layer of this test"
        return
    seen = imports(MODULES[name])
    upward = sorted(target for target in seen if (other := layer(target)) is not None and other > rank)
    assert not upward, f"{name} imports {upward}, which stand above it"
    for package, targets in FORBIDDEN.items():
        if within(name, package):
            wrong = sorted(target for target in seen if any(within(target, each) for each in targets))
            assert not wrong, f"{name} may not import {wrong}"


@pytest.mark.parametrize("name", [name for name in MODULES if within(name, "processing.core")])
def test_core_is_pure(name: str) -> None:
    foreign = {target.split(".")[0] for target in imports(MODULES[name])} - {"processing"}
    assert foreign <= CORE_MAY, f"{name} imports {sorted(foreign - CORE_MAY)}"
    assert not foreign & CORE_MAY_NOT, f"{name} reaches outside through {sorted(foreign & CORE_MAY_NOT)}"


def test_horovod_is_imported_in_one_place() -> None:
    users = {name for name, path in MODULES.items() if any(within(target, "horovod") for target in imports(path))}
    assert users == {"training.distributed"}


def test_spark_is_imported_in_one_place() -> None:
    users = {name for name, path in MODULES.items() if any(within(target, "pyspark") for target in imports(path))}
    stands = {name for name in MODULES if name.startswith("processing.spark.")}
    assert users <= stands
    assert bool(users) == bool(stands)


def test_training_knows_of_spark_in_one_place() -> None:
    files = {name: path for name, path in MODULES.items() if within(name, "training")}
    users = {name for name, path in files.items() if any(within(each, "processing.spark") for each in imports(path))}
    assert users == {"training.on_spark"}


def test_package_files_are_empty() -> None:
    files = [file for package in (*PACKAGES, "benchmarks") for file in (ROOT / package).rglob("__init__.py")]
    notebook = ROOT / "processing" / "notebook" / "leadline" / "__init__.py"
    assert notebook in files
    assert [file for file in files if file.read_text(encoding="utf-8").strip()] == [notebook]


def test_tests_are_no_package() -> None:
    names = [file.name for file in (ROOT / "tests").rglob("test_*.py")]
    assert not list((ROOT / "tests").rglob("__init__.py"))
    assert len(names) == len(set(names)), "test files need unique names"


@pytest.mark.parametrize(
    "name", [name for name in MODULES if within(name, "processing.commands") or name.endswith(".commands")]
)
def test_command_modules_import_nothing_heavy_at_the_top(name: str) -> None:
    heavy = {target.split(".")[0] for target in imports(MODULES[name], top_only=True)} & HEAVY
    assert not heavy


def loaded_after(code: str) -> set[str]:
    """Top-level packages in ``sys.modules`` of a fresh interpreter after ``code``."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_loads_nothing_heavy() -> None:
    loaded = loaded_after("from processing.cli import load_commands, run; load_commands(); run(['--help'])")
    assert not loaded & HEAVY


def test_dashboard_loads_neither_spark_nor_torch() -> None:
    names = [name for name in MODULES if within(name, "dashboard")]
    loaded = loaded_after("\n".join(f"import {name}" for name in names))
    assert not loaded & {"pyspark", "torch", "horovod"}

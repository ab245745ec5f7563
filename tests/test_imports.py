"""The house's one-way streets: who may import whom, read from the syntax tree."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "shufflecam"

L = {"core"}
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "engines": L,
    "sources": L,
    "tracking": L,
    "records": L,
    "media": L,
    "drawing": L,
    "pipeline": L,
    "models": L,
    "pose": L | {"engines", "models"},
    "detect": L | {"engines", "models"},
    "plot": L | {"records"},
    "live": L | {"drawing", "records", "media", "pipeline"},
    "finder": L | {"engines", "models", "pose", "detect", "tracking"},
    "evaluate": L | {"models", "pose", "detect", "sources"},
    "train": L | {"engines", "models", "pose", "detect", "sources", "evaluate"},
    "bench": L | {"engines", "models", "pose", "detect", "finder", "sources", "drawing", "media", "pipeline"},
    "jobs": L
    | {"engines", "models", "pose", "detect", "tracking", "finder", "sources", "records", "drawing"}
    | {"media", "pipeline", "plot", "live"},
}
"""Room -> what it may import besides itself. `cli`, `__init__` and `__main__` may import everything."""

HEAVY = {"torch", "cv2", "ultralytics", "av", "openvino", "onnxruntime", "numpy", "scipy", "PIL"}


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if "_weights" not in path.parts)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> set[str]:
    """Full names of everything that a file imports, wherever it does so."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    name = name_of(path)
    room = name.split(".")[0]
    if room in ("cli", "__init__", "__main__", ""):
        return
    assert room in MAY_IMPORT, (
        f"{name} is in no room of the map; add it to MAY_IMPORT and to docs/architecture.md"
    )
    allowed = MAY_IMPORT[room] | {room}
    for target in imports(path):
        if not target.startswith("shufflecam."):
            continue
        inner = target.removeprefix("shufflecam.")
        assert any(inner == a or inner.startswith(a + ".") for a in allowed), f"{name} imports {target}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_one_room_touches_each_big_library(path: Path) -> None:
    name = name_of(path)
    tops = {target.split(".")[0] for target in imports(path)}
    if name.split(".")[0] not in ("cli",):
        assert not tops & {"click", "rich"}, f"{name} talks to the terminal"
    if "ultralytics" in tops:
        rooms = ("models.yolo", "train.person.nets", "bench.peers")
        assert name in rooms, f"{name} imports ultralytics"


def test_no_file_imports_itself_round_a_corner() -> None:
    """No circle of files, be their imports at the top or inside functions."""
    names = {name_of(path): path for path in modules()}
    arrows: dict[str, set[str]] = {}
    for name, path in names.items():
        targets = {target.removeprefix("shufflecam.") for target in imports(path)}
        found = {target if target in names else target.rpartition(".")[0] for target in targets}
        arrows[name] = {target for target in found if target in names and target not in (name, "")}
    seen: dict[str, int] = {}
    path_so_far: list[str] = []

    def visit(name: str) -> None:
        seen[name] = 1
        path_so_far.append(name)
        for target in sorted(arrows[name]):
            assert seen.get(target) != 1, f"a circle: {path_so_far[path_so_far.index(target) :]} -> {target}"
            if target not in seen:
                visit(target)
        path_so_far.pop()
        seen[name] = 2

    for name in sorted(arrows):
        if name not in seen:
            visit(name)


def test_no_module_stands_loose() -> None:
    loose = {path.stem for path in PACKAGE.glob("*.py")}
    assert loose == {"__init__", "__main__"}


def test_runtimes_are_imported_with_their_telemetry_off() -> None:
    for path in modules():
        tops = {target.split(".")[0] for target in imports(path)}
        if tops & {"openvino", "onnxruntime"}:
            assert name_of(path) in ("engines.runtimes",), f"{name_of(path)} imports a runtime by itself"


DOORS = {"jobs.batch.processes._work", "jobs.batch.cluster._task"}
"""Where a process of its own begins: these functions may say what signals do, beside `cli`."""


def signal_handling(path: Path) -> set[str]:
    """Full names of the functions of a file, or of the file itself, that set what a signal does."""
    found = set()

    def look(node: ast.AST, inside: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inside = f"{inside}.{node.name}"
        name = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else ""
        sets = name == "signal.signal" or name.split(".")[-1] == "stop_on_signals"
        if isinstance(node, ast.ImportFrom) and node.module == "signal":
            sets = any(alias.name == "signal" for alias in node.names)
        if isinstance(node, ast.Import):
            sets = any(alias.name == "signal" and alias.asname for alias in node.names)
        if sets:
            found.add(inside)
        for child in ast.iter_child_nodes(node):
            look(child, inside)

    look(ast.parse(path.read_text(encoding="utf-8")), name_of(path))
    return found


def test_signals_are_handled_at_the_doors_alone() -> None:
    """A job installs no handler, so that it can be called from any thread."""
    found = {name for path in modules() for name in signal_handling(path)}
    assert found >= DOORS | {"pipeline.stop.stop_on_signals", "cli.commands.video.command"}
    assert {name for name in found if not name.startswith(("cli.", "pipeline.stop."))} == DOORS


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"]]
    + [
        [name, "--help"]
        for name in ("video", "images", "inspect", "convert", "render", "plot", "config", "completion")
    ]
    + [["config", "show"], ["completion", "bash"]],
    ids=" ".join,
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from shufflecam.cli.main import run\n"
        "try:\n"
        f"    run({arguments!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY []"

"""The house's one-way streets: who may import whom, read from the syntax tree."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "shufflecam"

LEAF = {"core"}
MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "engines": LEAF,
    "models": LEAF | {"engines", "pose.network", "pose.narrow"},
    "detect": LEAF | {"engines", "models"},
    "pose": LEAF | {"engines", "models", "stats"},
    "evaluate": LEAF | {"engines", "models", "detect", "pose", "sources", "export"},
    "train": LEAF | {"engines", "models", "detect", "pose", "sources", "export", "evaluate"},
    "sources": LEAF,
    "track": LEAF,
    "smooth": LEAF,
    "offline": LEAF | {"smooth"},
    "cadence": LEAF,
    "follow": LEAF,
    "faces": LEAF,
    "render": LEAF | {"faces"},
    "window": LEAF,
    "angles": LEAF,
    "export": LEAF | {"angles"},
    "plot": LEAF | {"angles", "export"},
    "live": LEAF | {"faces", "render", "export", "stats"},
    "stats": set(),
    "pipeline": LEAF | {"stats"},
    "view": LEAF | {"finder"},
    "admission": LEAF,
    "finder": LEAF | {"detect", "admission", "cadence", "follow", "stats"},
    "assemble": LEAF
    | {"finder", "detect", "models", "pose", "track", "smooth", "admission", "cadence", "stats"},
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
    assert room in MAY_IMPORT, f"{name} is in no room of the map; add it to MAY_IMPORT and to the README"
    allowed = MAY_IMPORT[room] | {room}
    for target in imports(path):
        if not target.startswith("shufflecam."):
            continue
        inner = target.removeprefix("shufflecam.")
        if inner == "__version__":
            continue
        assert any(inner == a or inner.startswith(a + ".") for a in allowed), f"{name} imports {target}"


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_one_room_touches_each_big_library(path: Path) -> None:
    name = name_of(path)
    tops = {target.split(".")[0] for target in imports(path)}
    if name.split(".")[0] not in ("cli",):
        assert not tops & {"click", "rich"}, f"{name} talks to the terminal"
    if "ultralytics" in tops:
        rooms = ("detect.yolo", "train.detector_nets", "cli.bench_peers")
        assert name in rooms, f"{name} imports ultralytics"


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

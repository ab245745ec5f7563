"""The public names: which there are, what they say of themselves, and the README's Python run for real."""

from __future__ import annotations

import ast
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shufflecam
from shufflecam.jobs.photos import photo_path

ROOT = Path(__file__).parents[1]

PUBLIC = {
    "Detections",
    "Frame",
    "FrameResult",
    "Pose",
    "PoseFinder",
    "ShufflecamError",
    "__version__",
    "load",
}
"""What other programs may count on. A name that goes from here breaks them: CHANGELOG.md has to say so."""

NAMES = sorted(PUBLIC - {"__version__"})
VALUES = ("Detections", "Frame", "FrameResult", "Pose")
FUNCTIONS = {
    "load": lambda: shufflecam.load,
    "PoseFinder": lambda: shufflecam.PoseFinder.__init__,
    "PoseFinder()": lambda: shufflecam.PoseFinder.__call__,
}


def test_the_public_names_are_these_and_no_others() -> None:
    assert sorted(shufflecam.__all__) == sorted(PUBLIC)
    everything: dict[str, Any] = {}
    exec("from shufflecam import *", everything)
    assert set(everything) - {"__builtins__"} == PUBLIC


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(inspect.getfile(shufflecam)).read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        (alias.name, node.module)
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {(name, getattr(shufflecam, name).__module__) for name in NAMES}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="pose_finder"):
        shufflecam.pose_finder  # noqa: B018


def test_importing_the_package_alone_imports_no_library() -> None:
    code = "import sys, shufflecam; print({'torch', 'cv2', 'numpy', 'av', 'click'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_the_version_is_one_of_the_metadata_kind() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+([abc]|rc)?\d*(\.dev\d+)?", shufflecam.__version__)
    assert f"\nversion: {shufflecam.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {shufflecam.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_every_name_and_its_public_methods_say_what_they_are(name: str) -> None:
    thing = getattr(shufflecam, name)
    # A dataclass without a docstring gets its signature as one.
    assert thing.__doc__, name
    assert not thing.__doc__.startswith(f"{name}("), name
    if inspect.isclass(thing):
        methods = {key: value for key, value in vars(thing).items() if not key.startswith("_")}
        told = {
            key: inspect.getdoc(value)
            for key, value in methods.items()
            if callable(value) or isinstance(value, (property, staticmethod, classmethod))
        }
        assert [key for key, text in told.items() if not text] == []


@pytest.mark.parametrize("name", VALUES)
def test_every_field_is_explained_and_arrays_have_shapes(name: str) -> None:
    value = getattr(shufflecam, name)
    (tree,) = ast.parse(inspect.getsource(value)).body
    assert isinstance(tree, ast.ClassDef)
    fields = 0
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign):
            continue
        fields += 1
        target, kind = ast.unparse(node.target), ast.unparse(node.annotation)
        told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        text = ast.literal_eval(after.value) if told else ""
        if kind in ("Frame", "tuple[Pose, ...]"):
            continue  # the type says it all
        assert isinstance(text, str)
        assert text, f"{name}.{target} is not explained"
        if "Array" in kind:
            assert re.search(r"\([\w, ]+,?\)", text), f"{name}.{target} does not give its shape: {text}"
    assert fields


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_explained(name: str) -> None:
    function = FUNCTIONS[name]()
    text = inspect.getdoc(function) or ""
    told = set(re.findall(r"^    (\w+): ", text.partition("Args:\n")[2], re.M))
    assert set(inspect.signature(function).parameters) - {"self"} <= told


@pytest.mark.parametrize("name", ["load", "PoseFinder()"])
def test_the_errors_that_are_told_are_ours(name: str) -> None:
    from shufflecam.core import errors

    text = (inspect.getdoc(FUNCTIONS[name]()) or "").partition("Raises:\n")[2]
    told = re.findall(r"^    (\w+): ", text, re.M)
    assert told
    assert all(issubclass(getattr(errors, one), shufflecam.ShufflecamError) for one in told)


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S | re.M)


def test_the_readme_has_python() -> None:
    assert len(python_blocks()) >= 1


@pytest.mark.parametrize("block", python_blocks(), ids=lambda block: block.splitlines()[0])
def test_the_readmes_python_runs(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a photo of two people, as its reader would: each pose has what the comment promises."""
    shutil.copy(photo_path("zidane.jpg"), tmp_path / "me.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    poses = names["poses"]
    assert len(poses) == 2
    for pose in poses:
        assert isinstance(pose, shufflecam.Pose)
        assert (pose.keypoints.shape, pose.scores.shape, pose.box_xyxy.shape) == ((17, 2), (17,), (4,))
        assert np.isfinite(pose.keypoints).any()
        assert 0 < pose.score <= 1

"""`video --cluster ray` on a local cluster of two workers. Slow: each worker starts Python and Ray anew."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from shufflecam.core.errors import ShufflecamError
from shufflecam.jobs.batch.cluster import check_reachable
from tests.cli.conftest import cli_environment
from tests.helpers.clips import make_clip

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster of two nodes with one processor each."""
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    from ray.cluster_utils import Cluster

    # The workers find the package as this process does, also where it is not installed.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    there = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    there.add_node(num_cpus=1)
    yield there.address
    there.shutdown()


def run(arguments: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "shufflecam", "video", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=cli_environment(home), timeout=240, cwd=home
    )


@pytest.mark.slow
def test_a_cluster_goes_on_past_a_bad_file_and_resumes_what_is_missing(
    cluster: str, clip: Path, pose_weights: Path, tmp_path: Path
) -> None:
    for name in ("a.mp4", "b.mp4", "c.mp4"):
        shutil.copy(clip, tmp_path / name)
    (tmp_path / "bad.mp4").write_text("no video\n" * 99)
    solo = ["--weights", str(pose_weights), "--detector", "none", "--end", "0.3"]
    # Relative paths: the workers are in other folders.
    arguments = ["a.mp4", "b.mp4", "bad.mp4", "c.mp4", "--out", "out", "--json", "out", *solo]
    arguments += ["--cluster", "ray", "--ray-address", cluster]
    done = run(arguments, tmp_path)
    assert done.returncode == 5, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    whole = {f"{name}.{ending}" for name in "abc" for ending in ("mp4", "jsonl")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == whole
    for name in "abc":
        assert json.loads((tmp_path / f"out/{name}.jsonl").read_text().splitlines()[-1])["complete"] is True

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    (tmp_path / "out" / "b.mp4").unlink()
    (tmp_path / "bad.mp4").unlink()
    arguments.remove("bad.mp4")
    done = run(arguments, tmp_path)
    assert done.returncode == 0, done.stderr
    changed = {path.name for path, then in before.items() if path.stat().st_mtime_ns != then}
    assert changed == {"b.mp4", "b.jsonl"}


@pytest.mark.slow
def test_a_machine_that_goes_away_is_said_in_one_line_and_its_video_begun_anew(
    pose_weights: Path, tmp_path: Path
) -> None:
    """Ray prints fifty lines about it, on standard output."""
    pytest.importorskip("ray", reason="the extra [ray] is not installed")
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    there = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    lost = there.add_node(num_cpus=1)
    for name in ("a.mp4", "b.mp4"):
        make_clip(tmp_path / name, 300)
    arguments = ["a.mp4", "b.mp4", "--json", "out", "--weights", str(pose_weights), "--detector", "none"]
    arguments += ["--cluster", "ray", "--ray-address", there.address]
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflecam", "video", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=cli_environment(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    begun = [tmp_path / "out" / f"{name}.part.jsonl" for name in "ab"]
    deadline = time.monotonic() + 120
    while not all(path.exists() and path.read_bytes().count(b"\n") > 8 for path in begun):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    there.remove_node(lost, allow_graceful=False)
    output, errors = process.communicate(timeout=200)
    there.shutdown()
    assert process.returncode == 0, errors
    assert output == ""
    assert errors.count("went away") == 1
    assert "raylet" not in errors
    for name in "ab":
        assert json.loads((tmp_path / f"out/{name}.jsonl").read_text().splitlines()[-1])["frames"] == 300


@pytest.mark.slow
def test_ctrl_c_stops_the_cluster_s_work_and_what_was_written_plays(
    cluster: str, pose_weights: Path, tmp_path: Path
) -> None:
    with av.open(str(tmp_path / "long.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(20_000):
            picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    shutil.copy(tmp_path / "long.mp4", tmp_path / "other.mp4")
    arguments = ["long.mp4", "other.mp4", "--out", "out", "--json", "out", "--cluster", "ray"]
    arguments += ["--ray-address", cluster, "--weights", str(pose_weights), "--detector", "none"]
    process = subprocess.Popen(
        [sys.executable, "-m", "shufflecam", "video", *arguments],
        stderr=subprocess.PIPE, text=True, env=cli_environment(tmp_path), cwd=tmp_path,
    )  # fmt: skip
    begun = [tmp_path / "out" / f"{name}.part.jsonl" for name in ("long", "other")]
    deadline = time.monotonic() + 120
    while not all(path.exists() and path.read_bytes().count(b"\n") > 8 for path in begun):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    for path in begun:
        footer = json.loads(path.read_text().splitlines()[-1])
        assert footer["complete"] is False
        with av.open(str(path.with_suffix(".mp4"))) as container:
            assert sum(1 for _ in container.decode(video=0)) == footer["frames"]


def test_where_nobody_listens_that_is_said_at_once() -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for given in (address, f"ray://{address}"):
            with pytest.raises(ShufflecamError, match=f"no Ray cluster at {given} that answers"):
                check_reachable(given)
        taken.listen()
        check_reachable(address)
    check_reachable("auto")
    check_reachable("")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--ray-address", "auto"], "add --cluster ray"),
        (["--cluster", "ray", "--jobs", "2"], "--jobs is for this machine"),
        (["--cluster", "slurm"], "--cluster"),
    ],
)
def test_what_cannot_be_meant(options: list[str], says: str, clip: Path, tmp_path: Path, run_cli) -> None:
    done = run_cli("video", clip, "--out", tmp_path, *options)
    assert done.returncode == 2
    assert says in done.stderr


def test_without_ray_one_sentence_says_what_to_install(
    clip: Path, tmp_path: Path, run_cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = run_cli("video", clip, clip, "--out", tmp_path / "out", "--cluster", "ray")
    assert done.returncode == 2
    assert "shufflecam[ray]" in done.stderr
    assert not (tmp_path / "out").exists()

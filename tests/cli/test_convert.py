"""`convert` and `inspect`, each output read by the program it is for, or as that program's reader does."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shufflecam.core.angles import joint_angles
from shufflecam.core.pixels import poses_to_stored
from shufflecam.core.skeleton import COCO_17
from shufflecam.core.types import FloatArray, SourceInfo
from shufflecam.records import schema as record
from shufflecam.records.json import JsonLinesSink
from shufflecam.records.open import read_record
from shufflecam.records.summary import summarize
from tests.helpers.people import figure, pose_of, result_of

FRAMES, RATE, SIZE = 12, 10, (320, 240)


@pytest.fixture
def poses(tmp_path: Path) -> Path:
    """Twelve frames: person 1 in all of them, person 2 in frames 2 to 4 and 8 to 9."""
    path = tmp_path / "poses.jsonl"
    sink = JsonLinesSink(path)
    info = SourceInfo("clip.mp4", "video", SIZE, None, FRAMES)
    header = record.header(info, model={"name": "m"}, detector={}, skeleton=COCO_17, version="0")
    header["source"]["fps"] = float(RATE)
    sink.begin(header)
    for index in range(FRAMES):
        people = [pose_of(figure(100 + index, 200, 150), track_id=1)]
        if index in (2, 3, 4, 8, 9):
            people.append(pose_of(figure(250, 210, 120), track_id=2))
        sink.write(result_of(people, index, index / RATE, size=SIZE))
    sink.close(complete=True)
    return path


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_coco_is_loaded_by_pycocotools(poses: Path, tmp_path: Path, run_cli) -> None:
    from pycocotools.coco import COCO

    annotations, out = tmp_path / "images.json", tmp_path / "results.json"
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(FRAMES)]
    annotations.write_text(
        json.dumps({"images": images, "annotations": [], "categories": [{"id": 1, "name": "person"}]})
    )
    assert run_cli("convert", poses, "--format", "coco", "--out", out).returncode == 0
    assert len(COCO(str(annotations)).loadRes(str(out)).anns) == FRAMES + 5


def test_tables_are_read_by_pandas(poses: Path, tmp_path: Path, run_cli) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    tables = []
    for kind in ("csv", "parquet"):
        out = tmp_path / f"poses.{kind}"
        assert run_cli("convert", poses, "--format", kind, "--out", out, "--angles").returncode == 0
        tables.append(pandas.read_csv(out) if kind == "csv" else pandas.read_parquet(out))
    for table in tables:
        assert len(table) == 17 * (FRAMES + 5)
        first = table[(table.frame == 3) & (table.id == 1) & (table.keypoint == "left_knee")].iloc[0]
        triple = entries(poses)[4]["people"][0]["keypoints"][COCO_17.keypoints.index("left_knee")]
        assert [first.x, first.y, first.score] == pytest.approx(triple)
        assert 0 < first.left_knee <= 180
    assert tables[0].left_knee.tolist() == pytest.approx(tables[1].left_knee.tolist(), nan_ok=True)
    # Without angles the table is the one that `--format csv` of the other commands writes.
    plain = tmp_path / "plain.csv"
    assert run_cli("convert", poses, "--format", "csv", "--out", plain).returncode == 0
    assert plain.read_text().splitlines()[0] == "frame,time,id,keypoint,x,y,score"


def test_trc_is_read_as_motion_capture_reads_it(poses: Path, tmp_path: Path, run_cli) -> None:
    out = tmp_path / "squat.trc"
    assert run_cli("convert", poses, "--format", "trc", "--out", out).returncode == 0
    assert not out.exists()  # two people: a file each
    for number, seen in ((1, FRAMES), (2, 5)):
        lines = (tmp_path / f"squat_person{number}.trc").read_text().split("\n")
        assert lines[0].split("\t")[:3] == ["PathFileType", "4", "(X/Y/Z)"]
        header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=True))
        assert header["DataRate"] == "10"
        assert (int(header["NumFrames"]), int(header["NumMarkers"])) == (FRAMES, 17)
        markers = lines[3].rstrip("\t").split("\t\t\t")
        assert markers[0].split("\t") == ["Frame#", "Time", "Nose"]
        assert markers[13] == "LKnee"
        axes = lines[4].split("\t")
        assert axes[:5] == ["", "", "X1", "Y1", "Z1"]
        assert lines[5] == ""
        rows = [line.split("\t") for line in lines[6:] if line]
        assert len(rows) == FRAMES
        assert {len(row) for row in rows} == {len(axes)} == {2 + 3 * 17}
        values = np.array(rows, dtype=float)
        assert values[:, 0].tolist() == list(range(1, FRAMES + 1))
        assert values[:, 1] == pytest.approx(np.arange(FRAMES) / RATE)
        assert (~np.isnan(values[:, 2])).sum() == seen
    # Y is upwards: the ankle is lower than the nose.
    first = np.array((tmp_path / "squat_person1.trc").read_text().split("\n")[6].split("\t"), dtype=float)
    assert first[2 + 3 * 15 + 1] < first[2 + 1]
    triple = entries(poses)[1]["people"][0]["keypoints"][0]
    assert first[2:4] == pytest.approx([triple[0], SIZE[1] - triple[1]], abs=1e-3)


def test_alphapose_and_labelme_have_their_fields(poses: Path, tmp_path: Path, run_cli) -> None:
    out = tmp_path / "alphapose.json"
    assert run_cli("convert", poses, "--format", "alphapose", "--out", out).returncode == 0
    people = json.loads(out.read_text())
    assert len(people) == FRAMES + 5
    assert people[0].keys() == {"image_id", "category_id", "keypoints", "score", "box", "idx"}
    assert (people[0]["image_id"], people[0]["idx"], len(people[0]["keypoints"])) == ("0.jpg", 1, 51)
    folder = tmp_path / "labelme"
    assert run_cli("convert", poses, "--format", "labelme", "--out", folder).returncode == 0
    files = sorted(folder.glob("*.json"))
    assert len(files) == FRAMES
    document = json.loads(files[2].read_text())
    assert document["imagePath"] == "clip_000000000002.jpg"
    assert (document["imageWidth"], document["imageHeight"]) == SIZE
    shapes = document["shapes"]
    assert {shape["group_id"] for shape in shapes} == {1, 2}
    assert {shape["shape_type"] for shape in shapes} == {"rectangle", "point"}
    assert {shape["label"] for shape in shapes} == {"person", *COCO_17.keypoints}


def test_the_other_form_of_the_record_and_back_is_the_same(poses: Path, tmp_path: Path, run_cli) -> None:
    document, lines = tmp_path / "a.json", tmp_path / "b.jsonl"
    assert run_cli("convert", poses, "--format", "shufflecam", "--out", document).returncode == 0
    assert run_cli("convert", document, "--format", "shufflecam", "--out", lines).returncode == 0
    assert entries(lines) == entries(poses)


def test_a_record_cut_in_a_line_is_read_as_far_as_it_is_whole(poses: Path, tmp_path: Path, run_cli) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(poses.read_bytes()[:-900])
    whole = sum(line.endswith("}\n") for line in cut.read_text().splitlines(keepends=True)) - 1
    out = tmp_path / "cut.csv"
    done = run_cli("convert", cut, "--format", "csv", "--out", out)
    assert done.returncode == 0
    assert f"its {whole} whole frames were read" in done.stderr
    assert run_cli("inspect", cut).stdout.count("killed before its end") == 1


def test_inspect_counts(poses: Path, run_cli) -> None:
    done = run_cli("inspect", poses, "--json")
    found = json.loads(done.stdout)
    assert (found["frames"], found["with_people"], found["most_people"], found["complete"]) == (
        12,
        12,
        2,
        True,
    )
    one, two = found["people"]
    assert (one["id"], one["frames"], one["gaps"]) == (1, 12, 0)
    assert (two["id"], two["frames"], two["gaps"]) == (2, 5, 1)
    assert two["longest_gap_s"] == pytest.approx(0.4)
    table = run_cli("inspect", poses).stdout
    assert "12 frames" in table
    assert "complete" in table
    assert not math.isnan(summarize(read_record(poses)).people[1].mean_score)


def test_what_is_missing_is_kept_by_convert_and_told_by_inspect(poses: Path, tmp_path: Path, run_cli) -> None:
    *lines, footer = entries(poses)
    footer |= {"complete": False, "missing": {"lost": 7, "of_another_version": 1}}
    poses.write_text("".join(json.dumps(line) + "\n" for line in (*lines, footer)))
    out = tmp_path / "again.json"
    assert run_cli("convert", poses, "--format", "shufflecam", "--out", out).returncode == 0
    again = json.loads(out.read_text())["footer"]
    assert (again["complete"], again["missing"]) == (False, {"lost": 7})
    assert json.loads(run_cli("inspect", out, "--json").stdout)["missing"] == {"lost": 7}
    assert "not whole (missing: 7 lost)" in run_cli("inspect", out).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["POSES", "--format", "csv", "--out", "x.json"], 2, "ends in .csv"),
        (["POSES", "--format", "coco", "--out", "x.json", "--angles"], 2, "--angles"),
        (["POSES", "--format", "csv", "--out", "x.csv", "--image-ids", "a.json"], 2, "--image-ids"),
        (["POSES", "--format", "shufflecam", "--out", "POSES"], 2, "is the input itself"),
        (["missing.jsonl", "--format", "csv", "--out", "x.csv"], 3, "missing.jsonl"),
        (["OTHER", "--format", "csv", "--out", "x.csv"], 3, "was it written by shufflecam"),
    ],
)
def test_bad_input(
    arguments: list[str], code: int, says: str, poses: Path, tmp_path: Path, run_cli, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.jsonl").write_text('{"something": "else"}\n')
    names = {"POSES": str(poses), "OTHER": "other.jsonl"}
    done = run_cli("convert", *(names.get(argument, argument) for argument in arguments))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert not (tmp_path / "x.csv").exists()


def test_a_scale_makes_a_trc_file_metric(poses: Path, tmp_path: Path, run_cli) -> None:
    out = tmp_path / "squat.trc"
    done = run_cli("convert", poses, "--format", "trc", "--out", out, "--pixels-per-metre", "50")
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "squat_person1.trc").read_text().split("\n")
    assert lines[2].split("\t")[4] == "m"
    triple = entries(poses)[1]["people"][0]["keypoints"][0]
    first = [float(cell) for cell in lines[6].split("\t")]
    assert first[2:5] == pytest.approx([triple[0] / 50, (SIZE[1] - triple[1]) / 50, 0], abs=1e-6)


def test_a_rate_that_the_header_does_not_say_is_measured(poses: Path, tmp_path: Path, run_cli) -> None:
    lines = entries(poses)
    lines[0]["source"]["fps"] = None
    poses.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run_cli("convert", poses, "--format", "trc", "--out", tmp_path / "a.trc").returncode == 0
    assert (tmp_path / "a_person1.trc").read_text().split("\n")[2].split("\t")[0] == f"{RATE}"


@pytest.mark.parametrize("name", ["../../x.jpg", "/x.jpg", "a/../../x.jpg"])
def test_a_record_cannot_have_files_written_elsewhere(
    name: str, poses: Path, tmp_path: Path, run_cli
) -> None:
    lines = entries(poses)
    lines[1]["file"] = name
    poses.write_text("".join(json.dumps(line) + "\n" for line in lines))
    folder = tmp_path / "below" / "labelme"
    assert run_cli("convert", poses, "--format", "labelme", "--out", folder).returncode == 0
    assert (folder / "x.json").is_file()
    assert not [path for path in tmp_path.rglob("x.json") if folder not in path.parents]


def test_trc_is_read_as_pose2sim_does(poses: Path, tmp_path: Path, run_cli) -> None:
    pandas = pytest.importorskip("pandas")
    out = tmp_path / "a.trc"
    assert run_cli("convert", poses, "--format", "trc", "--out", out).returncode == 0
    path = tmp_path / "a_person2.trc"
    # Five header lines; names at every third column from the third; data under the line of axes.
    names = [name.strip() for name in path.read_text().split("\n")[3].split("\t")[2::3] if name.strip()]
    table = pandas.read_csv(path, sep="\t", skiprows=4)
    data = table.drop(columns=table.columns[:2])
    data = data.loc[:, ~data.columns.str.startswith("Unnamed")]
    assert len(names) == 17
    assert data.shape == (FRAMES, 3 * len(names))
    assert data.iloc[0].isna().all()
    assert data.iloc[2].notna().all()


def test_what_is_text_goes_to_standard_output(poses: Path, run_cli) -> None:
    table = run_cli("convert", poses, "--format", "csv", "--angles").stdout.splitlines()
    assert table[0].startswith("frame,time,id,keypoint,x,y,score,left_elbow")
    assert len(table) == 1 + 17 * (FRAMES + 5)
    assert len(run_cli("convert", poses, "--format", "coco").stdout.splitlines()) == FRAMES + 5 + 2
    lines = run_cli("convert", poses, "--format", "shufflecam").stdout.splitlines()
    assert [json.loads(line) for line in lines] == entries(poses)
    done = run_cli("convert", poses, "--format", "parquet")
    assert done.returncode == 2
    assert "add --out" in done.stderr


def test_labelme_gets_the_pictures_of_the_video(plain_clip: Path, tmp_path: Path, run_cli) -> None:
    import cv2

    from tests.cli.test_render import make_record
    from tests.helpers.clips import SIZE as CLIP_SIZE
    from tests.helpers.clips import read_number

    record_of_clip = make_record(plain_clip, tmp_path / "poses.jsonl")
    folder = tmp_path / "labels"
    to_labels = ["--format", "labelme", "--out", folder, "--video"]
    done = run_cli("convert", record_of_clip, *to_labels, plain_clip)
    assert done.returncode == 0, done.stderr
    files = sorted(folder.glob("*.json"))
    assert len(files) == 40
    for number in (0, 17):
        document = json.loads(files[number].read_text())
        picture = cv2.imread(str(folder / document["imagePath"]))
        assert picture.shape[1::-1] == (document["imageWidth"], document["imageHeight"]) == CLIP_SIZE
        assert read_number(picture) == number
    nowhere = tmp_path / "nowhere"
    to_nowhere = ["--format", "labelme", "--out", nowhere, "--video"]
    done = run_cli("convert", poses_of_another(tmp_path), *to_nowhere, plain_clip)
    assert done.returncode == 2
    assert "is the record of another video" in done.stderr
    assert not nowhere.exists()


def poses_of_another(tmp_path: Path) -> Path:
    """A record of a video of another size."""
    path = tmp_path / "other.jsonl"
    sink = JsonLinesSink(path)
    info = SourceInfo("clip.mp4", "video", SIZE, None, FRAMES)
    sink.begin(record.header(info, model={}, detector={}, skeleton=COCO_17, version="0"))
    sink.write(result_of([pose_of(figure(100, 200, 150))]))
    sink.close(complete=True)
    return path


@pytest.fixture
def steadied(poses: Path, tmp_path: Path) -> Path:
    """The record with smoothed keypoints, whose knee is bent where the raw one is nearly straight."""
    path = tmp_path / "steadied.jsonl"
    saved = read_record(poses)
    sink = JsonLinesSink(path)
    sink.begin(saved.header | {"smoothed": True})
    for result in saved.results():
        people = [replace(pose, keypoints_smoothed=bent(pose.keypoints)) for pose in result.poses]
        sink.write(replace(result, poses=tuple(people)))
    sink.close(complete=True)
    return path


def bent(keypoints: FloatArray) -> FloatArray:
    moved = keypoints.copy()
    moved[KNEE] += (25, -10)
    return moved


KNEE = COCO_17.keypoints.index("left_knee")


def test_tables_have_what_was_drawn_and_say_so(steadied: Path, tmp_path: Path, run_cli) -> None:
    from shufflecam.plot.series import collect

    found = {}
    for option in ([], ["--smoothed"], ["--raw"]):
        out = tmp_path / "out.csv"
        done = run_cli(
            "convert", steadied, "--format", "csv", "--angles", "--out", out, "--overwrite", *option
        )
        assert done.returncode == 0, done.stderr
        which = "raw" if option == ["--raw"] else "smoothed"
        assert f"poses, {which} keypoints" in done.stderr
        with out.open(newline="") as file:
            rows = list(csv.DictReader(file))
        knee = rows[3 * 17 + 17 + KNEE]  # frame 2 has two people
        assert (knee["frame"], knee["keypoint"], knee["id"]) == ("3", "left_knee", "1")
        assert knee.get("smoothed") == (None if option == ["--raw"] else "true")
        found[" ".join(option)] = float(knee["x"]), float(knee["left_knee"])
    assert found[""] == found["--smoothed"]
    assert found[""][0] == pytest.approx(found["--raw"][0] + 25)
    saved = read_record(steadied)
    for option, raw in (("", False), ("--raw", True)):
        plotted = collect(saved, [], ["left_knee"], 1, raw=raw).angles["left_knee"][3]
        assert found[option][1] == pytest.approx(plotted, abs=0.05)
    assert found[""][1] < found["--raw"][1] - 20


def test_records_say_what_their_angles_are_of(steadied: Path, poses: Path, tmp_path: Path, run_cli) -> None:
    knees = {}
    for path, option, of in (
        (steadied, [], "keypoints_smoothed"),
        (steadied, ["--raw"], "keypoints"),
        (poses, [], "keypoints"),
    ):
        out = tmp_path / "out.jsonl"
        done = run_cli(
            "convert", path, "--format", "shufflecam", "--angles", "--out", out, "--overwrite", *option
        )
        assert done.returncode == 0, done.stderr
        header, first, *_ = entries(out)
        assert header["angles_of"] == of
        assert ("keypoints_smoothed" in first["people"][0]) == (of == "keypoints_smoothed")
        knees[path, of] = first["people"][0]["angles"]["left_knee"]
        again = run_cli("convert", out, "--format", "shufflecam").stdout.splitlines()
        assert [json.loads(line) for line in again] == entries(out)
    assert (
        knees[steadied, "keypoints"] == knees[poses, "keypoints"] > knees[steadied, "keypoints_smoothed"] + 20
    )
    done = run_cli("convert", poses, "--format", "csv", "--smoothed")
    assert done.returncode == 2
    assert "no smoothed keypoints" in done.stderr


def test_formats_for_scoring_have_the_raw_ones_unless_asked(steadied: Path, run_cli) -> None:
    knees = [
        json.loads(run_cli("convert", steadied, "--format", "coco", *option).stdout)[0]["keypoints"][3 * KNEE]
        for option in ([], ["--raw"], ["--smoothed"])
    ]
    assert knees[0] == knees[1] == pytest.approx(knees[2] - 25)


def test_parquet_says_which_keypoints(steadied: Path, tmp_path: Path, run_cli) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for option, which in ((), b"smoothed"), (("--raw",), b"raw"):
        out = tmp_path / "a.parquet"
        assert (
            run_cli(
                "convert", steadied, "--format", "parquet", "--out", out, "--overwrite", *option
            ).returncode
            == 0
        )
        table = parquet.read_table(out)
        assert table.schema.metadata[b"keypoints"] == which
        assert set(table["smoothed"].to_pylist()) == {which == b"smoothed"}


def test_inspect_says_how_much_the_plotted_person_covers(poses: Path, run_cli) -> None:
    done = run_cli("inspect", poses)
    assert "person 1 covers 100% of the record, 1.2 of 1.2 s" in done.stdout
    told = json.loads(run_cli("inspect", poses, "--json").stdout)
    assert (told["plotted"], told["smoothed"]) == (1, False)
    assert [one["share"] for one in told["people"]] == pytest.approx([1, 5 / 12], abs=1e-4)
    assert [one["then"] for one in told["people"]] == [None, None]


@pytest.mark.parametrize("aspect", [2.0, 0.5, 64 / 45])
def test_tables_of_an_anamorphic_video_have_the_angles_of_the_picture_as_shown(
    aspect: float, tmp_path: Path, run_cli
) -> None:
    shown = figure(100, 200, 150, phase=1.0)
    info = SourceInfo("clip.mp4", "video", SIZE, None, 1, pixel_aspect=aspect)
    header = record.header(info, model={"name": "m"}, detector={}, skeleton=COCO_17, version="0")
    header["source"]["fps"] = float(RATE)
    path = tmp_path / "poses.jsonl"
    sink = JsonLinesSink(path)
    sink.begin(header)
    result = result_of(poses_to_stored([pose_of(shown, track_id=1)], aspect), size=SIZE)
    sink.write(replace(result, frame=replace(result.frame, pixel_aspect=aspect)))
    sink.close(complete=True)
    expected = joint_angles(shown, COCO_17.keypoints)

    table = tmp_path / "poses.csv"
    done = run_cli("convert", path, "--format", "csv", "--angles", "--out", table)
    assert done.returncode == 0
    assert f"{aspect:.4g} times as wide as high" in done.stderr
    names, first = (line.split(",") for line in table.read_text().splitlines()[:2])
    row = dict(zip(names, first, strict=True))
    assert float(row["x"]) == pytest.approx(shown[0, 0] / aspect, abs=0.01), "in the pixels of the record"
    for name in ("left_elbow", "right_knee", "trunk_lean"):
        assert float(row[name]) == pytest.approx(expected[name], abs=0.05)

    again = tmp_path / "again.jsonl"
    assert run_cli("convert", path, "--format", "shufflecam", "--angles", "--out", again).returncode == 0
    assert entries(again)[0]["source"]["pixel_aspect"] == aspect
    assert entries(again)[1]["people"][0]["angles"]["left_elbow"] == pytest.approx(
        expected["left_elbow"], abs=0.05
    )

    for scale, more in ((1.0, []), (0.01, ["--pixels-per-metre", "100"])):
        markers = tmp_path / f"{scale}.trc"
        assert run_cli("convert", path, "--format", "trc", "--out", markers, *more).returncode == 0
        places = [float(cell) for cell in markers.read_text().splitlines()[6].split("\t")[2:]]
        places = np.array(places).reshape(-1, 3)[:, :2]
        np.testing.assert_allclose(places, (shown * [1, -1] + [0, SIZE[1]]) * scale, atol=0.01 * scale)

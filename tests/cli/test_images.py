from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture
def solo(pose_weights: Path) -> list[str]:
    return ["--weights", str(pose_weights), "--detector", "none"]


def test_records_of_a_folder(pictures: Path, solo: list[str], run_cli) -> None:
    done = run_cli("images", pictures, "--recursive", *solo, "--json")
    assert done.returncode == 0, done.stderr
    header, *records, footer = map(json.loads, done.stdout.splitlines())
    assert header["source"]["kind"] == "images"
    assert [(entry["file"], entry["size"]) for entry in records] == [
        ("a.jpg", [60, 80]),
        ("b.png", [60, 90]),
        ("below/c.jpg", [60, 100]),
    ]
    assert all(person["id"] is None for entry in records for person in entry["people"])
    assert footer["complete"] is True


def test_annotated_pictures_mirror_the_tree(pictures: Path, solo: list[str], tmp_path: Path, run_cli) -> None:
    out = tmp_path / "drawn"
    done = run_cli("images", pictures, "--recursive", "--out", out, *solo)
    assert done.returncode == 0, done.stderr
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == [
        "a.jpg",
        "b.png",
        "below/c.jpg",
    ]
    drawn, original = cv2.imread(str(out / "b.png")), cv2.imread(str(pictures / "b.png"))
    assert drawn.shape == original.shape
    assert (drawn != original).any()


def test_a_document_for_many_arguments(pictures: Path, solo: list[str], tmp_path: Path, run_cli) -> None:
    record = tmp_path / "poses.json"
    done = run_cli("images", pictures / "a.jpg", pictures / "b.png", "--json", record, *solo)
    assert done.returncode == 0, done.stderr
    document = json.loads(record.read_text())
    assert [entry["file"] for entry in document["frames"]] == ["a.jpg", "b.png"]


def test_angles_are_in_the_record_where_asked(pictures: Path, solo: list[str], run_cli) -> None:
    done = run_cli("images", pictures, *solo, "--angles", "--json")
    assert done.returncode == 0, done.stderr
    header, *records, _ = map(json.loads, done.stdout.splitlines())
    assert [list(record["people"][0]["angles"]) for record in records] == [header["angles"]] * 2
    done = run_cli("images", pictures, *solo, "--angles", "--json", "-", "--format", "csv")
    assert done.stdout.splitlines()[0].startswith("frame,time,id,keypoint,x,y,score,file,left_elbow")


def test_a_list_on_standard_input(pictures: Path, solo: list[str], run_process) -> None:
    listed = f"{pictures / 'b.png'}\n{pictures / 'a.jpg'}\n".encode()
    done = run_process("images", "-", *solo, "--json", "-", stdin=listed)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()[1:-1]] == ["b.png", "a.jpg"]


def test_json_never_eats_a_picture(pictures: Path, solo: list[str], run_cli) -> None:
    before = (pictures / "a.jpg").read_bytes()
    done = run_cli("images", *solo, "--json", pictures / "a.jpg", pictures / "b.png")
    assert done.returncode == 2
    assert "put --json last, or write --json -" in done.stderr
    assert (pictures / "a.jpg").read_bytes() == before


def test_one_broken_picture_does_not_stop_the_rest(pictures: Path, solo: list[str], run_cli) -> None:
    (pictures / "aa.jpg").write_bytes(b"not a picture at all")
    done = run_cli("images", pictures, *solo, "--json")
    assert done.returncode == 5
    assert "aa.jpg" in done.stderr
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["file"] for entry in entries[1:-1]] == ["a.jpg", "b.png"]
    assert entries[-1]["complete"] is False


@pytest.mark.parametrize(
    ("case", "code"), [("empty", 3), ("missing", 3), ("nothing asked", 2), ("same folder", 2)]
)
def test_bad_input(case: str, code: int, pictures: Path, solo: list[str], tmp_path: Path, run_cli) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    arguments = {
        "empty": [empty, "--json"],
        "missing": [tmp_path / "missing.jpg", "--json"],
        "nothing asked": [pictures],
        "same folder": [pictures, "--out", pictures, "--overwrite"],
    }[case]
    done = run_cli("images", *arguments, *solo)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def test_existing_drawings_are_not_replaced(pictures: Path, solo: list[str], tmp_path: Path, run_cli) -> None:
    out = tmp_path / "drawn"
    out.mkdir()
    (out / "b.png").write_bytes(b"precious")
    assert run_cli("images", pictures, "--out", out, *solo).returncode == 1
    assert (out / "b.png").read_bytes() == b"precious"
    assert not (out / "a.jpg").exists()
    assert run_cli("images", pictures, "--out", out, *solo, "--overwrite").returncode == 0
    assert cv2.imread(str(out / "b.png")) is not None


@pytest.mark.parametrize("format", ["coco", "csv"])
def test_other_formats(format: str, pictures: Path, solo: list[str], tmp_path: Path, run_cli) -> None:
    renamed = pictures / "000000000139.jpg"
    (pictures / "a.jpg").rename(renamed)
    done = run_cli("images", renamed, *solo, "--format", format, "--json")
    assert done.returncode == 0, done.stderr
    if format == "coco":
        (person,) = json.loads(done.stdout)
        assert person["image_id"] == 139
        assert len(person["keypoints"]) == 51
    else:
        assert done.stdout.splitlines()[0] == "frame,time,id,keypoint,x,y,score,file"
        assert len(done.stdout.splitlines()) == 1 + 17


def test_coco_ids_that_names_do_not_tell_are_numbers_with_a_map(
    pictures: Path, solo: list[str], tmp_path: Path, run_cli
) -> None:
    for name in ("a.jpg", "b.png"):
        (pictures / name).rename(pictures / f"cam{name[0]}_000001{name[1:]}")
    out, record = tmp_path / "out.json", tmp_path / "poses.jsonl"
    for done in (
        run_cli("images", pictures, *solo, "--format", "coco", "--json", out),
        run_cli("images", pictures, *solo, "--json", record),
        run_cli("convert", record, "--format", "coco", "--out", tmp_path / "again.json"),
    ):
        assert done.returncode in (0, 5), done.stderr
    assert "image_id is each picture's place" in done.stderr
    names = json.loads((tmp_path / "out.names.json").read_text())["images"]
    assert len({entry["id"] for entry in names}) == len(names) >= 2
    assert json.loads((tmp_path / "again.names.json").read_text())["images"] == names
    assert json.loads((tmp_path / "again.json").read_text()) == json.loads(out.read_text())
    # The map is a list of pictures as annotations have it.
    numbered = ["convert", record, "--format", "coco", "--image-ids", tmp_path / "out.names.json"]
    done = run_cli(*numbered, "--out", tmp_path / "third.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "third.json").read_text()) == json.loads(out.read_text())
    assert not (tmp_path / "third.names.json").exists()


def test_a_second_run_goes_on_where_the_first_ended(
    pictures: Path, pose_weights: Path, tmp_path: Path, run_cli
) -> None:
    out, record = tmp_path / "out", tmp_path / "poses.jsonl"
    command = ["images", pictures, "--recursive", "--out", out, "--json", record, "--skip-existing"]
    command += ["--weights", pose_weights, "--detector", "none"]
    assert run_cli(*command).returncode == 0
    whole = [json.loads(line) for line in record.read_text().splitlines()]
    assert [entry.get("file") for entry in whole[1:-1]] == ["a.jpg", "b.png", "below/c.jpg"]

    # As if it had been killed within the second line, and a picture lost since.
    lines = record.read_text().splitlines(keepends=True)
    record.write_text("".join(lines[:2]) + lines[2][:50])
    (out / "a.jpg").unlink()
    (out / "b.png").unlink()
    kept = (out / "below" / "c.jpg").stat().st_mtime_ns
    assert run_cli(*command).returncode == 0
    assert [json.loads(line) for line in record.read_text().splitlines()] == whole, "each picture once"
    assert (out / "a.jpg").is_file()
    assert (out / "b.png").is_file()
    assert (out / "below" / "c.jpg").stat().st_mtime_ns != kept, "it was in no whole line"

    done = run_cli(*command)
    assert done.returncode == 0
    assert "there already" in done.stderr
    assert [json.loads(line) for line in record.read_text().splitlines()] == whole


def test_another_models_record_is_not_gone_on_with(
    pictures: Path, pose_weights: Path, tmp_path: Path, run_cli
) -> None:
    record = tmp_path / "poses.jsonl"
    command = ["images", pictures, "--json", record, "--weights", pose_weights, "--detector", "none"]
    assert run_cli(*command).returncode == 0
    lines = record.read_text().splitlines()
    header = json.loads(lines[0])
    header["model"]["sha256"] = "0" * 64
    before = json.dumps(header) + "\n" + lines[1] + "\n"
    record.write_text(before)
    done = run_cli(*command, "--skip-existing")
    assert done.returncode == 1
    assert "another model" in done.stderr
    assert record.read_text() == before
    header = json.loads(lines[0])
    header["detector"]["name"] = "yolo26n"
    record.write_text(json.dumps(header) + "\n" + lines[1] + "\n")
    done = run_cli(*command, "--skip-existing")
    assert done.returncode == 1
    assert "another detector (yolo26n)" in done.stderr
    for target, code, says in (("poses.json", 2, "--json FILE.jsonl"), ("notes.jsonl", 3, "no record")):
        (tmp_path / "notes.jsonl").write_text("not ours")
        done = run_cli(*command[:3], tmp_path / target, *command[4:], "--skip-existing")
        assert done.returncode == code, done.stderr
        assert says in done.stderr


def test_what_a_folder_holds_and_cannot_be_used_is_counted_and_said(
    pictures: Path, solo: list[str], tmp_path: Path, run_cli
) -> None:
    (pictures / "x.DNG").write_bytes(b"II*\0" + bytes(100))
    (pictures / "x.cr3").write_bytes(b"\0\0\0\x18ftypcrx " + bytes(100))
    (pictures / "y.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    (pictures / "z.nef").write_bytes((pictures / "a.jpg").read_bytes())  # a JPEG by another name
    (pictures / "notes.txt").write_text("no picture, and nobody misses it")
    done = run_cli("images", pictures, "--out", tmp_path / "out", "--json", *solo)
    assert done.returncode == 5
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["file"] for entry in entries[1:-1]] == ["a.jpg", "b.png", "z.nef"]
    assert entries[-1]["missing"] == {"unsupported": 2, "unreadable": 1}
    assert entries[-1]["complete"] is False
    assert "2 pictures are left out (" in done.stderr
    assert "1 .cr3" in done.stderr
    assert "1 .dng" in done.stderr
    assert "3 of 6 pictures are not in the result (2 unsupported, 1 unreadable)" in done.stderr
    assert done.stderr.count("y.heic") == 1


def test_a_folder_of_nothing_that_can_be_read_says_what_is_in_it(
    solo: list[str], tmp_path: Path, run_cli
) -> None:
    for name in ("a.CR2", "b.dng", "c.DNG", "notes.txt"):
        (tmp_path / name).write_bytes(b"II*\0" + bytes(50))
    done = run_cli("images", tmp_path, "--json", *solo)
    assert (done.returncode, done.stdout) == (3, "")
    assert "only 2 .dng, 1 .cr2: camera RAW" in done.stderr
    for name in ("a.CR2", "b.dng", "c.DNG"):
        (tmp_path / name).unlink()
    done = run_cli("images", tmp_path, "--json", *solo)
    assert done.returncode == 3
    assert "it holds 1 .txt" in done.stderr
    done = run_cli("images", tmp_path / "notes.txt", "--json", *solo)
    assert done.returncode == 3
    assert len(done.stderr.strip().splitlines()) == 1, "said once"


def test_one_bad_picture_is_said_once(pictures: Path, solo: list[str], run_cli) -> None:
    (pictures / "aa.jpg").write_bytes(b"not a picture at all")
    done = run_cli("images", pictures, *solo, "--json")
    assert done.stderr.count("aa.jpg") == 1
    assert "1 of 3 pictures is not in the result" in done.stderr
    done = run_cli("images", pictures, *solo, "--json", "--quiet")
    assert done.returncode == 5
    assert done.stderr.count("aa.jpg") == 1
    assert len(done.stderr.strip().splitlines()) == 1


def test_boxes_that_match_nothing_are_said(
    pictures: Path, pose_weights: Path, tmp_path: Path, run_cli
) -> None:
    boxes, weights = tmp_path / "boxes.json", ["--weights", pose_weights]
    (pictures / "broken.jpg").write_bytes(b"no")
    content = {"a.jpg": [[0, 0, 50, 50]], "typo.jpg": [[0, 0, 50, 50]], "broken.jpg": [], "b.png": []}
    boxes.write_bytes(b"\xff\xfe" + json.dumps(content).encode("utf-16-le"))
    done = run_cli("images", pictures, *weights, "--boxes", boxes, "--json")
    assert done.returncode == 5
    footer = json.loads(done.stdout.splitlines()[-1])
    assert footer["missing"] == {"unreadable": 1, "unmatched_boxes": 1}
    assert "the key 'typo.jpg' is of no picture" in done.stderr
    boxes.write_text(json.dumps({"a.jpg": [[0, 0, 50, 50]], "b.png": []}))
    (pictures / "broken.jpg").unlink()
    done = run_cli("images", pictures, *weights, "--boxes", boxes, "--json")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_lists_from_windows(encoding: str, pictures: Path, solo: list[str], run_process) -> None:
    (pictures / "a.jpg").rename(pictures / "ü ö.jpg")
    listed = f'"{pictures / "ü ö.jpg"}"\r\n{pictures / "b.png"}  \r\n'.encode(encoding)
    done = run_process("images", "-", *solo, "--json", "-", stdin=listed)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()[1:-1]] == ["ü ö.jpg", "b.png"]


def test_guesses_are_said_once_with_their_number(
    pictures: Path, solo: list[str], tmp_path: Path, run_cli
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        cv2.imwrite(str(tmp_path / name), np.full((60, 40), 3000, np.uint16))
    done = run_cli("images", tmp_path, *solo, "--json")
    assert done.returncode == 0, done.stderr
    assert "3 pictures do not say what is white, and it was guessed" in done.stderr
    assert done.stderr.count("12 of 16 bits") == 1

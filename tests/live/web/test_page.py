"""The live page in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("uvicorn", reason="needs shufflecam[serve]")

from shufflecam.core.angles import joint_angles
from shufflecam.core.skeleton import COCO_17
from shufflecam.live.web.broadcast import Broadcast
from shufflecam.live.web.server import LiveServer
from shufflecam.records import schema as record
from tests.helpers import chromium
from tests.helpers.people import figure, pose_of, result_of
from tests.live.test_saving import HEADER

pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason="needs Chromium (apt install chromium)")


def test_picture_figures_and_angles(tmp_path: Path) -> None:
    # The left knee bent to a right angle: thigh upright, shin to the side.
    joints = figure(100, 190, 160)
    joints[11], joints[13], joints[15] = (120, 100), (120, 140), (160, 140)
    broadcast = Broadcast(HEADER)
    server = LiveServer(0, "127.0.0.1")
    server.start(broadcast)
    with chromium.browser(tmp_path / "profile") as page:
        page.open(server.url)
        number = 0
        while not page.evaluate(
            "document.getElementById('picture')?.naturalWidth === 320 && stale === false"
            " && document.getElementById('legend').textContent.includes('°')"
        ):
            broadcast.picture(np.full((200, 320, 3), (40, 160, 60), np.uint8))
            broadcast.record(record.frame(result_of([pose_of(joints, track_id=4)], number, number / 30)))
            broadcast.hud({"numbers": "latency 12 ms", "condition": "torch", "trouble": "The camera is gone"})
            number += 1
        angles = page.wait_for(
            "[...document.querySelectorAll('#legend button')].map((one) => one.textContent).join('; ')"
        )
        assert "left knee90°" in angles
        # The same definitions as everywhere else.
        shown_angles = dict(re.findall(r"(\w+ \w+?)(\d+)°", angles))
        expected = joint_angles(joints.astype(np.float32), COCO_17.keypoints)
        assert len(shown_angles) == 8
        for name, degrees in shown_angles.items():
            assert abs(expected[name.replace(" ", "_")] - int(degrees)) <= 0.51
        assert page.evaluate("document.getElementById('hud').textContent") == "latency 12 ms  torch"
        assert page.evaluate("document.getElementById('hud').innerText") == "latency 12 ms  torch"
        assert page.evaluate("document.getElementById('trouble').textContent") == "The camera is gone"
        assert (
            page.evaluate("[...document.getElementById('person').options].map((o) => o.value).join()") == ",4"
        )
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(tmp_path / "page.png")
        # An angle that was seen in one frame only is a dot, not nothing.
        page.evaluate(
            "for (const entry of ANGLES) entry.points = entry.name === 'left knee' ? [[now - 5, 90]] : [];"
            "stale = true"
        )
        page.wait_for("stale === false")
        assert page.evaluate(
            "[...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
            ".filter((value, at, all) => at % 4 === 0 && value > 200 && all[at + 2] < 120).length"
        )
        broadcast.close(record.footer(number, 0, complete=True))
        page.wait_for("document.getElementById('trouble').textContent === 'The run has ended.'")
    server.stop()
    picture = cv2.imread(str(tmp_path / "page.png"))
    # The camera's green is on the page, and the yellow of the knee's line.
    assert (np.abs(picture.astype(int) - (40, 160, 60)).max(axis=2) < 12).sum() > 10_000
    assert (np.abs(picture.astype(int) - (0x42, 0xE4, 0xF0)).max(axis=2) < 40).sum() > 50


def test_angles_of_an_anamorphic_stream_are_those_of_the_picture_as_shown(tmp_path: Path) -> None:
    joints = figure(100, 190, 160)
    joints[11], joints[13], joints[15] = (60, 100), (60, 140), (80, 180)  # 45 degrees off once it is 2:1
    header = {**HEADER, "source": {**HEADER["source"], "pixel_aspect": 2.0}}
    broadcast = Broadcast(header)
    server = LiveServer(0, "127.0.0.1")
    server.start(broadcast)
    with chromium.browser(tmp_path / "profile") as page:
        page.open(server.url)
        number = 0
        while "°" not in (page.evaluate("document.getElementById('legend')?.textContent || ''")):
            broadcast.record(record.frame(result_of([pose_of(joints, track_id=4)], number, number / 30)))
            number += 1
        told = page.evaluate("document.getElementById('legend').textContent")
    broadcast.close()
    server.stop()
    assert "left knee135°" in told

"""Times that rise, whatever a source says: generated clocks with gaps, repeats, wraps and restarts."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shufflecam.sources.timing.runs import FALL_S, LEAP_S, PAUSE_S, Runs, Stamp
from shufflecam.sources.timing.timeline import Moments, Timeline

VIDEO, SOUND = 0, 1
FRAME = Fraction(1, 30)
D = float(FRAME)
WRAP_S = 2**33 / 90_000
"""The clock of MPEG-TS has 33 bits."""

Told = tuple[float | None, float | None]


def play(
    packets: list[Told],
    order: list[int] | None = None,
    *,
    frame_s: Fraction | None = FRAME,
    pause_s: float = LEAP_S,
    decoding_order: bool = False,
) -> tuple[list[float], Timeline]:
    """Times of all pictures of (PTS, DTS) packets that come out in `order`."""
    runs, timeline = Runs(VIDEO, pause_s), Timeline(frame_s, decoding_order=decoding_order)
    numbers = [timeline.read(runs.stamp(VIDEO, pts, dts, FRAME)) for pts, dts in packets]
    return [timeline.show(numbers[i]) for i in order or range(len(packets))], timeline


def rises(times: list[float]) -> bool:
    return all(a < b for a, b in itertools.pairwise(times))


def evenly(count: int, start: float = 0.0, step: float = D) -> list[float]:
    return [start + i * step for i in range(count)]


@st.composite
def told_packets(draw: st.DrawFn) -> list[Told]:
    """Packets whose clock does whatever clocks have been seen to do, and more."""
    now, packets = draw(st.floats(-100, WRAP_S)), []
    for _ in range(draw(st.integers(1, 60))):
        what = draw(st.sampled_from(("step",) * 5 + ("repeat", "fall", "gap", "restart", "wrap", "any")))
        if what == "step":
            now += D
        elif what == "fall":
            now -= draw(st.floats(0, 8))
        elif what == "gap":
            now += draw(st.floats(0, 40_000))
        elif what == "restart":
            now = draw(st.sampled_from((0.0, 1.4, 3600.0)))
        elif what == "wrap":
            now = (now + D) % WRAP_S
        elif what == "any":
            now = draw(st.floats(-1e6, 1e6))
        delay = draw(st.sampled_from((0.0, 0.0, D, 2 * D, -D, 5e4)))
        pts = now + delay if draw(st.integers(0, 9)) else None
        packets.append((pts, now if draw(st.integers(0, 9)) else None))
    return packets


@given(told_packets(), st.booleans(), st.sampled_from((LEAP_S, PAUSE_S)), st.sampled_from((FRAME, None)))
def test_times_rise_and_no_picture_is_lost_whatever_the_packets_say(
    packets: list[Told], decoding_order: bool, pause_s: float, frame_s: Fraction | None
) -> None:
    times, _ = play(packets, frame_s=frame_s, pause_s=pause_s, decoding_order=decoding_order)
    assert len(times) == len(packets)
    assert rises(times)


@given(told_packets(), st.randoms(use_true_random=False))
def test_they_rise_in_any_order_of_presentation(packets: list[Told], random: object) -> None:
    order = list(range(len(packets)))
    for begin in range(0, len(order), 4):  # as B-frames do
        part = order[begin : begin + 4]
        random.shuffle(part)  # type: ignore[attr-defined]
        order[begin : begin + 4] = part
    times, _ = play(packets, order)
    assert rises(times)


@given(st.floats(-50, 90_000), st.lists(st.floats(1e-4, 9.9), max_size=40), st.booleans())
def test_a_clock_that_is_right_is_left_alone(start: float, steps: list[float], has_dts: bool) -> None:
    told = list(itertools.accumulate(steps, initial=start))
    times, timeline = play([(t, t if has_dts else None) for t in told])
    assert times == told
    assert timeline.mended.sentence() is None


@given(st.lists(st.tuples(st.floats(0, 90_000), st.integers(2, 40)), min_size=1, max_size=6))
def test_recordings_that_are_joined_play_one_after_the_other(parts: list[tuple[float, int]]) -> None:
    told = [t for start, count in parts for t in evenly(count, start)]
    steps = [b - a for a, b in itertools.pairwise(told)]
    assume(all(step > 1e-6 or step < -FALL_S - 1e-6 for step in steps))
    times, _ = play([(t, t) for t in told])
    expected = [step if 0 < step <= LEAP_S + D else D for step in steps]
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx(expected, abs=1e-6)


@given(st.floats(0, WRAP_S - 1), st.integers(2, 50))
def test_a_clock_that_wraps_goes_on(start: float, count: int) -> None:
    start = WRAP_S - D * (start % count)
    times, _ = play([(t % WRAP_S, t % WRAP_S) for t in evenly(count, start)])
    assert [t - times[0] for t in times] == pytest.approx(evenly(count), abs=1e-6)


def with_b_frames(groups: int, start: float = 0.0) -> tuple[list[Told], list[int]]:
    """I/P before its two B-frames; in which order they are shown."""
    packets, order = [], []
    for g in range(groups):
        for k, shown in enumerate((2, 0, 1)):
            packets.append((start + (3 * g + shown + 2) * D, start + (3 * g + k) * D))
        order += [3 * g + 1, 3 * g + 2, 3 * g]
    return packets, order


def test_b_frames_of_joined_recordings_stay_in_their_own() -> None:
    one, order = with_b_frames(4, 1.4)
    times, timeline = play([*one, *one, *one], [i + n * 12 for n in range(3) for i in order])
    assert times == pytest.approx(evenly(36, 1.4 + 2 * D))
    assert timeline.mended.sentence() == (
        "its clock falls back by 0.37 s at 1.83 s, the first of 2 such places; the times go on from there, "
        "sound with them"
    )


@pytest.mark.parametrize("pause_s", [0.2, 0.5, 3.0])
def test_decoding_times_that_begin_late_are_no_restart(pause_s: float) -> None:
    """Of Matroska with B-frames: the first packets have none, those behind them the earliest there is."""
    shown = [0.0, pause_s, pause_s + 0.05, pause_s + 0.1, pause_s + 0.15]
    told = [(0.0, None), (shown[3], None), (shown[1], shown[0]), (shown[2], shown[1]), (shown[4], shown[2])]
    times, timeline = play(told, [0, 2, 3, 1, 4])
    assert times == shown
    assert timeline.mended.sentence() is None


def test_a_leap_and_the_way_back_are_closed() -> None:
    told = [*evenly(5), *evenly(5, 7200.0), *evenly(5, 10 * D)]
    times, timeline = play([(t, t) for t in told])
    assert times == pytest.approx(evenly(15))
    assert "leaps ahead by 2.00 h at 0.13 s, the first of 2" in (timeline.mended.sentence() or "")


@pytest.mark.parametrize(
    ("gap_s", "pause_s", "stays"), [(9, LEAP_S, True), (11, LEAP_S, False), (3600, PAUSE_S, True)]
)
def test_a_pause_stays_up_to_a_bound(gap_s: float, pause_s: float, stays: bool) -> None:
    times, _ = play([(0.0, 0.0), (gap_s, gap_s)], pause_s=pause_s)
    assert times == [0.0, gap_s if stays else pytest.approx(D)]


def test_a_still_picture_stays_while_the_sound_goes_on() -> None:
    runs, timeline = Runs(VIDEO, LEAP_S), Timeline(FRAME)
    first = timeline.show(timeline.read(runs.stamp(VIDEO, 0.0, 0.0, FRAME)))
    for second in range(60):
        assert runs.stamp(SOUND, float(second), float(second)).run == 0
    assert first == 0.0
    assert timeline.show(timeline.read(runs.stamp(VIDEO, 60.0, 60.0, FRAME))) == 60.0


@pytest.mark.parametrize("sound_first", [True, False])
def test_sound_moves_with_its_pictures(sound_first: bool) -> None:
    runs, timeline = Runs(VIDEO, LEAP_S), Timeline(FRAME)
    for t in evenly(60):
        timeline.show(timeline.read(runs.stamp(VIDEO, t, t, FRAME)))
        runs.stamp(SOUND, t, t, FRAME)
    runs.stamp(SOUND, 2.1, 2.1, FRAME)  # longer than the pictures
    if sound_first:
        sound = runs.stamp(SOUND, 0.0, 0.0, FRAME)
        assert timeline.offset_s(sound.run) is None, "waits for the pictures"
    at = timeline.show(timeline.read(runs.stamp(VIDEO, 0.01, 0.01, FRAME)))
    if not sound_first:
        sound = runs.stamp(SOUND, 0.0, 0.0, FRAME)
    assert at == pytest.approx(2.0)
    assert timeline.offset_s(sound.run) == pytest.approx(at - 0.01)
    assert runs.stamp(SOUND, 0.02, 0.02, FRAME).run == sound.run
    assert runs.count == 2


def test_sound_whose_clock_alone_restarts_is_known_after_a_while() -> None:
    runs = Runs(VIDEO, LEAP_S)
    for t in evenly(60, 100.0):
        runs.stamp(VIDEO, t, t)
        runs.stamp(SOUND, t, t)
    alone = runs.stamp(SOUND, 0.0, 0.0).run
    assert not runs.is_of_sound_alone(alone)
    for t in evenly(200, 102.0):
        assert runs.stamp(VIDEO, t, t).run == 0
    assert runs.is_of_sound_alone(alone)


def test_moments_of_pictures_that_come_in_order_go_on_through_a_restart() -> None:
    moments = Moments()
    got = [moments.of(t) for t in (5.0, 5.1, 5.2, 0.0, 0.1, 900.0, 900.1)]
    assert got == pytest.approx([5.0 + i / 10 for i in range(7)])


def test_one_packet_with_a_wild_clock_does_not_move_the_others() -> None:
    told = evenly(9)
    wild = [(t, t) if i != 4 else (t + 5e4, t + 5e4) for i, t in enumerate(told)]
    assert play(wild)[0] == pytest.approx(told)
    only_pts = [(t, t) if i != 4 else (t + 5e4, t) for i, t in enumerate(told)]
    assert play(only_pts)[0] == pytest.approx(told)


def test_a_late_picture_is_put_between_and_the_others_stay() -> None:
    told = evenly(8)
    times, timeline = play([(told[1] if i == 5 else t, t) for i, t in enumerate(told)])
    assert [t for i, t in enumerate(times) if i != 5] == pytest.approx(
        [t for i, t in enumerate(told) if i != 5]
    )
    assert told[4] < times[5] < told[6]
    assert (timeline.mended.sentence() or "").startswith("one picture has no later time")


def test_repeated_times_are_spread_and_a_clock_that_stands_still_is_counted_on() -> None:
    coarse, _ = play([(t, None) for t in (0.0, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.3)])
    assert coarse == pytest.approx([0, 0.1, 0.1333, 0.1667, 0.2, 0.2333, 0.2667, 0.3], abs=1e-3)
    still, _ = play([(0.0, 0.0)] * 100)
    assert still[-1] == pytest.approx(99 * D, abs=4 * D)


def test_without_any_time_they_are_counted_exactly() -> None:
    rate = Fraction(30000, 1001)
    runs, timeline = Runs(VIDEO), Timeline(1 / rate)
    times = [timeline.show(timeline.read(runs.stamp(VIDEO, None, None, 1 / rate))) for _ in range(3000)]
    assert times == [float(i / rate) for i in range(3000)]


def test_the_beginning_without_times_is_counted_back() -> None:
    timeline = Timeline(FRAME)
    timeline.lead_in(3, [0.5, 0.6, 0.5 + D])
    stamps = [Stamp(0, None, None, FRAME)] * 3 + [Stamp(0, 0.5, 0.5, FRAME), Stamp(0, 0.5 + D, None, FRAME)]
    times = [timeline.show(timeline.read(stamp)) for stamp in stamps]
    assert times == pytest.approx(evenly(5, 0.5 - 3 * D))
    assert timeline.mended.sentence() == (
        "its first 3 pictures have no time; counted back from the first that has one"
    )


@pytest.mark.parametrize("lost", [None, 6, 7])
def test_decoding_times_are_given_out_in_rising_order(lost: int | None) -> None:
    packets, order = with_b_frames(30)
    packets = [(dts + D, dts) for _, dts in packets if dts is not None]
    order = [i for i in order if i != lost]
    times, _ = play(packets, order, decoding_order=True)
    assert rises(times)
    if lost is None:
        assert times == pytest.approx(evenly(90))
    else:  # where the lost one was is not known at once, but soon after
        assert times[-1] == pytest.approx(89 * D)

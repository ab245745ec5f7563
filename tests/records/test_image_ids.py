from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflecam.records.image_ids import LARGEST, IdsInTurn, number_pictures


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["COCO_val2014_000000000042.jpg", "2017/000000000139.jpg", "a7b12.png"], (42, 139, 12)),
        (["0.jpg", "1.jpg"], (0, 1)),
        (["bus.jpg"], (1,)),
        (["7.jpg", "bus.jpg"], (1, 2)),
        (["cam1_000001.jpg", "cam2_000001.jpg"], (1, 2)),
        (["a/1.jpg", "b/1.jpg"], (1, 2)),
        (["5.jpg", "5.jpg"], (1, 2)),
        ([f"{LARGEST}.jpg", "2.jpg"], (LARGEST, 2)),
        ([f"{LARGEST + 1}.jpg", "2.jpg"], (1, 2)),
        (["00012345678901234567890.jpg", "9" * 5000 + ".jpg"], (1, 2)),
        ([], ()),
    ],
)
def test_ids_come_from_names_that_tell_all_apart(names: list[str], ids: tuple[int, ...]) -> None:
    found = number_pictures(names)
    assert found.ids == ids
    assert (found.said() is None) == (ids != tuple(range(1, len(ids) + 1)) or not ids)


@pytest.mark.parametrize(
    ("names", "annotated", "ids", "known"),
    [
        (["sub/x.jpg", "deep/y.jpg"], {"sub/x.jpg": 77, "y.jpg": 78}, (77, 78), 2),
        (["x.jpg"], {"C:\\set\\x.jpg": 9}, (9,), 1),
        (["x.jpg"], {"/set/x.jpg": 9, "/other/y.jpg": 1}, (9,), 1),
        (["a/x.jpg", "b/x.jpg"], {"x.jpg": 1}, (2, 3), 0),  # which of the two is x.jpg nobody can say
        (["x.jpg"], {"a/x.jpg": 1, "b/x.jpg": 2}, (3,), 0),
        (["a/x.jpg", "x.jpg"], {"x.jpg": 1}, (2, 1), 1),
        (["x.jpg", "x.jpg"], {"x.jpg": 1}, (1, 2), 1),
        (["x.jpg", "5.jpg"], {"x.jpg": 1}, (1, 5), 1),
        (["x.jpg", "5.jpg"], {"x.jpg": 5}, (5, 1), 1),  # 5 is another picture's already
        (["x.jpg", "5.jpg"], {"x.jpg": 1, "gone.jpg": 5}, (1, 2), 1),
    ],
)
def test_annotations_come_first_and_never_share_an_id(
    names: list[str], annotated: dict[str, int], ids: tuple[int, ...], known: int
) -> None:
    found = number_pictures(names, annotated)
    assert (found.ids, found.annotated) == (ids, known)


NAMES = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.integers(0, 30).map("{}.jpg".format),
        st.integers(0, 1 << 70).map("a/{}".format),
    ),
    max_size=12,
)


@given(NAMES, st.dictionaries(st.sampled_from(["1.jpg", "2.jpg", "a/3", "x"]), st.integers(-5, LARGEST)))
def test_as_many_ids_as_pictures_within_63_bits(names: list[str], annotated: dict[str, int]) -> None:
    if len(set(annotated.values())) < len(annotated):
        return
    found = number_pictures(names, annotated)
    turn = IdsInTurn(found)
    ids = [turn.take(name) for name in names]
    assert ids == list(found.ids)
    assert len(set(ids)) == len(names)
    assert all(number <= LARGEST for number in ids)

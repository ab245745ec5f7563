"""The two keypoint sets of the models, as data: names, edges, pairs, sigmas, colours."""

from __future__ import annotations

from dataclasses import dataclass

LEFT, RIGHT, MIDDLE = "left", "right", "middle"


@dataclass(frozen=True)
class Skeleton:
    """A set of K keypoints and their connections."""

    name: str
    keypoints: tuple[str, ...]
    """K names, in the network's channel order."""
    edges: tuple[tuple[int, int], ...]
    """Pairs of keypoint indices to draw a line between."""
    sigmas: tuple[float, ...]
    """K fall-off constants of OKS: the annotators' spread at a joint, relative to the person's size."""
    upper_body: tuple[int, ...]
    """Indices of the keypoints above the hips; for the half-body augmentation."""

    @property
    def flip_pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) index pairs that are swapped when the picture is mirrored."""
        index = {name: i for i, name in enumerate(self.keypoints)}
        return tuple(
            (i, index[name.replace("left_", "right_")])
            for i, name in enumerate(self.keypoints)
            if name.startswith("left_")
        )

    @property
    def flip_order(self) -> tuple[int, ...]:
        """K indices: channel i of a mirrored picture is channel flip_order[i] of the picture."""
        order = list(range(len(self.keypoints)))
        for left, right in self.flip_pairs:
            order[left], order[right] = right, left
        return tuple(order)

    def is_limb(self, a: int, b: int) -> bool:
        """Whether the link between two keypoints is part of an arm or a leg."""
        return any(self.keypoints[i].split("_")[-1] in ("elbow", "knee") for i in (a, b))

    def side(self, *indices: int) -> str:
        """Return `left`, `right` or `middle`: the side of the keypoints at `indices`."""
        sides = {self.keypoints[i].split("_")[0] for i in indices}
        if sides == {LEFT}:
            return LEFT
        if sides == {RIGHT}:
            return RIGHT
        # An edge from the middle to one side (nose to left eye) is drawn in the middle's colour.
        return MIDDLE


def _edges(keypoints: tuple[str, ...], pairs: str) -> tuple[tuple[int, int], ...]:
    index = {name: i for i, name in enumerate(keypoints)}
    edges = []
    for pair in pairs.split():
        a, b = pair.split("-")
        edges.append((index[a], index[b]))
    return tuple(edges)


_COCO_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip

# The annotation order of COCO 2017; links as the OpenMMLab family draws them; sigmas from COCO's
# own evaluation (twice these are the constants of the OKS formula there).
COCO_17 = Skeleton(
    name="coco17",
    keypoints=_COCO_NAMES,
    edges=_edges(
        _COCO_NAMES,
        "left_ankle-left_knee left_knee-left_hip right_ankle-right_knee right_knee-right_hip "
        "left_hip-right_hip "
        "left_shoulder-left_hip right_shoulder-right_hip left_shoulder-right_shoulder "
        "left_shoulder-left_elbow right_shoulder-right_elbow left_elbow-left_wrist right_elbow-right_wrist "
        "left_eye-right_eye nose-left_eye nose-right_eye left_eye-left_ear right_eye-right_ear "
        "left_ear-left_shoulder right_ear-right_shoulder",
    ),
    sigmas=(
        0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062,
        0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
    ),
    upper_body=tuple(range(11)),
)  # fmt: skip

_MPII_NAMES = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis", "thorax",
    "upper_neck", "head_top", "right_wrist", "right_elbow", "right_shoulder", "left_shoulder",
    "left_elbow", "left_wrist",
)  # fmt: skip

# MPII's own order, right side first. MPII has no OKS; the sigmas are COCO's of the nearest joint
# and serve tracking only.
MPII_16 = Skeleton(
    name="mpii16",
    keypoints=_MPII_NAMES,
    edges=_edges(
        _MPII_NAMES,
        "right_ankle-right_knee right_knee-right_hip right_hip-pelvis left_hip-pelvis left_knee-left_hip "
        "left_ankle-left_knee pelvis-thorax thorax-upper_neck upper_neck-head_top "
        "right_wrist-right_elbow right_elbow-right_shoulder right_shoulder-thorax "
        "left_shoulder-thorax left_elbow-left_shoulder left_wrist-left_elbow",
    ),
    sigmas=(
        0.089, 0.087, 0.107, 0.107, 0.087, 0.089, 0.107, 0.079, 0.079, 0.079,
        0.062, 0.072, 0.079, 0.079, 0.072, 0.062,
    ),
    upper_body=(7, 8, 9, 10, 11, 12, 13, 14, 15),
)  # fmt: skip

SKELETONS = {skeleton.name: skeleton for skeleton in (COCO_17, MPII_16)}

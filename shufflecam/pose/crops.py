"""Image and boxes -> the network's batch of input crops.

Axes: N people, H rows, W columns. Source of the numbers: the OpenMMLab top-down pipeline, whose ImageNet
mean and standard deviation these are (RGB, 0..255).
"""

from __future__ import annotations

import cv2
import numpy as np

from shufflecam.core.geometry import BOX_PADDING, box_to_center_scale, crop_affine
from shufflecam.core.pixels import to_square, to_stored
from shufflecam.core.types import CropBatch, Detections, FloatArray, ImageArray

PIXEL_MEAN_RGB = np.array([123.675, 116.28, 103.53], np.float32)
PIXEL_STD_RGB = np.array([58.395, 57.12, 57.375], np.float32)

# (pixel - mean) / std as one multiplication and one addition, in the crop's own channel order (BGR).
_GAIN_BGR = (1.0 / PIXEL_STD_RGB)[::-1].copy()
_BIAS_BGR = (-PIXEL_MEAN_RGB / PIXEL_STD_RGB)[::-1].copy()


def warp_crop(
    image: ImageArray,
    center: FloatArray,
    scale: FloatArray,
    input_size: tuple[int, int],
    pixel_aspect: float = 1.0,
) -> ImageArray:
    """Crop one region, in its displayed aspect ratio: bilinear, black outside the picture.

    Args:
        image: (H, W, 3) uint8 BGR.
        center: (2,) image pixels.
        scale: (2,) the region's (width, height) in image pixels.
        input_size: the network's (width, height).
        pixel_aspect: width / height of one pixel of the image.

    Returns:
        (height, width, 3) uint8 BGR.
    """
    matrix = crop_affine(center, scale, input_size, pixel_aspect)
    return cv2.warpAffine(image, matrix, input_size, flags=cv2.INTER_LINEAR)


def normalize(crop: ImageArray, out: FloatArray) -> None:
    """(H, W, 3) uint8 BGR -> `out` (3, H, W) float32, RGB, zero mean and unit variance, in place."""
    for channel in range(3):
        np.multiply(crop[:, :, channel], _GAIN_BGR[channel], out=out[2 - channel], dtype=np.float32)
        out[2 - channel] += _BIAS_BGR[channel]


def crop_people(
    image: ImageArray,
    detections: Detections,
    input_size: tuple[int, int],
    padding: float = BOX_PADDING,
    pixel_aspect: float = 1.0,
) -> CropBatch:
    """Return the crops of all people in a frame as one batch.

    Args:
        image: (H, W, 3) uint8 BGR.
        detections: N boxes; they may extend beyond the picture and are not clipped.
        input_size: the network's (width, height).
        padding: size of the crop relative to the box.
        pixel_aspect: width / height of one pixel of the image; the network's input has square ones.
    """
    width, height = input_size
    boxes = to_square(detections.boxes_xyxy, pixel_aspect)
    centers, scales = box_to_center_scale(boxes, width / height, padding)
    centers, scales = to_stored(centers, pixel_aspect), to_stored(scales, pixel_aspect)
    inputs = np.empty((len(detections), 3, height, width), np.float32)
    for i in range(len(detections)):
        normalize(warp_crop(image, centers[i], scales[i], input_size, pixel_aspect), inputs[i])
    return CropBatch(inputs, centers, scales)

"""Scales pixel values of any depth to 8 bits: determines the black and white levels.

Cameras store 10, 12 or 14 bits in 16; programs write floats in 0..1, in 0..255, or unbounded linear light.
The range that a file declares is used; an undeclared one is estimated from the values, and the estimate is
reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shufflecam.core.types import ImageArray

Values = NDArray[Any]

_USUAL_BITS = (8, 10, 12, 14, 16, 24, 32)
"""Usual bit depths of sensors and programs."""

_FLOAT_WHITES = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
"""White levels of floats converted from integers of the usual depths."""

_OVERSHOOT = 1.06
"""How far sharpening and scaling overshoot white."""

_SAMPLED = 1 << 20
"""Number of values that percentiles are computed from."""

_EXPOSED = "its light has no upper end, so its exposure is chosen"

_KEY = 0.18
"""Middle grey: the value to which Reinhard et al. (2002) map a scene's log-average luminance."""


@dataclass(frozen=True)
class Said:
    """What a file declares about its values; None where it declares nothing."""

    white: float | None = None
    """The white level."""
    bits: int | None = None
    """Significant bits, which may be the high or the low ones of 16 (PNG's sBIT)."""
    linear: bool = False
    """Unbounded linear light, as in EXR and Radiance HDR."""
    inverted: bool = False
    """The smallest value is white."""


def to_8_bit(values: Values, said: Said = Said()) -> tuple[ImageArray, str | None]:
    """Scale values of any type, (H, W) or (H, W, C), to uint8.

    Args:
        values: colour or grey, without alpha.
        said: what the file declares about them.

    Returns:
        uint8 of the same shape, and what was estimated ("its values use 12 of 16 bits, ..."), or None.
    """
    if values.dtype == np.uint8 and said.white is None and said.bits is None:
        return _inverted(values, said), None
    if values.dtype == np.bool_:
        return _inverted(values.astype(np.uint8) * np.uint8(255), said), None
    if np.issubdtype(values.dtype, np.floating):
        scaled, guess = _floats(values, said)
    elif np.issubdtype(values.dtype, np.signedinteger) and (low := int(values.min(initial=0))) < 0:
        scaled, guess = _signed(values, low, said)
    else:
        white, guess = _white_of_integers(values, said)
        scaled = _scaled(values, 0.0, white)
    return _inverted(scaled, said), guess


def _inverted(image: ImageArray, said: Said) -> ImageArray:
    return np.invert(image) if said.inverted else image


def _scaled(values: Values, black: float, white: float) -> ImageArray:
    """Map `black`..`white` to 0..255, in bands: a full picture in float takes four times the memory."""
    image = np.empty(values.shape, np.uint8)
    step = max(1, _SAMPLED // max(1, values[0].size)) if len(values) else 1
    factor = 255.0 / (white - black) if white > black else 0.0
    for top in range(0, len(values), step):
        band = (values[top : top + step].astype(np.float64) - black) * factor
        np.nan_to_num(band, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
        image[top : top + step] = np.clip(np.rint(band), 0, 255)
    return image


def _white_of_integers(values: Values, said: Said) -> tuple[float, str | None]:
    top = int(values.max(initial=0))
    depth = 8 * values.dtype.itemsize - np.issubdtype(values.dtype, np.signedinteger)
    full = float(2**depth - 1)
    if said.white is not None and top <= said.white:
        return said.white, None
    if said.bits is not None and said.bits < depth:
        small = 2**said.bits - 1
        # The standard shifts the significant bits to the top; many cameras leave them at the bottom.
        if top <= small and bool((values & (2 ** (depth - said.bits) - 1)).any()):
            return float(small), None
        return full, None
    used = next((bits for bits in _USUAL_BITS if top < 2**bits), depth)
    if used >= depth or depth == 8 or top == 0:
        return full, None
    white = float(2**used - 1)
    return white, f"its values use {used} of {depth} bits, so {white:.0f} is taken as white"


def _signed(values: Values, low: int, said: Said) -> tuple[ImageArray, str | None]:
    top = int(values.max(initial=0))
    info = np.iinfo(values.dtype)
    if said.white is not None and top <= said.white and low >= -0.02 * said.white:
        return _scaled(values, 0.0, said.white), None
    if low < info.min // 2 and top > info.max // 2:  # unsigned values, shifted to be centred on zero
        return _scaled(values, float(info.min), float(info.max)), None
    if low >= -0.02 * top:  # noise below black
        white, guess = _white_of_integers(np.maximum(values, 0), said)
        return _scaled(values, 0.0, white), guess
    return _scaled(values, float(low), float(top)), _stretched(low, top)


def _floats(values: Values, said: Said) -> tuple[ImageArray, str | None]:
    step = max(1, values.size // _SAMPLED)
    sample = values.reshape(-1)[::step].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return np.zeros(values.shape, np.uint8), "it holds no number at all, so it is black"
    finite = np.isfinite(values)
    low = float(np.min(values, where=finite, initial=np.inf))
    top = float(np.max(values, where=finite, initial=-np.inf))
    lost = values.size - int(np.count_nonzero(finite))
    scaled, guess = _finite_floats(values, sample, low, top, said)
    if lost:
        black = f"{lost} of its values are no numbers, and black"
        guess = black if guess is None else f"{guess}; {black}"
    return scaled, guess


def _finite_floats(
    values: Values, sample: NDArray[np.float64], low: float, top: float, said: Said
) -> tuple[ImageArray, str | None]:
    if said.linear:
        return _toned(values, sample), _EXPOSED
    if said.white is not None and low >= -0.02 * said.white and top <= said.white * _OVERSHOOT:
        return _scaled(values, 0.0, said.white), None
    middle, most = np.percentile(sample, (50, 99.9))
    if low < -0.02 * max(top, -low):
        if low >= -1.0 and top <= 1.0:
            return _scaled(values, -1.0, 1.0), _stretched(-1, 1)
        return _scaled(values, low, top), _stretched(low, top)
    if top <= _OVERSHOOT and (top > 1 / 16 or top <= 0):
        return _scaled(values, 0.0, 1.0), None
    if top < 1:
        return _scaled(values, 0.0, top), f"its values end at {top:.3g}, so that is taken as white"
    whole = bool(np.all(sample == np.rint(sample)))
    if not whole and (most < 16 or middle < 0.02 * top):
        return _toned(values, sample), _EXPOSED
    limit = 1.001 if whole else _OVERSHOOT  # 4095 is 4096 to a float of 16 bits
    white = next((white for white in _FLOAT_WHITES if top <= white * limit), top)
    return _scaled(values, 0.0, white), f"its values reach {top:.5g}, so {white:.5g} is taken as white"


def _stretched(low: float, top: float) -> str:
    return f"its values lie in {low:.5g}..{top:.5g}, so {low:.5g} is taken as black and {top:.5g} as white"


def _toned(values: Values, sample: NDArray[np.float64]) -> ImageArray:
    """Tone-map linear light: global operator of Reinhard et al. (2002), then sRGB's curve (IEC 61966-2-1)."""
    light = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=float(sample.max()), neginf=0.0)
    np.maximum(light, 0, out=light)
    luminance = light if light.ndim == 2 else light[..., :3].mean(axis=-1)
    positive = luminance[luminance > 0]
    if not positive.size:
        return np.zeros(values.shape, np.uint8)
    scale = _KEY / float(np.exp(np.mean(np.log(positive))))
    white = max(1.0, scale * float(np.percentile(positive, 99.5)))
    seen = luminance * np.float32(scale)
    factor = scale * (1 + seen / white**2) / (1 + seen)
    light *= factor if light.ndim == 2 else factor[..., None]
    np.clip(light, 0, 1, out=light)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    pixels: ImageArray = np.rint(curved * 255).astype(np.uint8)
    return pixels

"""Conversion from high to standard dynamic range, tone curve and gamut, as a 3D lookup table.

Sources: ITU-R BT.2100 (PQ and HLG, equations and constants), Report ITU-R BT.2390, section 5.4.1 (EETF, the
curve that maps a bright master to a darker display), Report ITU-R BT.2408 (reference white at 203 cd/m2),
ITU-R BT.1886 (EOTF of a standard display), ITU-T H.273 (code points, chromaticities of the primaries).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from shufflecam.core.types import FloatArray

PQ, HLG = 16, 18
"""HDR transfer characteristics (H.273, table 3: SMPTE ST 2084 and ARIB STD-B67)."""

WHITE_NITS = 203.0
"""Reference white (a sheet of white paper) as recommended by BT.2408, in cd/m2."""

NODES = 33
"""Table nodes per channel, as usual in grading LUTs."""

_BRIGHTEST_NITS = 140.0
"""Light mapped to the standard picture's maximum, in cd/m2. A value between 100, at which SDR is graded, and
`WHITE_NITS`: with the latter, people in the shade are found in fewer pictures; with 100, sunlit faces are
blown out."""

_HEADROOM = 1.25
"""Factor above the measured peak, a percentile, up to which differences are preserved."""

_HLG_NITS, _HLG_GAMMA = 1000.0, 1.2
"""Peak luminance (cd/m2) of HLG's nominal display, and its system gamma."""

_GAMMA = 2.4

_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073

_CHROMATICITIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
"""Code point of the primaries -> x, y of red, green and blue; the white point is D65 throughout."""
_D65 = (0.3127, 0.3290)
_BT2020 = 9


def pq_to_nits(signal: FloatArray) -> FloatArray:
    """Convert a PQ signal, 0..1, to display light in cd/m2 (BT.2100, table 4)."""
    power = np.power(np.clip(signal, 0, 1), 1 / _M2)
    return np.asarray(
        10_000 * np.power(np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1), np.float32
    )


def nits_to_pq(nits: npt.ArrayLike) -> FloatArray:
    """Convert display light in cd/m2 to a PQ signal: the inverse of `pq_to_nits`."""
    power = np.power(np.maximum(np.asarray(nits, np.float64), 0) / 10_000, _M1)
    return np.asarray(np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2), np.float32)


def hlg_to_nits(signal: FloatArray, primaries: int = _BT2020) -> FloatArray:
    """Convert a (..., 3) RGB HLG signal, 0..1, to cd/m2 on a 1000 cd/m2 display (BT.2100, table 5)."""
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12)
    luminance = scene @ _to_xyz(primaries)[1]
    gain = np.power(np.maximum(luminance, 1e-9), _HLG_GAMMA - 1)
    return np.asarray(_HLG_NITS * gain[..., None] * scene, np.float32)


def to_nits(signal: FloatArray, transfer: int, primaries: int = _BT2020) -> FloatArray:
    """Convert a (..., 3) RGB signal, 0..1, to cd/m2; `transfer` is `PQ` or `HLG`."""
    return pq_to_nits(signal) if transfer == PQ else hlg_to_nits(signal, primaries)


@lru_cache(maxsize=16)
def cube(transfer: int, primaries: int, gain: float, peak_nits: float) -> str:
    """Return the conversion as the text of a .cube file (Adobe's Cube LUT Specification 1.0).

    Args:
        transfer: `PQ` or `HLG`.
        primaries: H.273 code point; unknown ones are treated as BT.2020.
        gain: factor applied to the light first.
        peak_nits: the peak light after the gain, in cd/m2.

    Returns:
        The file's text, with BT.709 RGB for BT.1886 displays.
    """
    lines = "%.5f %.5f %.5f\n" * NODES**3 % tuple(_table(transfer, primaries, gain, peak_nits).ravel())
    return f"LUT_3D_SIZE {NODES}\n{lines}"


def _table(transfer: int, primaries: int, gain: float, peak_nits: float) -> FloatArray:
    """Return (`NODES` cubed, 3) RGB 0..1, in node order with red varying fastest and blue slowest."""
    light = _grid_nits(transfer, primaries) * gain
    shown = _eetf(light, max(peak_nits * _HEADROOM, _BRIGHTEST_NITS), _BRIGHTEST_NITS) / _BRIGHTEST_NITS
    linear = np.clip(shown @ _to_bt709(primaries).T, 0, 1)
    return np.asarray(np.power(linear, 1 / _GAMMA), np.float32)


def _eetf(nits: FloatArray, peak: float, brightest: float) -> FloatArray:
    """Apply BT.2390's EETF: linear up to a knee, then a Hermite spline that levels off at `brightest`."""
    whole = float(nits_to_pq(peak))
    most = float(nits_to_pq(brightest)) / whole
    knee = 1.5 * most - 0.5
    signal = np.minimum(nits_to_pq(nits) / whole, 1)
    if knee >= 1:
        return np.minimum(nits, brightest)
    t = (signal - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    )
    return pq_to_nits(np.where(signal < knee, signal, spline) * whole)


@lru_cache(maxsize=4)
def _grid_nits(transfer: int, primaries: int) -> FloatArray:
    """Return (`NODES` cubed, 3) cd/m2 at the nodes, in the order of `_table`."""
    nodes = np.linspace(0, 1, NODES, dtype=np.float32)
    blue, green, red = np.meshgrid(nodes, nodes, nodes, indexing="ij")
    return to_nits(np.stack([red, green, blue], -1).reshape(-1, 3), transfer, primaries)


@lru_cache(maxsize=4)
def _to_xyz(primaries: int) -> FloatArray:
    """Return the (3, 3) matrix from linear RGB to CIE XYZ, white at Y = 1; the middle row is luminance."""
    corners = _CHROMATICITIES.get(primaries, _CHROMATICITIES[_BT2020])
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in corners]).T
    x, y = _D65
    scale = np.linalg.solve(columns, np.array([x / y, 1, (1 - x - y) / y]))
    return np.asarray(columns * scale, np.float32)


def _to_bt709(primaries: int) -> FloatArray:
    return np.asarray(np.linalg.solve(_to_xyz(1), _to_xyz(primaries)), np.float32)

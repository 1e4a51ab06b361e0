"""Conversion of videos with other primaries or transfer curves to BT.709.

Convention. All images are processed and written with the primaries of BT.709, which are those of sRGB. A video that
states other primaries (BT.601, Display P3, BT.2020) is converted in linear light; colors outside of BT.709 are clipped.
The curves of ordinary displays (BT.709, BT.601, BT.2020, sRGB, gamma 2.2) look alike on a display and are treated as
equal. High dynamic range (PQ of SMPTE ST 2084, HLG of ITU-R BT.2100) is tone-mapped: values up to half of reference
white (203 cd/m2) are unchanged. Brighter values are compressed, so that reference white becomes 0.82 of linear white.
"""

import functools

import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorTrc

REFERENCE_WHITE = 203.0
"""Luminance of reference white in high dynamic range, cd/m2 (ITU-R BT.2408)."""

HLG_PEAK = 1000.0
"""Peak luminance of the display for which HLG is converted, cd/m2."""

_KNEE = 0.5
_LEVELS = 4096
_D65, _DCI, _C = (0.3127, 0.3290), (0.314, 0.351), (0.310, 0.316)
_SDTV_525 = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
_BT709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65)
_PRIMARIES: dict[int, tuple[tuple[float, float], ...]] = {  # x, y of red, green, blue and white (ITU-T H.273, table 2)
    ColorPrimaries.BT470M: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    ColorPrimaries.BT470BG: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    ColorPrimaries.SMPTE170M: _SDTV_525,
    ColorPrimaries.SMPTE240M: _SDTV_525,
    ColorPrimaries.FILM: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    ColorPrimaries.BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    ColorPrimaries.SMPTE431: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
    ColorPrimaries.SMPTE432: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    ColorPrimaries.EBU3213: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
_NAMES: dict[int, str] = {
    ColorPrimaries.SMPTE170M: "BT.601",
    ColorPrimaries.BT470BG: "BT.601",
    ColorPrimaries.BT2020: "BT.2020",
    ColorPrimaries.SMPTE431: "DCI-P3",
    ColorPrimaries.SMPTE432: "Display P3",
}
_HDR: dict[int, str] = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}
_OTHER_CURVES: dict[int, float] = {ColorTrc.GAMMA28: 2.8, ColorTrc.LINEAR: 1.0, ColorTrc.SMPTE428: 2.6}
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


class GamutConverter:
    """Converter of RGB images with given primaries and transfer curve to BT.709.

    Attributes:
        is_hdr: Whether the images have high dynamic range and are tone-mapped.
        description: Name of the primaries and the curve, for messages.
    """

    def __init__(self, primaries: int, curve: int):
        """Prepares the matrix; `primaries` and `curve` are numbers of ITU-T H.273, as in FFmpeg."""
        self.is_hdr = curve in _HDR
        names = [_NAMES.get(primaries, f"primaries {primaries}")] if primaries in _PRIMARIES else []
        self.description = ", ".join([*names, *([_HDR[curve]] if self.is_hdr else [])]) or f"transfer curve {curve}"
        self._curve = curve
        source = _PRIMARIES.get(primaries, _BT709)
        self._matrix = (np.linalg.inv(_xyz_from_rgb(_BT709)) @ _xyz_from_rgb(source)).astype(np.float32)
        self._luma = _xyz_from_rgb(source)[1].astype(np.float32)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Converts an image.

        Args:
            image: (H, W, 3) RGB, uint16 if `is_hdr`, else uint8.

        Returns:
            (H, W, 3) uint8 RGB.
        """
        linear = _to_linear(self._curve)[image]
        if self._curve == ColorTrc.ARIB_STD_B67:  # from scene light to display light, system gamma 1.2
            scene = linear @ self._luma
            linear *= (HLG_PEAK / REFERENCE_WHITE * np.power(np.maximum(scene, 1e-6), 0.2))[..., None]
        linear = cv2.transform(linear, self._matrix)
        if self.is_hdr:
            peak = np.maximum(linear.max(axis=-1, keepdims=True), 1e-6)
            shoulder = _KNEE + (1 - _KNEE) * (1 - np.exp(-(peak - _KNEE) / (1 - _KNEE)))
            linear *= np.where(peak > _KNEE, shoulder, peak) / peak
        levels = np.clip(linear * (_LEVELS - 1) + 0.5, 0, _LEVELS - 1).astype(np.uint16)
        return _from_linear()[levels]


def converter_for(primaries: int, curve: int) -> GamutConverter | None:
    """Returns the converter for primaries and a curve; None if no conversion is needed or the file states none."""
    if curve in _HDR or curve in _OTHER_CURVES or primaries in _PRIMARIES:
        return GamutConverter(primaries, curve)
    return None


def _xyz_from_rgb(primaries: tuple[tuple[float, float], ...]) -> np.ndarray:
    """Computes the matrix from linear RGB to CIE XYZ, with the white point adapted to D65 by the Bradford method."""
    chromaticities = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    white = chromaticities[:, 3]
    matrix = chromaticities[:, :3] * np.linalg.solve(chromaticities[:, :3], white)
    d65 = np.array([_D65[0] / _D65[1], 1, (1 - sum(_D65)) / _D65[1]])
    gain = (_BRADFORD @ d65) / (_BRADFORD @ white)
    return np.linalg.inv(_BRADFORD) @ (gain[:, None] * _BRADFORD) @ matrix


@functools.lru_cache(maxsize=4)
def _to_linear(curve: int) -> np.ndarray:
    """Builds the lookup table from stored values to linear light.

    It has 65,536 entries for high dynamic range (PQ: 1 is reference white; HLG: scene light), else 256.
    """
    if curve == ColorTrc.SMPTE2084:
        value = np.arange(65536) / 65535
        root = np.power(value, 32 / 2523)
        light = np.power(np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root), 16384 / 2610)
        return (light * 10_000 / REFERENCE_WHITE).astype(np.float32)
    if curve == ColorTrc.ARIB_STD_B67:
        value = np.arange(65536) / 65535
        bright = (np.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
        return np.where(value <= 0.5, value**2 / 3, bright).astype(np.float32)
    value = np.arange(256) / 255
    if curve in _OTHER_CURVES:
        return np.power(value, _OTHER_CURVES[curve]).astype(np.float32)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


@functools.lru_cache(maxsize=1)
def _from_linear() -> np.ndarray:
    """Builds the lookup table from `_LEVELS` levels of linear light to sRGB values, 0 to 255."""
    light = np.arange(_LEVELS) / (_LEVELS - 1)
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return np.round(value * 255).astype(np.uint8)

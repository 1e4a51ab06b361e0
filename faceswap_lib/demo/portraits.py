"""Two public-domain portraits that come with dependencies, and the control points that the animation moves.

The images are NASA's portrait of Eileen Collins (in scikit-image) and the US Navy's portrait of Grace Hopper (in
matplotlib). Every point was read from an enlarged crop: x,y in pixels of the 320 x 320 crop, pixel centers at whole
numbers. "Left" means left in the image.
"""

import cv2
import numpy as np

from faceswap_lib.demo.points import Eye, Mouth, Portrait
from faceswap_lib.media.sample_images import load_sample_portraits

PORTRAIT_SIZE = 320
"""Side of the square crops in pixels."""


def load_portraits() -> tuple[Portrait, Portrait]:
    """Loads both portraits, each a 320 x 320 crop of head and shoulders.

    Returns:
        Grace Hopper and Eileen Collins.
    """
    hopper, collins = load_sample_portraits()
    side = (PORTRAIT_SIZE, PORTRAIT_SIZE)
    return (
        _hopper(cv2.resize(np.ascontiguousarray(hopper[8:408, 64:464]), side, interpolation=cv2.INTER_AREA)),
        _collins(cv2.resize(np.ascontiguousarray(collins[4:228, 113:337]), side, interpolation=cv2.INTER_CUBIC)),
    )


def _curve(text: str) -> np.ndarray:
    """Parses points written as "x,y x,y ..." into an (N, 2) float32 array, or (2,) for a single point."""
    points = np.array([pair.split(",") for pair in text.split()], np.float32)
    return points if len(points) > 1 else points[0]


def _hopper(image: np.ndarray) -> Portrait:
    """Adds the control points of Grace Hopper to her crop, (320, 320, 3) RGB uint8."""
    left = Eye(
        upper_lid=_curve("114.5,147.5 118,142.8 121.5,140.6 125.5,140 129.5,141.2 134,144 140,148.5"),
        lower_lid=_curve("114.5,147.5 118,149.3 121.5,150 125.5,150.3 129.5,149.9 134,149.3 140,148.5"),
        lid_height=3.3,
        iris_center=_curve("125,144.8"),
        iris_radius=5.5,
    )
    right = Eye(
        upper_lid=_curve("180.5,148 184,143.5 188,139.6 192.5,138.3 197,139 200.5,142 204.5,146.3"),
        lower_lid=_curve("180.5,148 184,147.9 188,148.1 192.5,148 197,147.6 200.5,147.2 204.5,146.3"),
        lid_height=3.3,
        iris_center=_curve("192,143"),
        iris_radius=5.5,
    )
    mouth = Mouth(
        outer_upper=_curve(
            "130,218 138,214.5 146,211.5 152,211.5 157,213 160,213.5 165,212.3 172,211.5 180,212 187,213.7 194,216.5"
        ),
        outer_lower=_curve("130,218 140,220 147,224 155,226.5 163,226.5 172,225 180,221 188,217 194,216.5"),
        inner_upper=_curve(
            "130,218 135,217 140,216.3 146,215.8 155,216.1 160,216.5 165,216.2 170,215.8 176,215.5 182,215 188,214.7 "
            "194,216.5"
        ),
        inner_lower=_curve(
            "130,218 135,217 140,216.3 146,215.8 155,216.1 160,216.5 165,216.2 170,215.8 176,215.5 182,215 188,214.7 "
            "194,216.5"
        ),
        travel=11.0,
        lift=1.2,
        teeth_height=3.5,
    )
    outline = (
        "89,57 91,50 97,42 103,36.5 110,31.5 117,27.5 123,25 126,20 131,17 140,13 146,12 166,13 178,17 189,21 201,30 "
        "215,37 227,50 231,61 240,63 244,76 246,98 246,112 262,116 271,135 266,165 252,180 243,188 239,198 240,210 "
        "236,222 229,233 222,240.5 214,245 212.5,260 205,275 190,295 170,319 140,319 128,300 113.5,280 110.5,262 "
        "110.5,247 107,234 95,231 84,225 77,213 74.5,202 75.5,190 77,182 72,167 71,151 73,145 68,133 68,89 74,76 82,66"
    )
    return Portrait(
        name="hopper",
        image=image,
        eyes=(left, right),
        brows=(
            _curve("107,124 118,123.5 128,125 140,130"),
            _curve("176,128 188,121.5 200,121"),
        ),
        brow_floors=(132.0, 128.0),
        brow_travel=2.2,
        mouth=mouth,
        nose_tip=_curve("161.6,173"),
        chin=_curve("163,255"),
        jaw=_curve(
            "91,156 94,174 98,192 103,210 108,226 116,241 130,251 145,255 164,256 183,254 198,247 212,237 221,221 "
            "226,203 230,186 231,168"
        ),
        neck_base=_curve("163,275"),
        head_center=_curve("162,160"),
        head_radii=_curve("98,165"),
        head_outline=_curve(outline),
        backdrop_period=27.0,
        shoulder_slopes=_curve("0.8,0.7"),
    )


def _collins(image: np.ndarray) -> Portrait:
    """Adds the control points of Eileen Collins to her crop, (320, 320, 3) RGB uint8."""
    left = Eye(
        upper_lid=_curve("113,138.3 117,135.5 122,133.3 128,132.8 134,133.7 139,136.5 143.5,141"),
        lower_lid=_curve("113,138.3 117,140.2 122,142.3 128,143.6 134,143.3 139,142.2 143.5,141"),
        lid_height=6.0,
        iris_center=_curve("128.2,138.2"),
        iris_radius=5.8,
    )
    right = Eye(
        upper_lid=_curve("177,144 181,140.5 185,138 190,136.5 196,136.3 202,138.5 207.5,142.8"),
        lower_lid=_curve("177,144 181,145.5 185,146.4 190,147 196,146.5 202,144.9 207.5,142.8"),
        lid_height=6.0,
        iris_center=_curve("190.8,141.2"),
        iris_radius=5.8,
    )
    mouth = Mouth(
        outer_upper=_curve("127,192.5 135,192.5 143,193.5 150,194 156,195.5 163,194.5 172,194.5 180,194 188,194"),
        outer_lower=_curve("127,192.5 135,202 140,208 146,212 153,215.5 160,216 168,215.5 175,211 182,203 188,194"),
        inner_upper=_curve("127,192.5 133,195.5 138,196.5 145,198 153,199 160,199.5 168,199.3 175,198 182,196 188,194"),
        inner_lower=_curve(
            "127,192.5 130.5,195.2 135.5,200.2 140,203.9 146,207 153,207.8 160,207.7 166,207.3 172,205.5 178,201.6 "
            "183,197.8 188,194"
        ),
        travel=7.2,
        lift=0.5,
        teeth_height=0.0,
    )
    outline = (
        "242,46 232,38 225,36 209,26 204,26 198,22 184,17 166,16 156,20 151,20 141,25 136,23 129,25 114,35 100,38 "
        "80,48 60,72 57,91 58,127 60,130 61,140 65,147 82,165 84,173 90,180 97,182 99,184 100,200 103,213 103,243 "
        "108,252 116,257.5 140,260 155,262 166,264 185,262.5 197,258 201,249 203,242 207,226 215,210 218,201 219,192 "
        "222,189 229,188 257,157 261,151 262,143 267,132 269,123 266,97 262,88 262,77 251,56"
    )
    return Portrait(
        name="collins",
        image=image,
        eyes=(left, right),
        brows=(
            _curve("110,123.5 115,121.3 121,120.5 130,122.5 142,126"),
            _curve("179,127.5 188,126.5 200,125 208,127 213,131"),
        ),
        brow_floors=(131.0, 135.0),
        brow_travel=3.0,
        mouth=mouth,
        nose_tip=_curve("157,176"),
        chin=_curve("160,248"),
        jaw=_curve(
            "95,143 96,160 97,176 99,193 103,209 111,223 124,234 137,245 153,248 170,247 186,238 200,227 210,214 "
            "217,199 221,182 224,166"
        ),
        neck_base=_curve("155,268"),
        head_center=_curve("162,150"),
        head_radii=_curve("108,165"),
        head_outline=_curve(outline),
        backdrop_period=0.0,
        shoulder_slopes=_curve("0.0,0.65"),
    )

"""Vertex indices of MediaPipe's canonical face model for each part of the face.

Left and right are those of the image. Indices 0 to 467 are vertices of the mesh, 468 to 472 the iris of the eye on the
left (center first, then four points of its border), 473 to 477 that of the eye on the right.

Source: `canonical_face_model.obj` of MediaPipe, and Kartynnik et al., "Real-time Facial Surface Geometry from Monocular
Video on Mobile GPUs", 2019. The vertex nearest to each of the 68 landmarks of iBUG 300-W was selected by eye from
drawings of both and checked on portraits; `benchmarks/landmarks.py` measures the distances.
"""

import numpy as np

POINTS = 478
IRIS_LEFT, IRIS_RIGHT = slice(468, 473), slice(473, 478)

OVAL = (
    *(10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148),
    *(152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356, 389, 251, 284, 332, 297, 338),
)
"""The border of the face, from the middle of the forehead down on the left, around the chin and up on the right."""

# Order in which the iris network outputs an eye's 71 points: lower and upper lid, then rings around them, then brow.
EYE_LEFT = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173),
    *(130, 25, 110, 24, 23, 22, 26, 112, 243, 247, 30, 29, 27, 28, 56, 190),
    *(226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222, 221, 189),
    *(35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245),
    *(156, 70, 63, 105, 66, 107, 55, 193),
)
EYE_RIGHT = (
    *(263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398),
    *(359, 255, 339, 254, 253, 252, 256, 341, 463, 467, 260, 259, 257, 258, 286, 414),
    *(446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444, 443, 442, 441, 413),
    *(265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465),
    *(383, 300, 293, 334, 296, 336, 285, 417),
)
LIDS = 16
"""Number of lid points among an eye's 71 points; they come first."""

_TWO = {17: (70, 46), 18: (63, 53), 19: (105, 52), 20: (66, 65), 21: (107, 55)}  # upper and lower edge of a brow
_TWO |= {22: (336, 285), 23: (296, 295), 24: (334, 282), 25: (293, 283), 26: (300, 276), 29: (195, 5)}

_ONE = (
    *(127, 234, 132, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 361, 454, 356),  # 0-16, outline
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300),  # 17-26, brows
    *(168, 197, 195, 4, 240, 97, 2, 326, 460),  # 27-35, nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # 36-47, eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # 48-59, outer lips
    *(78, 82, 13, 312, 308, 317, 14, 87),  # 60-67, inner lips
)

IBUG_68 = np.array([_TWO.get(point, (vertex, vertex)) for point, vertex in enumerate(_ONE)])
"""(68, 2) for each of the 68 landmarks of iBUG 300-W the two vertices whose midpoint is nearest; mostly one vertex
twice."""

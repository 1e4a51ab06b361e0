# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   # Imports stand in the cells that first use them.
#   # ruff: noqa: E402
# ---

# %% [markdown]
# # Video face detection and alignment
#
# A video is a few thousand images of a room, with a face somewhere in it. The networks of a face swap need something
# else: small images in which the eyes are always in the same place. This notebook goes from the video to these images.
# It shows how a detector finds a face, how faces are followed, and how a face is rotated, scaled and shifted until it
# is upright.
#
# | | |
# |---|---|
# | **You will learn** | what MTCNN's three networks do, how boxes are compared, alignment by five landmarks |
# | **You will have at the end** | the faces of a video, raw and aligned, their eye masks, and a faceset |
# | **Time on two CPU cores** | 1 to 2 minutes |
# | **Before** | [00 A face swap, step by step](00_faceswap_demo.ipynb) |
# | **After** | [01b Landmarks without jitter](01b_kalman_smoothing.ipynb) |

# %% [markdown] tags=["local"]
# If the cells below say that `faceswap_lib` is missing, run `pip install '.[notebooks]'` in the project's folder. Then
# restart the kernel.

# %% [markdown]
# ## 0. Choose the parameters
#
# With `VIDEO = None` the notebook uses one of the demo's two clips: A, Grace Hopper, for `SIDE = "src"`, or B, Eileen
# Collins, for `SIDE = "dst"`.
#
# To use your own video, write its path into `VIDEO` and who agreed to what into `CONSENT`; without this statement the
# notebook stops. `SIDE` is `"src"` for the person who gets another face, and `"dst"` for the person whose face that
# is. The notebook examines the first `SECONDS` of the video, which must show one person. The extraction at the end
# reads the whole video.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
SECONDS = 6.0  # length of the demo's clips, and of the part of the video that is examined
SIZE = 320  # width and height of the demo's frames in pixels
VIDEO = None  # path of your own video; None: the demo's clip
SIDE = "src"  # the person in the video: src is A, dst is B
CONSENT = None  # for a video of your own: "Anna agreed on 3 May that ..."

# %% [markdown]
# The output shows six frames of the video. No cell keeps all frames, because one frame of a large video takes 25 MB of
# memory: `read_frames` returns one after the other.

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import logging
import pathlib

import cv2
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_clips
from faceswap_lib.facesets import Workspace, require_consent
from faceswap_lib.media import count_frames, probe_video, read_frames

logging.getLogger("tensorflow").setLevel("ERROR")  # without its warnings about images of new sizes
np.set_printoptions(precision=3, suppress=True)
workspace = Workspace(WORKSPACE)
if VIDEO:
    video = pathlib.Path(VIDEO)
    require_consent(workspace, CONSENT, [video])
else:
    video_a, video_b = make_clips(workspace.root / "clips", seconds=SECONDS, size=SIZE)
    video = video_a if SIDE == "src" else video_b
length = min(round(SECONDS * probe_video(video).fps), count_frames(video))  # the number of frames that we look at
some = np.linspace(0, length - 1, 6).astype(int)
frame = next(read_frames(video, start=length // 3))  # the one that we look at closely
show.plot_images([picture for index, picture in enumerate(read_frames(video, stop=length)) if index in some])

# %% [markdown]
# (To cut a part out of a long video first, use any program that writes a video file, for example moviepy 2:
# `from moviepy import VideoFileClip`, then `VideoFileClip("long.mp4").subclipped(3, 9).write_videofile("a.mp4")`, and
# `VIDEO = "a.mp4"` here. In the other direction, `VideoFileClip("swap.mp4")` opens a result. The frames of its
# `iter_frames()` are RGB arrays as ours.)
#
# ## 1. The image pyramid
#
# The detector is **MTCNN** (*multi-task cascaded convolutional networks*), three small networks in sequence. The image
# contains thousands of squares and perhaps one face. So a tiny first network looks at all squares; it may raise false
# alarms, but it must miss no face. Two better networks, too slow for all squares, look at what remains.
#
# The first, **P-Net** (*proposal*), can do only one thing: it says whether a square of 12 by 12 pixels is a face. A
# face in a video is larger, and we do not know how much larger. So P-Net gets the same image in many sizes, an **image
# pyramid**. In one of them, the face fills just 12 pixels. The largest image is chosen so that the smallest face of
# interest fills the window. Each further image has 0.709 of the side of the one before, half its area. By hand:

# %%
from faceswap_lib.faces import MTCNN, DetectConfig
from faceswap_lib.faces.mtcnn_trace import P_NET_STRIDE, P_NET_WINDOW, PYRAMID_STEP

short_side = min(frame.shape[:2])
smallest_face = max(20, DetectConfig().min_face_size * short_side)  # a tenth of the shorter side, at least 20 pixels
scale = P_NET_WINDOW / smallest_face
scales = []
while scale * short_side > P_NET_WINDOW:
    scales.append(scale)
    scale = scale * PYRAMID_STEP
print(f"{len(scales)} images, scaled by", np.array(scales))

# %% [markdown]
# `detect_with_trace` runs the library's detector on one frame and returns the inputs and outputs of each network. The
# upper row shows what P-Net reads, with a yellow square of 12 pixels in each image. The lower row shows its output.

# %%
detector = MTCNN()
stages = detector.detect_with_trace(frame)
assert np.allclose(scales, stages.scales, rtol=0.02)  # sizes are whole pixels
show.plot_image_pyramid(stages)

# %% [markdown]
# ## 2. P-Net proposes
#
# P-Net consists of **convolutions**: small tables of weights that slide over the whole image and compute the same at
# every place ([03b](03b_networks.ipynb)). So it reads a whole image at once. Its output is a *heat map*, one value for
# every second pixel in both directions: the probability that the 12 by 12 pixels that start there are a face. The small
# images on the right have one bright spot, the face. The large ones on the left have many. There, 12 pixels may contain
# an eye or an ear.
#
# Every value above 0.6 gives a bounding box. Row $r$ and column $c$ of a map stand for the square at $(2c, 2r)$;
# division by the scale converts its corners to pixels of the frame.

# %%
boxes = []
for heat, scale in zip(stages.heat, stages.scales, strict=True):
    for row, column in np.argwhere(heat > 0.6):
        left, top = P_NET_STRIDE * column, P_NET_STRIDE * row
        corners = np.array([left, top, left + P_NET_WINDOW, top + P_NET_WINDOW]) / scale
        boxes.append([*corners, heat[row, column]])
boxes = np.array(sorted(boxes, key=lambda box: -box[4]))
print(f"{len(boxes)} boxes, the one with the highest score: {boxes[0]}")

# %% [markdown]
# Many of these boxes show the same face: a square and its neighbor, two pixels away. **Intersection over union**, IoU,
# measures how much two boxes agree: the area that they share, divided by the area that they cover together. It is 1 for
# equal boxes and 0 for boxes that do not touch. By hand, then the library's live source:

# %%
from faceswap_lib.faces import box_iou


def iou(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:4], b[2:4])
    shared = np.prod(np.maximum(0, high - low))
    return shared / (np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2]) - shared)


assert np.allclose([iou(boxes[0], box) for box in boxes], [box_iou(boxes[0, :4], box[:4]) for box in boxes])
show.show_source(box_iou)

# %% [markdown]
# Every detector needs one box per face. **Non-maximum suppression**, NMS, takes the box with the highest score and
# removes all boxes that overlap it by more than a limit. Then it takes the best of the remaining boxes, and so on.
#
# **Exercise 1.** Write it. The check tries your function on four boxes and says what is off. The next cells use your
# function, so run the solution if you skip the exercise.

# %%
from faceswap_lib.course.face_checks import check_nms


def nms(boxes, limit):
    """Returns the boxes (left, top, right, bottom, score) that are kept, best first; uses `iou`."""
    return list(boxes)  # your solution


print(check_nms(nms))


# %% tags=["solution"]
# @title Solution
def nms(boxes, limit):
    candidates, kept = sorted(boxes, key=lambda box: -box[4]), []
    while candidates:
        best = candidates.pop(0)
        kept.append(best)
        candidates = [box for box in candidates if iou(best, box) <= limit]
    return kept


print(check_nms(nms))

# %%
chosen = nms(boxes, 0.5)
drawn = [show.draw_boxes(frame, np.array(some_boxes)) for some_boxes in (boxes, chosen)]
show.plot_images(drawn, captions=[f"{len(boxes)} boxes above 0.6", f"{len(chosen)} left"], width=7)

# %% [markdown]
# Yellow boxes have high scores. The library does this twice, in each image of the pyramid and then over all images.
# Before that, it moves every box by four numbers that P-Net also returns: where the face really begins and ends. So its
# number of proposals differs from ours.
#
# ## 3. R-Net rejects, O-Net locates
#
# **R-Net** (*refine*) looks at every proposal in 24 by 24 pixels, rejects most and corrects the others. **O-Net**
# (*output*) looks at the remaining ones in 48 by 48 pixels, corrects them once more, and returns five *landmarks*: both
# eyes, the tip of the nose, and both corners of the mouth. The first output shows what R-Net reads, P-Net's best
# proposals first. The second shows the results of all three networks.

# %%
patches = []
for left, top, right, *_ in stages.proposed[:14]:
    scale = 24 / (right - left)
    matrix = scale * np.array([[1, 0, -left], [0, 1, -top]])
    patches.append(cv2.warpAffine(frame, matrix, (24, 24), flags=cv2.INTER_AREA))
show.plot_images(patches, columns=7)

# %%
steps = {
    f"P-Net proposes {len(stages.proposed)}": show.draw_boxes(frame, stages.proposed),
    f"R-Net keeps {len(stages.kept)}": show.draw_boxes(frame, stages.kept),
    f"O-Net locates {len(stages.located)}": show.draw_face(frame, *stages.located),
    "read again": show.draw_face(frame, *stages.faces),
}
show.plot_images(list(steps.values()), captions=list(steps))

# %% [markdown]
# The last image is our addition: O-Net reads the face twice more, in a slightly larger square and mirrored in a smaller
# one, and the results are averaged (*test-time augmentation*). The mean of two readings has a smaller error.
# faceswap-GAN v2.2 takes O-Net's first answer.
#
# ## 4. Follow the faces
#
# A search in every frame is a waste: a face is nearly always close to where it was. Our addition: `detect_keyframes`
# searches every 8th frame, a *key frame*. Between them it interpolates the position, and O-Net alone reads the face
# there. Where a face appears, disappears or is not where it should be, it searches more frames, down to every one. It
# also detects cuts. (The converter of faceswap-GAN v2.2 searches every frame, and converts every face that it finds.)

# %%
import time

from faceswap_lib.faces import detect_keyframes

found = {}
for every in (1, 8):
    start = time.perf_counter()
    found[every] = list(detect_keyframes(read_frames(video, stop=length), detector, detect_every=every))
    print(f"detect_every={every}: {length / (time.perf_counter() - start):4.0f} frames per second")
pairs = [pair for pair in zip(*found.values(), strict=True) if pair[0].faces and pair[1].faces]
off = np.mean([np.abs(a.faces[0].landmarks - b.faces[0].landmarks) for a, b in pairs])
print(f"their landmarks differ by {off:.2f} pixels")
show.show_source(detect_keyframes)

# %% [markdown]
# The second way is several times as fast. In the demo's clip, its landmarks differ by half a pixel, no more than they
# jitter anyway.
#
# `track_faces` then connects the detections to **tracks**: it decides which face in this frame is which face in the
# frame before. It predicts where every known face is now, and matches predictions and detections by distance and by
# appearance, so that the sum of all costs is as small as possible. One person gives one track. To see two, we put every
# frame beside its mirror image:

# %%
from faceswap_lib.faces import track_faces

tracks = track_faces(found[8]).tracks
print(len(tracks), "track of", tracks[0].found, "faces")
wide = (np.hstack([picture, picture[:, ::-1]]) for picture in read_frames(video, stop=24))
pair = track_faces(detect_keyframes(wide, detector)).tracks
print(len(pair), "tracks of", [track.found for track in pair], "faces")
tenth = next(read_frames(video, start=10))
both = np.hstack([tenth, tenth[:, ::-1]])
show.plot_images([show.draw_face(both, *(track.faces[10] for track in pair))], width=5)

# %% [markdown]
# The landmarks of a track still jitter from frame to frame. [01b](01b_kalman_smoothing.ipynb) measures this and removes
# it; the library does it in every step below.
#
# ## 5. Align by five landmarks
#
# **Alignment** moves the five landmarks of a face as close as possible to those of an average face. Only rotation, one
# scale and a shift are allowed, a **similarity transform**: a face must not be stretched. It has four unknown numbers:
#
# $$x' = p\,x - q\,y + s \qquad\qquad y' = q\,x + p\,y + t$$
#
# Five landmarks give ten such equations for four numbers, and no face satisfies all ten. *Least squares* finds the best
# compromise. (The general solution is known as **Umeyama's method**.)
#
# **Exercise 2.** Write the alignment. Each landmark gives two rows of a matrix; `np.linalg.lstsq(rows, values)` solves
# them. The row for $x'$ is $(x, -y, 1, 0)$, since it is multiplied by $(p, q, s, t)$. Which is the row for $y'$?

# %%
from faceswap_lib.course.face_checks import check_alignment
from faceswap_lib.faces import CROP_SIZE, similarity_transform, template_points

face = dict(tracks[0].items())[length // 3]
target = template_points(CROP_SIZE)  # (5, 2): where an average face has its landmarks in a crop of 256 pixels


def align(points, target):
    """Returns the (2, 3) matrix [[p, -q, s], [q, p, t]] that maps points (5, 2) to target (5, 2)."""
    p, q, s, t = 1.0, 0.0, 0.0, 0.0  # your solution
    return np.array([[p, -q, s], [q, p, t]])


print(check_alignment(align))


# %% tags=["solution"]
# @title Solution
def align(points, target):
    x, y = points.T
    one, zero = np.ones(5), np.zeros(5)
    rows = np.concatenate([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)])
    p, q, s, t = np.linalg.lstsq(rows, target.T.ravel(), rcond=None)[0]
    return np.array([[p, -q, s], [q, p, t]])


print(check_alignment(align))
assert np.allclose(align(face.landmarks, target), similarity_transform(face.landmarks, target))

# %% [markdown]
# The library solves the same problem with complex numbers. Rotation and scale are then one multiplication,
# $z' = m z + t$, and the best $m$ is a fraction:

# %%
show.show_source(similarity_transform)

# %% [markdown]
# `align_face` cuts the crop out with this matrix. The next cell aligns the whole track, and cuts each face out with its
# box for comparison. It also prints the angle and the scale that the matrices contain. The upper row shows the raw
# faces, the lower row the aligned ones.

# %%
from faceswap_lib.faces import align_face, warp_frame

raw, aligned, matrices, followed = [], [], [], dict(tracks[0].items())
for index, picture in enumerate(read_frames(video, stop=length)):
    if index not in followed:
        continue
    low, high = followed[index].box_xyxy[:2], followed[index].box_xyxy[2:]
    scale = 256 / (1.3 * (high - low).max())  # the detector's box with some margin, not rotated
    shift = 127.5 - scale * (low + high) / 2
    raw.append(warp_frame(picture, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), 256))
    crop = align_face(picture, followed[index])
    aligned.append(crop.image)
    matrices.append(crop.crop_from_frame)
p, q = np.array(matrices)[:, :, 0].T
angles, enlarged = np.degrees(np.arctan2(q, p)), np.hypot(p, q)
print(f"rotated by {angles.min():.1f} to {angles.max():.1f} degrees, enlarged {enlarged.min():.2f} to ", end="")
print(f"{enlarged.max():.2f} times")
some = np.linspace(0, len(raw) - 1, 6).astype(int)
show.plot_images([faces[index] for faces in (raw, aligned) for index in some], columns=6)

# %% [markdown]
# What is the benefit? The *average* of all images shows it: what is always in the same place stays sharp. A network
# that learns a person from these images has the same problem as the average.

# %%
from faceswap_lib.facesets import measure_sharpness

for name, faces in (("raw", raw), ("aligned", aligned)):
    average = np.mean(faces, axis=0).astype("uint8")
    print(f"sharpness of the average of {name} faces: {measure_sharpness(average):.0f}")
show.plot_mean_std({"raw faces": raw, "aligned faces": aligned})

# %% [markdown]
# The average of the aligned faces is more than twice as sharp. The standard deviation, in the lower row, is dark where
# all images agree. In the aligned images, brow, cheeks and nose are nearly black.
# Thin lines remain at the rims of the glasses, the eyelids and the lips: a network should use its capacity for these.
# The cap, the collar and the background are as bright as before. When the face is kept still, everything else moves.
#
# ## 6. Simple eye masks
#
# An *eye mask* is an image that is white on the eyes and black elsewhere. Errors there have a larger weight in the
# training. With five landmarks, the eye region is an ellipse around each eye. Its size is fixed, in *eye distances*:
# 0.33 to the left and right, 0.20 up and down.

# %%
from faceswap_lib.faces import eye_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE

crop = align_face(frame, face)
unit = EYE_DISTANCE * 256  # distance between the eyes of an average face in a crop
y, x = np.mgrid[:256, :256]
tilt = np.arctan2(*(crop.landmarks[1] - crop.landmarks[0])[::-1])
by_hand = np.zeros((256, 256), "float32")
for eye_x, eye_y in crop.landmarks[:2]:
    along = (x - eye_x) * np.cos(tilt) + (y - eye_y) * np.sin(tilt)
    across = (y - eye_y) * np.cos(tilt) - (x - eye_x) * np.sin(tilt)
    by_hand[(along / 0.33) ** 2 + (across / 0.20) ** 2 < unit**2] = 255
by_hand = cv2.GaussianBlur(by_hand, (0, 0), 0.08 * unit)  # feather: a soft border

library = eye_mask(crop.landmarks, 256)
assert np.abs(by_hand - library).mean() < 1 and np.abs(by_hand - library).max() < 16
images = [crop.image, library, show.overlay_mask(crop.image, library)]
show.plot_images(images, captions=["crop", "mask", "both"], width=7)

# %%
show.show_source(eye_mask)

# %% [markdown]
# The mask does not change with a blink. [02](02_prep_binary_masks.ipynb) draws better ones from 68 landmarks.
#
# ## 7. Extract
#
# *Extraction* does all of this for the whole video: search, track, smooth, align, write. The faceset, `face_src` or
# `face_dst`, is what the training reads. With `save_faces=True` there are also three folders for you to look at: the
# faces as they are in the video, the aligned faces, and the eye masks. The output shows six of each.

# %%
from faceswap_lib.facesets import ExtractConfig
from faceswap_lib.media import read_image
from faceswap_lib.pipeline import extract

report = extract(video, workspace, SIDE, config=ExtractConfig(save_faces=True), consent=CONSENT, progress=True)
print(f"{report.crops} crops of {report.tracks.length} frames, dropped: {report.dropped or 'none'}")
images, some = [], np.linspace(0, report.crops - 1, 6).astype(int)
for kind in ("raw_faces", "aligned_faces", "binary_masks_eyes"):
    files = sorted(workspace.single_video(kind).iterdir())
    print(workspace.single_video(kind), "holds", len(files), "files")
    images += [cv2.resize(read_image(files[index]), (256, 256)) for index in some]  # the raw faces have different sizes
show.plot_images(images, columns=6)

# %% [markdown]
# The folders under `faces/` contain the video that was extracted last. For the other person's faceset, run the notebook
# again with the other `SIDE`. You can also continue without it: the next notebooks make missing facesets.
#
# ## What you know now
#
# - MTCNN first proposes many squares at low cost. Its next networks look at fewer and fewer, each more closely.
# - IoU says how much two boxes agree; NMS keeps one box per face.
# - Alignment puts every face in the same place, with a rotation, a scale and a shift. Then the images differ in
#   expression and not in position.
#
# **To try:** `MTCNN(DetectConfig(min_face_size=0.8)).detect([frame])`: is a face found that is smaller than the
# smallest face of interest? How many proposals are there at 0.05?

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("01_video_face_detection_alignment")

# %% [markdown]
# ## Further reading
#
# - [Joint Face Detection and Alignment using Multi-task Cascaded Convolutional
#   Networks](https://arxiv.org/abs/1604.02878): the paper of MTCNN
# - [ipazc/mtcnn](https://github.com/ipazc/mtcnn): the package whose weights are used here
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): its notebook of the same name does these steps
# - [scikit-image: geometric transformations](https://scikit-image.org/docs/stable/api/skimage.transform.html):
#   `SimilarityTransform`, the same as a class
# - [moviepy](https://zulko.github.io/moviepy/): editing of videos in Python

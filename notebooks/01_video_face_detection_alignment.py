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
# else: small images in which the eyes are always in the same place. This notebook goes the whole way from the video to
# these images and examines every step: how a detector detects the face, why its results jitter, how a filter removes
# the jitter, and how a face is rotated until it is upright.
#
# | | |
# |---|---|
# | **You will learn** | what MTCNN's three networks do, the Kalman filter by hand, what alignment improves |
# | **You will have at the end** | the faces of a video, raw and aligned, their eye masks, and a faceset |
# | **Time on two CPU cores** | 1 to 2 minutes |
# | **Before, after** | [00 A face swap, step by step](00_faceswap_demo.ipynb), [02 Masks](02_prep_binary_masks.ipynb) |

# %% [markdown] tags=["local"]
# If the cells below say that `faceswap_lib` is missing, run `pip install '.[notebooks]'` in the project's folder. Then
# restart the kernel.

# %% [markdown]
# ## 0. Choose the parameters
#
# With `VIDEO = None` the notebook uses one of the demo's two clips: A, Grace Hopper, for `SIDE = "src"`, or B, Eileen
# Collins, for `SIDE = "dst"`.
#
# To use your own video, write its path into `VIDEO`. Write into `SIDE` which person it shows: `"src"` is the person who
# gets another face, `"dst"` is the person whose face that is. Write into `CONSENT` who agreed to what. Without this
# statement the notebook stops. The notebook examines the first `SECONDS` of the video, which must show one person. The
# extraction at the end reads the whole video.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
SECONDS = 6.0  # length of the demo's clips, and of the part of the video that is examined
SIZE = 320  # width and height of the demo's frames in pixels
VIDEO = None  # path of your own video; None: the demo's clip
SIDE = "src"  # the person in the video: src is A, dst is B
CONSENT = None  # for a video of your own: "Anna agreed on 3 May that ..."

# %% [markdown]
# The next cell loads the packages and shows six frames of the video. TensorFlow may print a message about oneDNN or
# missing GPU drivers. This is not an error.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # fewer messages when TensorFlow starts

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
show.plot_images([frame for index, frame in enumerate(read_frames(video, stop=length)) if index in some])

# %% [markdown]
# One frame of a large video takes 25 MB of memory, and six seconds contain hundreds of frames. Therefore no cell of
# this notebook keeps all frames. `read_frames` returns one frame after the other, and frames that are not shown are not
# kept. We examine one frame closely. It is at one third of the part that we look at:

# %%
frame = next(read_frames(video, start=length // 3))
show.plot_images([frame], width=3)

# %% [markdown]
# ## 1. The image pyramid
#
# This step makes copies of the frame in many sizes, an *image pyramid*.
#
# The reason is the first network of the detector. MTCNN consists of three small networks. The first, **P-Net** (P for
# *proposal*), can do only one thing: it says whether a square of 12 by 12 pixels is a face. A face in a video is larger
# than that, and we do not know how much larger. So P-Net gets the same image in many sizes. In one of the smaller
# images, the face fills just 12 pixels.
#
# Why are there three networks? The image contains thousands of such squares and perhaps one face. A tiny network
# examines all squares, and its only task is to miss no face. Two better networks, which are too slow for all squares,
# examine the remaining ones.
#
# How many images are needed? The size of the largest image is chosen so that the smallest face of interest fills the
# window. Each further image has 0.709 of the side of the one before, which is half its area. The last image is about as
# small as the window. By hand:

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
print(f"{len(scales)} pictures, scaled by", np.array(scales))

# %% [markdown]
# The method `detect_with_trace` runs the library's detector on one frame. It returns the inputs and outputs of each
# network. The next cell shows P-Net's inputs in the upper row and its outputs in the lower row.

# %%
detector = MTCNN()
stages = detector.detect_with_trace(frame)
assert np.allclose(scales, stages.scales, rtol=0.02)  # sizes are whole pixels
show.plot_image_pyramid(stages)

# %% [markdown]
# In the upper row, the yellow square is 12 pixels wide in every image. In the leftmost image it contains a part of the
# nose. In the rightmost image it contains most of the image.
#
# ## 2. P-Net proposes
#
# P-Net consists of convolutions only, so it can process a whole image at once. Its output is a *heat map* with a value
# for every second pixel in both directions. The value is the probability that the 12 by 12 pixels that start there are
# a face. The lower row above shows these maps: black is 0 and white is 1.
#
# The small images on the right have one bright spot, the face. The large images on the left have many. There, 12 pixels
# may contain an eye or an ear, and P-Net makes many false detections. This is acceptable, because its only task is to
# miss no face.
#
# Every position with a value above 0.6 gives a bounding box in the frame. Row $r$ and column $c$ of a map stand for the
# square of 12 pixels at $(2c, 2r)$. Division by the scale converts its corners to pixels of the frame. The next cell
# computes all boxes and prints the one with the highest value.

# %%
boxes = []
for heat, scale in zip(stages.heat, stages.scales, strict=True):
    for row, column in np.argwhere(heat > 0.6):
        left, top = P_NET_STRIDE * column, P_NET_STRIDE * row
        corners = np.array([left, top, left + P_NET_WINDOW, top + P_NET_WINDOW]) / scale
        boxes.append([*corners, heat[row, column]])
boxes = np.array(sorted(boxes, key=lambda box: -box[4]))
print(f"{len(boxes)} boxes, the surest: {boxes[0]}")

# %% [markdown]
# Many of these boxes show the same face: a square and its neighbor, which is two pixels away. *Intersection over
# union*, IoU, measures how much two boxes agree. It is the area that they share, divided by the area that they cover
# together. It is 1 for equal boxes and 0 for boxes that do not touch.

# %%
from faceswap_lib.faces import box_iou


def overlap(a, b):
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:4], b[2:4])
    shared = np.prod(np.maximum(0, high - low))
    return shared / (np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2]) - shared)


by_hand = [overlap(boxes[0], box) for box in boxes]
assert np.allclose(by_hand, [box_iou(boxes[0, :4], box[:4]) for box in boxes])
show.show_source(box_iou)

# %% [markdown]
# The next step is *non-maximum suppression*, which is the last step of every detector. It takes the box with the
# highest score and removes all boxes that overlap it by more than half. Then it takes the best of the remaining boxes,
# and so on. The output shows the boxes before and after.

# %%
candidates, chosen = list(boxes), []
while candidates:
    best = candidates.pop(0)
    chosen.append(best)
    candidates = [box for box in candidates if overlap(best, box) < 0.5]

drawn = [show.draw_boxes(frame, np.array(some_boxes)) for some_boxes in (boxes, chosen)]
show.plot_images(drawn, captions=[f"{len(boxes)} boxes above 0.6", f"{len(chosen)} left"], width=7)

# %% [markdown]
# Yellow boxes have high scores. The library does this twice: in each image of the pyramid, then over all images. Before
# that, it moves every box by four numbers that P-Net also returns. They estimate where the face really begins and ends.
# Therefore the library's number of proposals differs from ours.
#
# ## 3. R-Net keeps, O-Net locates
#
# This step refines the proposals with the other two networks. **R-Net** (*refine*) examines every proposal in 24 by 24
# pixels. It rejects most proposals and corrects the others. **O-Net** (*output*) examines the remaining ones in 48 by
# 48 pixels. It corrects them once more, and also returns five *landmarks*: both eyes, the tip of the nose, and both
# corners of the mouth.
#
# The first output below shows what R-Net reads, with P-Net's best proposals first. The second output shows the results
# of the three networks.

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
# For the last image, O-Net read the face two more times, once in a slightly larger square and once mirrored, and the
# two results were averaged. The average of two different readings has a smaller error than one reading. This is an
# addition of our library. Another addition is the choice of the largest image of the pyramid. MTCNN spends nearly all
# of its time in its first network. A pyramid that starts at the full frame would search for faces of 12 pixels, which
# are too small for a swap.
#
# **Exercise 1.** How does the number of proposals depend on the size of the smallest face that we search for? Make
# detectors with `DetectConfig(min_face_size=...)` for 0.05, 0.1, 0.2, 0.4 and 0.8. Print for each the number of images
# in its pyramid, the number of squares that P-Net proposes, and the number of detected faces. What happens when the
# face is smaller than this size?

# %%
for min_face_size in (0.1,):
    looked = MTCNN(DetectConfig(min_face_size=min_face_size)).detect_with_trace(frame)
    print(f"{min_face_size}: {len(looked.pyramid)} pictures")

# %% tags=["solution"]
# @title Solution
for min_face_size in (0.05, 0.1, 0.2, 0.4, 0.8):
    looked = MTCNN(DetectConfig(min_face_size=min_face_size)).detect_with_trace(frame)
    counts = f"{len(looked.pyramid)} pictures, {len(looked.proposed)} proposals"
    print(f"{min_face_size:4}: {counts}, {len(looked.faces)} faces")
# Faces larger than this size are always detected, because the pyramid continues down to the smallest image. Smaller
# faces may be missed. In the demo's clip, the face takes 0.45 of the side and is detected even at 0.8: a window with
# head and shoulders is enough.

# %% [markdown]
# ## 4. Measure the jitter of the boxes
#
# This step runs the detector on every frame and measures how much its results *jitter*. The function `detect_keyframes`
# runs the detector on a video. It returns one *sighting* per frame, which contains all detections in that frame.
#
# The output is an enlarged part of a frame with the corners of the boxes of 12 frames.

# %%
from faceswap_lib.faces import detect_keyframes

sightings = list(detect_keyframes(read_frames(video, stop=length), detector))
seen = [sighting.faces[0] for sighting in sightings if sighting.faces]  # one person, so one face
width = float(np.median([face.size for face in seen]))
drawn = show.zoom_box_corners(next(read_frames(video)), np.array([face.box_xyxy for face in seen[:12]]))
show.plot_images([drawn], captions=["12 frames, 12 boxes: bottom left corner"], width=4)

# %% [markdown]
# Twelve frames are half a second. A part of the spread is the movement of the head. The colors from purple to yellow
# show the order of the frames. The rest is jitter. The detector reads each frame independently, and a small change of
# the light in a few pixels gives a different answer.
#
# To measure the jitter we need a number that ignores movement. If a head moves evenly, its position changes by the same
# amount in every frame. Then the *second difference*, $z_{t+1} - 2 z_t + z_{t-1}$, is zero. A nonzero value is a change
# of speed. Heads do not change their speed much in 1/25 of a second, but the results of a detector do. The next cell
# prints this number as *shake*.

# %%
names = ("box, left", "box, top", "box, right", "box, bottom", "eye, x", "eye, y")
readings = np.array([[*face.box_xyxy, *face.landmarks[0]] for face in seen])
for name, values in zip(names, readings.T, strict=True):
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    assert np.allclose(second, np.diff(values, 2))
    sigma = second.std() / np.sqrt(6) / width
    print(f"{name:11} shake {np.abs(second).mean():.2f} pixels, scatter {sigma:.4f} face widths")

# %% [markdown]
# The last column converts the shake to the error of one measurement. Assume that every measurement is the true position
# plus an independent error of standard deviation $\sigma$. Then $z_{t+1} - 2 z_t + z_{t-1}$ has the variance
# $(1 + 4 + 1)\,\sigma^2$. Division by $\sqrt 6$ gives $\sigma$. In the demo's clip, $\sigma$ is about 0.3 % of the
# face's width for a landmark and 0.5 to 1 % for a side of the box. The true values are slightly smaller, because the
# head also changed its speed. The library assumes 1 %. This is more than we measured, but it does no harm: the filter
# below only compares $\sigma$ with the assumed acceleration of heads, which we choose.
#
# The box only says where to search next. The landmarks determine how a face is cut out, rotated and put back. So their
# jitter would be visible in a swap. We measure in face widths instead of pixels. Then one number is valid for faces
# near the camera and far from it.
#
# ## 5. Search only at key frames
#
# This step saves time: only every 8th frame, a *key frame*, is searched by all three networks. A search in every frame
# is a waste, because a face is nearly always close to its previous position. Between key frames, the position is
# interpolated, and O-Net alone reads the face there. By hand, for the frame in the middle of two key frames:

# %%
from faceswap_lib.faces import Face

before, after = seen[0], seen[8]
middle = (before.box_xyxy + after.box_xyxy) / 2, (before.landmarks + after.landmarks) / 2
guess = Face(box_xyxy=middle[0], score=1.0, landmarks=middle[1])
read = detector.refine([next(read_frames(video, start=4))], [[guess]])[0][0]
off = np.abs(np.array([guess.landmarks, read.landmarks]) - seen[4].landmarks).mean(axis=(1, 2))
print(f"from the full search: the guess {off[0]:.2f} pixels, O-Net alone {off[1]:.2f}")

# %% [markdown]
# Half a pixel is about as much as the jitter of the detector. `detect_keyframes` does this for all frames. When a face
# appears, disappears, or is not at the estimated position, the interval between two key frames is halved, if necessary
# down to every frame. The function also detects cuts to another shot and does not interpolate across them. The next
# cell compares the speed and the accuracy of both methods.

# %%
import time

for every in (1, 8):
    start = time.perf_counter()
    found = list(detect_keyframes(read_frames(video, stop=length), detector, detect_every=every))
    rate = length / (time.perf_counter() - start)  # includes reading the video
    both = [pair for pair in zip(found, sightings, strict=True) if pair[0].faces and pair[1].faces]
    off = np.mean([np.abs(a.faces[0].landmarks - b.faces[0].landmarks) for a, b in both])
    print(f"every {every}: {rate:4.0f} frames a second, points {off:.2f} pixels from the full search")
show.show_source(detect_keyframes)

# %% [markdown]
# Then `track_faces` connects the sightings to *tracks*. It decides which face in this frame is which face in the frame
# before. For this, it predicts the current position of every known face. It matches predictions and faces by distance
# and by appearance. In a video of one person the matching is simple. With two people in the image it is necessary.
# Otherwise one track would jump between them.
#
# **Exercise 2.** Put each frame and its mirror image side by side (`np.hstack([frame, frame[:, ::-1]])`). Detect the
# faces in the first 24 of these wide frames, and track them. How many tracks are there? Draw both faces of one frame.

# %%
from faceswap_lib.faces import track_faces

tracks = track_faces(sightings).tracks
print(len(tracks), "track of", tracks[0].found, "faces")

# %% tags=["solution"]
# @title Solution
wide = (np.hstack([picture, picture[:, ::-1]]) for picture in read_frames(video, stop=24))
pair = track_faces(detect_keyframes(wide, detector)).tracks
print(len(pair), "tracks of", [track.found for track in pair], "faces")
tenth = next(read_frames(video, start=10))
both = np.hstack([tenth, tenth[:, ::-1]])
show.plot_images([show.draw_face(both, *(track.faces[10] for track in pair))], width=5)

# %% [markdown]
# ## 6. A Kalman filter by hand
#
# This step estimates the position of the nose without the jitter. The method is the *Kalman filter*. In every frame
# there are two estimates of the position:
#
# - the **prediction**: the previous position of the nose, plus its speed;
# - the **measurement** $z$: the position that the detector returns. The code and the plots call it *sighting*.
#
# Both have an error. Its size is given by a variance: $P$ for the prediction, $R$ for the measurement. The best mixture
# of two uncertain numbers gives a larger weight to the more certain number. The weight of the measurement is
#
# $$K = \frac{P}{P + R}$$
#
# and the mixture is more certain than either of them: its variance is $(1 - K)\,P$. In the plot below, the curve of the
# mixture is the narrowest.

# %%
prediction, P, sighting, R = 1.00, 0.02**2, 1.04, 0.01**2
K = P / (P + R)
mixture = prediction + K * (sighting - prediction)
named = {"prediction": (prediction, P), "sighting": (sighting, R), "mixture": (mixture, (1 - K) * P)}
show.plot_gaussians(named, unit="position in face widths", caption=f"K = {K:.2f}: mostly the sighting, which is surer")

# %% [markdown]
# The whole filter repeats this for every frame, with two additions. First, the *state* $x$ contains a position and a
# velocity, so $P$ is a matrix of 2 by 2. Second, the estimate becomes less certain from one frame to the next, because
# the head may have changed its speed. In the standard notation:
#
# | | what it is | unit |
# |---|---|---|
# | $x = (\text{position}, \text{velocity})$ | the estimated state | face widths, face widths per frame |
# | $P$ | the uncertainty of the state, a covariance | their squares and product |
# | $F$ | the step to the next frame: position += velocity | |
# | $Q$ | how much a head may change its speed within a frame | as $P$ |
# | $H$ | the part of the state that is measured: the position | |
# | $R$ | variance of the detector | face widths squared |
# | $z$ | the measurement | face widths |
#
# One number determines $Q$. An acceleration that changes the velocity by $a$ in one frame changes the position by
# $a/2$. So if $a$ has the variance $q$, then $Q = q \begin{pmatrix} 1/4 & 1/2 \\ 1/2 & 1 \end{pmatrix}$. In the
# library, $q$ is 0.03 times the **noise coefficient**, which is the only parameter to choose.

# %%
from faceswap_lib.faces.smoothing import ACCELERATION, MEASUREMENT_SIGMA

F = np.array([[1.0, 1.0], [0.0, 1.0]])
H = np.array([[1.0, 0.0]])
R = np.array([[MEASUREMENT_SIGMA**2]])


def push(noise_coefficient):
    return noise_coefficient * ACCELERATION * np.array([[1 / 4, 1 / 2], [1 / 2, 1]])


def predict(x, P, Q):
    return F @ x, F @ P @ F.T + Q


def update(x, P, z):
    K = P @ H.T / (H @ P @ H.T + R)  # (2, 1): for the position P / (P + R) as before, and a gain for the velocity
    return x + K @ (z - H @ x), (np.eye(2) - K @ H) @ P


# %% [markdown]
# The next cell computes two frames. In each frame, the prediction makes $P$ larger, then the measurement makes it
# smaller. The printed uncertainty is the square root of the variance of the position.

# %%
z = np.array([face.landmarks[2, 0] for face in seen]) / width  # x of the tip of the nose
x, P = np.array([z[0], 0.0]), np.diag([MEASUREMENT_SIGMA**2, 0.05**2])
for t in (1, 2):
    x, P = predict(x, P, push(1e-3))
    print(f"frame {t} predicted {x}, unsure by {np.sqrt(P[0, 0]):.4f}; seen {z[t]:.3f}")
    x, P = update(x, P, z[t])
    print(f"        corrected {x}, unsure by {np.sqrt(P[0, 0]):.4f}")


# %%
def forward(z, noise_coefficient):
    x, P = np.array([z[0], 0.0]), np.diag([MEASUREMENT_SIGMA**2, 0.05**2])
    xs, Ps = [x], [P]
    for sighting in z[1:]:
        x, P = update(*predict(x, P, push(noise_coefficient)), sighting)
        xs.append(x)
        Ps.append(P)
    return np.array(xs), np.array(Ps)


xs, Ps = forward(z, 1e-3)
gain = Ps[1:, 0, 0] / R[0, 0]  # P after an update is (1 - K) P = K R; divided by R it is the weight K
print("weight of the sighting:", gain[[0, 1, 4, 9, len(z) - 2]])

# %% [markdown]
# Within a few frames the weight falls to a constant, 0.645. From then on, each new position is two parts measurement
# and one part prediction. The next cell shows the library's filter. The package `filterpy` does its arithmetic. All
# coordinates of a face share one filter, because neither $P$ nor $K$ depends on the measured values.

# %%
from faceswap_lib.faces import CoordinateFilter

show.show_source(CoordinateFilter)

# %%
kalman = CoordinateFilter(z[:1], 1e-3)
for number in range(1, len(z)):
    kalman.step(z[number : number + 1])
    state, covariance = kalman.state()
    assert np.allclose(state[:, 0], xs[number]) and np.allclose(covariance, Ps[number])
show.plot_series({"as detected": z, "filtered": xs[:, 0]}, unit="nose x, face widths")

# %% [markdown]
# Half of the shake is gone. But the filter knows only the past, so it notices a change of speed a little after the
# change has happened: it *lags*. Here the lag is an eighth of a frame, which is too little to see.
#
# ## 7. Choose the noise coefficient
#
# This step shows the effect of the *noise coefficient*, which sets the process noise $Q$. A small value assumes that
# heads hardly ever change their speed, so the filter trusts its prediction. The curve is smooth but late. Where the
# head reverses its direction, the curve overshoots, because the filter relies on its estimate of the speed. A large
# value assumes that any movement is possible, so the filter trusts the detector. The curve follows at once but jitters.
# Compare three values:

# %%
calm, usual, nervous = (forward(z, noise_coefficient)[0][:, 0] for noise_coefficient in (1e-6, 1e-3, 1.0))
show.plot_series({"as detected": z, "0.000001": calm, "0.001": usual, "1": nervous}, unit="nose x, face widths")

# %% [markdown]
# Move the slider and find the value that you like best. (On a page without a running notebook there is no slider. The
# plot above shows three of its positions.)

# %%
from ipywidgets import FloatLogSlider, Image, VBox

slider = FloatLogSlider(value=1e-3, min=-7, max=1, step=0.5, description="noise", readout_format=".0e")
picture = Image(format="png")


def redraw(change=None):
    named = {"as detected": z, "filtered": forward(z, slider.value)[0][:, 0]}
    caption = f"noise coefficient {slider.value:.1g}"
    picture.value = show.plot_series(named, unit="nose x, face widths", caption=caption)._repr_png_()


redraw()
slider.observe(redraw, "value")
VBox([slider, picture])

# %% [markdown]
# ## 8. Filter backward to remove the lag
#
# This step removes the lag with the **Rauch-Tung-Striebel smoother** (RTS).
#
# No value of the noise coefficient gives a curve that is both smooth and without lag. But we have the whole file: at
# frame 50 we also know frames 51, 52 and so on. The smoother processes the states from the last frame back to the
# first. At each frame it compares the prediction with the position that the face really had in the next frame. Then it
# corrects the state by a share $C$ of the difference:
#
# $$x_k \leftarrow x_k + C\,(x_{k+1} - F x_k), \qquad C = P_k F^T (F P_k F^T + Q)^{-1}$$
#
# The forward pass uses the past, so its result is late. The backward pass uses the future, so its result is early by
# the same amount. Together they have no lag.


# %%
def backward(xs, Ps, noise_coefficient):
    xs, Q = xs.copy(), push(noise_coefficient)
    for k in range(len(xs) - 2, -1, -1):
        C = Ps[k] @ F.T @ np.linalg.inv(F @ Ps[k] @ F.T + Q)
        xs[k] += C @ (xs[k + 1] - F @ xs[k])
    return xs


smooth = backward(xs, Ps, 1e-3)
assert np.allclose(smooth, kalman.run_back(xs[:, :, None], Ps)[:, :, 0])
show.plot_series({"as detected": z, "forward": xs[:, 0], "and backward": smooth[:, 0]}, unit="nose x, face widths")

# %% [markdown]
# The red curve runs through the middle of the gray curve and turns at the same time. It has less shake than the blue
# curve, which has the same coefficient. The function `smooth_faces` does this for the box and the landmarks of a whole
# track. It also fills in frames in which the face was lost. `SmoothConfig` selects the method; `TrackConfig` has the
# same options:

# %%
from faceswap_lib.faces import smooth_faces

show.show_source(smooth_faces)

# %% [markdown]
# Next we measure the lag. A curve that is late by $d$ frames differs from the true curve by $d$ times the speed. So the
# lag is the difference divided by the speed. The next cell computes the shake and the lag of four methods, over all ten
# coordinates of the five landmarks together:

# %%
from faceswap_lib.faces import SmoothConfig


def positions(smoothing, **options):
    faces = smooth_faces(seen, SmoothConfig(smoothing=smoothing, **options))
    return np.array([face.landmarks.ravel() for face in faces]) / width  # (frames, 10)


as_detected, speed = positions("none"), np.gradient(positions("rts"), axis=0)


def report_on(name, curve):
    shake = 100 * np.abs(np.diff(curve, 2, axis=0)).mean()
    lag = ((as_detected - curve) * speed).sum() / (speed**2).sum()
    print(f"{name:7} shake {shake:.2f} % of a face width, lag {lag:+.2f} frames")


for smoothing in ("none", "ema", "kalman", "rts"):
    report_on(smoothing, positions(smoothing))

# %% [markdown]
# `ema` is the simplest filter, an *exponential moving average*: 0.65 of the previous result plus 0.35 of the
# measurement. It is smooth, but it lags behind the head by more than a frame. A new face that lags behind its head
# slides around on it. `kalman` is for a live camera, where the future is unknown. For files, `rts` is the default.
#
# **Exercise 3.** The noise coefficient also exists for `rts`. Report on `positions("rts", noise_coefficient=...)` for
# `1e-7`, `1e-5`, `1e-3` and `1e-1`. Does any of them lag? What is wrong with the smallest one? Plot all of them
# together with `z`, with `show.plot_series`. The x coordinate of the nose is column 4.

# %%
report_on("0.001", positions("rts", noise_coefficient=1e-3))

# %% tags=["solution"]
# @title Solution
noses = {"as detected": z}
for noise_coefficient in (1e-7, 1e-5, 1e-3, 1e-1):
    curve = positions("rts", noise_coefficient=noise_coefficient)
    noses[f"{noise_coefficient:.0e}"] = curve[:, 4]
    report_on(f"{noise_coefficient:.0e}", curve)
# Three of them have no lag. The smallest cuts the corners, because it assumes that heads hardly ever change direction.
# It differs from the true curve on both sides, and our measure counts this as lag. Look at the curve.
show.plot_series(noses, unit="nose x, face widths")

# %% [markdown]
# ## 9. Align the faces
#
# This step rotates each face upright and brings it to a standard position and size: *alignment*. [Notebook
# 00](00_faceswap_demo.ipynb) explains how five landmarks are mapped to five standard positions by a *similarity
# transform*: a rotation, a scale and a shift, computed with least squares. In short:
#
# $$\begin{pmatrix} x' \\ y' \end{pmatrix} = \begin{pmatrix} p & -q & s \\ q & p & t \end{pmatrix}
#   \begin{pmatrix} x \\ y \\ 1 \end{pmatrix}$$
#
# The matrix contains the scale and the rotation: the scale is $\sqrt{p^2 + q^2}$, the angle is that of the vector
# $(p, q)$. The next cell prints the range of both over the clip. The cell after it shows six faces, raw and aligned.

# %%
from faceswap_lib.faces import crop_from_frame

track = track_faces(sightings).tracks[0]
matrices = np.array([crop_from_frame(face) for _, face in track.items()])
p, q = matrices[:, 0, 0], matrices[:, 1, 0]
angles, enlarged = np.degrees(np.arctan2(q, p)), np.hypot(p, q)
print(f"turned by {angles.min():.1f} to {angles.max():.1f} degrees")
print(f"enlarged {enlarged.min():.2f} to {enlarged.max():.2f} times")

# %%
from faceswap_lib.faces import align_face, warp_frame

raw, aligned, followed = [], [], dict(track.items())
for index, picture in enumerate(read_frames(video, stop=length)):
    if index not in followed:
        continue
    face = followed[index]
    low, high = face.box_xyxy[:2], face.box_xyxy[2:]
    scale = 256 / (1.3 * (high - low).max())  # the detector's box with some margin, not rotated
    shift = 127.5 - scale * (low + high) / 2
    box_matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    raw.append(warp_frame(picture, box_matrix, 256))
    aligned.append(align_face(picture, face).image)
some = np.linspace(0, len(raw) - 1, 6).astype(int)
show.plot_images([faces[index] for faces in (raw, aligned) for index in some], columns=6)

# %% [markdown]
# The upper row shows the raw faces, each in its box. The lower row shows the aligned faces. What is the benefit? The
# *average* of all images shows it: what is always in the same place stays sharp, and what moves becomes blurred. A
# network that learns the person from these images has the same problem as the average.

# %%
from faceswap_lib.facesets import measure_sharpness

for name, faces in (("raw", raw), ("aligned", aligned)):
    average = np.mean(faces, axis=0).astype("uint8")
    print(f"sharpness of the average of {name} faces: {measure_sharpness(average):.0f}")
show.plot_mean_std({"raw faces": raw, "aligned faces": aligned})

# %% [markdown]
# The lower row is dark where all images agree. Look inside the face: in the aligned images, the brow, the cheeks and
# the nose are nearly black. Only thin lines remain, at the rims of the glasses, the eyelids and the lips. A network
# should use its capacity for these. The cap, the collar and the background are as bright as before: when the face is
# kept still, everything else moves around it.
#
# ## 10. Simple eye masks from five landmarks
#
# This step draws an *eye mask*, an image that is white on the eyes and black elsewhere. Training needs to know where
# the eyes are, because errors there have a larger weight (notebook 02 explains why). From five landmarks the eye region
# can only be estimated: as an ellipse around each eye. Its size is fixed, in *eye distances*: 0.33 to the left and
# right, and 0.20 up and down. The output shows the crop, the mask, and the mask on top of the crop.

# %%
from faceswap_lib.faces import eye_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE

index, face = list(track.items())[track.found // 3]
crop = align_face(next(read_frames(video, start=index)), face)
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
# The mask covers the eyes, but it does not change with a blink or a squint. Masks from 68 landmarks are better. They
# are the subject of [notebook 02](02_prep_binary_masks.ipynb).
#
# ## 11. Extract
#
# This step runs the library's *extraction* on the whole video: it searches at key frames, tracks, smooths, aligns, and
# writes files. With `save_faces=True` it also writes three folders of images for you to look at: the faces as they are
# in the video, the aligned faces, and the eye masks. The masks are drawn from 68 landmarks if a landmark network is
# installed here. The faceset, `face_src` or `face_dst`, is what the training reads. The output shows six faces from
# each of the three folders.

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
# The folders under `faces/` contain the video that was extracted last. To get the other person's faceset, run the
# notebook again with the other `SIDE`. You can also continue without it: the next notebooks make missing facesets from
# the demo's clips.
#
# ## What you know now
#
# - MTCNN first proposes many squares at low cost. Its next networks examine fewer and fewer squares, each more closely.
# - The landmarks of a detector jitter. A Kalman filter computes a weighted mean of prediction and measurement. For a
#   complete file, its backward pass removes the lag.
# - Alignment puts every face in the same place. Then the images differ in expression and not in position.
#
# **To try:** your own video, with `VIDEO`, `SIDE` and `CONSENT`. Look through `faces/aligned_faces`. Do all images show
# the same person? Are any of them blurred? **Next:** [02 Masks](02_prep_binary_masks.ipynb).

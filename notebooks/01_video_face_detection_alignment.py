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
# A video is a few thousand pictures of a room in which, somewhere, there is a face. The networks of a face swap want
# something else: small pictures in which the eyes are always in the same place. This notebook goes the whole way from
# one to the other, and looks at every step: how a detector finds the face, why what it says trembles, how a filter
# takes the trembling out, and how a face is turned upright.
#
# | | |
# |---|---|
# | **You will learn** | what MTCNN's three networks do, the Kalman filter by hand, what alignment is worth |
# | **You will have at the end** | the faces of a video, as they were and aligned, their eye masks, and a faceset |
# | **Time on two CPU cores** | 1 to 2 minutes |
# | **Before, after** | [00 A face swap, step by step](00_faceswap_demo.ipynb), [02 Masks](02_prep_binary_masks.ipynb) |

# %% [markdown] tags=["local"]
# If the cells below say that `faceswap_lib` is missing: `pip install '.[notebooks]'` in the project's folder, then
# restart the kernel.

# %% [markdown]
# ## 0. What we choose
#
# With `VIDEO = None` the notebook takes one of the demo's two clips: A, Grace Hopper, for `SIDE = "src"`, or B, Eileen
# Collins, for `SIDE = "dst"`. For a video of your own write its path, say whose it is (`"src"`: the person who is to
# get another face, `"dst"`: the person whose face that is), and say in `CONSENT` who agreed to what; without it the
# notebook stops. The notebook looks at the first `SECONDS` of it, which must show one person; the extraction at the end
# reads all of it.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
SECONDS = 6.0  # length of the demo's clips, and how much of a video is looked at
SIZE = 320  # side of the demo's pictures in pixels
VIDEO = None  # your own video; None takes the demo's
SIDE = "src"  # whose video it is: src is A, dst is B
CONSENT = None  # for a video of your own: "Anna agreed on 3 May that ..."

# %% [markdown]
# The next cell loads the packages. TensorFlow may say something about oneDNN or missing GPU drivers; that is no error.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow says less as it starts

import logging
import pathlib

import cv2
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_clips
from faceswap_lib.facesets import Workspace, require_consent
from faceswap_lib.media import count_frames, probe_video, read_frames

logging.getLogger("tensorflow").setLevel("ERROR")  # it warns of pictures of new sizes
np.set_printoptions(precision=3, suppress=True)
workspace = Workspace(WORKSPACE)
if VIDEO:
    video = pathlib.Path(VIDEO)
    require_consent(workspace, CONSENT, [video])
else:
    video_a, video_b = make_clips(workspace.root / "clips", seconds=SECONDS, size=SIZE)
    video = video_a if SIDE == "src" else video_b
length = min(round(SECONDS * probe_video(video).fps), count_frames(video))  # frames to look at
some = np.linspace(0, length - 1, 6).astype(int)
show.plot_images([frame for index, frame in enumerate(read_frames(video, stop=length)) if index in some])

# %% [markdown]
# A frame of a large video takes 25 MB of memory, and six seconds hold hundreds of them. So no cell of this notebook
# keeps all frames: `read_frames` gives one after the other, and what is not shown is forgotten. We look closely at one
# frame, a third of the way in:

# %%
frame = next(read_frames(video, start=length // 3))
show.plot_images([frame], width=3)

# %% [markdown]
# ## 1. Many sizes: the pyramid
#
# MTCNN is a detector made of three small networks. The first, **P-Net** (P for *proposal*), can only do one thing: say
# of a square of 12 by 12 pixels whether it is a face. A face in a video is larger than that, and we do not know how
# much larger. So P-Net gets the same picture in many sizes, a *pyramid*. Where the picture is small enough, the face
# just fills 12 pixels. Why three networks? There are thousands of such squares and perhaps one face: a tiny network
# looks at all of them and only has to miss none, and two better ones, too slow for all, look at what it left over.
#
# How many pictures are needed? The largest one is chosen so that the smallest face we care about fills the window. Each
# further one has 0.709 of the side of the one before, which is half its area, until the picture itself is about as
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
# `detect_with_trace` runs the library's detector on one frame and gives what each network saw and said.

# %%
detector = MTCNN()
stages = detector.detect_with_trace(frame)
assert np.allclose(scales, stages.scales, rtol=0.02)  # sizes are whole pixels
show.plot_image_pyramid(stages)

# %% [markdown]
# In the upper row the yellow square is 12 pixels wide in every picture. On the left it holds a bit of a nose, on the
# right most of the picture.
#
# ## 2. P-Net proposes
#
# P-Net is made of convolutions only, so it can be run on a whole picture at once. It then answers for every second
# pixel, across and down, how sure it is that the 12 by 12 pixels beginning there are a face: that is the lower row,
# black is 0 and white is 1.
#
# The small pictures on the right have one bright spot: the face. The large ones on the left have many: what fills 12
# pixels there may be an eye or an ear, and P-Net is easily fooled. It need not be right, it must only not miss a face.
#
# Every place above 0.6 is a box in the frame. Row $r$ and column $c$ of a map stand for the square of 12 pixels at
# $(2c, 2r)$; dividing by the scale gives pixels of the frame.

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
# Many of them mean the same thing: a square and its neighbor, two pixels on. How much two boxes agree is measured by
# the area they share, divided by the area they cover together: *intersection over union*, IoU, 1 for equal boxes, 0
# for boxes that do not touch.

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
# Then: take the surest box, drop all that overlap it by more than half, take the surest of those left, and so on. This
# is *non-maximum suppression*; every detector ends with it.

# %%
candidates, chosen = list(boxes), []
while candidates:
    best = candidates.pop(0)
    chosen.append(best)
    candidates = [box for box in candidates if overlap(best, box) < 0.5]

drawn = [show.draw_boxes(frame, np.array(some_boxes)) for some_boxes in (boxes, chosen)]
show.plot_images(drawn, captions=[f"{len(boxes)} boxes above 0.6", f"{len(chosen)} left"], width=7)

# %% [markdown]
# Yellow boxes are sure ones. The package does this twice (in each picture of the pyramid, then over all of them), and
# it first moves every box by four numbers that P-Net also gives, a guess of where the face really begins and ends. So
# its number of proposals differs from ours.
#
# ## 3. R-Net keeps, O-Net locates
#
# **R-Net** (*refine*) looks at every proposal in 24 by 24 pixels, throws most of them away and corrects the rest.
# **O-Net** (*output*) looks at what is left in 48 by 48 pixels, corrects once more, and also says where five points
# lie: both eyes, tip of the nose, both corners of the mouth. This is what R-Net gets to see, P-Net's surest proposals
# first:

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
# In the last picture O-Net read the face twice more, once in a slightly larger square and once mirrored, and the
# average was taken: two different looks scatter less than one. That is our library's addition; so is the choice of the
# largest picture of the pyramid. Nearly all of MTCNN's time goes into its first network, and a pyramid that begins at
# the full frame would look for faces of 12 pixels, which nobody can swap.
#
# **Exercise 1.** How does the number of proposals depend on the smallest face we ask for? Make detectors with
# `DetectConfig(min_face_size=...)` for 0.05, 0.1, 0.2, 0.4 and 0.8, and print for each how many pictures its pyramid
# has, how many squares P-Net proposes, and how many faces come out. What happens when the face is smaller than asked
# for?

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
# Larger faces than asked for are always found: the pyramid goes all the way down. Smaller ones may be missed. In the
# demo's clip the face takes 0.45 of the side and is found even at 0.8: a window with head and shoulders is enough.

# %% [markdown]
# ## 4. The boxes tremble
#
# Now every frame. `detect_keyframes` runs the detector on a video; a *sighting* is what one frame shows.

# %%
from faceswap_lib.faces import detect_keyframes

sightings = list(detect_keyframes(read_frames(video, stop=length), detector))
seen = [sighting.faces[0] for sighting in sightings if sighting.faces]  # with one person there is one face
width = float(np.median([face.size for face in seen]))
drawn = show.zoom_box_corners(next(read_frames(video)), np.array([face.box_xyxy for face in seen[:12]]))
show.plot_images([drawn], captions=["12 frames, 12 boxes: bottom left corner"], width=4)

# %% [markdown]
# Twelve frames are half a second. Some of that spread is the head's own movement, purple to yellow is its order. The
# rest jumps to and fro: the detector sees each frame for the first time, and a pixel's difference in the light gives
# another answer.
#
# To measure it we need a number that ignores movement. A head that moves evenly changes its position by the same amount
# in every frame, so the *difference of differences*, $z_{t+1} - 2 z_t + z_{t-1}$, is zero for it. What is left is
# change of speed. Heads do not change speed much in 1/25 of a second; detectors do.

# %%
names = ("box, left", "box, top", "box, right", "box, bottom", "eye, x", "eye, y")
readings = np.array([[*face.box_xyxy, *face.landmarks[0]] for face in seen])
for name, values in zip(names, readings.T, strict=True):
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    assert np.allclose(second, np.diff(values, 2))
    sigma = second.std() / np.sqrt(6) / width
    print(f"{name:11} shake {np.abs(second).mean():.2f} pixels, scatter {sigma:.4f} face widths")

# %% [markdown]
# The last column turns it round. If every reading is the true place plus an independent error of standard deviation
# $\sigma$, then $z_{t+1} - 2 z_t + z_{t-1}$ has the variance $(1 + 4 + 1)\,\sigma^2$. Dividing by $\sqrt 6$ gives
# $\sigma$. In the demo's clip it is about 0.3 % of the
# face's width for a point and 0.5 to 1 % for a border of the box; in truth a little less, since the head changed its
# speed, too. The library reckons with 1 %; that this is more does no harm, since the filter below only compares it with
# how much heads speed up, and that we choose.
#
# The box says where to look next; it is by the points that a face will be cut out, turned and put back. So it is their
# tremble that would be seen in a swap. We measure in face widths, not in pixels, so that one number fits a face near
# the camera and one far from it.
#
# ## 5. Look where it must be: key frames
#
# Searching every frame is a waste. A face is nearly always where it was a moment ago. So only every 8th frame, a *key
# frame*, is searched by all three networks. In between, the place is guessed, and O-Net alone reads the face there. By
# hand, for the frame in the middle of two key frames:

# %%
from faceswap_lib.faces import Face

before, after = seen[0], seen[8]
middle = (before.box_xyxy + after.box_xyxy) / 2, (before.landmarks + after.landmarks) / 2
guess = Face(box_xyxy=middle[0], score=1.0, landmarks=middle[1])
read = detector.refine([next(read_frames(video, start=4))], [[guess]])[0][0]
off = np.abs(np.array([guess.landmarks, read.landmarks]) - seen[4].landmarks).mean(axis=(1, 2))
print(f"from the full search: the guess {off[0]:.2f} pixels, O-Net alone {off[1]:.2f}")

# %% [markdown]
# Half a pixel is about what the detector trembles by anyway. `detect_keyframes` does this for all frames. When a face
# comes, goes, or is not where it was guessed, the stretch between two key frames is halved, down to every frame if need
# be. It also notices a cut to another shot, over which nothing is guessed.

# %%
import time

for every in (1, 8):
    start = time.perf_counter()
    found = list(detect_keyframes(read_frames(video, stop=length), detector, detect_every=every))
    rate = length / (time.perf_counter() - start)  # reading the video included
    both = [pair for pair in zip(found, sightings, strict=True) if pair[0].faces and pair[1].faces]
    off = np.mean([np.abs(a.faces[0].landmarks - b.faces[0].landmarks) for a, b in both])
    print(f"every {every}: {rate:4.0f} frames a second, points {off:.2f} pixels from the full search")
show.show_source(detect_keyframes)

# %% [markdown]
# `track_faces` then makes *tracks* of the sightings: which face of this frame is which of the last. It predicts where
# every known face must be now, and pairs predictions and faces by distance and by looks. In a video of one person there
# is little to pair; a second person in the picture would otherwise take turns with the first.
#
# **Exercise 2.** Put each frame and its mirror image side by side (`np.hstack([frame, frame[:, ::-1]])`), scan the
# first 24 of these wide frames, and follow the faces. How many tracks are there? Draw both faces of one frame.

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
# We want the position of the nose without the trembling. There are two opinions about it in every frame:
#
# - the **prediction**: where the nose was a moment ago, moved on by its speed;
# - the **sighting** $z$: where the detector says it is.
#
# Both are a little wrong. How wrong is a variance: $P$ for the prediction, $R$ for the sighting. The best mixture of
# two uncertain numbers gives each a weight by how sure it is. The sighting gets the weight
#
# $$K = \frac{P}{P + R}$$
#
# and the mixture is surer than either of them: its variance is $(1 - K)\,P$.

# %%
prediction, P, sighting, R = 1.00, 0.02**2, 1.04, 0.01**2
K = P / (P + R)
mixture = prediction + K * (sighting - prediction)
named = {"prediction": (prediction, P), "sighting": (sighting, R), "mixture": (mixture, (1 - K) * P)}
show.plot_gaussians(named, unit="position in face widths", caption=f"K = {K:.2f}: mostly the sighting, which is surer")

# %% [markdown]
# The whole filter is this, frame after frame, with two additions. The *state* $x$ is not a position alone but a
# position and a velocity, so $P$ is a matrix of 2 by 2. And between two frames the filter gets less sure, because the
# head may have sped up meanwhile. In standard letters:
#
# | | what it is | unit |
# |---|---|---|
# | $x = (\text{position}, \text{velocity})$ | what we believe | face widths, face widths per frame |
# | $P$ | how unsure we are of it, a covariance | their squares and product |
# | $F$ | one frame on: position += velocity | |
# | $Q$ | how much a head may speed up within a frame | as $P$ |
# | $H$ | what is seen of the state: the position | |
# | $R$ | variance of the detector | face widths squared |
# | $z$ | the sighting | face widths |
#
# $Q$ follows from one number. A push that changes the velocity by $a$ in a frame changes the position by $a/2$, so if
# $a$ has the variance $q$, then $Q = q \begin{pmatrix} 1/4 & 1/2 \\ 1/2 & 1 \end{pmatrix}$. In the library $q$ is 0.03
# times the **noise coefficient**, which is the one thing to choose.

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
    K = P @ H.T / (H @ P @ H.T + R)  # (2, 1): P / (P + R) as before for the position, and what the velocity gets
    return x + K @ (z - H @ x), (np.eye(2) - K @ H) @ P


# %% [markdown]
# Let us watch two frames. First the prediction makes $P$ larger, then the sighting makes it smaller.

# %%
z = np.array([face.landmarks[2, 0] for face in seen]) / width  # the nose's x
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
gain = Ps[1:, 0, 0] / R[0, 0]  # an update leaves (1 - K) P, which is K R: divided by R it is the sighting's weight K
print("weight of the sighting:", gain[[0, 1, 4, 9, len(z) - 2]])

# %% [markdown]
# The weight falls within a few frames to a constant, 0.645: from then on each new position is two parts sighting and
# one part prediction. Now the library's filter. `filterpy` does its arithmetic; all coordinates of a face share one
# filter, since neither $P$ nor $K$ depends on what is seen.

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
# Half of the shake is gone. But the filter knows only the past, so it notices a change of speed a little after it has
# happened: it *lags*. Here it is an eighth of a frame, too little to see.
#
# ## 7. The noise coefficient
#
# A small coefficient says: heads hardly ever change speed, so trust the prediction. The curve is calm and late, and
# where the head turns round it shoots past, since it believes in its speed. A large one says: anything may happen, so
# trust the detector. The curve follows at once and shakes. Three values:

# %%
calm, usual, nervous = (forward(z, noise_coefficient)[0][:, 0] for noise_coefficient in (1e-6, 1e-3, 1.0))
show.plot_series({"as detected": z, "0.000001": calm, "0.001": usual, "1": nervous}, unit="nose x, face widths")

# %% [markdown]
# Move the slider and find the value you like best. (On a page without a running notebook there is no slider; the
# picture above shows three of its places.)

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
# ## 8. Backwards: no lag
#
# There is no value that is both calm and on time. But we have a file: at frame 50 we also know frames 51, 52 and so on.
# The **Rauch-Tung-Striebel smoother** (RTS) goes back over the states from the last frame to the first. At each frame
# it asks: given where the face really went next, how wrong was my prediction of it? And it corrects the state by a
# share
# $C$ of that:
#
# $$x_k \leftarrow x_k + C\,(x_{k+1} - F x_k), \qquad C = P_k F^T (F P_k F^T + Q)^{-1}$$
#
# Forward, each state leans on the past and is late. Backward it leans on the future, which is early by as much.
# Together neither.


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
# The red curve runs through the middle of the gray one, turns when it turns, and shakes less than the blue one, which
# had the same coefficient. `smooth_faces` does this for box and points of a whole track and fills in frames in which
# the face was lost. `TrackConfig` chooses how:

# %%
from faceswap_lib.faces import smooth_faces

show.show_source(smooth_faces)

# %% [markdown]
# To measure the lag: a curve that is late by $d$ frames lies $d$ times its speed behind the truth. So the lag is how
# far it lies behind, as a share of the speed. All ten numbers of the five points together:

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
# `ema` is the simplest filter there is, a *moving average*: 0.65 of the last result plus 0.35 of the sighting. It is
# calm, but it trails behind the head by more than a frame, and a new face that trails behind its head slides about on
# it. `kalman` is for a live camera, which has no future. For files, `rts` is the default.
#
# **Exercise 3.** The noise coefficient also exists for `rts`. Report on `positions("rts", noise_coefficient=...)` for
# `1e-7`, `1e-5`, `1e-3` and `1e-1`. Is there a lag at any of them? What goes wrong with the smallest? Draw all over `z`
# with `show.plot_series`; the nose's x is column 4.

# %%
report_on("0.001", positions("rts", noise_coefficient=1e-3))

# %% tags=["solution"]
# @title Solution
noses = {"as detected": z}
for noise_coefficient in (1e-7, 1e-5, 1e-3, 1e-1):
    curve = positions("rts", noise_coefficient=noise_coefficient)
    noses[f"{noise_coefficient:.0e}"] = curve[:, 4]
    report_on(f"{noise_coefficient:.0e}", curve)
# No lag at three of them. The smallest cuts the corners, since it believes that heads hardly ever turn round; that lies
# beside the truth on either side, and our number for lag takes it for one. Look at the curve.
show.plot_series(noses, unit="nose x, face widths")

# %% [markdown]
# ## 9. Turned upright
#
# [Notebook 00](00_faceswap_demo.ipynb) derives how five points are laid on five standard places by a *similarity
# transform*: a turn, a scale and a shift, found by least squares. In short:
#
# $$\begin{pmatrix} x' \\ y' \end{pmatrix} = \begin{pmatrix} p & -q & s \\ q & p & t \end{pmatrix}
#   \begin{pmatrix} x \\ y \\ 1 \end{pmatrix}$$
#
# What was turned and scaled can be read off the matrix: the scale is $\sqrt{p^2 + q^2}$, the angle is that of $(p, q)$.

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
    scale = 256 / (1.3 * (high - low).max())  # the detector's box with some margin, as it is
    shift = 127.5 - scale * (low + high) / 2
    box_matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    raw.append(warp_frame(picture, box_matrix, 256))
    aligned.append(align_face(picture, face).image)
some = np.linspace(0, len(raw) - 1, 6).astype(int)
show.plot_images([faces[index] for faces in (raw, aligned) for index in some], columns=6)

# %% [markdown]
# Above the faces as they are, each in its box; below aligned. What is that worth? The *average* of all pictures shows
# it: what is always in the same place stays sharp, what moves about is blurred. A network that is to learn the person
# from these pictures has the same problem as the average.

# %%
from faceswap_lib.facesets import measure_sharpness

for name, faces in (("raw", raw), ("aligned", aligned)):
    average = np.mean(faces, axis=0).astype("uint8")
    print(f"sharpness of the average of {name} faces: {measure_sharpness(average):.0f}")
show.plot_mean_std({"raw faces": raw, "aligned faces": aligned})

# %% [markdown]
# The lower row is dark where all pictures agree. Look inside the face: brow, cheeks and nose are nearly black when they
# are aligned, and what is left are thin lines at rims, lids and lips, which is what a network should spend its effort
# on. Cap, collar and background are as bright as before: when the face is held still, all else moves around it.
#
# ## 10. Crude eye masks
#
# Training wants to know where the eyes are, since errors there count more (notebook 02 says why). From five points one
# can guess it: an ellipse around each eye. Its size is fixed, in *eye distances*: 0.33 to either side and 0.20 up and
# down.

# %%
from faceswap_lib.faces import eye_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE

index, face = list(track.items())[track.found // 3]
crop = align_face(next(read_frames(video, start=index)), face)
unit = EYE_DISTANCE * 256  # the distance of an average face's eyes in a crop
y, x = np.mgrid[:256, :256]
tilt = np.arctan2(*(crop.landmarks[1] - crop.landmarks[0])[::-1])
by_hand = np.zeros((256, 256), "float32")
for eye_x, eye_y in crop.landmarks[:2]:
    along = (x - eye_x) * np.cos(tilt) + (y - eye_y) * np.sin(tilt)
    across = (y - eye_y) * np.cos(tilt) - (x - eye_x) * np.sin(tilt)
    by_hand[(along / 0.33) ** 2 + (across / 0.20) ** 2 < unit**2] = 255
by_hand = cv2.GaussianBlur(by_hand, (0, 0), 0.08 * unit)  # a soft border

library = eye_mask(crop.landmarks, 256)
assert np.abs(by_hand - library).mean() < 1 and np.abs(by_hand - library).max() < 16
images = [crop.image, library, show.overlay_mask(crop.image, library)]
show.plot_images(images, captions=["crop", "mask", "both"], width=7)

# %%
show.show_source(eye_mask)

# %% [markdown]
# It covers the eyes, but knows nothing of a blink or a squint. With 68 points one can do better, which is what
# [notebook 02](02_prep_binary_masks.ipynb) is about.
#
# ## 11. Extract
#
# Now the library, for the whole video: search at key frames, follow, smooth, align, and write. `save_faces=True` writes
# the three folders of this video to look at: faces as they are in the video, aligned faces, and eye masks (drawn from
# 68 points if a landmark network is installed here). The faceset, `face_src` or `face_dst`, is what training reads.

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
    images += [cv2.resize(read_image(files[index]), (256, 256)) for index in some]  # raw faces differ in size
show.plot_images(images, columns=6)

# %% [markdown]
# The folders under `faces/` hold the video that was extracted last. To get the other person's faceset, run the notebook
# again with the other `SIDE`, or go on: the next notebooks make what is missing from the demo's clips.
#
# ## What you know now
#
# - MTCNN proposes many squares cheaply, then looks ever closer at ever fewer of them.
# - A detector's points tremble; a Kalman filter weighs prediction against sighting, and over a finished file its
#   backward pass takes the lag away.
# - Alignment puts every face in the same place, so that what varies is expression and not position.
#
# **To try:** a video of your own with `VIDEO`, `SIDE` and `CONSENT`. Look through `faces/aligned_faces`: is it one
# person throughout? Are there blurred ones? **Next:** [02 Masks](02_prep_binary_masks.ipynb).

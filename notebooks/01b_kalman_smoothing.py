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
# # Landmarks without jitter: the Kalman filter
#
# A detector reads each frame alone. Its landmarks jump a little from frame to frame, even where the head is still. A
# face that is cut out, swapped and put back by such landmarks trembles. This notebook measures the jitter and removes
# it with a *Kalman filter*, which tracks rockets, phones and heads alike. At the end you see the crop with and without
# it, side by side, as a clip.
#
# | | |
# |---|---|
# | **You will learn** | what jitter and lag are, the Kalman filter by hand, the RTS smoother |
# | **You will have at the end** | your own filter, equal to the library's, and a clip that compares both |
# | **Time on two CPU cores** | about a minute |
# | **Before** | [01 Video face detection and alignment](01_video_face_detection_alignment.ipynb) |
# | **After** | [02 Masks](02_prep_binary_masks.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # the clips of notebook 00 are used; missing clips are made
SECONDS = 6.0  # length of the demo's clips
SIZE = 320  # width and height of their frames in pixels

# %% [markdown]
# ## 1. Measure the jitter
#
# The next cell detects A's face in every frame, with all three networks of MTCNN. The output is an enlarged part of a
# frame with the corners of the boxes of 12 frames, from purple to yellow in their order.

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import logging

import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_clips
from faceswap_lib.faces import MTCNN, detect_keyframes
from faceswap_lib.facesets import Workspace
from faceswap_lib.media import probe_video, read_frames

logging.getLogger("tensorflow").setLevel("ERROR")  # without its warnings about images of new sizes
np.set_printoptions(precision=3, suppress=True)
workspace = Workspace(WORKSPACE)
video, _ = make_clips(workspace.root / "clips", seconds=SECONDS, size=SIZE)
detections = list(detect_keyframes(read_frames(video), MTCNN(), detect_every=1))
seen = [detection.faces[0] for detection in detections]  # one face in every frame of this clip
width = float(np.median([face.size for face in seen]))  # of the face, in pixels
corners = show.zoom_box_corners(next(read_frames(video)), np.array([face.box_xyxy for face in seen[:12]]))
show.plot_images([corners], captions=["12 frames, 12 boxes: bottom left corner"], width=4)

# %% [markdown]
# Twelve frames are half a second. A part of the spread is the movement of the head. The rest is **jitter**: the
# detector answers a small change of a few pixels with another position.
#
# To measure jitter we need a number that ignores movement. If a head moves evenly, its position changes by the same
# amount in every frame. Then the **second difference**, $z_{t+1} - 2 z_t + z_{t-1}$, is zero. What is left is a change
# of speed. Heads hardly change their speed in 1/25 of a second, but the answers of a detector do. The mean of its
# absolute value is printed as *shake*.

# %%
names = ("box, left", "box, top", "box, right", "box, bottom", "eye, x", "eye, y")
readings = np.array([[*face.box_xyxy, *face.landmarks[0]] for face in seen])
for name, values in zip(names, readings.T, strict=True):
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    assert np.allclose(second, np.diff(values, 2))
    sigma = second.std() / np.sqrt(6) / width
    print(f"{name:11} shake {np.abs(second).mean():.2f} pixels, sigma {sigma:.4f} face widths")

# %% [markdown]
# The last column converts the shake to the error of one measurement. If every measurement is the true position plus an
# independent error of standard deviation $\sigma$, the second difference has the variance $(1 + 4 + 1)\,\sigma^2$; so
# we divide by $\sqrt 6$. In the demo's clip, $\sigma$ is about 0.3 % of the face's width for a landmark and 0.5 to 1 %
# for a side of the box. The library assumes 1 %. We measure in face widths, so that one number is valid for faces near
# the camera and far from it.
#
# The box only says where to search next. The landmarks determine how a face is cut out and put back, so their jitter is
# what a viewer would see.
#
# ## 2. One number: mix a prediction and a measurement
#
# The **Kalman filter** has two estimates of a position in every frame:
#
# - the **prediction**: the previous position plus the speed;
# - the **measurement** $z$: what the detector returns.
#
# Both have an error, given as a variance: $P$ for the prediction, $R$ for the measurement. The best mixture gives a
# larger weight to the more certain one. The weight of the measurement is the **Kalman gain**
#
# $$K = \frac{P}{P + R}$$
#
# and the mixture is more certain than either: its variance is $(1 - K)\,P$. In the plot its curve is the narrowest.

# %%
prediction, P, measurement, R = 1.00, 0.02**2, 1.04, 0.01**2
K = P / (P + R)
mixture = prediction + K * (measurement - prediction)
named = {"prediction": (prediction, P), "measurement": (measurement, R), "mixture": (mixture, (1 - K) * P)}
show.plot_gaussians(named, unit="position in face widths", caption=f"K = {K:.2f}: mostly the more certain measurement")

# %% [markdown]
# ## 3. The whole filter
#
# The whole filter repeats this in every frame, with two additions. The *state* $x$ contains a position and a velocity,
# so $P$ becomes a matrix of 2 by 2, a *covariance*. And the state becomes less certain from one frame to the next,
# because the head may have changed its speed. In the standard notation:
#
# | | what it is | unit |
# |---|---|---|
# | $x = (\text{position}, \text{velocity})$ | the estimated state | face widths, face widths per frame |
# | $P$ | the uncertainty of the state | their squares and product |
# | $F$ | the step to the next frame: position += velocity | |
# | $Q$ | *process noise*: how much a head may change its speed within a frame | as $P$ |
# | $H$ | the part of the state that is measured: the position | |
# | $R$ | variance of the measurement | face widths squared |
#
# $$\text{predict:} \quad x \leftarrow F x, \qquad P \leftarrow F P F^T + Q$$
#
# $$\text{update:} \quad K = P H^T (H P H^T + R)^{-1}, \qquad x \leftarrow x + K\,(z - H x), \qquad
#   P \leftarrow (I - K H)\,P$$
#
# One number determines $Q$. An acceleration that changes the velocity by $a$ in one frame changes the position by
# $a/2$. If $a$ has the variance $q$, then $Q = q \begin{pmatrix} 1/4 & 1/2 \\ 1/2 & 1 \end{pmatrix}$. In the library,
# $q$ is 0.03 times the **noise coefficient**, the only parameter to choose.
#
# **Exercise 1.** The next cell has `predict`. Write `update`. `H @ P @ H.T + R` is a matrix of 1 by 1, so you may
# divide by it. The cells below use your function, so run the solution if you skip the exercise.

# %%
from faceswap_lib.course.face_checks import check_kalman_update
from faceswap_lib.faces.smoothing import ACCELERATION, MEASUREMENT_SIGMA

F = np.array([[1.0, 1.0], [0.0, 1.0]])
H = np.array([[1.0, 0.0]])
R = MEASUREMENT_SIGMA**2


def process_noise(noise_coefficient):
    return noise_coefficient * ACCELERATION * np.array([[1 / 4, 1 / 2], [1 / 2, 1]])


def predict(x, P, Q):
    return F @ x, F @ P @ F.T + Q


def update(x, P, z, R):
    """Returns the state (2,) and its covariance (2, 2) after the measurement z, a number with the variance R."""
    return x, P  # your solution


print(check_kalman_update(update))


# %% tags=["solution"]
# @title Solution
def update(x, P, z, R):
    K = P @ H.T / (H @ P @ H.T + R)  # (2, 1): for the position P / (P + R) as before, and a gain for the velocity
    return x + K @ (z - H @ x), (np.eye(2) - K @ H) @ P


print(check_kalman_update(update))

# %% [markdown]
# Two frames, step by step, for the x coordinate of the tip of the nose. The prediction makes $P$ larger, the
# measurement makes it smaller. The printed uncertainty is the square root of the variance of the position.

# %%
z = np.array([face.landmarks[2, 0] for face in seen]) / width  # x of the tip of the nose
x, P = np.array([z[0], 0.0]), np.diag([R, 0.05**2])
for t in (1, 2):
    x, P = predict(x, P, process_noise(1e-3))
    print(f"frame {t} predicted {x}, uncertain by {np.sqrt(P[0, 0]):.4f}; measured {z[t]:.3f}")
    x, P = update(x, P, z[t], R)
    print(f"        updated   {x}, uncertain by {np.sqrt(P[0, 0]):.4f}")


# %%
def forward(z, noise_coefficient):
    """Returns the states (N, 2) and covariances (N, 2, 2) of all frames."""
    x, P = np.array([z[0], 0.0]), np.diag([R, 0.05**2])
    xs, Ps = [x], [P]
    for measurement in z[1:]:
        x, P = update(*predict(x, P, process_noise(noise_coefficient)), measurement, R)
        xs.append(x)
        Ps.append(P)
    return np.array(xs), np.array(Ps)


xs, Ps = forward(z, 1e-3)
gain = Ps[1:, 0, 0] / R  # P after an update is (1 - K) P = K R; divided by R it is the gain K
print("gain of the measurement:", gain[[0, 1, 4, 9, len(z) - 2]])

# %% [markdown]
# Within a few frames the gain falls to a constant, 0.645. From then on, each new position is two parts measurement and
# one part prediction. This is the library's filter. The package `filterpy` does its arithmetic. All coordinates of a
# face share one filter, because neither $P$ nor $K$ depends on the measured values.

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
# Both agree, and half of the shake is gone. But the filter knows only the past, so it notices a change of speed a
# little late: it *lags*.
#
# ## 4. Choose the noise coefficient
#
# A small noise coefficient assumes that heads hardly ever change their speed. The filter trusts its prediction: the
# curve is smooth but late, and overshoots where the head turns back. A large one trusts the detector: the curve follows
# at once but jitters. Three values:

# %%
calm, usual, nervous = (forward(z, noise_coefficient)[0][:, 0] for noise_coefficient in (1e-6, 1e-3, 1.0))
show.plot_series({"as detected": z, "0.000001": calm, "0.001": usual, "1": nervous}, unit="nose x, face widths")

# %% [markdown]
# Move the slider and find the value that you like best. (On a page without a running notebook there is no slider.)

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
# ## 5. Filter backward to remove the lag
#
# No value gives a curve that is both smooth and without lag. But a file is known to its end: at frame 50 we also know
# frames 51, 52 and so on. The **Rauch-Tung-Striebel smoother** (RTS) goes through the states from the last frame back
# to the first. At each frame it compares the prediction with the smoothed estimate of the next frame, and corrects the
# state by a share $C$ of the difference:
#
# $$x_k \leftarrow x_k + C\,(x_{k+1} - F x_k), \qquad C = P_k F^T (F P_k F^T + Q)^{-1}$$
#
# This is our addition. faceswap-GAN v2.2 filters forward only, and only the corners of the box.


# %%
def backward(xs, Ps, noise_coefficient):
    xs, Q = xs.copy(), process_noise(noise_coefficient)
    for k in range(len(xs) - 2, -1, -1):
        C = Ps[k] @ F.T @ np.linalg.inv(F @ Ps[k] @ F.T + Q)
        xs[k] += C @ (xs[k + 1] - F @ xs[k])
    return xs


smooth = backward(xs, Ps, 1e-3)
assert np.allclose(smooth, kalman.run_back(xs[:, :, None], Ps)[:, :, 0])
show.plot_series({"as detected": z, "forward": xs[:, 0], "and backward": smooth[:, 0]}, unit="nose x, face widths")

# %% [markdown]
# The red curve runs through the middle of the gray curve and turns at the same time. `smooth_faces` does this for the
# box and the landmarks of a whole track. It also fills in frames in which the face was lost:

# %%
from faceswap_lib.faces import smooth_faces

show.show_source(smooth_faces)

# %% [markdown]
# How large is the lag? A curve that is late by $d$ frames differs from the true curve by $d$ times the speed. So the
# lag is the difference divided by the speed. The next cell computes shake and lag of four methods, over all ten
# coordinates of the five landmarks.

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
# `ema` is an *exponential moving average*, the simplest filter: 0.65 of the previous result plus 0.35 of the
# measurement. It lags by 1.7 frames, so a new face would slide around on its head. `kalman` is for a live camera, whose
# future is unknown; it lags by an eighth of a frame. For files, `rts` is the default: a tenth of the shake, and no lag.
# (The comparison favors `rts`: its curve defines the speed. And `ema` has only one strength here; a weaker one lags
# less and shakes more.)
#
# ## 6. See it move
#
# Numbers and curves are one thing, a trembling face another. The next cell aligns every frame twice: on the left by the
# landmarks as detected, on the right by the smoothed ones. It shows the middle of the face, five times enlarged and at
# half speed. Watch the bridge of the glasses. The cell also prints how much the pixels change from frame to frame.

# %%
import cv2

from faceswap_lib.faces import crop_from_frame, warp_frame
from faceswap_lib.media import VideoWriter

ways = [smooth_faces(seen, SmoothConfig(smoothing=smoothing)) for smoothing in ("none", "rts")]
compared, before, changes = workspace.root / "raw_and_smoothed.mp4", None, []
with VideoWriter(compared, width=800, height=400, fps=probe_video(video).fps / 2, crf=24) as writer:
    for frame, *pair in zip(read_frames(video), *ways, strict=True):
        crops = [warp_frame(frame, crop_from_frame(face), 256)[70:150, 88:168] for face in pair]
        writer.write(np.hstack([cv2.resize(crop, (400, 400), interpolation=cv2.INTER_CUBIC) for crop in crops]))
        crops = np.array(crops, float)
        changes.append(np.abs(crops - before).mean(axis=(1, 2, 3)) if before is not None else [0, 0])
        before = crops
raw, smoothed = np.mean(changes[1:], axis=0)
print(f"change from frame to frame: {raw:.2f} gray levels as detected, {smoothed:.2f} smoothed")
show.embed_video(compared)

# %% [markdown]
# The left face trembles, the right one does not. In the demo's clip the pixels change by 6.9 gray levels of 255 on the
# left and by 2.7 on the right. What is left is the face itself: it turns, talks and blinks.
#
# **Exercise 2.** The noise coefficient also exists for `rts`. Report on `positions("rts", noise_coefficient=...)` for
# `1e-7`, `1e-5`, `1e-3` and `1e-1`. Does any of them lag? What is wrong with the smallest one? Plot them with `z` in
# one `show.plot_series`. The x coordinate of the nose is column 4.

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
# ## What you know now
#
# - Jitter is measured by second differences, because they ignore even movement.
# - A Kalman filter mixes a prediction and a measurement, each by its certainty. The noise coefficient balances jitter
#   against lag.
# - For a complete file, the RTS smoother runs backward over the filter's states and removes the lag.
#
# **To try:** read `video` at every second frame only (the head then moves twice as far per frame). Which noise
# coefficient do you need now?

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("01b_kalman_smoothing")

# %% [markdown]
# ## Further reading
#
# - [Kalman and Bayesian Filters in Python](https://github.com/rlabbe/Kalman-and-Bayesian-Filters-in-Python): a whole
#   book of notebooks, by the author of filterpy
# - [filterpy](https://filterpy.readthedocs.io/): the package that does the arithmetic here
# - [Kalman filter](https://en.wikipedia.org/wiki/Kalman_filter): the derivation, and the history
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): its noise coefficient is the model of ours

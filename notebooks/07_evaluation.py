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
# # Is it any good?
#
# You have a swapped video. Is it good? Is it better than yesterday's? This notebook measures it and shows how every
# metric is computed. Then it fools most of the metrics on purpose, so that you know what they cannot measure.
#
# | | |
# |---|---|
# | **You will learn** | what the usual metrics measure, derived by hand on one frame; why each needs a baseline |
# | **You will have at the end** | a report about your swap, its worst frames, and some distrust of single numbers |
# | **Time on two CPU cores** | about 3 minutes with `dlib`, half without; 4 more if there is no trained run yet |
# | **Before** | [06 Video conversion](06_video_conversion.ipynb) |
# | **Next** | [08 Responsible use](08_responsible_use.ipynb) |

# %% [markdown]
# ## 0. Choose the parameters
#
# This notebook evaluates the file `swap.mp4` of the workspace, which [06](06_video_conversion.ipynb) made. If it does
# not exist, the next cell makes it. To evaluate your own videos, set `VIDEO` to A's video and `IDENTITY` to B's. Use
# short videos: two small images of every frame are kept in memory, a quarter of a megabyte. (`faceswap evaluate` keeps
# no images.) TensorFlow may print red messages when it starts. They are not errors.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
RUN = "default"  # name of the training run
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
PRESET = "lite"  # the networks, if they must be trained first
STEPS = 600  # number of training steps, if they must be trained first
BATCH_SIZE = 8  # faces of each person per step
VIDEO = None  # your own video of A; None uses the demo's
IDENTITY = None  # your own video of B; None uses the demo's
CONSENT = None  # for your own videos: who agreed to what
BASELINE_FRAMES = 30  # number of frames on which the report measures its baselines
LOOK_AT = 60  # number of frames of the videos in section 1

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # fewer messages when TensorFlow starts

import logging
import pathlib

import cv2
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_run
from faceswap_lib.devices import has_accelerator
from faceswap_lib.facesets import require_consent
from faceswap_lib.pipeline import convert

np.set_printoptions(precision=3, suppress=True)
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # hides its advice about retracing, which is for training loops
workspace = make_run(WORKSPACE, run=RUN, preset=PRESET, steps=STEPS, batch_size=BATCH_SIZE, seconds=SECONDS, size=SIZE)
video = pathlib.Path(VIDEO or workspace.root / "clips" / "hopper.mp4")
identity = pathlib.Path(IDENTITY or workspace.root / "clips" / "collins.mp4")
swap = workspace.root / "swap.mp4"
if VIDEO:
    require_consent(workspace, CONSENT, [video])
if not swap.exists():
    convert(video, workspace, swap, run=RUN, progress=True)

# %% [markdown]
# ## 1. Why looking is not enough
#
# To judge our swap, we need *baselines*: other results to compare it with. Here are three that need no training:
#
# - the **input** itself, with nothing swapped;
# - our swap, **blurred** inside the face;
# - a single **image of B**, pasted onto A's face in every frame. *Poisson cloning* hides its border.
#
# The next two cells write these three videos.

# %%
from faceswap_lib.evaluation import paste_nearest
from faceswap_lib.faces import MTCNN, open_landmark_detector
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets import Faceset
from faceswap_lib.media import VideoWriter, probe_video, read_frames

detector, finder, info = MTCNN(), open_landmark_detector(), probe_video(video)
faces = [next(iter(found.values()), None) for found in track_video(video, detector).faces]  # None: no face
(one_crop,) = Faceset.open(workspace, "dst").sample(1).read_crops()
one_of_b = [(one_crop.image, finder.detect([one_crop])[0])]


def blur(picture, face):
    left, top, right, bottom = np.maximum(np.round(face.box_xyxy), 0).astype(int)
    blurred = picture.copy()
    blurred[top:bottom, left:right] = cv2.GaussianBlur(picture[top:bottom, left:right], (0, 0), 0.05 * face.size)
    return blurred


# %%
rivals = {
    "original": lambda before, after, face: before,
    "the swap": lambda before, after, face: after,
    "input": lambda before, after, face: before,
    "blurred": lambda before, after, face: blur(after, face) if face else after,
    "one picture": lambda before, after, face: paste_nearest(before, face, finder, one_of_b) if face else before,
}
paths = {name: workspace.root / f"rival-{name.replace(' ', '-')}.mkv" for name in rivals}  # .mkv keeps every pixel
for name, path in paths.items():
    with VideoWriter(path, width=info.width, height=info.height, fps=info.fps) as writer:
        videos = (read_frames(one, stop=LOOK_AT) for one in (video, swap))
        for before, after, face in zip(*videos, faces[:LOOK_AT], strict=True):
            writer.write(rivals[name](before, after, face))

# %% [markdown]
# The next cell shows two moments of each result, in an order that you do not know. Which one is the best swap, and
# which one is the worst? Decide first, then read on.

# %%
from faceswap_lib.faces import align_face


def keep_frames(video, numbers):
    """Returns the frames with these numbers, by number. It keeps no others: a frame of a large video has 25 MB."""
    return {at: frame for at, frame in enumerate(read_frames(video, stop=max(numbers) + 1)) if at in numbers}


seen = [index for index, face in enumerate(faces) if face]
moments = [index for index in seen if index < LOOK_AT][10::25][:2]
drawn = {name: keep_frames(path, moments) for name, path in paths.items()}
order = np.random.default_rng(7).permutation(["the swap", "input", "blurred", "one picture"])
hidden = [align_face(drawn[name][index], faces[index]).image for index in moments for name in order]
show.plot_images(hidden, captions=["1", "2", "3", "4"] * len(moments), columns=4)

# %% [markdown]
# In still images, the pasted image may look best: it is sharp, and it shows B. In the video, it looks like a mask on a
# stick: the head moves, but the face does not. A few images do not show this, especially if somebody selected them for
# you. Looking has other weaknesses, too. You get used to a face after an hour. You cannot see whether this training is
# 3 % better than the last one. And nobody can look at a thousand videos.
#
# So we measure. **But a single number is not enough either.** Each metric measures only one property, and a bad result
# can be perfect in any one of them. Section 7 shows this.

# %% [markdown]
# ## 2. One frame, two crops
#
# This step makes the input of all metrics: two crops of the same frame, before and after the swap. A's face is tracked
# in the original video. Both frames are cropped with the *same* matrix, so a point in one crop is the same position in
# the other crop. The output shows both crops and their difference.

# %%
from faceswap_lib.faces import CROP_SIZE, FaceCrop, crop_from_frame, points_in_crop, warp_frame

number = moments[-1]
face = faces[number]
matrix = crop_from_frame(face)
frame, swapped = (next(read_frames(one, start=number)) for one in (video, swap))
before, after = (warp_frame(picture, matrix, CROP_SIZE) for picture in (frame, swapped))
difference = cv2.absdiff(before, after)
show.plot_images([before, after, difference], captions=["before", "after", "difference"], width=7)

# %% [markdown]
# ## 3. The metrics, by hand
#
# ### 3.1 Whose face is it? Identity
#
# This metric compares *face embeddings*. A *face recognition network* maps a face to a list of numbers, the
# **embedding**. It was trained on millions of images, until the embeddings of one person were close together and the
# embeddings of two people were far apart, independent of the light and the expression. The distance is the usual
# Euclidean distance between two points, but in 128 dimensions:
#
# $$d(a, b) = \sqrt{(a_1 - b_1)^2 + (a_2 - b_2)^2 + \dots + (a_{128} - b_{128})^2}$$
#
# The network is in the extra `dlib` (`pip install 'faceswap_lib[dlib]'`, offline). If it is not installed, the cells
# below say so, and the report measures the identity with the likeness of section 3.6. The output shows the distances
# before and after the swap.

# %%
from faceswap_lib.conversion import IdentityPair
from faceswap_lib.faces import DlibEmbedder

lack = DlibEmbedder.unavailable_reason()
embedder = None if lack else DlibEmbedder()
crops = [FaceCrop(image=one, landmarks=points_in_crop(face, matrix), crop_from_frame=matrix) for one in (before, after)]
if embedder:
    people = IdentityPair.measure(workspace, "a2b", embedder)  # mean embeddings of A and B
    embedding_before, embedding_after = embedder.embed(crops)
    distances = {
        "A here, to A's average": np.sqrt(((embedding_before - people.original) ** 2).sum()),
        "A here, to B's average": np.sqrt(((embedding_before - people.wanted) ** 2).sum()),
        "swapped, to A's average": np.sqrt(((embedding_after - people.original) ** 2).sum()),
        "swapped, to B's average": np.sqrt(((embedding_after - people.wanted) ** 2).sum()),
    }
    nearly = {"rtol": 1e-2 if has_accelerator() else 1e-5}  # a GPU multiplies with about three digits
    assert np.allclose([*distances.values()][2:], np.ravel(people.distances(crops[1:])), **nearly)
    print("\n".join(f"{name:24} {distance:.2f}" for name, distance in distances.items()))
print(lack or f"the network's authors treat two faces closer than {embedder.same_person} as the same person")

# %% [markdown]
# Why do we not simply compare pixels, or the features of another network? Because then light, pose and hair count as
# much as the face. Here is a test that needs no extra. It uses the features of MTCNN's last network. This network was
# trained to detect faces, and never to recognize people. If its features described the identity, A would be nearer to
# another moment of A than to B.

# %%
from faceswap_lib.evaluation import open_perceptual

meter = open_perceptual("onet")
other_before = align_face(next(read_frames(video, start=seen[-1])), faces[seen[-1]]).image
pairs_of_crops = {"A, A at another moment": other_before, "A, B": one_crop.image, "A, the swap": after}
for name, other in pairs_of_crops.items():
    print(f"{name:24} {meter.measure(before[None], other[None]).distances[0]:.3f}")

# %% [markdown]
# The distance between A and B is indeed large, because their hair, light and background are different. But look at the
# last line. The swap, which shows B's face, is almost as near to A as A is at another moment, because everything around
# the face is the same. Such a *perceptual distance* says how different two images look. It does not say whose face they
# show.
#
# ### 3.2 Does it move like A? Landmarks
#
# This metric is the *normalized mean error* (NME) of the landmarks. The detector detects five landmarks in the result,
# and then in the original. The metric is the mean distance between them, divided by the distance between the eyes, so
# the size of the face does not matter. The output shows both sets of landmarks.

# %%
from faceswap_lib.evaluation import landmark_error

(found,), (real,) = detector.refine([swapped, frame], [[face]] * 2)
found = found or real  # after a few training steps, it may not detect a face in the result
eye_distance = np.sqrt(((real.landmarks[1] - real.landmarks[0]) ** 2).sum())
off = np.sqrt(((found.landmarks - real.landmarks) ** 2).sum(axis=1))
by_hand = off.mean() / eye_distance
print(f"errors of {off} pixels; the eye distance is {eye_distance:.1f} pixels: {100 * by_hand:.1f} %")
show.show_source(landmark_error)

# %%
assert np.isclose(by_hand, landmark_error(found.landmarks, real.landmarks))
drawn = [show.draw_face(frame, real), show.draw_face(swapped, found)]
show.plot_images([warp_frame(one, matrix, CROP_SIZE) for one in drawn], captions=["before", "after"], width=6)

# %% [markdown]
# The goal is not 0! Two faces have different proportions. For example, B's mouth *is* wider, so her landmarks should be
# at other positions. A few percent are right. Only the input itself has 0. With 68 landmarks, the report also measures
# **expressions over time**: does the mouth open when A's mouth opens? This is a correlation, so proportions do not
# matter.
#
# ### 3.3 Did anything else change? PSNR
#
# This metric is the *peak signal-to-noise ratio* (PSNR) of the background. Away from the face, the result should be
# equal to the input. We compute the **mean squared error** over all pixels there. The PSNR is the ratio between the
# largest possible squared error (255²) and this mean, on a logarithmic scale, in decibels:
#
# $$\text{PSNR} = 10 \log_{10} \frac{255^2}{\text{mean of } (x - y)^2}$$

# %%
from faceswap_lib.evaluation import label_area, psnr

away = ~label_area(info.width, info.height)  # without the label in the corner
around = face.box_xyxy + 0.3 * face.size * np.array([-1, -1, 1, 1])
left, top, right, bottom = np.maximum(np.round(around), 0).astype(int)
away[top:bottom, left:right] = False
error = (frame[away].astype(float) - swapped[away]) ** 2
by_hand = 10 * np.log10(255**2 / error.mean())
assert np.isclose(by_hand, psnr(swapped, frame, away))
print(f"away from the face {by_hand:.1f} dB; of the whole frame {psnr(swapped, frame):.1f} dB")
show.show_source(psnr)

# %% [markdown]
# Away from the face, the only loss comes from the video codec. One encoding leaves about 40 dB, and nobody sees the
# difference. At 30 dB the difference is visible. At 20 dB the image is clearly different.
#
# ### 3.4 How similar are two images? SSIM
#
# This metric is the **structural similarity** (SSIM). The mean squared error does not depend on the *kind* of error: a
# face that is one gray level brighter everywhere and a face with a scratch may have the same error. SSIM compares small
# windows instead. For each window it measures two things: are the means equal? Do the values rise and fall together,
# and by the same amount? For windows $x$ and $y$ with means $\mu$, variances $\sigma^2$ and covariance $\sigma_{xy}$:
#
# $$\text{SSIM} = \frac{2\mu_x\mu_y + c_1}{\mu_x^2 + \mu_y^2 + c_1} \cdot
# \frac{2\sigma_{xy} + c_2}{\sigma_x^2 + \sigma_y^2 + c_2}$$
#
# It is 1 for two equal images. The small constants prevent a division by 0 in windows without contrast. The output
# shows a map of the similarity.

# %%
from faceswap_lib.evaluation import ssim


def window_mean(values):
    """Returns the Gaussian mean around every pixel whose window of 11 x 11 is inside the image."""
    return cv2.GaussianBlur(values, (11, 11), 1.5)[5:-5, 5:-5]


x, y = before.astype(float), after.astype(float)
mean_x, mean_y = window_mean(x), window_mean(y)
variance_x, variance_y = window_mean(x * x) - mean_x**2, window_mean(y * y) - mean_y**2
covariance = window_mean(x * y) - mean_x * mean_y
c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
means = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
patterns = (2 * covariance + c2) / (variance_x + variance_y + c2)
assert np.isclose((means * patterns).mean(), ssim(before, after), atol=1e-4)
likeness = (means * patterns).mean(axis=2)
print(f"SSIM {likeness.mean():.3f}")
show.plot_images([before, after, likeness.clip(0, 1)], captions=["before", "after", "similarity, 1 is white"], width=7)

# %% [markdown]
# Now the important question: **is a high SSIM good?** For the background, yes. For the face, no! The swapped face
# should differ from the input. If nothing is swapped, the SSIM is 1.
#
# ### 3.5 Is it sharp? The Laplacian
#
# This metric is the **variance** of the *Laplacian*. The Laplacian of a pixel is the sum of its four neighbors minus
# four times the pixel itself. It is 0 where the gray values rise evenly, and large at edges and fine detail. In a
# blurred image it is small everywhere. So its variance inside the face measures sharpness. It is computed on a gray
# crop of 128 pixels and compared with the original's value.

# %%
from faceswap_lib.evaluation import sharpness
from faceswap_lib.faces import Part, part_mask


def small(picture):
    return cv2.resize(picture, (128, 128), interpolation=cv2.INTER_AREA)


inside = np.where(part_mask(finder.detect(crops[:1])[0], CROP_SIZE, Part.FACE, feather=0) > 127, 255, 0).astype("uint8")
gray = np.pad(small(cv2.cvtColor(after, cv2.COLOR_RGB2GRAY)).astype(float), 1, mode="reflect")
neighbors = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
laplacian = neighbors - 4 * gray[1:-1, 1:-1]
by_hand = laplacian[small(inside) >= 128].var()
assert np.isclose(by_hand, sharpness(after, inside))
print(f"swapped {by_hand:.0f}, original {sharpness(before, inside):.0f}")
show.plot_images([after, inside, np.abs(laplacian / 60).clip(0, 1)], captions=["after", "face", "Laplacian"], width=7)

# %%
show.show_source(sharpness)

# %% [markdown]
# ### Exercise 1: cheat
#
# Make the swapped crop *sharper than the original* by this metric, without changing its content. One line is enough.

# %%
cheated = after  # change it
print(f"{sharpness(cheated, inside) / sharpness(before, inside):.2f} of the original's sharpness")

# %% tags=["solution"]
# @title Solution
noise = np.random.default_rng(0).normal(0, 25, after.shape)
cheated = (after + noise).clip(0, 255).astype("uint8")  # noise is "detail" at every pixel
print(f"{sharpness(cheated, inside) / sharpness(before, inside):.2f} of the original's sharpness")
show.plot_images([before, after, cheated], captions=["before", "after", "sharper?"], width=7)

# %% [markdown]
# This is why the report says "near 1 is better" and not "higher is better".
#
# ### 3.6 Is it real? Likeness to B's own faces
#
# This metric detects artifacts. A smeared area inside a face may be as sharp as skin and as stable as the input, and
# the face recognition network may still accept the face as B. But no *real face of B* looks like it. So we compare each
# region of the new face (eyes, mouth and skin) with B's own frames. We search for the most similar frames, warp them by
# *optical flow* until their expression fits, and compare them by SSIM as above. The unit is the similarity of two real
# frames of B, warped in the same way. So **1 means: as real as a held-out frame of B.**

# %%
from faceswap_lib.evaluation import collect_own_faces
from faceswap_lib.faces import LikenessGallery
from faceswap_lib.faces.likeness import REGIONS

own = collect_own_faces(identity, track_video(identity, detector), finder)
gallery = LikenessGallery.of(own.crops, own.landmarks, times=own.times)
smeared = cv2.GaussianBlur(after, (0, 0), 0.05 * CROP_SIZE)
looked_at = {"A, before": before, "the swap": after, "the swap, smeared": smeared, "B herself": own.crops[-1].image}
points = [*finder.detect([crops[0], crops[1], crops[1]]), own.landmarks[-1]]
as_crops = [FaceCrop(image=one, landmarks=crops[0].landmarks, crop_from_frame=matrix) for one in looked_at.values()]
likeness = gallery.measure(as_crops, points)
by_region = [" ".join(f"{name} {value:.2f}" for name, value in zip(REGIONS, row, strict=True)) for row in likeness]
show.plot_images(list(looked_at.values()), captions=by_region, columns=4)
assert likeness[-1].min() > likeness[0].max()  # B is more similar to B than A is, in every region
show.show_source(LikenessGallery.measure)

# %% [markdown]
# What would fool this metric? A pasted photograph of B, because it is real. So likeness must be combined with metrics
# over time.
#
# ### 3.7 Is it stable? Second differences
#
# This metric is the *jitter*. The *first difference* of a position from frame to frame is its speed. The difference of
# these differences, the **second difference**, says how suddenly the speed changes. It is zero for a head that turns
# evenly, and large for a head that shakes. The jitter is its mean length over the landmarks, in eye distances. The plot
# shows a position, its speed, and the change of the speed.

# %%
from faceswap_lib.evaluation import jitter

nowhere = np.full((5, 2), np.nan)
path = np.array([one.landmarks if one else nowhere for one in faces])  # (frames, 5, 2)
speed = path[1:] - path[:-1]
change = speed[1:] - speed[:-1]
by_hand = np.nanmean(np.sqrt((change**2).sum(axis=2))) / eye_distance
assert np.isclose(by_hand, jitter(path, eye_distance))
print(f"the speed of A's own landmarks changes by {100 * by_hand:.2f} % of the eye distance per frame")
show.show_source(jitter)

# %%
figure, axes = plt.subplots(3, 1, figsize=(9, 4), sharex=True)
for one, values, name in zip(axes, (path, speed, change), ("position", "speed", "its change"), strict=True):
    one.plot(values[:, 2, 0], lw=1)
    one.set_ylabel(name)
axes[-1].set_xlabel("frame; tip of the nose, x in pixels")
plt.show()

# %% [markdown]
# ## 4. The whole video
#
# `evaluate_video` computes all these metrics for every frame. It detects the landmarks of the result in the result
# itself, and combines the values of each metric into one number. `evaluate_to_page` also writes two files:
# `report.json` for programs and `report.html` for people. The output shows the verdict and all metrics.

# %%
from faceswap_lib.evaluation import EvaluateConfig, evaluate_to_page

page = workspace.root / "report.html"
config = EvaluateConfig(baseline_frames=BASELINE_FRAMES)
report = evaluate_to_page(swap, video, identity, page, config=config, progress=True)
print(report.summary.verdict)
print("\n".join(f"left out: {name}: {why}" for name, why in report.skipped.items()))
show.tabulate_metrics({"the swap": report.values})

# %% [markdown]
# Metrics marked "near 1" are ratios to the original's own value. For example, a jitter of 1 means as much jitter as A's
# own face. If the limit for such a ratio (Exercise 3) is below 1, it is a minimum; if it is above 1, it is a maximum.
#
# ### One number: the score
#
# The *score* combines all metrics, for everyone who wants only one number. It has seven parts, each scaled to 0 to 1.
# The values of the two input videos define the scale. For identity, 0 is as far from B as the input is, and 1 is as
# near as B's own video. The score is the square root of the **product** of the parts. Why a product? With a mean, a
# result that is perfect in six parts and worthless in one would still get 86 of 100. With a product, one part of 0
# makes the score 0, so other parts cannot compensate for it. (A part that is nearly 0 leaves a small score: the root of
# 0.01 is a tenth.)

# %%
from faceswap_lib.evaluation import summarize

parts = report.summary.parts
print("\n".join(f"{name:12} {part:.2f}" for name, part in parts.items()))
by_hand = 100 * np.sqrt(np.prod(list(parts.values())))
assert np.isclose(by_hand, report.summary.score)
print(f"score {by_hand:.1f} of 100; the plain mean would be {100 * np.mean(list(parts.values())):.1f}")
print(f"identity was measured by {report.networks['identity']}")
show.show_source(summarize)

# %% [markdown]
# ## 5. Every number needs a baseline
#
# "Landmarks 5 % off": is that a lot? You can only know if you see the same measure for a result that you understand. So
# the report also measures three *baselines*, results that need no training, on the same frames:

# %%
from faceswap_lib.evaluation.baselines import BASELINES

crops_of_b = [(crop.image, points) for crop, points in zip(own.crops, own.landmarks, strict=True)]
baselines = {name: make(frame, face, finder, crops_of_b) for name, make in BASELINES.items()}
pictures = {"the swap": swapped, **baselines}
show.plot_images([align_face(one, face).image for one in pictures.values()], captions=list(pictures), columns=4)

# %%
names = [
    "identity_distance",
    "eyes_likeness",
    "mouth_likeness",
    "skin_likeness",
    "landmark_error",
    "expression_agreement",
]
names += ["motion_agreement", "sharpness", "ssim", "jitter", "flicker", "seam"]
measured = [name for name in names if report.values[name] is not None]
show.tabulate_metrics(report.baselines, measured)

# %% [markdown]
# Read the table row by row, and look at the bold numbers, which are the best. **The copied input wins most rows.** It
# has no landmark error, and it is as sharp and as stable as itself. If a metric is best when nothing is swapped, it
# says nothing alone. It must be read together with identity. (The table uses only some frames of the clip, so its
# numbers differ a little from those above.) The **pasted crop** is B, and nearer to her than our swap is. But it
# flickers, and its expressions are those of B's nearest crop. **Colors only** changes the colors of A's face to B's.
# Look how much this small change affects `flicker` and `sharpness`.
#
# A good swap is between the baselines: much nearer to B than the input, and more similar to A's motion than the pasted
# crop. Ours, after a short training, is not *much* more similar: compare `landmark_error` and `expression_agreement`.

# %% [markdown]
# ## 6. The failure gallery
#
# A mean hides the worst frame, but people notice the worst frame. The next cell shows the three worst frames of each
# metric, before and after the swap, with their values.

# %%
both = [
    np.hstack([warp_frame(picture, crop_from_frame(one or face), CROP_SIZE)[30:230, 28:228] for picture in (old, new)])
    for old, new, one in zip(read_frames(video), read_frames(swap), faces, strict=True)
]
wanted = ("identity_distance", "landmark_error", "sharpness", "face_score", "seam")
show.plot_worst_frames(report, both, [name for name in wanted if report.values[name] is not None])

# %% [markdown]
# What went wrong? Answer this for every row. With the two portraits and a short training, you see the following:
#
# - `identity_distance` (only with `dlib`): the frames in which the face is least similar to B. The mouth is open, or
#   the head is turned. Decoder B saw few such faces.
# - `landmark_error`: A's mouth is closed or its lips are pursed, and the new face smiles. B smiles in all her frames,
#   so decoder B never learned a closed mouth. No option of conversion can correct this, but other images of B can.
# - `sharpness`: all faces are soft, because networks of 128 pixels that were trained for minutes draw no pores. But
#   look which frames are the softest: those in which A *blinks*. The new eyes are neither open nor closed, but smeared.
#   The metric knows nothing about eyes, but it found these frames.
# - `face_score`: the detector's score for this face, relative to the original. A value near 1 is no failure. Then this
#   row shows ordinary frames, because every ranking has a last place.
# - `seam`: the border of the changed area is visible. Look under the cap and along the jaw.
#
# Numbers rank the frames, but only looking at them tells you the reasons. Do both, in this order.
#
# ### Over time
#
# The next plot shows a metric over time. A single bad frame is a spike. A longer bad part is a hill or, if higher is
# better, a valley. The histogram on the right shows in how many frames each value occurs. With the two portraits, look
# for the valleys at the blinks.

# %%
from faceswap_lib.evaluation import draw_series

curves = {"sharpness": report.series["sharpness"]}
show.plot_images([draw_series(curves, report.fps, title="sharpness over time", unit="original = 1")], width=7)

# %% [markdown]
# ### Exercise 2: three frames late
#
# Suppose a bug makes the result late: frame $n$ shows the face of frame $n - 3$. Which metric would detect it? Compute
# the landmark error of A's own landmarks `path` against the same landmarks three frames earlier, and compare it with
# the error of the swap.

# %%
late = 3
# landmark_error(path[index - late], path[index]) for every index from `late` on

# %% tags=["solution"]
# @title Solution
known = np.isfinite(path).all(axis=(1, 2))
errors = [landmark_error(path[n - late], path[n]) for n in range(late, len(path)) if known[n] and known[n - late]]
print(f"late: {100 * np.mean(errors):.1f} % on average, {100 * np.max(errors):.1f} % at worst")
if report.values["landmark_error"] is not None:
    print(f"the swap: {100 * report.values['landmark_error']:.1f} % on average")
# The landmark error would hardly detect it. On average, the late result is even better than the swap, whose landmarks
# are off because B's face has other proportions. Only the fastest moments come near the swap's error. (The swap may
# have 68 landmarks, so compare only roughly.) To detect a lag, measure it directly, as notebook 01 did: how far is a
# curve behind, as a fraction of its speed?

# %% [markdown]
# ## 7. Fool the metrics
#
# Now we evaluate the baselines of section 1. You know them: the input is no swap at all, one video is blurred, and one
# shows a face that does not move. We give each to `evaluate_video` as if it were a swap. Only the first frames are
# used, to save time.

# %%
from faceswap_lib.evaluation import evaluate_video

quick = EvaluateConfig(baseline_frames=0)
reports = {}
for name in ("the swap", "input", "blurred", "one picture"):
    reports[name] = evaluate_video(paths[name], paths["original"], identity, config=quick)
show.tabulate_metrics({name: one.values for name, one in reports.items()}, [name for name in names if name in measured])

# %%
for name, one in reports.items():
    score = "no score" if one.summary.score is None else f"score {one.summary.score:.0f}"
    print(f"{name:12} {score}. {one.summary.verdict}")
    print(" " * 12, ", ".join(f"{part} {value:.2f}" for part, value in one.summary.parts.items()))

# %% [markdown]
# - **Nothing swapped** is perfect in everything except identity. If somebody reports landmark error, SSIM or stability
#   without identity, the report only says how little was changed. The verdict detects it in another way: no pixel of
#   the face changed.
# - **Blurred** has no features left. But with 68 landmarks, its expressions may *agree better* with A's expressions
#   than those of the swap. If the landmark network sees no features, it puts the landmarks at the usual positions for a
#   face in this pose. Sharpness detects it at once, and so does the score, because sharpness is one of its factors.
# - **One image** is B in every frame, with more certainty than the swap, and without a seam. Only metrics over time
#   detect that the face does not move: its expressions do not correlate with A's (this needs 68 landmarks), and it
#   flickers.
#
# Read the verdicts as well. Each verdict is correct: it calls the first one the input, the second one a face without
# features that is unlike every real face of B, and the third one an image that does not move. Before likeness was
# measured, the verdict accepted the last two as swaps. A verdict is also just a number, with fewer digits: it has
# limits (`docs/evaluation.md` says how they were chosen), and the result of a short training may fail them too. Then
# the verdict says which region fails, and in which frame to look.
#
# Each baseline is better than our swap in some row. So the choice of the metric decides which result is best. The
# opposite also exists: a face that is smeared in a few frames. You see it at once, but no mean shows it. So here is the
# rule for reading any paper on face swapping, and your own results: **look at identity, expression and stability
# together, compare with a baseline, and show the worst frames.**

# %% [markdown]
# ### Exercise 3: set the limits
#
# `check_limits(values, limits)` returns the metrics that are worse than their limits, as
# `faceswap evaluate --fail-under` does. Find limits that your swap passes and that all three baselines fail. How many
# metrics do you need?

# %%
from faceswap_lib.evaluation import check_limits

limits = {"landmark_error": 0.1}
for name, one in reports.items():
    print(f"{name:12} {check_limits(one.values, limits) or 'passes'}")

# %% tags=["solution"]
# @title Solution
ours = reports["the swap"].values
limits = {"sharpness": 0.7 * ours["sharpness"], "flicker": 1.25}  # fail the blurred video and the still image
if embedder:
    limits |= {"identity_distance": (ours["before"] + ours["identity_distance"]) / 2}  # fails the input
if ours["expression_agreement"] is not None:
    limits |= {"expression_agreement": 0.7 * ours["expression_agreement"]}  # also fails the still image
for name, one in reports.items():
    print(f"{name:12} {check_limits(one.values, limits) or 'passes'}")
# One metric per baseline. Without identity, the input passes all limits, because it is equal to the original.

# %% [markdown]
# ## 8. Read `report.html`
#
# Open it in a browser. It is one file that contains its images, and it needs no network connection.

# %%
from IPython.display import FileLink, display

display(FileLink(os.path.relpath(page)))

# %% [markdown]
# From top to bottom, it contains:
#
# 1. The **verdict**: one sentence that names what fails and the frame to look at. The **score** with its parts: which
#    part is the lowest? Improve that one.
# 2. The **best, a typical and the worst frame** by landmarks: look at the worst one first.
# 3. **All metrics** beside the baselines, with the best one in bold: read the identity rows first.
# 4. **Curves over time**: a spike is a moment to look at in the video. A slope is a gradual change (*drift*).
# 5. The same **by yaw and by brightness**: often a swap is good from the front and bad from the side, and the mean of
#    both describes neither.
# 6. **What was not measured, and why**, and which networks measured. Distances of different networks are not
#    comparable.
#
# On the command line, use `faceswap evaluate SWAP.mp4 --original A.mp4 --identity B.mp4 --out report.html`. To compare
# several results side by side, use `faceswap compare one/report.json two/report.json --out comparison.html`.
#
# ## What you know now
#
# - Every metric is a few lines of arithmetic on two crops, and measures exactly one property.
# - **Doing nothing** wins most metrics, a still image wins identity, and even a blurred face can win expression. This
#   is why baselines are necessary, and why the score is a product and not a sum.
# - A mean hides the worst frames. First rank by numbers, then look.
#
# ## What to try
#
# - Convert again in [06](06_video_conversion.ipynb) with another `SHIFT` and compare the two reports.
# - Train twice as long. Which numbers change, and would you have seen the difference?
# - Find a frame that looks bad to you, but not to any metric. Which metric could measure it?
#
# Next: [08 Responsible use](08_responsible_use.ipynb). A better swap is also a better lie, if somebody uses it as one.

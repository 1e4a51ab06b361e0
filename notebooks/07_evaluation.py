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
# # 07 Is it any good?
#
# You have a swapped video. Is it good? Is it better than yesterday's? This notebook computes the usual metrics by hand.
# Then it fools most of them on purpose, so that you know what they cannot measure.
#
# | | |
# |---|---|
# | **You will learn** | what the usual metrics measure, by hand on one frame; why each needs a baseline |
# | **You will have at the end** | a report about your swap, a metric of your own, and some distrust of single numbers |
# | **Time on two CPU cores** | about 3 minutes with `dlib`, half without; 4 more if there is no trained run yet |
# | **Before** | [06b Conversion options](06b_conversion_options.ipynb) |
# | **After** | [08 Responsible use](08_responsible_use.ipynb) |

# %% [markdown]
# ## 0. Choose the parameters
#
# This notebook evaluates `swap.mp4` of the workspace, which [06](06_video_conversion.ipynb) made. If it does not exist,
# the next cell makes it. It is compared with the videos from which the faces of A and B were extracted; for other
# videos, set `VIDEO` to A's and `IDENTITY` to B's. Use short ones: two small images of every frame are kept in memory.
# (`faceswap evaluate` keeps none.)

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
RUN = "default"  # name of the training run
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
PRESET = "lite"  # the networks, if they must be trained first
STEPS = 600  # number of training steps, if they must be trained first
BATCH_SIZE = 8  # faces of each person per step
VIDEO = None  # a video of A; None: the one that the faces of A come from
IDENTITY = None  # a video of B; None: the one that the faces of B come from
CONSENT = None  # for your own videos: who agreed to what
BASELINE_FRAMES = 30  # number of frames on which the report measures its baselines
LOOK_AT = 60  # number of frames of the videos in section 1

# %%
import os

from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import logging
import pathlib

import cv2
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import FileLink, display

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_run
from faceswap_lib.devices import has_accelerator
from faceswap_lib.facesets import require_consent
from faceswap_lib.facesets.source_video import find_source_video
from faceswap_lib.pipeline import convert

np.set_printoptions(precision=3, suppress=True)
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # hides its advice about retracing, which is for training loops
workspace = make_run(WORKSPACE, run=RUN, preset=PRESET, steps=STEPS, batch_size=BATCH_SIZE, seconds=SECONDS, size=SIZE)
video = pathlib.Path(VIDEO) if VIDEO else find_source_video(workspace, "src")
identity = pathlib.Path(IDENTITY) if IDENTITY else find_source_video(workspace, "dst")
swap = workspace.root / "swap.mp4"
if VIDEO:
    require_consent(workspace, CONSENT, [video])
if not swap.exists():
    convert(video, workspace, swap, run=RUN, progress=True)

# %% [markdown]
# ## 1. Why looking is not enough
#
# A classifier is compared with the right answer, the **ground truth**. A swap has none: nobody filmed B doing what A
# does. What we can have are **baselines**: results that need no training, to compare with. Here are three:
#
# - the **input** itself, with nothing swapped;
# - our swap, **blurred** inside the face;
# - a single **image of B**, pasted onto A's face in every frame, with Poisson blending.

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
# In still images, the pasted image may look best: it is sharp, and it shows B. In the video it looks like a mask on a
# stick: the head moves, but the face does not. A few images do not show this, and you get used to a face after an hour.
# So we measure. **But a single number is not enough either**: each metric measures only one property.
#
# ## 2. The metrics, by hand
#
# The input of all metrics is two crops of one frame, before and after the swap, cut out with the *same* matrix.

# %%
from faceswap_lib.faces import CROP_SIZE, FaceCrop, crop_from_frame, points_in_crop, warp_frame

number = moments[-1]
face = faces[number]
matrix = crop_from_frame(face)
frame, swapped = (next(read_frames(one, start=number)) for one in (video, swap))
before, after = (warp_frame(picture, matrix, CROP_SIZE) for picture in (frame, swapped))
crops = [FaceCrop(image=one, landmarks=points_in_crop(face, matrix), crop_from_frame=matrix) for one in (before, after)]
difference = cv2.absdiff(before, after)
show.plot_images([before, after, difference], captions=["before", "after", "difference"], width=7)

# %% [markdown]
# ### 2.1 Whose face is it? Identity
#
# A **face recognition network** maps a face to a list of numbers, the **embedding**. It was trained on millions of
# images, until the embeddings of one person were close together and those of two people far apart. The metric is the
# distance of two embeddings, here of 128 numbers:
#
# $$d(a, b) = \sqrt{(a_1 - b_1)^2 + (a_2 - b_2)^2 + \dots + (a_{128} - b_{128})^2}$$
#
# The network is in the extra `dlib`. Without it, the report measures identity with the likeness of section 2.6.

# %%
from faceswap_lib.conversion import IdentityPair
from faceswap_lib.evaluation import open_perceptual
from faceswap_lib.faces import DlibEmbedder

lack = DlibEmbedder.unavailable_reason()
if not lack:
    people = IdentityPair.measure(workspace, "a2b", DlibEmbedder())  # mean embeddings of A and B
    embeddings = dict(zip(["A here", "swapped"], DlibEmbedder().embed(crops), strict=True))
    means = {"A": people.original, "B": people.wanted}
    apart = {(one, mean): np.sqrt(((embeddings[one] - means[mean]) ** 2).sum()) for one in embeddings for mean in means}
    nearly = {"rtol": 1e-2 if has_accelerator() else 1e-5}  # a GPU multiplies with about three digits
    assert np.allclose([*apart.values()][2:], np.ravel(people.distances(crops[1:])), **nearly)
    print("\n".join(f"{one}, to the mean of {mean}: {distance:.2f}" for (one, mean), distance in apart.items()))
print(lack or f"the network's authors treat two faces closer than {DlibEmbedder.same_person} as the same person")

meter = open_perceptual("onet")  # features of a face detector
other_before = align_face(next(read_frames(video, start=seen[-1])), faces[seen[-1]]).image
for name, other in {"A at another moment": other_before, "B": one_crop.image, "the swap": after}.items():
    print(
        f"distance of a detector's features, A to {name}: {meter.measure(before[None], other[None]).distances[0]:.3f}"
    )

# %% [markdown]
# The last three lines show why a *recognition* network is needed. The features of a network that only detects faces say
# how different two images *look*: the swap is nearly as near to A as A is at another moment, because everything around
# the face is the same. Such a **perceptual distance** does not say whose face it is.
#
# ### 2.2 Does it move like A? Landmarks
#
# The **normalized mean error** (NME): detect landmarks in the result and in the original, take the mean distance, and
# divide it by the distance between the eyes.

# %%
from faceswap_lib.evaluation import landmark_error

(found,), (real,) = detector.refine([swapped, frame], [[face]] * 2)
found = found or real  # after a few training steps, it may not detect a face in the result
eye_distance = np.sqrt(((real.landmarks[1] - real.landmarks[0]) ** 2).sum())
by_hand = np.sqrt(((found.landmarks - real.landmarks) ** 2).sum(axis=1)).mean() / eye_distance
assert np.isclose(by_hand, landmark_error(found.landmarks, real.landmarks))
print(f"NME {100 * by_hand:.1f} % of the eye distance")
drawn = [show.draw_face(frame, real), show.draw_face(swapped, found)]
display(show.plot_images([warp_frame(one, matrix, CROP_SIZE) for one in drawn], captions=["before", "after"], width=6))
show.show_source(landmark_error)

# %% [markdown]
# The goal is not 0! B's mouth *is* wider, so her landmarks should be elsewhere. A few percent are right, and only the
# input has 0. With 68 landmarks, the report also measures **expressions over time** by correlation: does the mouth open
# when A's mouth opens? Proportions do not matter there.
#
# ### 2.3 Did anything else change? PSNR
#
# Away from the face, the result should be the input. The **peak signal-to-noise ratio** (PSNR) compares the largest
# possible squared error (255²) with the mean squared error, on a logarithmic scale, in decibels:
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
# Away from the face, the only loss comes from the video codec: about 40 dB, which nobody sees. 30 dB are visible.
#
# ### 2.4 How similar are two images? SSIM
#
# The **structural similarity** (SSIM) compares small windows $x$ and $y$: are their means $\mu$ equal, and do their
# values rise and fall together? Here $\sigma^2$ is a variance and $\sigma_{xy}$ the covariance:
#
# $$\text{SSIM} = \frac{2\mu_x\mu_y + c_1}{\mu_x^2 + \mu_y^2 + c_1} \cdot
# \frac{2\sigma_{xy} + c_2}{\sigma_x^2 + \sigma_y^2 + c_2}$$
#
# It is 1 for two equal images. The constants prevent a division by 0 in windows without contrast.

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
# **Is a high SSIM good?** For the background, yes. For the face, no! If nothing is swapped, the SSIM is 1.
#
# ### 2.5 Is it sharp? The Laplacian
#
# The **Laplacian** of a pixel is the sum of its four neighbors minus four times the pixel. It is large at edges and
# fine detail, so its *variance* inside the face measures sharpness.

# %%
from faceswap_lib.evaluation import sharpness
from faceswap_lib.faces import Part, part_mask


def small(picture):
    return cv2.resize(picture, (128, 128), interpolation=cv2.INTER_AREA)


inside = np.where(part_mask(finder.detect(crops[:1])[0], CROP_SIZE, Part.FACE, feather=0) > 127, 255, 0).astype("uint8")
gray = np.pad(small(cv2.cvtColor(after, cv2.COLOR_RGB2GRAY)).astype(float), 1, mode="reflect")
laplacian = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * gray[1:-1, 1:-1]
by_hand = laplacian[small(inside) >= 128].var()
assert np.isclose(by_hand, sharpness(after, inside))
print(f"swapped {by_hand:.0f}, original {sharpness(before, inside):.0f}")
display(show.plot_images([after, np.abs(laplacian / 60).clip(0, 1)], captions=["after", "Laplacian"], width=6))
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
# ### 2.6 Is it real? Likeness to B's own faces
#
# This metric is our addition; papers usually compare distributions of thousands of images. A smeared face may be as
# stable as the input, and the recognition network may still accept it. But no *real face of B* looks like it. So we
# compare eyes, mouth and skin with B's most similar frames, warped by optical flow until the expression fits, by SSIM.
# **1 means: as similar as a held-out frame of B.**

# %%
from faceswap_lib.evaluation import collect_own_faces
from faceswap_lib.faces import LikenessGallery
from faceswap_lib.faces.likeness import REGIONS

own = collect_own_faces(identity, track_video(identity, detector), finder)
first = len(own.crops) * 4 // 5  # the gallery has only the first four fifths; the last crop is held out
gallery = LikenessGallery.of(own.crops[:first], own.landmarks[:first], times=own.times[:first])
smeared = cv2.GaussianBlur(after, (0, 0), 0.05 * CROP_SIZE)
looked_at = {"A, before": before, "the swap": after, "the swap, smeared": smeared, "B, held out": own.crops[-1].image}
points = [*finder.detect([crops[0], crops[1], crops[1]]), own.landmarks[-1]]
as_crops = [FaceCrop(image=one, landmarks=crops[0].landmarks, crop_from_frame=matrix) for one in looked_at.values()]
likeness = gallery.measure(as_crops, points)
by_region = [" ".join(f"{name} {value:.2f}" for name, value in zip(REGIONS, row, strict=True)) for row in likeness]
assert likeness[-1].min() > likeness[0].max()  # B is more similar to B than A is, in every region
display(show.plot_images(list(looked_at.values()), captions=by_region, columns=4))
show.show_source(LikenessGallery.measure)

# %% [markdown]
# What would fool this metric? The fourth picture, shown in every frame: it is real, but it does not move.
#
# ### 2.7 Is it stable? Second differences
#
# The *first difference* of a position from frame to frame is its speed. The **second difference** says how suddenly the
# speed changes: zero for a head that turns evenly, large for a head that shakes. The **jitter** is its mean length over
# the landmarks, in eye distances.

# %%
from faceswap_lib.evaluation import jitter

nowhere = np.full((5, 2), np.nan)
path = np.array([one.landmarks if one else nowhere for one in faces])  # (frames, 5, 2)
speed = path[1:] - path[:-1]
change = speed[1:] - speed[:-1]
by_hand = np.nanmean(np.sqrt((change**2).sum(axis=2))) / eye_distance
assert np.isclose(by_hand, jitter(path, eye_distance))
print(f"the speed of A's own landmarks changes by {100 * by_hand:.2f} % of the eye distance per frame")
figure, axes = plt.subplots(3, 1, figsize=(9, 4), sharex=True)
for one, values, name in zip(axes, (path, speed, change), ("nose, x", "speed", "its change"), strict=True):
    one.plot(values[:, 2, 0], lw=1)
    one.set_ylabel(name)
axes[-1].set_xlabel("frame")
plt.show()
show.show_source(jitter)

# %% [markdown]
# ### Exercise 2: write a metric that is missing
#
# Suppose a bug makes the result late: frame $n$ shows the face of frame $n - 3$. Such a video is as sharp, stable and
# similar to B as before, and the landmark error hardly sees it: A's own landmarks, three frames late, are off by only 3
# %, less than those of our swap. So write `lag(result, original)`: by how many frames is a curve behind another one?
# Try all delays from -8 to 8, and compare the two curves where they overlap. By which measure? B's features are
# elsewhere and move by other amounts, so the *level* and the *height* of a curve must not matter.

# %%
from faceswap_lib.course.evaluation_checks import check_lag

late = [landmark_error(path[n - 3], path[n]) for n in range(3, len(path)) if np.isfinite(path[[n, n - 3]]).all()]
print(f"three frames late: landmark error {100 * np.mean(late):.1f} % on average")


def lag(result, original):
    return 0  # write the metric here


print(check_lag(lag))

# %% tags=["solution"]
# @title Solution


def find_lag(result, original):
    best, found = -2.0, 0
    for delay in range(-8, 9):
        later, earlier = max(0, delay), max(0, -delay)
        pair = result[later : len(result) - earlier], original[earlier : len(original) - later]
        correlation = np.corrcoef(*pair)[0, 1]  # level and height do not matter
        if correlation > best:
            best, found = correlation, delay
    return found


print(check_lag(find_lag))
followed = track_video(swap, detector).faces
both = [(found, face) for found, face in zip(followed, faces, strict=True) if found and face]
of_swap = np.array([next(iter(found.values())).landmarks[2, 0] for found, _ in both])
of_a = np.array([face.landmarks[2, 0] for _, face in both])
print(f"the nose of the swap is {find_lag(of_swap, of_a)} frames behind A's")

# %% [markdown]
# ## 3. The whole video, and one number
#
# `evaluate_to_page` computes all metrics for every frame and writes `report.json` and `report.html`. The **score**
# combines them: seven parts, each from 0 to 1, and the square root of their **product**. Why a product? With a mean, a
# result that is perfect in six parts and worthless in one would still get 86 of 100. (The score is our addition; papers
# print one column per metric.)

# %%
from faceswap_lib.evaluation import EvaluateConfig, evaluate_to_page, summarize

page = workspace.root / "report.html"
config = EvaluateConfig(baseline_frames=BASELINE_FRAMES)
report = evaluate_to_page(swap, video, identity, page, config=config, progress=True)
parts = report.summary.parts
by_hand = 100 * np.sqrt(np.prod(list(parts.values())))
assert np.isclose(by_hand, report.summary.score)
print(report.summary.verdict)
print("\n".join(f"left out: {name}: {why}" for name, why in report.skipped.items()))
print(", ".join(f"{name} {part:.2f}" for name, part in parts.items()))
print(f"score {by_hand:.1f} of 100; the plain mean would be {100 * np.mean(list(parts.values())):.1f}")
print(f"identity was measured by {report.networks['identity']}")
display(show.tabulate_metrics({"the swap": report.values}), FileLink(os.path.relpath(page)))
show.show_source(summarize)

# %% [markdown]
# Metrics marked "near 1" are ratios to the original's own value: a jitter of 1 is as much jitter as A's own face. After
# 600 steps, the verdict may call our result *not a swap*. The swap of [06](06_video_conversion.ipynb) has a mouth that
# is not enough like B's; that of [00](00_faceswap_demo.ipynb), if you ran it last, hardly follows A's expressions. It
# is right.
#
# ## 4. Every number needs a baseline
#
# "Landmarks 5 % off": is that a lot? You only know if you see the same number for a result that you understand. So the
# report also measures three baselines, on some frames of the clip:

# %%
from faceswap_lib.evaluation.baselines import BASELINES

crops_of_b = [(crop.image, points) for crop, points in zip(own.crops, own.landmarks, strict=True)]
pictures = {"the swap": swapped} | {name: make(frame, face, finder, crops_of_b) for name, make in BASELINES.items()}
display(show.plot_images([align_face(one, face).image for one in pictures.values()], captions=list(pictures)))
names = ["identity_distance", "eyes_likeness", "mouth_likeness", "skin_likeness", "landmark_error"]
names += ["expression_agreement", "motion_agreement", "sharpness", "ssim", "jitter", "flicker", "seam"]
measured = [name for name in names if report.values[name] is not None]
show.tabulate_metrics(report.baselines, measured)

# %% [markdown]
# The bold numbers are the best of their row. **The copied input wins five rows**, more than any other result. If a
# metric is best when nothing is swapped, it says nothing alone; read it together with identity. The **pasted crop** is
# nearer to B than our swap is (0.25 against 0.29), but it flickers, and its expressions agree less with A's (0.59
# against 0.73; with the swap of 00, ours are only 0.39). A longer training helps ours. **Colors only** changes A's face
# to B's colors; see how much of the sharpness this alone costs.
#
# ## 5. The gallery of failures
#
# A mean hides the worst frame, but people notice it. The next cell shows the three worst frames of each metric, before
# and after.

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
# - `identity_distance` (only with `dlib`): the eyes are closed, the mouth is open, or the head is turned. Decoder B saw
#   few such faces. Look at a frame in which A blinks: do the new eyes?
# - `landmark_error`: A's lips are closed, and the new face smiles. B smiles in all her frames, so decoder B never
#   learned a closed mouth. No option of conversion corrects this; other images of B do.
# - `sharpness`: all faces are equally soft, a quarter of the original. Networks of 128 pixels that were trained for
#   minutes draw no pores.
# - `face_score`: the detector's score, relative to the original. A value near 1 is no failure: every ranking has a last
#   place.
# - `seam`: the border of the changed area is visible. Look at the temples, where the glasses end, and along the jaw.
#
# Numbers rank the frames, but only looking at them tells you the reasons. Do both, in this order.
#
# ## 6. Fool the metrics
#
# Now we evaluate the baselines of section 1 as if they were swaps.

# %%
from faceswap_lib.evaluation import evaluate_video

quick = EvaluateConfig(baseline_frames=0)
reports = {}
for name in ("the swap", "input", "blurred", "one picture"):
    one = reports[name] = evaluate_video(paths[name], paths["original"], identity, config=quick)
    score = "no score" if one.summary.score is None else f"score {one.summary.score:.0f}"
    print(f"{name}: {score}. {one.summary.verdict}")
    print("  parts:", ", ".join(f"{part} {value:.2f}" for part, value in one.summary.parts.items()))
show.tabulate_metrics({name: one.values for name, one in reports.items()}, measured)

# %% [markdown]
# - **Nothing swapped** is perfect in everything except identity and likeness. If somebody reports landmark error, SSIM
#   or stability without identity, the report only says how little was changed. Its score is 0.
# - **Blurred** has no features left. But with 68 landmarks, its expressions agree *at least as well* with A's as those
#   of the swap: a landmark network that sees no features puts the landmarks at their usual positions for this pose.
#   Sharpness and likeness detect it.
# - **One picture** is nearer to B than the swap, and almost without a seam. Metrics over time detect that the face does
#   not move, and its flicker. (Its likeness is below ours, because Poisson blending changed its light.)
#
# Each verdict is correct here. But a verdict is also just a number, with fewer digits. So here is the rule for reading
# any paper on face swapping, and your own results: **look at identity, expression and stability together, compare with
# a baseline, and show the worst frames.**
#
# ## What you know now
#
# - Every metric is a few lines of arithmetic on two crops, and measures exactly one property.
# - **Doing nothing** wins many metrics, a still picture wins identity, and a blurred face has the same expression. This
#   is why baselines are necessary, and why the score is a product.
# - A mean hides the worst frames. First rank by numbers, then look.
#
# On the command line: `faceswap evaluate SWAP.mp4 --original A.mp4 --identity B.mp4 --out report.html`.
#
# Next: [08 Responsible use](08_responsible_use.ipynb). A better swap is also a better lie, if somebody uses it as one.

# %% [markdown]
# ## Quiz

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("07_evaluation")

# %% [markdown]
# ## Further reading
#
# - [FaceNet: A Unified Embedding for Face Recognition and Clustering](https://arxiv.org/abs/1503.03832): how a network
#   learns embeddings whose distance means identity
# - [The Unreasonable Effectiveness of Deep Features as a Perceptual Metric](https://arxiv.org/abs/1801.03924): LPIPS, a
#   perceptual distance, and how it was compared with people's judgments
# - [FaceForensics++: Learning to Detect Manipulated Facial Images](https://arxiv.org/abs/1901.08971): a data set of
#   swaps, and how well people and networks recognize them
# - [Structural similarity in
#   scikit-image](https://scikit-image.org/docs/stable/auto_examples/transform/plot_ssim.html): SSIM and the mean
#   squared error side by side

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
# You have a swapped video. Is it good? Better than yesterday's? This notebook measures it, shows what every number is
# made of, and then fools most of the numbers on purpose, so that you know what they cannot see.
#
# | | |
# |---|---|
# | **You will learn** | what the usual metrics measure, derived by hand on one frame; why each needs a baseline |
# | **You will have at the end** | a report about your swap, its worst frames, and some distrust of single numbers |
# | **Time on two CPU cores** | about 3 minutes with `dlib`, half without; 4 more if there is no trained run yet |
# | **Before** | [06 Video conversion](06_video_conversion.ipynb) |
# | **Next** | [08 Responsible use](08_responsible_use.ipynb) |

# %% [markdown]
# ## 0. What we choose
#
# The swap that is judged is `swap.mp4` of the workspace, as [06](06_video_conversion.ipynb) made it; if it is not
# there, it is made. For videos of your own name A's as `VIDEO` and B's as `IDENTITY`. Take short ones: of every frame
# two small pictures are kept in memory, a quarter of a megabyte. (`faceswap evaluate` keeps none.) TensorFlow may say
# something in red as it starts; that is no error.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
RUN = "default"  # name of the training run
SECONDS = 6.0  # length of the demo's clips, if they must be made
SIZE = 320  # side of their pictures in pixels
PRESET = "lite"  # which networks, if they must be trained
STEPS = 600  # how long, if they must be trained
BATCH_SIZE = 8  # faces of each person per step
VIDEO = None  # your own video of A; None takes the demo's
IDENTITY = None  # your own video of B; None takes the demo's
CONSENT = None  # for your own videos: who agreed to what
BASELINE_FRAMES = 30  # frames on which results that need no training are measured too
LOOK_AT = 60  # frames of the rivals of section 1

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow says less as it starts

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
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its advice about retracing is meant for training loops
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
# To judge our swap we need rivals. Here are three that need no training at all:
#
# - the **input** itself, with nothing swapped;
# - our swap, **blurred** inside the face;
# - one **single picture of B**, pasted onto A's face in every frame, with its border taken out by Poisson cloning.

# %%
from faceswap_lib.evaluation import paste_nearest
from faceswap_lib.faces import MTCNN, open_landmark_detector
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets import Faceset
from faceswap_lib.media import VideoWriter, probe_video, read_frames

detector, finder, info = MTCNN(), open_landmark_detector(), probe_video(video)
faces = [next(iter(found.values()), None) for found in track_video(video, detector).faces]  # None: no face there
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
# Two moments of each, in an order that is not told. Which is the best swap, which the worst? Decide, then read on.

# %%
from faceswap_lib.faces import align_face


def keep_frames(video, numbers):
    """The frames with these numbers, by number. The others are read past: a frame of a large video is 25 MB."""
    return {at: frame for at, frame in enumerate(read_frames(video, stop=max(numbers) + 1)) if at in numbers}


seen = [index for index, face in enumerate(faces) if face]
moments = [index for index in seen if index < LOOK_AT][10::25][:2]
drawn = {name: keep_frames(path, moments) for name, path in paths.items()}
order = np.random.default_rng(7).permutation(["the swap", "input", "blurred", "one picture"])
hidden = [align_face(drawn[name][index], faces[index]).image for index in moments for name in order]
show.plot_images(hidden, captions=["1", "2", "3", "4"] * len(moments), columns=4)

# %% [markdown]
# In still pictures the pasted one may well win: it is sharp, and it is B. Played, it is a mask on a stick: the head
# moves and the face does not. Looking at a few pictures, and all the more at the few that somebody chose for you, says
# nothing about that. Looking has more weaknesses: you get used to a face you have seen for an hour, you cannot see
# whether this training is 3 % better than the last one, and nobody can look at a thousand videos.
#
# So we measure. **But a number is not enough either**, because each measures one thing, and a bad result can have any
# one of them perfect. Section 7 does it.

# %% [markdown]
# ## 2. One frame, two crops
#
# All metrics start alike. A's face is followed in the original. Both frames, before and after, are cut by the *same*
# matrix, so that a point of one crop means the same place in the other.

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
# A *recognition network* turns a face into a list of numbers, the **embedding**. It was trained on millions of
# pictures until embeddings of one person lay close together and those of two people far apart, whatever the light and
# the expression. How far, is the usual distance between two points, only in 128 dimensions:
#
# $$d(a, b) = \sqrt{(a_1 - b_1)^2 + (a_2 - b_2)^2 + \dots + (a_{128} - b_{128})^2}$$
#
# The network is in the extra `dlib` (`pip install 'faceswap_lib[dlib]'`, offline). Without it the cells below say so,
# and the report measures identity by the likeness of section 3.6 instead.

# %%
from faceswap_lib.conversion import IdentityPair
from faceswap_lib.faces import DlibEmbedder

lack = DlibEmbedder.unavailable_reason()
embedder = None if lack else DlibEmbedder()
crops = [FaceCrop(image=one, landmarks=points_in_crop(face, matrix), crop_from_frame=matrix) for one in (before, after)]
if embedder:
    people = IdentityPair.measure(workspace, "a2b", embedder)  # averages of A's and B's embeddings
    embedding_before, embedding_after = embedder.embed(crops)
    distances = {
        "A here, to A's average": np.sqrt(((embedding_before - people.original) ** 2).sum()),
        "A here, to B's average": np.sqrt(((embedding_before - people.wanted) ** 2).sum()),
        "swapped, to A's average": np.sqrt(((embedding_after - people.original) ** 2).sum()),
        "swapped, to B's average": np.sqrt(((embedding_after - people.wanted) ** 2).sum()),
    }
    nearly = {"rtol": 1e-2 if has_accelerator() else 1e-5}  # of what it multiplies a GPU keeps three digits
    assert np.allclose([*distances.values()][2:], np.ravel(people.distances(crops[1:])), **nearly)
    print("\n".join(f"{name:24} {distance:.2f}" for name, distance in distances.items()))
print(lack or f"the network's makers take two faces closer than {embedder.same_person} for one person")

# %% [markdown]
# Why not simply compare pixels, or the features of any other network? Because light, pose and hair then count as much
# as the face. A test that needs no extra: the features of MTCNN's last network, which was trained to find faces and
# never asked whose they are. If it told people apart, A would be nearer to another moment of A than to B.

# %%
from faceswap_lib.evaluation import open_perceptual

meter = open_perceptual("onet")
other_before = align_face(next(read_frames(video, start=seen[-1])), faces[seen[-1]]).image
pairs_of_crops = {"A, A at another moment": other_before, "A, B": one_crop.image, "A, the swap": after}
for name, other in pairs_of_crops.items():
    print(f"{name:24} {meter.measure(before[None], other[None]).distances[0]:.3f}")

# %% [markdown]
# It does find A and B far apart: other hair, other light, another background. But look at the last line. The swap,
# whose face is B's, is taken for nearly as near to A as A herself at another moment, for everything around the face is
# the same. Such a *perceptual distance* says how different two pictures look, not whose they are.
#
# ### 3.2 Does it do what A does? Landmarks
#
# The detector looks at the result and marks its five points, then at the original. How far apart are they, on average,
# measured in the distance between the eyes, so that it does not matter how large the face is?

# %%
from faceswap_lib.evaluation import landmark_error

(found,), (real,) = detector.refine([swapped, frame], [[face]] * 2)
found = found or real  # after a few steps of training there may be nothing that it takes for a face
eye_distance = np.sqrt(((real.landmarks[1] - real.landmarks[0]) ** 2).sum())
off = np.sqrt(((found.landmarks - real.landmarks) ** 2).sum(axis=1))
by_hand = off.mean() / eye_distance
print(f"off by {off} pixels; the eyes are {eye_distance:.1f} apart: {100 * by_hand:.1f} %")
show.show_source(landmark_error)

# %%
assert np.isclose(by_hand, landmark_error(found.landmarks, real.landmarks))
drawn = [show.draw_face(frame, real), show.draw_face(swapped, found)]
show.plot_images([warp_frame(one, matrix, CROP_SIZE) for one in drawn], captions=["before", "after"], width=6)

# %% [markdown]
# 0 is not the goal! Two people's faces are built differently: B's mouth *is* wider, and her landmarks should lie
# elsewhere. A few percent are right, and only the input itself has 0. With 68 landmarks the report also measures
# **expressions over time**: does the mouth open when A's does? That is a correlation, and builds do not matter in it.
#
# ### 3.3 Was anything else changed? PSNR
#
# Away from the face the picture should be the input's own. The **mean squared error** over all pixels there, set
# against the largest possible one (255²), on a logarithmic scale, is the *peak signal-to-noise ratio* in decibels:
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
# What is lost away from the face is lost to the video codec: about 40 dB is what one encoding leaves and nobody sees.
# 30 dB can be seen, 20 dB is plainly another picture.
#
# ### 3.4 How alike are two pictures? SSIM
#
# Mean squared error does not care *what* is wrong: a face one level brighter everywhere and a face with a scratch may
# have the same. The **structural similarity** compares small windows instead. In each it asks: are the means alike? Do
# the values rise and fall together, and as strongly? For windows $x$ and $y$ with means $\mu$, variances $\sigma^2$
# and covariance $\sigma_{xy}$:
#
# $$\text{SSIM} = \frac{2\mu_x\mu_y + c_1}{\mu_x^2 + \mu_y^2 + c_1} \cdot
# \frac{2\sigma_{xy} + c_2}{\sigma_x^2 + \sigma_y^2 + c_2}$$
#
# It is 1 for the same picture. The small constants keep it from dividing by 0 where a window is flat.

# %%
from faceswap_lib.evaluation import ssim


def window_mean(values):
    """The Gaussian mean around every pixel whose window of 11 x 11 lies inside the picture."""
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
show.plot_images([before, after, likeness.clip(0, 1)], captions=["before", "after", "likeness, 1 is white"], width=7)

# %% [markdown]
# Now the important question: **is a high SSIM good?** Of the background, yes. Of the face, no! The swap is meant to
# differ, and whoever swaps nothing gets 1.
#
# ### 3.5 Is it sharp? The Laplacian
#
# The Laplacian of a pixel is the sum of its four neighbors less four times itself: 0 where gray values rise evenly,
# large at edges and fine detail. In a blurred picture it is small everywhere. So its **variance** inside the face
# measures sharpness, on a gray crop of 128 pixels, compared with the original's.

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
# Make the swapped crop *sharper than the original* by this number, without touching its content. One line is enough.

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
# That is why the report says "near 1 is better", not "higher".
#
# ### 3.6 Is it real? Likeness to B's own faces
#
# A smear inside a face may be as sharp as skin, as steady as the input, and B to a recognition network. What it is not
# is *explained by any real face of B*. So every region of the new face, eyes, mouth and skin, is held against B's own
# frames: the most similar ones are found, bent by *optical flow* until their expression fits, and compared by SSIM as
# above. How alike two real frames of B are, bent like that, is the unit: **1 is as real as a frame that was left out.**

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
assert likeness[-1].min() > likeness[0].max()  # B is more like B than A is, in every region
show.show_source(LikenessGallery.measure)

# %% [markdown]
# What would fool it? A photograph of B, pasted: it is real. So likeness stands beside what happens over time.
#
# ### 3.7 Is it steady? Second differences
#
# A position has a *first difference* from frame to frame: its speed. The difference of the differences, the **second**
# one, is how suddenly the speed changes. A head that turns evenly has none; trembling is nothing else. Its mean length
# over the points, in eye distances, is the jitter.

# %%
from faceswap_lib.evaluation import jitter

nowhere = np.full((5, 2), np.nan)
path = np.array([one.landmarks if one else nowhere for one in faces])  # (frames, 5, 2)
speed = path[1:] - path[:-1]
change = speed[1:] - speed[:-1]
by_hand = np.nanmean(np.sqrt((change**2).sum(axis=2))) / eye_distance
assert np.isclose(by_hand, jitter(path, eye_distance))
print(f"A's own points change their speed by {100 * by_hand:.2f} % of the eyes' distance per frame")
show.show_source(jitter)

# %%
figure, axes = plt.subplots(3, 1, figsize=(9, 4), sharex=True)
for one, values, name in zip(axes, (path, speed, change), ("place", "speed", "its change"), strict=True):
    one.plot(values[:, 2, 0], lw=1)
    one.set_ylabel(name)
axes[-1].set_xlabel("frame; tip of the nose, x in pixels")
plt.show()

# %% [markdown]
# ## 4. The whole video
#
# `evaluate_video` does all this for every frame, finds the landmarks of the result in the result itself, and makes one
# number of each metric. `evaluate_to_page` also writes it down, as `report.json` for programs and `report.html` for
# people.

# %%
from faceswap_lib.evaluation import EvaluateConfig, evaluate_to_page

page = workspace.root / "report.html"
config = EvaluateConfig(baseline_frames=BASELINE_FRAMES)
report = evaluate_to_page(swap, video, identity, page, config=config, progress=True)
print(report.summary.verdict)
print("\n".join(f"left out: {name}: {why}" for name, why in report.skipped.items()))
show.tabulate_metrics({"the swap": report.values})

# %% [markdown]
# Metrics marked "near 1" are ratios to the original's own value: a jitter of 1 trembles as much as A's own face. A
# limit for such a ratio (Exercise 3) is a least value where it lies below 1, and a most where it lies above.
#
# ### One number: the score
#
# For those who want only one number there is a score. Each of seven parts is brought to 0 to 1, anchored at what the
# two input videos themselves give (for identity: 0 is as far from B as the input is, 1 as near as B's own video). The
# score is the root of their **product**. Why a product? With a mean, a result that is perfect in six parts and
# worthless in one would get 86 of 100. In a product one 0 is the end: what ruins one part cannot be bought back by
# another. (A part that is nearly 0 leaves a rest: the root of 0.01 is a tenth.)

# %%
from faceswap_lib.evaluation import summarize

parts = report.summary.parts
print("\n".join(f"{name:12} {part:.2f}" for name, part in parts.items()))
by_hand = 100 * np.sqrt(np.prod(list(parts.values())))
assert np.isclose(by_hand, report.summary.score)
print(f"score {by_hand:.1f} of 100; the plain mean would be {100 * np.mean(list(parts.values())):.1f}")
print(f"whose face it is was measured by {report.networks['identity']}")
show.show_source(summarize)

# %% [markdown]
# ## 5. Every number needs a baseline
#
# "Landmarks 5 % off": is that much? You cannot know, unless you see what the same measurement gives for something you
# understand. So the report measures three results that need no training, on the same frames:

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
# Read it row by row, and look where the bold numbers are. **The input copied wins most rows.** It has no landmark
# error, it is as sharp and as steady as itself. A metric that is won by doing nothing says nothing alone; it needs
# identity beside it. (These are some frames of the clip only, so numbers differ a little from those above.) The
# **pasted crop** is B, nearer to her than our swap is, but it flickers, and its expressions are whatever B's nearest
# crop happens to do. **Colors only** changes the colors of A's face to B's; watch how much `flicker` and `sharpness`
# such a small thing moves.
#
# A swap is good where it lies between: much nearer to B than the input, and truer to A's motion than the paste. Ours,
# after a short training, is not *much* truer: compare `landmark_error` and `expression_agreement`.

# %% [markdown]
# ## 6. The failure gallery
#
# A mean hides the worst frame, and the worst frame is what people notice. Here are the three worst by each metric,
# before and after, with their numbers.

# %%
both = [
    np.hstack([warp_frame(picture, crop_from_frame(one or face), CROP_SIZE)[30:230, 28:228] for picture in (old, new)])
    for old, new, one in zip(read_frames(video), read_frames(swap), faces, strict=True)
]
wanted = ("identity_distance", "landmark_error", "sharpness", "face_score", "seam")
show.plot_worst_frames(report, both, [name for name in wanted if report.values[name] is not None])

# %% [markdown]
# What went wrong? Ask it of every row. With the portraits and a short training, this is what there is to see:
#
# - `identity_distance` (only with `dlib`): the frames in which the face is least B's. The mouth stands open, or the
#   head is turned; of these decoder B saw least.
# - `landmark_error`: A's mouth is shut or purses, and the new face smiles. B smiles in all her frames, so decoder B
#   knows no shut mouth. No option of conversion can mend that; other pictures of B can.
# - `sharpness`: all faces are soft, since networks of 128 pixels that trained for minutes write no pores. But look
#   which frames are the softest: those in which A *blinks*. The new eyes are neither open nor shut, but smeared. The
#   number knows nothing about eyes; it found them all the same.
# - `face_score`: how sure the detector is that this is a face, against the original. Near 1 is no failure: this row is
#   then a row of ordinary frames, as every ranking has a last place.
# - `seam`: the border of what was changed shows. Look under the cap and along the jaw.
#
# Numbers rank; reasons you only find by looking. Do both, in this order.
#
# ### Over time
#
# A single bad frame sticks out, a bad stretch is a hill or, where more is better, a valley. At the right: in how many
# frames each value occurs. With the portraits, look for the valleys that the blinks cut.

# %%
from faceswap_lib.evaluation import draw_series

curves = {"sharpness": report.series["sharpness"]}
show.plot_images([draw_series(curves, report.fps, title="sharpness over time", unit="original = 1")], width=7)

# %% [markdown]
# ### Exercise 2: late by three frames
#
# Suppose a bug makes the result lag: frame $n$ shows the face of frame $n - 3$. Which metric would notice? Compute the
# landmark error of A's own points `path` against the same points three frames earlier, and compare it with the swap's.

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
# This one hardly would. On average the lag is even better than the swap, whose points are off because B's face is built
# differently, and only the quickest moments come near it. (The swap's points may be 68, so compare roughly.) To find a
# lag one must look for one, as notebook 01 did: how far behind is a curve, as a share of its speed?

# %% [markdown]
# ## 7. Fooling the numbers
#
# Back to the rivals of section 1. You have seen them: the input is no swap at all, one is blurred, one is a still mask.
# We hand each to `evaluate_video` as if it were a swap: the first frames only, to be quick.

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
# - **Nothing swapped** is perfect in everything but identity. Whoever reports landmark error, SSIM or steadiness
#   without identity reports how little was done. The verdict notices it by another way: no pixel of the face changed.
# - **Blurred** has no features left. And yet, with 68 landmarks, its expressions may *agree better* with A's than the
#   swap's do: where the landmark network sees nothing, it puts the points where they usually are in a face so turned.
#   Sharpness tells at once, and the score, which multiplies by it.
# - **One picture** is B in every frame, more surely than the swap, and without a seam. Only what happens over time
#   tells that it is dead: its expressions do not go with A's, which takes 68 landmarks to see, and it flickers.
#
# Read the verdicts as well. Each rival is called what it is: the input, a face without features that no real face of B
# explains, a picture that does not move. Until likeness was measured, the verdict let the last two pass as swaps. A
# sentence is a number, too, only with fewer digits: it has limits (`docs/evaluation.md` says how they were chosen), and
# a short training may not reach them either. Then it says which region fails, and in which frame to look.
#
# Each of them beats our swap in some row: who chooses the number chooses the winner. And the opposite exists, too: a
# face smeared in a few frames that you see at once and that no mean shows. So the rule for reading any swapping paper,
# and your own results: **identity, expression and steadiness together, against a baseline, with the worst frames
# shown.**

# %% [markdown]
# ### Exercise 3: draw the line
#
# `check_limits(values, limits)` says which metrics are worse than you allow, as `faceswap evaluate --fail-under` does.
# Find limits that your swap passes and that all three rivals fail. How many metrics do you need?

# %%
from faceswap_lib.evaluation import check_limits

limits = {"landmark_error": 0.1}
for name, one in reports.items():
    print(f"{name:12} {check_limits(one.values, limits) or 'passes'}")

# %% tags=["solution"]
# @title Solution
ours = reports["the swap"].values
limits = {"sharpness": 0.7 * ours["sharpness"], "flicker": 1.25}  # for the blurred one, and the still one
if embedder:
    limits |= {"identity_distance": (ours["before"] + ours["identity_distance"]) / 2}  # for the input
if ours["expression_agreement"] is not None:
    limits |= {"expression_agreement": 0.7 * ours["expression_agreement"]}  # for the still one, again
for name, one in reports.items():
    print(f"{name:12} {check_limits(one.values, limits) or 'passes'}")
# One metric per rival. Without identity nothing stops the input: it is the only one that nothing was done to.

# %% [markdown]
# ## 8. Reading `report.html`
#
# Open it in a browser; it is one file with its pictures inside, and needs no network.

# %%
from IPython.display import FileLink, display

display(FileLink(os.path.relpath(page)))

# %% [markdown]
# From top to bottom:
#
# 1. the **verdict**, one sentence that names what fails and the frame to look at, and the **score** with its parts:
#    which part is lowest? That is where to work;
# 2. the **best, a typical and the worst frame** by landmarks: look at the worst first;
# 3. **all metrics** beside the baselines, the best of these bold: read the identity rows first;
# 4. **curves over time**: a spike is a moment to look up in the video, a slope something that drifts;
# 5. the same **by yaw and by brightness**: often a swap is good from the front and bad from the side, and the mean of
#    both says nothing about either;
# 6. **what was left out, and why**, and which networks measured. Distances of different networks do not compare.
#
# On the command line: `faceswap evaluate SWAP.mp4 --original A.mp4 --identity B.mp4 --out report.html`, and
# `faceswap compare one/report.json two/report.json --out comparison.html` for several results side by side.
#
# ## What you have learnt
#
# - Every metric is a few lines of arithmetic on two crops, and sees exactly one thing.
# - **Doing nothing** wins most of them, a still picture wins identity, and even a smear can win expression: hence
#   baselines, and a product instead of a sum.
# - A mean hides the worst frames. Rank by numbers, then look.
#
# ## What to try
#
# - Convert again in [06](06_video_conversion.ipynb) with another `SHIFT` and compare the two reports.
# - Train twice as long and see which numbers move, and whether you would have seen it.
# - Find a frame that you think is bad and no metric does. What would measure it?
#
# Next: [08 Responsible use](08_responsible_use.ipynb). A better swap is a better lie, if it is told as one.

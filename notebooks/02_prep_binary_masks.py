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
# # Masks: where the eyes are
#
# We look other people in the eyes, and a swapped face whose eyes are wrong looks dead. But eyes are small: a network
# that gets everything right except the eyes has made hardly any mistake, if mistakes are counted by pixels. So training
# is told where the eyes are, by a *mask*: a second picture, white on the eyes and black elsewhere. This notebook draws
# such masks, from 68 points of the face, measures how much better they are than masks from five, and shows what they do
# to the error that training makes smaller.
#
# | | |
# |---|---|
# | **You will learn** | what the 68 points are, how a mask is drawn from them, what it is worth in the loss |
# | **You will have at the end** | `binary_masks/face_src_eyes` and `binary_masks/face_dst_eyes`, a mask per face |
# | **Time on two CPU cores** | about a minute |
# | **Before** | [01 Video face detection and alignment](01_video_face_detection_alignment.ipynb) |
# | **After** | [03 The networks](03_networks.ipynb) |

# %% [markdown] tags=["local"]
# If the cells below say that `faceswap_lib` is missing: `pip install '.[notebooks]'` in the project's folder, then
# restart the kernel.

# %% [markdown]
# ## 0. What we choose
#
# The faces are those that notebook 01 extracted into `WORKSPACE`, or your own. If there are none, the next cell makes
# the demo's two clips and extracts both people from them.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
SECONDS = 6.0  # length of the demo's clips, if they must be made
SIZE = 320  # side of their pictures in pixels
PRESET = "lite"  # which networks the loss is looked at for: tiny reads faces of 64 pixels, lite of 128
FACES = 75  # so many faces of each person are looked at, spread over the clip

# %% [markdown]
# The next cell loads the packages. TensorFlow may say something about oneDNN or missing GPU drivers; that is no error.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow says less as it starts

import logging

import cv2
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.facesets import Faceset, write_eye_masks

logging.getLogger("tensorflow").setLevel("ERROR")  # it warns of pictures of new sizes
np.set_printoptions(precision=3, suppress=True)
workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
written = {side: write_eye_masks(workspace, side) for side in ("src", "dst")}  # those that are missing: section 5
facesets = {side: Faceset.open(workspace, side) for side in ("src", "dst")}
crops_a, crops_b = (faceset.sample(FACES).read_crops() for faceset in facesets.values())
print({side: f"{len(faceset)} faces" for side, faceset in facesets.items()})
some = np.linspace(0, len(crops_a) - 1, 6).astype(int)
show.plot_images([crops[index].image for crops in (crops_a, crops_b) for index in some], columns=6)

# %% [markdown]
# ## 1. Sixty-eight points
#
# MTCNN marks five points. A *landmark network* marks many more: 68 is the number that the research of the last ten
# years agreed on. Three of them can be used here; which of them works on this machine, and if not, what is missing:

# %%
from faceswap_lib.faces import available_landmarks, open_landmark_detector

for name, lack in available_landmarks().items():
    print(f"{name:15}", lack or "works here")

# %% [markdown]
# `dlib` is small, fast and needs no internet: 5 ms per face. `face-alignment` needs PyTorch and downloads its weights
# once, 50 times as slow. It is tried first where it is installed; without internet a red line about a failed download
# appears, which does no harm, and the next one is taken. `mesh` finds a dense mesh of 468 points and the irises, at a
# third of dlib's cost, and takes the 68 from it. `five` finds nothing: it gives back the five points.
#
# Without any of them, this notebook still runs: it lays the 68 points of an **average face** over the five points.
# You can see where the points belong and how masks are drawn from them, but these are nobody's points. They do not
# blink, and what is measured in section 4 then means nothing. The next cell says which it is.

# %%
from faceswap_lib.faces import place_mean_face

finder = open_landmark_detector()  # the first that works
found_a, found_b = finder.detect(crops_a), finder.detect(crops_b)
REAL_POINTS = len(found_a[0]) == 68
if not REAL_POINTS:
    found_a, found_b = ([place_mean_face(five) for five in found] for found in (found_a, found_b))
print(f"points found by {finder.name}" if REAL_POINTS else "no landmark network: points of an average face")

# %%
middle = len(crops_a) // 3
crop, points = crops_a[middle], found_a[middle]
show.plot_landmarks([crop.image, crops_b[middle].image], [points, found_b[middle]], captions=["A", "B"])

# %% [markdown]
# They are numbered from 0, always in the same order, and left means left in the picture. Eyes and mouth come larger
# below.
#
# | numbers | part |
# |---|---|
# | 0 to 16 | outline, from the left temple down around the chin and up to the right temple |
# | 17 to 26 | eyebrows, five each |
# | 27 to 35 | nose: down the ridge to the tip, 30, then along its lower edge |
# | 36 to 47 | eyes, six each, clockwise from the left corner |
# | 48 to 67 | mouth: the outer lips, then the inner lips |

# %%
zooms = [(36, 41), (42, 47), (48, 67)]
show.plot_landmarks([crop.image] * 3, [points] * 3, zooms=zooms, captions=["left eye", "right eye", "mouth"])

# %% [markdown]
# Look whether the points of the upper lid lie on the upper lid. Landmark networks were trained on photographs that
# people had marked by hand, and they are good to a few pixels, worse with glasses, worst in profile.
#
# **Exercise 1.** How wide is an eye open? Measure its height, the mean distance from 37 to 41 and from 38 to 40, and
# divide by its width, from 36 to 39. Do it for all of A's faces (`found_a`) and draw the curve. Where does A blink?

# %%
left_eye = points[36:42]
print("width of A's left eye:", np.linalg.norm(left_eye[3] - left_eye[0]).round(1), "pixels")


# %% tags=["solution"]
# @title Solution
def openness(points, first):
    p = points[first : first + 6]
    height = (np.linalg.norm(p[1] - p[5]) + np.linalg.norm(p[2] - p[4])) / 2
    return height / np.linalg.norm(p[3] - p[0])


figure, axes = plt.subplots(figsize=(9, 2.2))
axes.plot([openness(points, 36) for points in found_a], label="left eye")
axes.plot([openness(points, 42) for points in found_a], label="right eye")
axes.set(xlabel="face", ylabel="height / width")
axes.legend(frameon=False)
plt.show()  # both lines fall together: a blink (an average face's points never blink)

# %% [markdown]
# ## 2. A mask by hand
#
# Six points mark the border of an eye. The mask is made of three steps:
#
# 1. the **convex hull**: as if a rubber band were laid around the six points;
# 2. a **margin**, since lashes and lids lie outside of it: all pixels at most 6.5 pixels away from the hull;
# 3. a **feather**: a soft border, so that nothing changes suddenly from one pixel to the next.
#
# OpenCV's `pointPolygonTest` gives a pixel's distance from a polygon, positive inside. Margin and feather are counted
# in *eye distances*, so that they fit a picture of any size.

# %%
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.parts import EYE_MARGIN, FEATHER

unit = EYE_DISTANCE * CROP_SIZE  # an eye distance in a crop, 70 pixels
hard = np.zeros((CROP_SIZE, CROP_SIZE), "float32")
for eye in (points[36:42], points[42:48]):
    hull = cv2.convexHull(eye.astype("float32"))
    for y, x in np.ndindex(hard.shape):
        if cv2.pointPolygonTest(hull, (x, y), True) >= -EYE_MARGIN * unit:
            hard[y, x] = 255
by_hand = cv2.GaussianBlur(hard, (0, 0), FEATHER * unit)

# %%
from faceswap_lib.faces import Part, part_mask

library = part_mask(points, CROP_SIZE, Part.EYES)
assert np.abs(by_hand - library).mean() < 0.5  # of 255; at the border the library counts shares of pixels
images = [hard.astype("uint8"), library, show.overlay_mask(crop.image, library)]
show.plot_images(images, captions=["hull and margin", "the library's, with feather", "on the face"], width=7)

# %%
show.show_source(part_mask)

# %% [markdown]
# ## 3. All parts
#
# The library knows five parts, as a *set*: `Part.EYES | Part.MOUTH` is the union. Each part has its own points and its
# own margin; `FACE` reaches from the chin to the forehead, above which there are no points.

# %%
painted = []
for part, color in zip(Part, ("tab:red", "tab:orange", "tab:green", "tab:purple", "tab:blue"), strict=True):
    painted.append(show.overlay_mask(crop.image, part_mask(points, CROP_SIZE, part), color=color))
show.plot_images(painted, captions=[part.name for part in Part], columns=5)

# %% [markdown]
# The union of two hard masks is the larger of both at every pixel. The feather is laid around the union, so that parts
# that touch show no seam.

# %%
eyes, mouth, both = (
    part_mask(points, CROP_SIZE, parts, feather=0) for parts in (Part.EYES, Part.MOUTH, Part.EYES | Part.MOUTH)
)
assert np.array_equal(np.maximum(eyes, mouth), both)

# %% [markdown]
# Parts are also what a conversion can be limited to: `--parts eyes+mouth` puts only B's eyes and mouth into A's face.
#
# **Exercise 2.** Make a mask of the face *without* eyes and mouth, as if for a carnival mask, with a border three times
# as soft as usual, and paint it on B's face.

# %%
face = part_mask(found_b[middle], CROP_SIZE, Part.FACE)
show.plot_images([show.overlay_mask(crops_b[middle].image, face)], width=3)

# %% tags=["solution"]
# @title Solution
features = part_mask(found_b[middle], CROP_SIZE, Part.EYES | Part.MOUTH, feather=3 * FEATHER)
face = part_mask(found_b[middle], CROP_SIZE, Part.FACE, feather=3 * FEATHER)
carnival = np.minimum(face, 255 - features)
show.plot_images([carnival, show.overlay_mask(crops_b[middle].image, carnival, strength=0.9)], width=6)

# %% [markdown]
# ## 4. Crude masks and good ones
#
# Notebook 01 drew eye masks from five points: an ellipse of fixed size on each eye. How good are they? We compare them
# with the masks from 68 points by *intersection over union*, which for soft masks is the sum of the smaller values
# divided by the sum of the larger ones. 1 is equal, 0 is nothing in common.

# %%
from faceswap_lib.faces import eye_mask


def iou(a, b):
    a, b = a.astype(float), b.astype(float)
    return np.minimum(a, b).sum() / np.maximum(a, b).sum()


overlaps, areas = {}, {}
for name, crops, found in (("A", crops_a, found_a), ("B", crops_b, found_b)):
    crude = [eye_mask(crop.landmarks, CROP_SIZE) for crop in crops]
    good = [eye_mask(points, CROP_SIZE) for points in found]
    overlaps[name] = np.array([iou(a, b) for a, b in zip(crude, good, strict=True)])
    areas[name] = [np.array([mask.mean() / 255 for mask in masks]) for masks in (crude, good)]
    inside = np.mean([np.minimum(a, b).sum() / b.sum(dtype=float) for a, b in zip(crude, good, strict=True)])
    print(f"{name}: IoU {overlaps[name].mean():.2f} on average, {overlaps[name].min():.2f} at worst; ", end="")
    print(f"the crude mask covers {inside:.0%} of the good one")
if not REAL_POINTS:
    print("These are an average face's points: the numbers say nothing about five points against 68.")

# %%
worst, best = overlaps["A"].argmin(), overlaps["A"].argmax()
pairs = []
for index in (best, worst):
    image = show.overlay_mask(crops_a[index].image, eye_mask(crops_a[index].landmarks, CROP_SIZE), color="tab:blue")
    pairs.append(show.overlay_mask(image, eye_mask(found_a[index], CROP_SIZE))[60:160, 40:216])
captions = [f"{name}: IoU {overlaps['A'][index]:.2f}" for name, index in (("best", best), ("worst", worst))]
show.plot_images(pairs, captions=captions, width=8)

# %% [markdown]
# Red is the mask from 68 points, and what looks gray or blue around it belongs to the ellipse from five points alone.
# The ellipse lies in the right place and covers nearly all of the good mask, but it is larger, and its size never
# changes. How much of the crop each of them covers, face by face:

# %%
figure, charts = plt.subplots(1, 2, figsize=(9, 2.2), sharey=True)
for axes, (name, (crude, good)) in zip(charts, areas.items(), strict=True):
    axes.plot(100 * crude, label="five points")
    axes.plot(100 * good, label="68 points")
    axes.set(title=name, xlabel="face")
charts[0].set(ylabel="area of the mask, %")
charts[0].legend(frameon=False)
plt.show()

# %% [markdown]
# The dips of B's lower line are blinks: the lids close, and the mask with them. A's mask changes less: her eyes are
# hardly higher than the margin around them, and behind her glasses the points never close all the way (Exercise 1: at
# 0.2 her lids are shut). For training the crude masks do: what matters is that errors on the eyes count more, not where
# exactly that ends. For a conversion that puts *only* the eyes into another face they would not do; the border would
# run across lids and glasses.
#
# ## 5. Onto the disk
#
# Extraction draws eye masks, from the best points it has, and `write_eye_masks`, in our second cell, drew those that
# were missing. It leaves alone what is there: a mask that you have painted over by hand stays yours.

# %%
from faceswap_lib.media import read_mask

for side, faceset in facesets.items():
    masks = list(faceset.masks.iterdir())
    print(f"{faceset.masks}: {len(masks)} masks, {written[side]} of them written by this notebook")
show.show_source(write_eye_masks)

# %%
records = facesets["src"].records[::10][:6]
on_disk = [read_mask(facesets["src"].masks / record.mask) for record in records]
for record, mask in zip(records, on_disk, strict=True):
    drawn = eye_mask(record.landmarks_in_crop(), CROP_SIZE)
    if not np.array_equal(mask, drawn):
        print(f"{record.mask} was not drawn by this program: painted by hand?")
show.plot_images(on_disk)

# %% [markdown]
# A faceset that was extracted before a landmark network was installed has five points in its manifest, and its masks
# are ellipses. To get better ones, extract again with `overwrite=True`.
#
# ## 6. What the masks are for
#
# Training makes one number smaller, the *loss*. Its basis is the *reconstruction* error: how far is each pixel from
# what it should be? Not all pixels count alike. The weight of a pixel is
#
# $$w = s + f\,(1 - s + 4\,e + 2\,m)$$
#
# where $f$, $e$ and $m$ are the masks of face, eyes and mouth, from 0 to 1, and $s = 0.02$ is the little that the
# surroundings count. In the face that makes 1, on the mouth 3, on the eyes 5.

# %%
from faceswap_lib.networks import PRESETS
from faceswap_lib.training import TrainConfig

config, network = TrainConfig(), PRESETS[PRESET]
arrays = facesets["src"].load(network.stored_size)
margin = (network.stored_size - network.resolution) // 2
view = slice(margin, margin + network.resolution)  # the networks see the middle of a crop
images, eye_masks = arrays.images[:, view, view], arrays.eyes[:, view, view]
index = len(images) // 3
f, e, m = (masks[index, view, view, None].astype("float32") / 255 for masks in (arrays.face, arrays.eyes, arrays.mouth))
s = config.background_weight
weights = s + f * (1 - s + config.eye_weight * e + config.mouth_weight * m)
maps = [show.apply_colormap(mask[..., 0], top=1) for mask in (f, e, m)] + [show.apply_colormap(weights[..., 0])]
captions = ["face of A", "face mask", "eyes", "mouth", f"weight, up to {weights.max():.1f}"]
show.plot_images([images[index], *maps], captions=captions)

# %%
from faceswap_lib.faces import color_statistics, normalize_color
from faceswap_lib.training import losses

tone = color_statistics(images[index], arrays.face[index, view, view])


def standard(picture):
    """What the networks read and write: the picture in a standard tone, (1, R, R, 3) from -1 to 1."""
    return np.clip(normalize_color(picture[None].astype("float32"), tone[None]), -1, 1)


real = standard(images[index])
batch = {"real": real, "warped": real, "seen": real, "face": f[None], "eyes": e[None], "mouth": m[None]}
sample = losses.LossInputs(**batch, tones=tone[None])
wanted = {"eyes": config.eye_weight, "mouth": config.mouth_weight, "surroundings": config.background_weight}
assert np.allclose(weights, losses.region_weights(sample, **wanted)[0], atol=1e-6)
show.show_source(losses.region_weights)

# %% [markdown]
# What does that change? Take two mistakes a young network makes. One is a slight blur all over the face. The other is a
# face whose eyes are wrong: we take the eyes from another face of the same clip, the one whose eyes differ most.

# %%
difference = np.abs(images.astype("float32") - images[index]).mean(axis=3) * eye_masks
other = int(difference.mean(axis=(1, 2)).argmax())
true = images[index].astype("float32")
blurred = cv2.GaussianBlur(true, (0, 0), network.resolution / 160)
answers = {
    "a slight blur": blurred,
    "wrong eyes": e * images[other] + (1 - e) * true,
    "both": e * images[other] + (1 - e) * blurred,
}
shown = [images[index], *(answer.astype("uint8") for answer in answers.values())]
show.plot_images(shown, captions=["what is asked for", *answers])

# %% [markdown]
# Now the reconstruction error of each, once with every pixel of the face counting alike, once with the weights. It is
# the mean over the three colors of the absolute error, times the weight, summed and divided by the area of the face.
# By hand:

# %%
plain = s + f * (1 - s)
amounts = {}
for name, answer in answers.items():
    fake = standard(answer)
    error = np.abs(fake - real)[0].mean(axis=-1, keepdims=True)
    for kind, w in (("all alike", plain), ("weighted", weights)):
        loss = (error * w).sum() / (f.sum() + 1)
        assert np.isclose(loss, float(losses.reconstruction(fake, sample, w[None])), rtol=1e-3)
        parts = {"eyes": e, "mouth": m, "rest": 1 - e - m}
        amounts[f"{name}, {kind}"] = {part: (error * w * mask).sum() for part, mask in parts.items()}
        print(f"{name:14} {kind:10} loss {loss:.4f}")

# %%
print(f"the eyes are {e.sum() / f.sum():.1%} of the face's area")
show.plot_stacked_bars({name: parts for name, parts in amounts.items() if name.startswith(("a slight blur", "both"))})

# %% [markdown]
# Counted alike, eyes that are shut instead of open cost less than half of what a slight blur costs. With the weights
# they cost almost five times as much as before, now more than the blur, so a step of training gains something by
# opening them. (These are the numbers of the demo's clip.) It is no magic: what the eyes get, the cheeks lose.
# faceswap-GAN v2.2 gave the eyes 30 and counted the whole picture; this library gives them 4 and counts little but the
# face.
#
# **Exercise 3.** For which weight of the eyes do they make half of the loss of "both"? Try some values of `eye_weight`
# in place of 4.

# %%
error = np.abs(standard(answers["both"]) - real)[0].mean(axis=-1, keepdims=True)
print("share of the eyes, all alike:", ((error * plain * e).sum() / (error * plain).sum()).round(3))

# %% tags=["solution"]
# @title Solution
for eye_weight in (0, 2, 4, 8, 16, 30):
    w = s + f * (1 - s + eye_weight * e + config.mouth_weight * m)
    print(f"{eye_weight:2}: {(error * w * e).sum() / (error * w).sum():.0%}")

# %% [markdown]
# ## What you know now
#
# - 68 points say where the parts of a face end; a mask is their hull, grown by a margin, with a soft border.
# - Masks from five points sit in the right place but never blink; for training that is enough.
# - A mask turns into weights of the loss, and weights decide what a network learns first.
#
# **To try:** look at the masks of your own faces, `show.overlay_mask` over the crops; glasses and fringes are where
# landmark networks go wrong. **Next:** [03 The networks](03_networks.ipynb).

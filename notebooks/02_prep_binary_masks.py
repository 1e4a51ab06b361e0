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
# People look each other in the eyes, and a swapped face with wrong eyes looks dead. But eyes are small. If every pixel
# has the same weight, a network that draws everything correctly except the eyes has almost no error. Therefore the
# training gets a *mask* of the eyes: a second image that is white on the eyes and black elsewhere. This notebook draws
# such masks from 68 landmarks of the face. It measures how much better they are than masks from five landmarks. Then it
# shows how the masks change the error that the training reduces.
#
# | | |
# |---|---|
# | **You will learn** | what the 68 landmarks are, how a mask is drawn from them, what it changes in the loss |
# | **You will have at the end** | `binary_masks/face_src_eyes` and `binary_masks/face_dst_eyes`, one mask per face |
# | **Time on two CPU cores** | about a minute |
# | **Before** | [01 Video face detection and alignment](01_video_face_detection_alignment.ipynb) |
# | **After** | [03b The networks](03b_networks.ipynb) |

# %% [markdown] tags=["local"]
# If the cells below say that `faceswap_lib` is missing, run `pip install '.[notebooks]'` in the project's folder. Then
# restart the kernel.

# %% [markdown]
# ## 0. Choose the parameters
#
# The notebook uses the faces that notebook 01 extracted into `WORKSPACE`, or your own faces. If there are none, the
# next cell makes the demo's two clips and extracts both people from them.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
PRESET = "lite"  # the networks for the examples of the loss: tiny reads faces of 64 pixels, lite of 128
FACES = 75  # the number of faces of each person that we look at, spread over the clip

# %% [markdown]
# The next cell loads the packages. TensorFlow may print a message about oneDNN or missing GPU drivers. This is not an
# error. The output shows six faces of A in the first row and six of B in the second.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # fewer messages when TensorFlow starts

import logging

import cv2
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.facesets import Faceset, write_eye_masks

logging.getLogger("tensorflow").setLevel("ERROR")  # without its warnings about images of new sizes
np.set_printoptions(precision=3, suppress=True)
workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
written = {side: write_eye_masks(workspace, side) for side in ("src", "dst")}  # only missing masks; see section 5
facesets = {side: Faceset.open(workspace, side) for side in ("src", "dst")}
crops_a, crops_b = (faceset.sample(FACES).read_crops() for faceset in facesets.values())
print({side: f"{len(faceset)} faces" for side, faceset in facesets.items()})
some = np.linspace(0, len(crops_a) - 1, 6).astype(int)
show.plot_images([crops[index].image for crops in (crops_a, crops_b) for index in some], columns=6)

# %% [markdown]
# ## 1. Detect 68 landmarks
#
# This step detects 68 *landmarks* in each face with a *landmark network*. MTCNN detects only five. The number 68 is the
# convention of the research of the last ten years. Three landmark networks can be used here. The next cell prints which
# of them work on this machine. For the others it prints what is missing:

# %%
from faceswap_lib.faces import available_landmarks, open_landmark_detector

for name, lack in available_landmarks().items():
    print(f"{name:15}", lack or "works here")

# %% [markdown]
# - `dlib` is small and fast and needs no internet connection. It takes 5 ms per face.
# - `face-alignment` needs PyTorch and downloads its weights once. It takes 50 times as long. Where it is installed, it
#   is tried first. Without an internet connection, a red line about a failed download appears. This does no harm: the
#   next network is used.
# - `mesh` detects a dense mesh of 468 points and the irises, at a third of dlib's cost, and takes the 68 landmarks from
#   the mesh.
# - `five` detects nothing. It returns the five landmarks.
#
# The notebook also runs without any of the networks. Then it maps the 68 landmarks of an **average face** onto the five
# landmarks. You can see where the landmarks belong and how masks are drawn from them, but they are not the landmarks of
# this person. They do not blink, and the measurements in section 4 then have no meaning. The next cell prints which
# case this is.

# %%
from faceswap_lib.faces import place_mean_face

finder = open_landmark_detector()  # the first backend that works
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
# The landmarks are numbered from 0, always in the same order. Left means left in the image. The next output shows the
# eyes and the mouth enlarged.
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
# Check whether the landmarks of the upper eyelid are on the upper eyelid. Landmark networks were trained on photographs
# that people had marked by hand. Their error is a few pixels. It is larger with glasses, and largest in profile.
#
# **Exercise 1.** How far is an eye open? Measure its height, which is the mean of the distances from 37 to 41 and from
# 38 to 40, and divide it by its width, from 36 to 39. Do this for all of A's faces (`found_a`) and plot the curve.
# Where does A blink?

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
plt.show()  # where both curves fall together, A blinks (landmarks of an average face never blink)

# %% [markdown]
# ## 2. Draw a mask by hand
#
# This step draws a mask from the six landmarks on the border of each eye. It takes three steps:
#
# 1. the **convex hull**: the shape of a rubber band around the six landmarks;
# 2. a **margin**, because eyelashes and eyelids are outside the hull: all pixels that are at most 6.5 pixels away from
#    the hull;
# 3. a **feather**: a soft border, so that nothing changes abruptly from one pixel to the next.
#
# OpenCV's function `pointPolygonTest` returns the distance of a pixel from a polygon, which is positive inside. Margin
# and feather are given in *eye distances*, so that they fit images of any size.
#
# The output compares the hard mask with the library's mask and shows the latter on the face.

# %%
from faceswap_lib.faces.alignment import EYE_DISTANCE
from faceswap_lib.faces.parts import EYE_MARGIN, FEATHER

unit = EYE_DISTANCE * CROP_SIZE  # one eye distance in a crop, 70 pixels
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
assert np.abs(by_hand - library).mean() < 0.5  # of 255; at the border the library uses fractions of pixels
images = [hard.astype("uint8"), library, show.overlay_mask(crop.image, library)]
show.plot_images(images, captions=["hull and margin", "the library's, with feather", "on the face"], width=7)

# %%
show.show_source(part_mask)

# %% [markdown]
# ## 3. Masks of all parts
#
# This step draws masks of all *parts* of a face that the library knows. There are five, and they form a *set*:
# `Part.EYES | Part.MOUTH` is the union. Each part has its own landmarks and its own margin. `FACE` reaches from the
# chin to the forehead, because there are no landmarks above it. The output shows each part in its own color.

# %%
painted = []
for part, color in zip(Part, ("tab:red", "tab:orange", "tab:green", "tab:purple", "tab:blue"), strict=True):
    painted.append(show.overlay_mask(crop.image, part_mask(points, CROP_SIZE, part), color=color))
show.plot_images(painted, captions=[part.name for part in Part], columns=5)

# %% [markdown]
# The union of two hard masks is the larger of the two values at every pixel. The feather is applied to the union, so
# there is no seam between parts that touch.

# %%
eyes, mouth, both = (
    part_mask(points, CROP_SIZE, parts, feather=0) for parts in (Part.EYES, Part.MOUTH, Part.EYES | Part.MOUTH)
)
assert np.array_equal(np.maximum(eyes, mouth), both)

# %% [markdown]
# A conversion can also be limited to parts: `--parts eyes+mouth` puts only B's eyes and mouth into A's face.
#
# **Exercise 2.** Make a mask of the face *without* eyes and mouth, like a carnival mask. Its border must be three times
# as soft as usual. Draw it on B's face.

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
# ## 4. Compare masks from five and from 68 landmarks
#
# This step measures how good the eye masks of notebook 01 are. They were drawn from five landmarks: an ellipse of fixed
# size on each eye. We compare them with the masks from 68 landmarks. The measure is *intersection over union* (IoU).
# For soft masks it is the sum of the smaller values divided by the sum of the larger values. It is 1 for equal masks
# and 0 for masks that do not overlap. The second output shows the best and the worst pair.

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
    print("These are points of an average face: the numbers say nothing about five points against 68.")

# %%
worst, best = overlaps["A"].argmin(), overlaps["A"].argmax()
pairs = []
for index in (best, worst):
    image = show.overlay_mask(crops_a[index].image, eye_mask(crops_a[index].landmarks, CROP_SIZE), color="tab:blue")
    pairs.append(show.overlay_mask(image, eye_mask(found_a[index], CROP_SIZE))[60:160, 40:216])
captions = [f"{name}: IoU {overlaps['A'][index]:.2f}" for name, index in (("best", best), ("worst", worst))]
show.plot_images(pairs, captions=captions, width=8)

# %% [markdown]
# The mask from 68 landmarks is red. Gray or blue areas around it belong only to the ellipse from five landmarks. The
# ellipse is in the right place and covers nearly all of the better mask. But it is larger, and its size never changes.
# The next cell plots how much of the crop each mask covers, for each face:

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
# The minima of B's lower curve are blinks: the eyelids close, and the mask becomes smaller with them. A's mask changes
# less. Her eyes are hardly higher than the margin around them, and behind her glasses the landmarks never close
# completely (Exercise 1: her eyelids are shut at 0.2).
#
# For training, the simple masks are good enough. There it matters that errors on the eyes have a larger weight, and the
# exact border matters little. For a conversion that puts *only* the eyes into another face, they are not good enough:
# the border would run across eyelids and glasses.
#
# ## 5. Write the masks to disk
#
# This step stores the masks. Extraction draws eye masks from the best landmarks that are available. The function
# `write_eye_masks`, in our second code cell, drew the missing masks. It does not change existing masks: a mask that you
# have painted by hand is kept. The next cell prints how many masks exist, and how many of them this notebook wrote.

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
        print(f"{record.mask} was not drawn by this program. Was it painted by hand?")
show.plot_images(on_disk)

# %% [markdown]
# If a faceset was extracted before a landmark network was installed, its manifest contains five landmarks per face, and
# its masks are ellipses. To get better masks, extract again with `overwrite=True`.
#
# ## 6. What the masks are for
#
# This step shows how masks become *weights of the loss*. Training reduces one number, the *loss*. Its most important
# term is the *reconstruction error*: how far is each pixel from its target? Not all pixels have the same weight. The
# weight of a pixel is
#
# $$w = s + f\,(1 - s + 4\,e + 2\,m)$$
#
# where $f$, $e$ and $m$ are the masks of face, eyes and mouth, from 0 to 1, and $s = 0.02$ is the small weight of the
# surroundings. The result is 1 in the face, 3 on the mouth, and 5 on the eyes. The output shows the three masks and the
# weight.

# %%
from faceswap_lib.networks import PRESETS
from faceswap_lib.training import TrainConfig

config, network = TrainConfig(), PRESETS[PRESET]
arrays = facesets["src"].load(network.stored_size)
margin = (network.stored_size - network.resolution) // 2
view = slice(margin, margin + network.resolution)  # the networks read the central part of a crop
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
    """Returns what the networks read and write: the image in the standard tone, (1, R, R, 3) from -1 to 1."""
    return np.clip(normalize_color(picture[None].astype("float32"), tone[None]), -1, 1)


real = standard(images[index])
batch = {"real": real, "warped": real, "encoder_input": real, "face": f[None], "eyes": e[None], "mouth": m[None]}
sample = losses.LossInputs(**batch, tones=tone[None])
wanted = {"eyes": config.eye_weight, "mouth": config.mouth_weight, "surroundings": config.background_weight}
assert np.allclose(weights, losses.region_weights(sample, **wanted)[0], atol=1e-6)
show.show_source(losses.region_weights)

# %% [markdown]
# What do the weights change? Consider two errors of a network that has just started to learn. The first is a slight
# blur of the whole face. The second is a face with wrong eyes: we take the eyes from another face of the same clip, the
# one whose eyes differ most.

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
# The next cell computes the reconstruction error of each image, first with equal weights for all pixels of the face,
# then with the weights above. It is the mean absolute error over the three colors, multiplied by the weight, summed
# over all pixels, and divided by the area of the face. By hand:

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
# With equal weights, shut eyes in place of open ones have less than half of the loss of a slight blur. With the
# weights, their loss is almost five times as high as before and now higher than that of the blur. So a training step
# reduces the loss if it opens the eyes. (These are the numbers of the demo's clip.) This has a cost: a larger weight of
# the eyes means a smaller share for the cheeks. faceswap-GAN v2.2 gave the eyes the weight 30 and counted the whole
# image. This library gives them 4 and counts almost only the face.
#
# **Exercise 3.** With which weight do the eyes cause half of the loss of "both"? Try some values of `eye_weight`
# instead of 4.

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
# - 68 landmarks say where the parts of a face end. A mask is the hull of the landmarks, enlarged by a margin, with a
#   soft border.
# - Masks from five landmarks are in the right place but never blink. For training that is enough.
# - A mask becomes weights of the loss. The weights decide what a network learns first.
#
# **To try:** look at the masks of your own faces, with `show.overlay_mask` on the crops. Landmark networks make errors
# at glasses and fringes. **Next:** [03b The networks](03b_networks.ipynb).

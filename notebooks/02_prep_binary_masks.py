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
# training gets a **binary mask** of the eyes: a second image that is white on the eyes and black elsewhere. This
# notebook draws such masks from 68 landmarks of the face, and measures how much better they are than masks from five.
# Then it shows how the masks change the error that the training reduces.
#
# | | |
# |---|---|
# | **You will learn** | what the 68 landmarks are, how a mask is drawn from them, what it changes in the loss |
# | **You will have at the end** | `binary_masks/face_src_eyes` and `binary_masks/face_dst_eyes`, one mask per face |
# | **Time on two CPU cores** | about a minute |
# | **Before** | [01b Landmarks without jitter](01b_kalman_smoothing.ipynb) |
# | **After** | [03 An autoencoder by hand](03_autoencoder.ipynb) |

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
LANDMARKS = "mesh"  # the landmark detector, see section 1

# %% [markdown]
# The output shows six faces of A in the first row and six of B in the second.

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

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
# MTCNN marks five landmarks. Other networks mark 68, in the scheme of the data set Multi-PIE. 300-W, the data set on
# which most of these networks are compared, made it the standard. Three such detectors can be used here. The next cell
# prints which of them work on this machine, and what the others need:
#
# - `mesh`: MediaPipe's face mesh, 468 points and the irises, of which 68 are taken. It comes with the library, on
#   nearly every machine and on Colab. This notebook uses it, so that everybody measures the same.
# - `dlib`: regression trees, 5 ms per face; the extra `dlib`.
# - `face-alignment`: 2D-FAN, used by faceswap-GAN v2.2; the extra `landmarks` (PyTorch) and a weight file
#   (`faceswap weights fetch fan`). It takes 50 times as long as dlib.
# - `five` detects nothing. It returns the five landmarks.
#
# (The extraction uses the first that works, in the order `face-alignment`, `dlib`, `mesh`. If none works, this notebook
# lays the landmarks of an **average face** on the five landmarks. They never blink, and section 4 then says nothing.)

# %%
from faceswap_lib.faces import available_landmarks, open_landmark_detector, place_mean_face

missing = available_landmarks()
for name, reason in missing.items():
    print(f"{name:15}", reason or "works here")
finder = open_landmark_detector("auto" if missing.get(LANDMARKS) else LANDMARKS)
found_a, found_b = finder.detect(crops_a), finder.detect(crops_b)
REAL_POINTS = len(found_a[0]) == 68
if not REAL_POINTS:
    found_a, found_b = ([place_mean_face(five) for five in found] for found in (found_a, found_b))
print(f"\nused here: {finder.name}" if REAL_POINTS else "\nused here: the points of an average face")

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
# Check whether the landmarks of the upper eyelid are on the upper eyelid. Their error is a few pixels. It is larger
# with glasses, and largest in profile.
#
# **Exercise 1.** How far is an eye open? The **eye aspect ratio** is its height, the mean of the distances from 37 to
# 41 and from 38 to 40, divided by its width, from 36 to 39. Plot it for all of A's faces (`found_a`). Where does A
# blink?

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
# A mask is drawn from the six landmarks on the border of each eye in three steps:
#
# 1. the **convex hull**: the shape of a rubber band around the six landmarks;
# 2. a **dilation** by a margin, because eyelashes and eyelids are outside the hull: all pixels that are at most 6.5
#    pixels away from the hull;
# 3. a **feather**: a soft border, so that nothing changes abruptly from one pixel to the next.
#
# faceswap-GAN v2.2 does the same, with a dilation by a square of 13 pixels and a blur of 7. OpenCV's function
# `pointPolygonTest` returns the distance of a pixel from a polygon, which is positive inside. Margin and feather are
# given in *eye distances*, so that they fit images of any size.

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
# The library knows five *parts* of a face. They form a set: `Part.EYES | Part.MOUTH` is the union, at every pixel the
# larger of the two values. Each part has its own landmarks and its own margin. `FACE` reaches from the chin to the
# forehead, above the highest landmark. A conversion can be limited to parts: `--parts eyes+mouth` puts only B's eyes
# and mouth into A's face.

# %%
painted = []
for part, color in zip(Part, ("tab:red", "tab:orange", "tab:green", "tab:purple", "tab:blue"), strict=True):
    painted.append(show.overlay_mask(crop.image, part_mask(points, CROP_SIZE, part), color=color))
show.plot_images(painted, captions=[part.name for part in Part], columns=5)

# %%
eyes, mouth, both = (
    part_mask(points, CROP_SIZE, parts, feather=0) for parts in (Part.EYES, Part.MOUTH, Part.EYES | Part.MOUTH)
)
assert np.array_equal(np.maximum(eyes, mouth), both)

# %% [markdown]
# ## 4. Compare masks from five and from 68 landmarks
#
# How good are the eye masks of notebook 01, an ellipse of fixed size on each eye? We compare them with the masks from
# 68 landmarks by their intersection over union (IoU, [01](01_video_face_detection_alignment.ipynb)). For soft masks it
# is the sum of the smaller values divided by the sum of the larger values. The second output shows the best and the
# worst pair.

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
# ellipse is in the right place: it covers about nine tenths of the better mask. But it is larger, so the IoU is only
# 0.53 for A and 0.61 for B. And its size never changes. The next cell plots how much of the crop each mask covers:

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
# The minima of the lower curves are blinks: the eyelids close, and the mask becomes smaller with them. A's mask changes
# less, because her eyes are hardly higher than the margin around them.
#
# For training, the simple masks are good enough. There it matters that errors on the eyes have a larger weight, and the
# exact border matters little. For a conversion that puts *only* the eyes into another face, they are not good enough:
# the border would run across eyelids and glasses.
#
# ## 5. Write the masks to disk
#
# Extraction draws eye masks from the best landmarks that are available. `write_eye_masks`, in our second code cell,
# drew the missing ones. It does not change existing masks: a mask that you have painted by hand is kept.

# %%
from faceswap_lib.media import read_mask

for side, faceset in facesets.items():
    masks = list(faceset.masks.iterdir())
    print(f"{faceset.masks}: {len(masks)} masks, {written[side]} of them written by this notebook")
records = facesets["src"].records[::10][:6]
on_disk = [read_mask(facesets["src"].masks / record.mask) for record in records]
for record, mask in zip(records, on_disk, strict=True):
    drawn = eye_mask(record.landmarks_in_crop(), CROP_SIZE)
    if not np.array_equal(mask, drawn):
        print(f"{record.mask} was not drawn by this program. Was it painted by hand?")
show.show_source(write_eye_masks)

# %%
show.plot_images(on_disk)

# %% [markdown]
# If a faceset was extracted before a landmark detector was installed, its masks are ellipses. To get better masks,
# extract again with `overwrite=True`.
#
# ## 6. What the masks are for
#
# Masks become **weights of the loss**. Training reduces one number, the *loss*. Its most important term is the
# *reconstruction error*: how far is each pixel from its target? Each pixel has a weight:
#
# - far from the face it is $s = 0.02$, the small weight of the surroundings;
# - on the face it is 1; on the mouth 2 more, so 3; on the eyes 4 more, so 5.
#
# **Exercise 2.** Write the weight of a pixel as a formula of $s$ and of the masks of face, eyes and mouth, $f$, $e$ and
# $m$, from 0 to 1. Masks have soft borders: where $f$ is a half, the weight is half-way between outside and inside.
# Eyes and mouth count only as far as the face does. Cells below use your function, so run the solution if you skip the
# exercise.

# %%
from faceswap_lib.course.face_checks import check_region_weights


def weigh(f, e, m, s, eye_weight, mouth_weight):
    """Returns the weight of each pixel from the masks of face, eyes and mouth, (H, W) or (H, W, 1)."""
    return s + 0 * f  # your solution


print(check_region_weights(weigh))


# %% tags=["solution"]
# @title Solution
def weigh(f, e, m, s, eye_weight, mouth_weight):
    return s + f * (1 - s + eye_weight * e + mouth_weight * m)


print(check_region_weights(weigh))

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
weights = weigh(f, e, m, s, config.eye_weight, config.mouth_weight)
maps = [show.apply_colormap(mask[..., 0], top=1) for mask in (f, e, m)] + [show.apply_colormap(weights[..., 0])]
captions = ["face of A", "face mask", "eyes", "mouth", f"weight, up to {weights.max():.1f}"]
show.plot_images([images[index], *maps], captions=captions)

# %%
from faceswap_lib.faces import color_statistics, normalize_color
from faceswap_lib.training import losses

tone = color_statistics(images[index], arrays.face[index, view, view])


def normalize(picture):
    """Returns what the networks read and write: the image with normalized colors, (1, R, R, 3) from -1 to 1."""
    return np.clip(normalize_color(picture[None].astype("float32"), tone[None]), -1, 1)


real = normalize(images[index])
batch = {"real": real, "warped": real, "encoder_input": real, "face": f[None], "eyes": e[None], "mouth": m[None]}
sample = losses.LossInputs(**batch, tones=tone[None])
wanted = {"eyes": config.eye_weight, "mouth": config.mouth_weight, "surroundings": config.background_weight}
assert np.allclose(weights, losses.region_weights(sample, **wanted)[0], atol=1e-6)
show.show_source(losses.region_weights)

# %% [markdown]
# What do the weights change? Consider two errors of a network that has just started to learn: a slight blur of the
# whole face, and a face with wrong eyes. We take the eyes of another frame of the clip, the one whose eyes differ most.

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
# The reconstruction error is the absolute error, averaged over the three colors, multiplied by the weight, summed over
# all pixels, and divided by the area of the face. By hand, with equal weights in the face and with the weights above:

# %%
plain = s + f * (1 - s)
amounts = {}
for name, answer in answers.items():
    fake = normalize(answer)
    error = np.abs(fake - real)[0].mean(axis=-1, keepdims=True)
    for kind, w in (("all alike", plain), ("weighted", weights)):
        loss = (error * w).sum() / (f.sum() + 1)
        assert np.isclose(loss, float(losses.reconstruction(fake, sample, w[None])), rtol=1e-3)
        parts = {"eyes": e, "mouth": m, "rest": 1 - e - m}
        amounts[f"{name}, {kind}"] = {part: (error * w * mask).sum() for part, mask in parts.items()}
        print(f"{name:14} {kind:10} loss {loss:.4f}")
print(f"the eyes are {e.sum() / f.sum():.1%} of the face's area")
show.plot_stacked_bars({name: parts for name, parts in amounts.items() if name.startswith(("a slight blur", "both"))})

# %% [markdown]
# With equal weights, shut eyes in place of open ones have less than half of the loss of a slight blur. With the
# weights, their loss is almost five times as high as before and now higher than that of the blur. So a training step
# reduces the loss if it opens the eyes. (These are the numbers of the demo's clip.) This has a cost: a larger weight of
# the eyes means a smaller share for the cheeks. faceswap-GAN v2.2 gives the eyes the weight 30 and counts the whole
# image. The weight 4, the mouth and the small weight of the surroundings are our addition.

# %% [markdown]
# ## What you know now
#
# - 68 landmarks say where the parts of a face end. A mask is their convex hull, dilated, with a soft border.
# - Masks from five landmarks are in the right place but never blink. For training that is enough.
# - A mask becomes weights of the loss. The weights decide what a network learns first.
#
# **To try:** draw a mask of the face *without* eyes and mouth (`np.minimum(face, 255 - features)`), like a carnival
# mask. With which `eye_weight` do the eyes cause half of the loss of "both"?

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("02_prep_binary_masks")

# %% [markdown]
# ## Further reading
#
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): eye masks from 68 landmarks, and their weight of 30
# - [How far are we from solving the 2D & 3D Face Alignment problem?](https://arxiv.org/abs/1703.07332): the paper of
#   2D-FAN
# - [face-alignment](https://github.com/1adrianb/face-alignment): the package with this network
# - [Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs](https://arxiv.org/abs/1907.06724): the paper
#   of MediaPipe's face mesh
# - [dlib](https://github.com/davisking/dlib): the library of the regression trees

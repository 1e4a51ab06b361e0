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
# Two short videos go in: **A**, whose video it is, and **B**, whose face A is to get. One video comes out: everything
# A does, done by B's face. In between, three neural networks learn both faces from nothing but these two videos.
#
# This notebook does what the command `faceswap demo` does, one step per section, with small networks so that you need
# not wait long. You need to know Python and a little NumPy; you need no network connection and no GPU.
#
# | | |
# |---|---|
# | **You will have at the end** | a swapped video of a few seconds, and an idea of what each step is for |
# | **Time on two CPU cores** | about 6 minutes, 4 of them for the training |
# | **After** | [01 Video face detection and alignment](01_video_face_detection_alignment.ipynb) |
#
# How to read it: run a cell, look at what it shows, then read on. Where a step rests on a small piece of mathematics
# we first do it by hand on one picture, then look at the library's code, and check that both agree. There are two
# exercises; a solution is folded away below each.

# %% [markdown] tags=["local"]
# If the cells below say that `faceswap_lib` is missing: `pip install '.[notebooks]'` in the project's folder, then
# restart the kernel.

# %% [markdown]
# ## 0. What we choose
#
# Everything is written to one folder, the *workspace*, which the other notebooks of the course use as well. If it
# already holds a half-finished training, the training goes on from there. Change `STEPS` to train longer; after
# changing anything else, name another workspace.
#
# **Videos of your own?** Set `VIDEO_A` and `VIDEO_B` to their paths, name another workspace, and say in `CONSENT` who
# agreed to the swap, in your own words. Without that the notebook stops: a swap is a claim about two people. What you
# write is kept in the workspace and stated in the output, for everybody to read.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
VIDEO_A = None  # whose video it is; None takes the demo's
VIDEO_B = None  # whose face it gets; None takes the demo's
CONSENT = None  # who agreed to what; needed with videos of your own
SECONDS = 6.0  # length of the demo's clips, at 25 frames a second
SIZE = 320  # side of their frames in pixels
PRESET = "lite"  # which networks: lite reads and writes faces of 128 pixels, tiny of 64, in a quarter of the time
STEPS = 600  # how long to train
BATCH_SIZE = 8  # faces of each person per step
MIRROR = None  # a folder that gets a copy of the newest checkpoint, on a drive that outlives this machine

# %% [markdown]
# The next cell loads the packages. TensorFlow may say something about oneDNN or missing GPU drivers; that is no error.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow says less as it starts

import dataclasses
import logging
import pathlib

import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.devices import has_accelerator, list_devices

logging.getLogger("tensorflow").setLevel("ERROR")  # it warns of pictures of new sizes
np.set_printoptions(precision=3, suppress=True)
print(f"Keras {keras.__version__} on {keras.backend.backend()}, {', '.join(device.name for device in list_devices())}")

# %% [markdown]
# ## 1. Two clips
#
# Unless you named your own, A is Grace Hopper and B is Eileen Collins. Both pictures are official portraits in the
# public domain that Python packages carry as sample data. A single picture is not enough to learn from: the networks
# must see the same face turn, talk and blink. So the portraits are animated into two clips. With videos of your own,
# this is the step that is left out.

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
length = min(150, count_frames(video_a), count_frames(video_b))  # frames to look at, the first ones


def keep_frames(video, numbers):
    """The frames with these numbers, by number. The others are read past: a frame of a large video is 25 MB."""
    return {at: frame for at, frame in enumerate(read_frames(video, stop=max(numbers) + 1)) if at in numbers}


some = np.linspace(0, length - 1, 6).astype(int)
kept = [keep_frames(video, some) for video in (video_a, video_b)]
show.plot_images([frames[index] for frames in kept for index in some], columns=6)

# %% [markdown]
# A picture is an array of shape (height, width, 3): red, green and blue, 0 to 255. This is A's clip as a video. The
# demo's has sound, a hum that follows the mouth.

# %%
show.embed_video(video_a)

# %% [markdown]
# ## 2. Find the face
#
# MTCNN is a detector made of three small networks in a row. The first looks at thousands of squares, in the picture at
# many scales, and proposes those that might hold a face. The second looks closer and throws most of them away. The
# third keeps the good ones, corrects their borders, and marks five points: both eyes, the tip of the nose, both
# corners of the mouth.

# %%
from faceswap_lib.faces import MTCNN

detector = MTCNN()
frame = next(read_frames(video_a, start=length // 3))
faces = detector.detect([frame])[0]  # it takes several frames and gives the faces of each
face = faces[0]
print(f"{len(faces)} face, certainty {face.score:.3f}, box {face.box_xyxy.round(1)}")
show.plot_images([frame, show.draw_face(frame, face)], captions=["a frame", "box and five points"], width=7)

# %% [markdown]
# ## 3. Follow it, and take the shake out
#
# The detector sees each frame for the first time, so its points tremble by a fraction of a pixel or more even where
# the head is still. A swapped face would tremble with them. A *Kalman filter* knows two things the detector does not:
# where the face was a moment ago, and that heads do not jump. It carries a position and a speed for every point,
# predicts the next frame, and moves its prediction only part of the way towards what the detector says. Since the
# file is known to its end, the same is then done backwards, which takes away the filter's delay.

# %%
from faceswap_lib.faces import TrackConfig, detect_keyframes, track_faces

sightings = list(detect_keyframes(read_frames(video_a, stop=length), detector))  # what every frame shows
raw_track = track_faces(sightings, TrackConfig(smoothing="none")).tracks[0]  # the first face to follow
track = track_faces(sightings).tracks[0]
curves = {"as detected": raw_track, "smoothed": track}
figure, axes = plt.subplots(figsize=(9, 2.8))
for name, followed in curves.items():
    nose_x = np.array([face.landmarks[2, 0] for _, face in followed.items()])
    shake = np.abs(np.diff(nose_x, 2)).mean()  # how much its speed changes from one frame to the next
    axes.plot(nose_x, lw=1.2, label=f"{name}, shake {shake:.2f} pixels")
axes.set(xlabel="frame", ylabel="tip of the nose, x in pixels")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## 4. Align it
#
# The networks should spend their effort on what a face *does*, not on where it is, how large, or how tilted. So every
# face is turned, scaled and moved until its five points lie as close as they can to five standard places. A turn, a
# scale and a shift together are a *similarity transform*. It has four unknown numbers, $p, q, s, t$:
#
# $$x' = p\,x - q\,y + s \qquad\qquad y' = q\,x + p\,y + t$$
#
# Five points give ten such equations. No face fits all ten exactly; least squares finds the best compromise.

# %%
from faceswap_lib.faces import CROP_SIZE, template_points

seen_faces = dict(track.items())  # by the number of the frame
indices = np.array(list(seen_faces))[np.linspace(0, len(seen_faces) - 1, 6).astype(int)]
frames_a = keep_frames(video_a, indices)
index = indices[4]  # the head is tilted here
frame, face = frames_a[index], seen_faces[index]
target = template_points(CROP_SIZE)  # the standard places in a square crop
x, y = face.landmarks.T
one, zero = np.ones(5), np.zeros(5)
equations = np.concatenate([np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)])
p, q, s, t = np.linalg.lstsq(equations, target.T.ravel(), rcond=None)[0]
by_hand = np.array([[p, -q, s], [q, p, t]])
print(by_hand)

# %% [markdown]
# The library does it with complex numbers. Turning and scaling is then one multiplication, $z' = m z + t$, and the
# best $m$ is a fraction one can write down. This is the code that runs:

# %%
from faceswap_lib.faces import similarity_transform

show.show_source(similarity_transform)

# %%
assert np.allclose(by_hand, similarity_transform(face.landmarks, target))

# %% [markdown]
# Both agree, so from here on we use the library. `align_face` cuts the crop out of the frame with this matrix. On the
# left below are the standard places (red), those of an average face; on the right a face that was laid on them. Its own
# points (green) come near, never quite there.

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
# Above the frames, below the crops: the eyes now stay where they are, whatever the head does.
#
# **Exercise 1.** The matrix knows how the head was tilted and how large the face was. From $p$ and $q$ compute the
# angle by which the crop was turned, in degrees, and how many pixels of the crop one pixel of the frame became.
# (`np.arctan2` and `np.hypot` help.)

# %%
angle, scale = 0.0, 1.0

# %% tags=["solution"]
# @title Solution
angle, scale = np.degrees(np.arctan2(q, p)), np.hypot(p, q)
print(f"turned by {angle:.1f} degrees; one pixel of the frame became {scale:.2f} of the crop")

# %% [markdown]
# The eyes are level in the crop, so the angle is how far they were from level in the frame. Where the scale is above 1
# the crop shows no more than the frame did, only larger.
#
# ## 5. What the networks see
#
# A crop has some room around the face. The networks get its central part, the *view*, from forehead to chin. Three
# masks go with it, drawn from the five points. They tell the training where the face is (almost nothing outside
# counts), and where the eyes and the mouth are (errors there count more, because people look there). The face is an
# ellipse here, which five points are enough for; where MediaPipe's mesh runs, the training below takes its true
# outline, up to the hair.

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
# Two more things are taken out before a network reads the view: everything that is not face, and the light. A was
# filmed in warmer light than B, and that is the first thing a network would notice, and the last thing we want it to
# spend its effort on. So each color channel is brought to the same mean and the same spread inside the face, by hand:

# %%
from faceswap_lib.faces import points_in_crop
from faceswap_lib.faces.color_normalization import SPREAD

view_face = face_mask(points_in_crop(face, matrix), resolution, coverage=VIEW_COVERAGE)
inside = view[view_face > 127]  # the pixels of the face, (N, 3)
standard = (view - inside.mean(axis=0)) / inside.std(axis=0) * SPREAD  # now mean 0, mostly between -1 and 1
by_hand = standard.clip(-1, 1) * (view_face[..., None] / 255)
show.plot_images([view, ((by_hand + 1) * 127.5).astype("uint8")], captions=["view", "what the network reads"], width=4)

# %% [markdown]
# The library's `preprocess_views` does this for many views at once. It also returns the mean and the spread it took
# out, the *tone*: the new face gets the tone of the old one again, and so has the light of the video it goes into.

# %%
from faceswap_lib.networks import preprocess_views

seen, tones = preprocess_views(view[None], view_face[None])
assert np.allclose(by_hand, seen[0], atol=1e-3)

# %% [markdown]
# ## 6. Extract both facesets
#
# Now the same for every frame of both clips. `extract` detects, follows, aligns and writes: crops to `face_src` (A)
# and `face_dst` (B), eye masks beside them, and a manifest that says which frame each crop came from. A folder of one
# person's crops is a *faceset*. An extraction that is already there is not done again.

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
# ## 7. Make a hundred pictures into many more
#
# A network with millions of numbers would simply learn a hundred pictures by heart. So it never sees the same one
# twice: each time a crop is used it is turned, zoomed, shifted, mirrored and a little changed in shape, at random.
#
# There is a second trick. From each crop *two* views are made: the **real** one, and a **warped** one that is bent some
# more, on a finer grid, as if printed on rubber. The networks read the warped view and must write the real one. Copying
# does not help; they have to know what this person looks like. To see what is done, on the right lines were drawn on
# the same crop first.

# %%
from faceswap_lib.training import TrainConfig, random_warp_grid, sample, to_device

faces_b = to_device(arrays_b)
ruled = arrays_b.images.copy()
ruled[:, ::16] = ruled[:, :, ::16] = 255
lined_b = to_device(dataclasses.replace(arrays_b, images=ruled))
index = np.full(3, len(arrays_b.images) // 2, "int32")  # three times the same crop
seed = keras.random.SeedGenerator(4)
shown, captions = [], []
maps = random_warp_grid(TrainConfig(batch_size=3), resolution, faces_b.size, seed)
for name, at in zip(("real", "warped"), maps, strict=True):
    for source in (faces_b, lined_b):
        shown += list(keras.ops.convert_to_numpy(sample(source, index, at))[..., :3].astype("uint8"))
    captions += [f"{name} {number}" for number in (1, 2, 3)] * 2
show.plot_images(shown, captions=captions, columns=6)

# %% [markdown]
# ## 8. The networks
#
#     practice   face of A --> encoder --> code --> decoder A --> face of A
#                face of B --> encoder --> code --> decoder B --> face of B
#
#     the swap   face of A --> encoder --> code --> decoder B --> face of B, doing what A does
#
# The **encoder** squeezes a face into a compact *code*. A **decoder** makes a face out of a code. There is one encoder
# for both people but a decoder for each. That is the whole idea of the swap: since the encoder must serve both
# decoders, its code comes to say what A and B can share (where they look, how far the mouth is open, how the head is
# turned), and each decoder comes to know one face. After training we feed *A's* face to the encoder and give the code
# to *decoder B*. Out comes B's face with A's expression, although nobody ever showed the networks such a pair.
#
# Two **discriminators** are there for training only. They look at pictures and judge whether they are real.

# %%
from faceswap_lib.networks import build_networks

keras.utils.set_random_seed(0)
networks = build_networks(PRESETS[PRESET])
for network in (networks.encoder, networks.decoder_b, networks.discriminator_b):
    outputs = ", ".join(str(output.shape[1:]) for output in network.outputs)
    print(f"{network.name:16} {network.input_shape[1:]} -> {outputs}, {network.count_params():,} numbers to learn")

# %% [markdown]
# (What more there is, a third output and six channels for a discriminator, [03](03_networks.ipynb) explains.) A decoder
# writes two things. One is the **mask**, a number from 0 to 1 for every pixel. The other is the **raw face**. The mask
# says how much of the raw face to take at each pixel; the rest stays the input's. What comes of it is the
# **composite**:
#
# $$\text{composite} = \text{mask} \cdot \text{raw} + (1 - \text{mask}) \cdot \text{input}$$
#
# Here is what they write before they have learned anything:

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
# A training step takes a few faces of A and of B, lets the networks write them, and measures by how much they are
# wrong. From that follows, for each of the millions of numbers, whether a little more or a little less would have
# been better; all are moved that way by a tiny amount. "Wrong" is a sum of several measures, the *losses*:
#
# | name | what it asks | why |
# |---|---|---|
# | `reconstruction` | is each pixel right? | the basis; alone it gives blurred faces |
# | `dssim`, `edges` | are contrasts and outlines right? | detail |
# | `mask_prior`, `mask_hinge` | does the mask cover the face? | else giving back the input would be cheapest |
# | `composite` | is the blended picture right? | late in the training, and quietly |
# | `adversarial`, `discriminator` | does it look real? | sharpness, in long trainings; see below |
#
# (Some curves below are not in this table; notebook [04](04_losses.ipynb) takes all of them apart.)
#
# The last pair is a contest. The discriminator is trained to tell real pictures from written ones; the generator, that
# is encoder and decoders, is trained to fool it. That is a *GAN*, a generative adversarial network. Neither ever wins,
# so their curves need not fall. The contest begins only when the faces are roughly right.
#
# `mask_mean` is no loss but a reading to watch: how much of the face is taken from the decoder. Near 1 is a swap,
# near 0 gives A back unchanged.

# %%
from faceswap_lib.training import LoopConfig, train

board = show.LossBoard(every=4, terms=("reconstruction", "dssim", "adversarial", "mask_mean"))
config = TrainConfig(steps=STEPS, batch_size=BATCH_SIZE)
keeping = LoopConfig(sync_dir=MIRROR and pathlib.Path(MIRROR))
report = train(
    workspace, network_config=PRESETS[PRESET], config=config, run_config=keeping, on_log=board, progress=True
)

# %% [markdown]
# A training that stops half-way, here or when the machine goes away, is not lost: run the notebook again and it goes on
# from its last checkpoint; it writes one every three minutes and at the end. What was logged is in the run's
# `history.jsonl`, so the curves of all terms can be drawn at any time:

# %%
from faceswap_lib.training import read_history

print(f"{report.step} steps, {report.step - report.resumed_at} of them now in {report.seconds / 60:.1f} minutes")
show.plot_losses(read_history(report.folder / "history.jsonl"))

# %% [markdown]
# The numbers of a loss say little by themselves. Look at pictures. The *preview grid* has four directions: `a2a`
# reads A and writes A (this is what was practised), `b2b` the same for B, and `a2b` and `b2a` are the swaps, which
# were never practised. In each: input, mask, raw face, composite.

# %%
from faceswap_lib.media import read_image

grid = read_image(report.folder / "previews" / f"step-{report.step:08d}.png")
practised, swapped = np.split(grid, 2, axis=1)
show.plot_images([practised, swapped], columns=1)

# %% [markdown]
# ## 10. Convert
#
# First one frame by hand: the trained encoder reads A's view, decoder B writes. After so few steps there is a problem.
# The codes of A and of B have not come to mean quite the same yet: decoder B was only ever given codes that came from
# pictures of B. So we move the code part of the way, by the difference between the average codes of both people. How
# far is a trade: the further, the more it is B, and the less it does what A does.
#
# `KerasSwapper` does the same for many pictures at once, from pixels to pixels. Both must agree to a gray level of 255.
# On a GPU single pixels may be off by a few levels: of the factors of a product it keeps about three digits ("TF32"),
# and what is compiled rounds in other places.

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
# The `Compositor` does the rest: it fits the colors once more, ends the new face softly, and puts it back where it
# came from, with the matrix of section 4 turned round.

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
# Then the whole clip. Two things are added that make it much better, and that would be too much for a first notebook:
# codes of A are brought to codes of B with the same pose and expression, and what the networks are too small to draw,
# lashes, pores, the edge of an iris, comes from B's own crops. Every option is taken apart in
# [06 Video conversion](06_video_conversion.ipynb).
#
# Size, frame rate and sound stay as they were. Every frame says in its corner that a machine made it, and the file
# carries a signed note of how; `faceswap verify` reads it. At the end the program looks at what it did: how much of the
# view the mask took from the new face (of the whole view, so about a half is right), and how far that changed it.

# %%
from faceswap_lib.pipeline import convert

swap = pathlib.Path(WORKSPACE) / "swap.mp4"
conversion = convert(video_a, workspace, swap, overwrite=True, consent=CONSENT, progress=True)
print(f"{conversion.report.swapped} of {conversion.report.frames} frames swapped; {conversion.check.to_text()}")

# %% [markdown]
# ## 11. Watch
#
# A, B, and A with B's face, side by side.

# %%
from faceswap_lib.media import write_side_by_side

beside = pathlib.Path(WORKSPACE) / "side_by_side.mp4"
write_side_by_side([video_a, video_b, swap], beside, labels=["A, the input", "B, the face wanted", "A with B's face"])
show.embed_video(beside)

# %% [markdown]
# Videos hide what single frames show. Drag the border to and fro, choose the frame with the slider below, and watch one
# place at a time: an eye, the corner of the mouth, the line where the new face ends.

# %%
from faceswap_lib.widgets import compare_before_after

frames_swapped = keep_frames(swap, indices)
before, after = ([frames[index] for index in indices] for frames in (frames_a, frames_swapped))
compare_before_after(before, after, labels=("A", "A with B's face"))

# %%
show.plot_images([*before, *after], columns=6)

# %% [markdown]
# **Exercise 2.** The same run can do the other direction: B's video with A's face. Convert the first second of
# `video_b` (`OutputConfig(end=1.0)`) with `direction="b2a"` and look at a few frames. What does decoder A do with B's
# smile?

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
# It shuts her mouth: A hardly smiles in her clip, so decoder A has no smile to draw. And it brings the glasses along.
kept = [keep_frames(video, few) for video in (video_b, other_swap)]
show.plot_images([frames[index] for frames in kept for index in few], columns=4)

# %% [markdown]
# ## 12. What to look at, what to try
#
# This is what the demo's clips show; with your own, ask the same questions.
#
# - **Whose face is it?** Cover cap and hair with your hands. Eyes, nose and teeth are Collins's. Of the glasses only
#   the ends are left, outside the mask: decoder B never saw any. The other way round they come along:
#   decoder A knows no face without them.
# - **Does it do what A does?** The head's turns, yes, and something of the mouth. A's frown, no: B smiles all through
#   her clip, so a smile is all that decoder B knows.
# - **Is it sharp?** Yes, but not by what was learnt in 600 steps: lashes, teeth and skin are B's own crops, bent to
#   where the network drew them softly. With `detail_transfer="none"` you see what it draws alone.
# - **Where does it end?** Look along the jaw and under the cap. The shape of the head, the ears and the hair stay A's.
# - Convert once more with other options: `detail_transfer="none"`, `color="none"`, `latent_map="none"` (06 explains
#   them).
# - Train longer: `STEPS = 3000` and another `WORKSPACE`, over lunch. Or put your own two clips in: half a minute of one
#   person each, well lit, from several sides, with the same range of expressions.
#
# ## Responsible use
#
# A swapped video is a claim that somebody did something, so make one only of people who have agreed to it, and say with
# the video that it is made up. That it can be done in minutes does not make it harmless: many places have laws against
# passing off such a video as real, and the two people in this one said and did nothing of what it shows.
# [08 Responsible use](08_responsible_use.ipynb) reads back what the file says about itself, and tries to tell it from a
# recording.
#
# ## What you know now
#
# - Find, follow, align, mask: every face becomes a crop in which eyes and mouth lie in the same place.
# - One encoder for both people, a decoder for each: A's code through decoder B is the swap, which was never practised.
# - The new face goes back through the same matrix, with its border softened, its colors fitted and its label on.
#
# Next: [01 Video face detection and alignment](01_video_face_detection_alignment.ipynb), the first of these steps in
# slow motion.

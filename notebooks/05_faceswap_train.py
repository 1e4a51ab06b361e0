# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   # Imports stand in the cells that first use them.
#   # ruff: noqa: E402, B018
# ---

# %% [markdown]
# # 05 Training
#
# In the previous notebooks we built the networks ([03](03b_networks.ipynb)) and defined their losses
# ([04](04_losses.ipynb)). Now they are trained: for minutes here, for hours if the result must be good. Training is the
# step with the longest waiting time, and an error in it costs the most. So this notebook shows what to check before,
# during and after a training: the faces, the schedule and the time it takes, the curves and previews, and the files on
# the disk.
#
# | | |
# |---|---|
# | **You will learn** | what one step does, what a schedule is for, how to stop, resume, and survive a lost machine |
# | **You will have at the end** | a trained run, and the experience to see whether a training goes well |
# | **Time on two CPU cores** | about 9 minutes, half of them the training |
# | **Before** | [04 The losses](04_losses.ipynb) |
# | **After** | [06 Video conversion](06_video_conversion.ipynb) |

# %% [markdown]
# ## 0. Choose the parameters
#
# If the workspace already contains two facesets (from the notebooks 00 or 01, or your own), this notebook uses them. If
# the run is half finished, the training resumes from its last checkpoint.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
RUN = "default"  # name of the run
PRESET = "lite"  # the networks: lite generates faces of 128 pixels; tiny of 64, four times faster
STEPS = 600  # number of training steps
BATCH_SIZE = 8  # faces of each person per step
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
BROKEN_STEPS = 200  # steps of each small training in section 9, most of which fail on purpose
BROKEN = ("good", "rate too high", "mask let go", "nothing changed")  # the small trainings to run
MIRROR = None  # a folder on another machine or drive, for copies of the run; see section 8

# %% [markdown]
# The next cell loads the packages and the faces. (A message of TensorFlow about oneDNN or GPU drivers is not an error.)

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # fewer messages when TensorFlow starts

import logging
import pathlib

import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import PRESETS

np.set_printoptions(precision=3, suppress=True)
logging.getLogger("tensorflow").setLevel("ERROR")  # hides its warnings about images of new sizes
workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
faceset_a, faceset_b = (Faceset.open(workspace, side) for side in ("src", "dst"))
region = PRESETS[PRESET].face_region  # the face is its outline if it can be detected, otherwise an ellipse
arrays = [faceset.load(PRESETS[PRESET].stored_size, face_region=region) for faceset in (faceset_a, faceset_b)]
print(f"{len(faceset_a)} faces of A, {len(faceset_b)} of B")

# %% [markdown]
# ## 1. Clean the faceset
#
# This step removes bad crops from the *faceset*. No training can repair a bad faceset. The networks also learn from the
# face of another person, from a hand in front of the mouth, and from a blurred crop. So look at all crops first. The
# gallery shows them as a contact sheet. Click a crop to mark it: it gets a red frame. When you have marked all bad
# crops, press the red button. Nothing is deleted. The marked crops are *set aside*: they are moved to a separate
# folder, and trainings do not use them. `sort by` helps to find bad crops. With *sharpness*, the most blurred crops
# come first. With *rarity*, the crops that are least similar to the others come first, and mistakes are usually among
# them.
#
# (The gallery needs a running kernel. A printed page has no kernel, so there you see nothing below the next cell.)

# %%
from faceswap_lib.widgets import FacesetGallery

gallery = FacesetGallery(workspace, "src", per_page=24)
gallery

# %% [markdown]
# Code can do the same as the mouse. The next cell sets the two least sharp crops aside, and then undoes it. The output
# shows the title of the gallery after each of the two actions:

# %%
gallery.sort_by("sharpness")
gallery.mark(*gallery.crops()[:2])
gallery.exclude()
print(gallery.title)
gallery.undo()  # the crops are in the faceset again, and still marked
gallery.mark(*gallery.marked, marked=False)
print(gallery.title)
assert len(Faceset.open(workspace, "src")) == len(faceset_a)

# %% [markdown]
# ## 2. Draw rare faces more often
#
# This step weights the *sampling* of the crops: rare poses and expressions are drawn more often. People look straight
# ahead most of the time. With uniform sampling, there would be twenty ordinary faces for one turned head, and the
# networks would hardly learn the turned head. So the probability of a crop grows with its *rarity*.
#
# How do we measure rarity? In aligned crops, the five landmarks move only with pose and expression. The ten coordinates
# of a crop are a point in a space of ten dimensions. We measure the distance to its eighth nearest neighbor (the first
# one is the point itself). This distance is small where many crops are similar, and large for a crop that is different
# from all others. The next cells compute it by hand, show the library's function, and then show the six most ordinary
# and the six rarest crops.

# %%
points = np.stack([record.points_in_crop() for record in faceset_a.records]).reshape(len(faceset_a), 10)
distances = np.linalg.norm(points[:, None] - points[None], axis=2)  # between all pairs of crops
neighbors = min(len(points), max(8, len(points) // 50))  # more neighbors in large facesets
eighth = np.sort(distances, axis=1)[:, neighbors - 1]
by_hand = eighth / eighth.mean()  # 1 is the average

# %%
from faceswap_lib.facesets import measure_rarity

show.show_source(measure_rarity)

# %%
assert np.allclose(by_hand, measure_rarity(points.reshape(-1, 5, 2)))
order = np.argsort(by_hand)
picked = [*order[:6], *order[-6:]]
captions = [f"rarity {by_hand[index]:.1f}" for index in picked]
show.plot_images([arrays[0].images[index] for index in picked], captions=captions, columns=6)

# %% [markdown]
# The upper row shows ordinary faces. The lower row shows rare ones: an open mouth, or a head that is turned further
# than usual. The probability of a crop is proportional to its rarity. (`TrainConfig.rarity_exponent` is an exponent of
# the rarity; with 0, all crops have the same probability.)
#
# ## 3. Augment the images
#
# This step is *data augmentation*. Each time a crop is drawn, it is rotated, zoomed, shifted and mirrored at random,
# and it is deformed in two ways. These operations are not done one after the other. They are combined into one **map**.
# For each pixel of the new image, the map contains the position in the crop where the color is read. So the image is
# interpolated only once, however many changes there are. Each interpolation blurs an image a little.
#
# One dimension is enough to see how this works. We take one row of pixels and five *control points*. Each control point
# says how far to shift. Between two control points, the shift changes linearly. The left plot shows the map, the right
# plot shows the row before and after.

# %%
size = arrays[0].images.shape[1]
row = arrays[0].images[0, size // 2, :, 0].astype(float)  # the red of the middle row
places = np.arange(size)
shift = np.interp(places, np.linspace(0, size - 1, 5), [0, 14, -10, 12, 0])  # five control points
at = np.clip(places + shift, 0, size - 1)  # the map: the position where each new pixel is read
low = np.minimum(np.floor(at).astype(int), size - 2)
by_hand = row[low] * (1 - (at - low)) + row[low + 1] * (at - low)  # linear interpolation

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
left.plot(places, at, color="tab:red")
left.plot(places, places, color="lightgray", lw=1)
left.set(xlabel="pixel of the new row", ylabel="position in the old row", title="the map")
right.plot(row, color="lightgray", label="row")
right.plot(by_hand, color="tab:red", lw=1, label="warped")
right.set(xlabel="pixel", title="one row of a face, red")
right.legend(frameon=False)
plt.show()

# %% [markdown]
# Where the map is steep, the row is compressed. Where the map is flat, the row is stretched. The library's function
# does this in two dimensions for a whole batch of images, on the GPU if there is one:

# %%
from faceswap_lib.training import grid_sample

show.show_source(grid_sample)

# %%
from faceswap_lib.training import sample, to_device

device_a, device_b = (to_device(array) for array in arrays)
grid = np.stack(np.meshgrid(at, places), axis=-1)[None].astype("float32")  # x from our map, y unchanged
warped = keras.ops.convert_to_numpy(sample(device_a, np.zeros(1, "int32"), grid))[0]
assert np.allclose(warped[size // 2, :, 0], by_hand, atol=0.01)
pair = [arrays[0].images[0], warped[..., :3].astype("uint8")]
show.plot_images(pair, captions=["crop", "all rows warped"], width=4)

# %% [markdown]
# From here on we use the library. A **batch** is the input of one step: a few crops of A and a few of B. Each crop
# gives two views:
#
# - The *real* view is rotated, zoomed, shifted, mirrored, and slightly deformed.
# - The *warped* view is the real view with an additional deformation: a grid of 5 by 5 small random shifts.
#
# The encoder reads the warped view, and the decoder must write the real view. Input and target are different, so
# copying the input is never quite right. The encoder must learn what the deformation does not change: the identity and
# the expression of the face.
#
# Why is the target changed as well? Because the networks would soon memorize a hundred crops (*overfitting*). In a
# swap, a decoder gets faces that were never filmed, for example a face of A with B's head tilt at B's position. So we
# train it on faces that are slightly different from the filmed ones. Section 9 shows the result without any changes.
#
# The images below are A's crops of the first batch of our training, with maps like those that the training will draw.
# (Before the networks read them, everything outside the face is removed, and the colors are brought to a standard tone:
# [00](00_faceswap_demo.ipynb), section 5.)

# %%
from faceswap_lib.training import TrainConfig, random_warp_grid
from faceswap_lib.training.train_step import draw_batch, sampling_probabilities

config = TrainConfig(steps=STEPS, batch_size=BATCH_SIZE)
resolution = PRESETS[PRESET].resolution
batch = draw_batch(config, 0, *(sampling_probabilities(array.rarity, config.rarity_exponent) for array in arrays))
real, warped = random_warp_grid(config, resolution, size, keras.random.SeedGenerator(0))
views = [keras.ops.convert_to_numpy(sample(device_a, batch.index_a, grid)) for grid in (real, warped)]
pictures = [picture for view in views for picture in view[:6, ..., :3].astype("uint8")]
captions = [name for name in ("real", "warped") for _ in pictures[::2]]
show.plot_images(pictures, captions=captions, columns=6)

# %% [markdown]
# **Exercise 1.** With too little augmentation, the networks memorize the crops. With too much, they are trained on
# faces that do not exist. Draw views of six crops with `random_warp=0.08` and `rotation_range=40` (the defaults are
# 0.02 and 5 degrees). Which of the two changes also affects the real view? Which one must the networks undo?

# %%
strong = TrainConfig(batch_size=6, random_warp=0.02, rotation_range=5)
# draw maps with `strong`, sample six crops of A and show them

# %% tags=["solution"]
# @title Solution
strong = TrainConfig(batch_size=6, random_warp=0.08, rotation_range=40)
maps = random_warp_grid(strong, resolution, size, keras.random.SeedGenerator(0))
six = np.linspace(0, len(faceset_a) - 1, 6).astype("int32")
views = [keras.ops.convert_to_numpy(sample(device_a, six, grid)) for grid in maps]
print("Both views have the same rotation. Only the warped view has the additional deformation; networks must undo it.")
pictures = [picture for view in views for picture in view[..., :3].astype("uint8")]
show.plot_images(pictures, captions=["real"] * 6 + ["warped"] * 6, columns=6)

# %% [markdown]
# ## 4. One training step, with one weight
#
# This section explains one *training step*. A step does the following:
#
# 1. It draws a batch of A and a batch of B.
# 2. It runs the encoder, and then each person's decoder.
# 3. It adds up the losses ([04](04_losses.ipynb)).
# 4. It computes all gradients.
# 5. It changes the encoder and the decoders to reduce the generator's sum of losses. In the second half of the
#    training, it also changes the discriminators to reduce their own sum.
# 6. It updates the averages of the weights (section 7).
#
# Then the next step begins. The most important part is the change of the weights. The *gradient* says how much the loss
# changes with each weight. The step moves every weight a little in the opposite direction. The optimizer **Adam**
# decides how far. It keeps two moving averages for each weight: $m \leftarrow \beta_1 m + (1-\beta_1)\,g$ of its
# gradients $g$, and $v \leftarrow \beta_2 v + (1-\beta_2)\,g^2$ of their squares. ($\beta$ says how much of the old
# average is kept.) It moves the weight by
#
# $$\Delta w = -\,\eta\, \frac{m / (1-\beta_1^t)}{\sqrt{v / (1-\beta_2^t)}}$$
#
# where $\eta$ is the *learning rate* and $t$ is the number of the step. Both averages start at zero. The two divisions
# by $1-\beta^t$ correct this. The next cell has a network with one weight $w$. It should compute $y$ from $x$. The cell
# does its first step:

# %%
w, x, y = 0.5, 2.0, 3.0
rate, beta_1, beta_2 = 0.001, 0.9, 0.99
prediction = w * x  # forward
loss = (prediction - y) ** 2
gradient = 2 * (prediction - y) * x  # how much the loss changes with w
m, v = (1 - beta_1) * gradient, (1 - beta_2) * gradient**2
by_hand = w - rate * (m / (1 - beta_1)) / np.sqrt(v / (1 - beta_2))

weight = keras.Variable(w)
adam = keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=beta_2)
adam.apply([keras.ops.convert_to_tensor(gradient)], [weight])
assert np.isclose(by_hand, float(weight.numpy()))
print(f"loss {loss:.1f}, gradient {gradient:.1f}: w changes from {w} to {by_hand:.4f}")

# %% [markdown]
# Look at the number: $w$ moved by 0.001, which is the learning rate itself. If you insert $m$ and $v$ into the formula,
# you see the reason: in the first step, the size of the gradient cancels out. *Every* weight moves by the whole
# learning rate, even if its gradient was almost zero, and its direction comes from one batch only. With millions of
# weights, this is risky. Therefore the learning rate rises from almost zero during the first 50 steps. This is the
# **warm-up**. After it, the averages are reliable.
#
# **Exercise 2.** Compute the second step by hand, with a gradient of $+8$ (the next batch has the opposite sign). How
# far does the weight move, and why less than before? Use `m` and `v` from above.

# %%
second = 8.0
# m_2 = ..., v_2 = ..., then divide by 1 - beta**2

# %% tags=["solution"]
# @title Solution
m_2 = beta_1 * m + (1 - beta_1) * second
v_2 = beta_2 * v + (1 - beta_2) * second**2
by_hand_2 = by_hand - rate * (m_2 / (1 - beta_1**2)) / np.sqrt(v_2 / (1 - beta_2**2))
optimizer, weight = keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=beta_2), keras.Variable(w)
for number in (gradient, second):
    optimizer.apply([keras.ops.convert_to_tensor(number)], [weight])
assert np.isclose(by_hand_2, float(weight.numpy()))
print(f"it moves by {by_hand_2 - by_hand:+.5f}: the two gradients nearly cancel in m, but their squares add up in v")

# %% [markdown]
# ## 5. The schedule and its cost
#
# This step computes the *schedule* of the training and shows it before the training starts. A schedule consists of
# **phases**. First, the networks learn only the faces. In the second half, the discriminators join and should make the
# images sharper. In a short training they have little effect, as notebook [04](04_losses.ipynb) measured. Near the end,
# the learning rate is reduced. Large steps find the region where the losses are small, but each batch still moves the
# weights by the size of a step. Small steps let the weights settle. At the very end, the losses that keep the mask up
# get a smaller weight ([04](04_losses.ipynb), section 8). Each phase begins at a fraction of all steps. So the schedule
# of a long training is the schedule of a short training, stretched. The output is a table of the phases and a plot.

# %%
from faceswap_lib.media import read_image
from faceswap_lib.training import draw_plan, plan_table, plan_training

plan = plan_training(config)
print(plan_table(plan))
draw_plan(plan, workspace.root / "plan.png")
show.plot_images([read_image(workspace.root / "plan.png")])

# %% [markdown]
# Each strip of the plot shows one number over the steps: first the learning rate, then the weights of the losses, and
# `mask_level`, the level of `mask_hinge`. The learning rate of a step is the learning rate of its phase, multiplied by
# the warm-up factor. The next cells compute it by hand and with the library:

# %%
from faceswap_lib.training import learning_rate_factor

steps = np.arange(config.steps)
rates = config.learning_rate * np.minimum(1, (steps + 1) / config.warmup_steps)
for phase in plan:
    rates[phase.first - 1 : phase.last] *= phase.numbers["learning_rate"] / config.learning_rate
assert np.allclose(rates, [config.learning_rate * learning_rate_factor(step, config) for step in steps])
figure, axes = plt.subplots(figsize=(9, 2), layout="constrained")
axes.plot(steps, rates)
axes.set(xlabel="step", ylabel="learning rate", ylim=(0, None))
plt.show()

# %%
show.show_source(learning_rate_factor)

# %% [markdown]
# How long will it take? The library runs a few real steps of each kind with these faces on this machine, measures their
# time and multiplies it by the number of steps. This estimate takes half a minute, because each kind of step is
# compiled first. It writes nothing to the disk.

# %%
from faceswap_lib.training import LoopConfig, estimate_training

estimate = estimate_training(workspace, PRESETS[PRESET], config, LoopConfig())
print(estimate.to_text())

# %% [markdown]
# **Exercise 3.** A serious training has 20,000 steps or more. At which step would the discriminators join, and what is
# the learning rate at step 18,000? How long would this training take on this machine?

# %%
serious = TrainConfig(steps=20_000)
# print(plan_table(...))

# %% tags=["solution"]
# @title Solution
print(plan_table(plan_training(serious)))
assert serious.learning_rate * learning_rate_factor(18_000, serious) == 2e-4
assert next(phase.first for phase in plan_training(serious) if "adversarial" in phase.active) == 10_001
seconds = sum(10_000 * each for _, each in estimate.seconds_per_step[:2])  # half without discriminators, half with
print(f"{seconds / 3600:.1f} hours on this machine; a GPU is faster")

# %% [markdown]
# ## 6. Train a third of the steps, and stop
#
# This step starts the training and stops it early, to show how a run is interrupted. The **dashboard** shows the
# progress, the remaining time, the losses and the newest preview. Its button stops the training safely: the current
# step is finished, a checkpoint is written, and the notebook continues with the next cell. You can press it. If you do
# not, the code stops the training after a third of the steps in the same way: `train` calls `should_stop` after every
# step.
#
# (If an earlier notebook has already finished this run, we train a second run beside it. You may see a warning that
# there are few crops. It is correct: half a minute of video would be better.)

# %%
import itertools

from faceswap_lib.training import checkpoint_progress, train
from faceswap_lib.widgets import TrainingDashboard

finished = checkpoint_progress(workspace.run(RUN) / "checkpoints")[1] >= STEPS
run = f"{RUN}-again" if finished and MIRROR is None else RUN
mirror = pathlib.Path(MIRROR) if MIRROR else None
run_config = LoopConfig(log_every=max(1, STEPS // 60), preview_every=max(1, STEPS // 12), sync_dir=mirror)
options = {"run": run, "network_config": PRESETS[PRESET], "config": config, "run_config": run_config}
terms = ("reconstruction", "dssim", "adversarial", "mask_mean")
dashboard = TrainingDashboard(steps=STEPS, terms=terms)
asked = itertools.count(1)


def is_a_third() -> bool:
    return dashboard.should_stop() or next(asked) >= STEPS // 3


callbacks = {"on_log": dashboard.log, "on_preview": dashboard.preview}
report = train(workspace, **options, **callbacks, should_stop=is_a_third)
print(f"stopped after step {report.step} of {report.steps}")

# %% [markdown]
# Which files are on the disk now? A *checkpoint* is one file with everything that is necessary to resume: the weights
# of all networks, their averages (next section), $m$ and $v$ of both optimizers, and the number of the step. The random
# numbers of a step depend only on its number, so no other state must be stored. The output lists the groups of arrays
# in the file.

# %%
from faceswap_lib.training import list_checkpoints, read_arrays

newest = list_checkpoints(report.folder / "checkpoints")[0]
print(f"{newest.name}, {newest.stat().st_size / 1e6:.0f} MB:")
stored = read_arrays(newest)
for group in dict.fromkeys(name.partition("/")[0] for name in stored):
    mine = [array for name, array in stored.items() if name.partition("/")[0] == group]
    print(f"  {group:26} {sum(array.size for array in mine):11,} numbers in {len(mine)} arrays")

# %% [markdown]
# Writing a checkpoint is *atomic*. The file is written under a temporary name and flushed to the disk. Only then does
# it get its final name. The previous checkpoint is kept. So if the power fails while a file is being written, there is
# still a complete checkpoint. The library writes all its files in this way:

# %%
from faceswap_lib.atomic_io import replacing

show.show_source(replacing)

# %% [markdown]
# ## 7. Average the weights
#
# This section explains the *exponential moving average* (EMA) of the weights. The weights never stop moving, because
# each batch pulls them in a different direction. In an average over many steps, the opposite movements cancel out, and
# the common direction remains. So the library stores, besides the weights $w$, a moving average $\bar w$. Previews and
# conversions use the average:
#
# $$\bar w \leftarrow d\,\bar w + (1 - d)\,w \qquad d = 0.99$$
#
# To check this formula on real weights, we need two checkpoints that are one step apart. A short test run with tiny
# networks is enough: nine steps, with a checkpoint after each of them. In the first steps, $d$ is smaller. Otherwise
# the average would contain the random initial weights for too long.

# %%
import shutil

from faceswap_lib.training.train_step import average_decay

logging.getLogger("faceswap_lib").setLevel("ERROR")  # hides the warning about few crops, which we have seen
shutil.rmtree(workspace.run("rehearsal"), ignore_errors=True)
small = TrainConfig(steps=9, batch_size=2, adversarial_weight=0, perceptual="none")  # compiles faster
rehearsal = {"run": "rehearsal", "network_config": PRESETS["tiny"], "config": small}
folder = train(workspace, **rehearsal, run_config=LoopConfig(checkpoint_every=1)).folder
after, before = (read_arrays(path) for path in list_checkpoints(folder / "checkpoints"))
decay = min(0.99, (1 + 8) / (10 + 8))  # for the ninth step, number 8; see `average_decay` below
by_hand = decay * before["averaged_encoder/000"] + (1 - decay) * after["encoder/000"]
assert np.allclose(by_hand, after["averaged_encoder/000"], atol=1e-6) and decay == average_decay(8, small)

# %%
show.show_source(average_decay)

# %% [markdown]
# Does the average make a difference? The next cell shows the raw face of the swap after a third of the training: once
# with the newest weights, once with their average, and the difference, amplified by a factor of eight. The difference
# is the effect of the last few batches. One step later it is different, and the average removes most of it. The printed
# error is the error over all of A's faces, reconstructed as A. In our run it was 14.9 with the newest weights and 13.7
# with their average. At the end of a training, when the learning rate is small, both are nearly equal.

# %%
from faceswap_lib.course.ablation import write_views
from faceswap_lib.training import Preview, read_checkpoint
from faceswap_lib.training.train_step import build_state

state = build_state(PRESETS[PRESET], config)
read_checkpoint(report.folder / "checkpoints", state)
both = (state.networks, state.averaged)
preview = Preview.pick(arrays, resolution)
newest, third = (preview.draw(networks) for networks in both)
pair = [show.preview_column(grid, "a2b", column=2) for grid in (newest, third)]
difference = np.abs(pair[0].astype(int) - pair[1])
errors = [write_views(networks, *arrays[0].views(resolution), "a2a").error for networks in both]
print(f"{difference.mean():.1f} of 255 levels apart; errors {errors[0]:.2f} and, averaged, {errors[1]:.2f}")
captions = ["newest weights", "averaged weights", "8 times the difference"]
show.plot_images([*pair, np.minimum(8 * difference, 255).astype("uint8")], captions=captions, width=7)

# %% [markdown]
# **Exercise 4.** With $d = 0.99$, after how many steps has the share of an old weight in the average fallen from 1 to a
# half? And why would $d = 0.9999$ be wrong for 600 steps?

# %%
share = 0.99**10  # share of a weight that is ten steps old
print(f"{share:.2f}")

# %% tags=["solution"]
# @title Solution
half = np.log(0.5) / np.log(0.99)
assert abs(0.99**half - 0.5) < 1e-9
slow = np.log(0.5) / np.log(0.9999)
print(f"after {half:.0f} steps; with 0.9999 after {slow:,.0f}: most of the average would be the random initial weights")

# %% [markdown]
# ## 8. Resume, also on another machine
#
# This step *resumes* the training. The call is the same as before. It finds the checkpoint and trains the missing
# steps. You may press *Stop* again; then run the cell once more.

# %%
before_rest = report.step
report = train(workspace, **options, **callbacks, should_stop=dashboard.should_stop)
assert report.resumed_at == before_rest
print(f"resumed from step {report.resumed_at}, now at step {report.step}")

# %% [markdown]
# The history is one file from the first step to the last. It looks as if there had been no interruption: no step is
# missing, and no step occurs twice.

# %%
from faceswap_lib.training import read_history

history = read_history(report.folder / "history.jsonl")
numbers = [entry["step"] for entry in history]
assert np.all(np.diff(numbers) > 0)
print(f"{len(numbers)} logged steps, {numbers[0]} to {numbers[-1]}")

# %% [markdown]
# A checkpoint does not help if its disk is lost. On Colab, Kaggle or a borrowed machine, the disk is deleted when the
# session ends, and this can happen at any moment. So set a **mirror** in the parameters: a folder that is kept, for
# example on Google Drive.
#
# - A checkpoint is written every three minutes and at the end.
# - The newest checkpoint is copied to the mirror: after the first checkpoint, then at most every ten minutes, and at
#   the end. A separate thread does this, so the training does not wait. If the folder is slow or not available for a
#   while, the training continues, and the thread tries again later.
# - A new session on a new machine looks for a checkpoint in the mirror first.
#
# What should you do after a disconnect? Connect again and look at the files. If the folder of the run still exists, you
# lost only the page, and the training may even have continued. Then run all cells. If the folder does not exist, the
# machine is lost. Then mount the drive, set the same `WORKSPACE`, `RUN` and `MIRROR`, restore your facesets, and run
# all cells. You lose the steps since the last copy: at most about twelve minutes (`LoopConfig.checkpoint_interval` and
# `sync_interval`). The mirror contains the run, but not the facesets. Keep a copy of them too, as the Colab notebooks
# do ([docs/colab.md](../docs/colab.md)).
#
# The next cell simulates this with the test run: train, copy, and stop at step 5. Then delete the files as if the
# machine were lost, and resume from the mirror.

# %%
import tempfile

shutil.rmtree(workspace.run("rehearsal"))
drive = pathlib.Path(tempfile.mkdtemp())  # stands for Google Drive
mirrored = LoopConfig(checkpoint_every=1, sync_dir=drive)
answers = iter([False, False, False, False, True])
first = train(workspace, **rehearsal, run_config=mirrored, should_stop=lambda: next(answers, True))
print(f"stopped after step {first.step}; the mirror contains", sorted(path.name for path in drive.glob("*/*")))

shutil.rmtree(first.folder)  # the machine and all its files are lost
second = train(workspace, **rehearsal, run_config=mirrored)
print(f"a new machine resumed from step {second.resumed_at} and trained to step {second.step}")
assert second.resumed_at == first.step and second.step == small.steps

# %% [markdown]
# Did the interrupted training learn the same? We still have the weights of the first test run, which trained its nine
# steps without interruption (`after`). On a CPU, both results are equal to the last bit. On a GPU, sums may be computed
# in a different order, so there may be small differences.

# %%
resumed = read_arrays(list_checkpoints(second.folder / "checkpoints")[0])
weights = [name for name in after if name.startswith(("encoder/", "decoder_", "averaged_"))]
difference = max(float(np.abs(resumed[name] - after[name]).max()) for name in weights)
print(f"largest difference between the weights: {difference}")
shutil.rmtree(second.folder)
shutil.rmtree(drive)

# %% [markdown]
# ## 9. Is this normal?
#
# This section shows how to judge a training. First look at the *previews*. Time runs from left to right. The upper row
# is A as A, the reconstruction that is trained. The lower row is A as B, the swap, which is never trained directly.

# %%
show.plot_previews(report.folder)

# %% [markdown]
# In the first fifty to a hundred steps you see bright wrong colors and a pattern of dots, while the last layers find
# their range. Then the large shapes appear, blurred and in the right colors. Then the eyes and the mouth appear. The
# finest details come near the end, when the learning rate is reduced.
#
# What does a failed training look like? We run three small trainings that fail on purpose:
#
# - a learning rate that is fifty times too high;
# - no losses that keep the mask up ([04](04_losses.ipynb));
# - no augmentation except mirroring, neither of the real view nor of the warped view.
#
# The first row of the images is a good training.

# %%
from faceswap_lib.course.ablation import train_variant

tiny, base = PRESETS["tiny"], {"steps": BROKEN_STEPS, "batch_size": BATCH_SIZE, "adversarial_weight": 0.0}
unchanged = dict.fromkeys(("rotation_range", "zoom_range", "shift_range", "elastic_deformation", "random_warp"), 0.0)
mistakes = {
    "good": {},
    "rate too high": {"learning_rate": 0.05},
    "mask let go": {"mask_prior_weight": 0.0, "mask_hinge_weight": 0.0},
    "nothing changed": unchanged,
}
small_arrays = [faceset.load(tiny.stored_size) for faceset in (faceset_a, faceset_b)]
tried = {name: train_variant(small_arrays, TrainConfig(**base, **mistakes[name]), name=name) for name in BROKEN}

# %%
views, areas = (part[len(faceset_a) // 2 :][:1] for part in small_arrays[0].views(tiny.resolution))
shown, captions = [], []
for name, variant in tried.items():
    again, swap = (write_views(variant.networks, views, areas, direction) for direction in ("a2a", "a2b"))
    shown += [views[0], again.faces[0], swap.faces[0], swap.masks[0], swap.composites[0]]
    captions += [name, "A again", "A as B", "its mask", "composite"]
show.plot_images(shown, captions=captions, columns=5)

# %%
figure, axes = plt.subplots(1, 2, figsize=(9, 2.4), layout="constrained")
for place, (term, top) in zip(axes, (("reconstruction_a", 1.5), ("mask_mean_a", 1.02)), strict=True):
    for name, variant in tried.items():
        place.plot([entry[term] for entry in variant.history], lw=1, label=name)
    place.set(title=term, xlabel="step", ylim=(0, top))
axes[1].legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# - **Rate too high**: the image is a few spots of one color. `reconstruction` rises and stays high. The networks do not
#   recover: every face gives the same image. `train` detects this, returns to the last good checkpoint and halves the
#   learning rate.
# - **Mask let go**: `reconstruction` looks normal, and so does the face. But `mask_mean` falls almost to zero, and the
#   composite is A.
# - **Nothing changed**: this is the best curve of all, and the sharpest A. But look at the swap! The networks have
#   memorized A's crops and B's crops (*overfitting*). A swap needs faces between them, and the networks were never
#   trained on those. **No curve shows this.** The curves measure the reconstruction, but you want the swap. So always
#   look at A as B.
#
# The next plot shows the curves of your own training. Each loss is multiplied by its weight, as in the sum: `dssim` is
# three times the loss of notebook 04, and `adversarial` is a tenth of it.

# %%
curves = ("reconstruction", "dssim", "perceptual", "adversarial", "discriminator", "mask_mean")
begun = [name for name in curves if f"{name}_a" in {term for entry in history for term in entry}]
show.plot_losses(history, terms=begun, columns=3)

# %% [markdown]
# | you see | it means |
# |---|---|
# | most of the decrease is over after 150 steps | normal; the images get better for long after that. Look at images |
# | the curve of one person is higher | normal; glasses and wrinkles are more detail to draw |
# | `mask_mean` near 0.9 | right: most of the face is taken from the decoder. Near 0, nothing is swapped |
# | `discriminator` about 0.2 | it cannot tell filmed from generated ([04](04_losses.ipynb), exercise 2); normal here |
# | `discriminator` falls towards 0 | it has won: it rejects everything that the generator makes |
# | `adversarial` varies around 0.025 | normal: a tenth of $(0.5 - 1)^2$, for scores of about a half |
# | a term is `nan`, or a curve doubles and stays high | a breakdown: training goes back and halves the rate by itself |
#
# What if A as B looks like A? Look at the columns of a preview, in this order:
#
# 1. The *mask* is dark: nothing is swapped. The mask is not kept up; see the table.
# 2. The *raw* face is A's: there were too few steps, or both people's codes have too much in common. As you see, 600
#    steps are too few: train longer. Conversion moves A's codes to B's codes (06), but previews do not.
# 3. The *raw* face is B's, and only hair, chin and ears are A's: this is how a face swap should look.
#
# The page *Is this normal?* of the documentation (`docs/normal.md`) shows a good training in images, curves and
# numbers.
#
# At the end, compare the swap of the same face after a third of the training and after all steps. Move the slider:

# %%
from faceswap_lib.widgets import compare_before_after

end = read_image(max((report.folder / "previews").glob("step-*.png")))
labels = (f"step {before_rest}", f"step {report.step}")
compare_before_after(show.preview_column(third, "a2b"), show.preview_column(end, "a2b"), labels=labels)

# %% [markdown]
# The face is sharper than before, but still soft. After 600 steps it is still half A (case 2). More steps add B's
# features. Conversion can do the rest without more training.
#
# ## What you know now
#
# - A step draws a few faces, rare ones more often, and deforms them with one map. It moves every weight against its
#   gradient, and Adam decides how far. The schedule sets the learning rate and the weights of the losses.
# - A run can be stopped and resumed at any step, with a mirror even on another machine, and it learns the same.
# - Curves show some breakdowns, but not all. Only images of the swap show whether a training is good.
#
# **To try:** another run with `config=TrainConfig(steps=STEPS, rarity_exponent=0)`. In section 9, augmentation of half
# the usual strength, or a rate that is three times as high. A longer run: `STEPS = 3000` and another `RUN`, over lunch.
#
# Next: [06 Video conversion](06_video_conversion.ipynb) makes a video from faces of 128 pixels.

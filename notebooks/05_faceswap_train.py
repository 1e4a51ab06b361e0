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
# The networks are built ([03](03_networks.ipynb)) and it is said what they are asked for ([04](04_losses.ipynb)). What
# is left is to let them learn: for minutes here, for hours if it is to be good. Training is the part of a face swap in
# which you wait, and in which most is lost when something breaks. So this notebook is about looking before, while and
# after: at the faces, at the plan and its price, at curves and previews, and at what is on the disk.
#
# | | |
# |---|---|
# | **You will learn** | what one step does, what a schedule is for, how to stop, go on and survive a lost machine |
# | **You will have at the end** | a trained run, and an eye for whether a training goes well |
# | **Time on two CPU cores** | about 9 minutes, half of them the training |
# | **Before** | [04 The losses](04_losses.ipynb) |
# | **After** | [06 Video conversion](06_video_conversion.ipynb) |

# %% [markdown]
# ## 0. What we choose
#
# If the workspace has two facesets already, by notebooks 00, 01 or of your own, these are taken. If the run is
# half-finished, the training goes on from there.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
RUN = "default"  # name of the run
PRESET = "lite"  # which networks: lite writes faces of 128 pixels; tiny of 64, four times faster
STEPS = 600  # how long to train
BATCH_SIZE = 8  # faces of each person per step
SECONDS = 6.0  # length of the demo's clips, if they must be made
SIZE = 320  # side of their frames in pixels
BROKEN_STEPS = 200  # steps of each small training that section 9 breaks on purpose
BROKEN = ("good", "rate too high", "mask let go", "nothing changed")  # which of them
MIRROR = None  # a folder that outlives this machine, for copies of the run; see section 8

# %% [markdown]
# The next cell loads the packages (what TensorFlow says about oneDNN or GPU drivers is no error) and the faces.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow says less as it starts

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
logging.getLogger("tensorflow").setLevel("ERROR")  # it warns of pictures of new sizes, of which there are many
workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
faceset_a, faceset_b = (Faceset.open(workspace, side) for side in ("src", "dst"))
region = PRESETS[PRESET].face_region  # what of a face counts: its outline where it can be found, else an ellipse
arrays = [faceset.load(PRESETS[PRESET].stored_size, face_region=region) for faceset in (faceset_a, faceset_b)]
print(f"{len(faceset_a)} faces of A, {len(faceset_b)} of B")

# %% [markdown]
# ## 1. Look through the faces
#
# Nothing in a training repairs a bad faceset. A stranger's face, a hand before the mouth, a smear: the networks learn
# that as well. So look at the crops first, all of them. The gallery shows them as a contact sheet. Click a crop and it
# gets a red frame; when you have marked what should go, press the red button. Nothing is deleted: what is *set aside*
# lies in a folder of its own, and trainings do not see it. `sort by` helps: under *sharpness* the blurred ones come
# first, under *rarity* those that look least like the others, and that is where mistakes are.
#
# (The gallery needs a running kernel. On a printed page there is none, and you see nothing below the next cell.)

# %%
from faceswap_lib.widgets import FacesetGallery

gallery = FacesetGallery(workspace, "src", per_page=24)
gallery

# %% [markdown]
# What the mouse does, code can do too. Here we set the two least sharp crops aside, and change our mind:

# %%
gallery.sort_by("sharpness")
gallery.mark(*gallery.crops()[:2])
gallery.exclude()
print(gallery.title)
gallery.undo()  # they are back, and still marked
gallery.mark(*gallery.marked, marked=False)
print(gallery.title)
assert len(Faceset.open(workspace, "src")) == len(faceset_a)

# %% [markdown]
# ## 2. Rare faces count more
#
# People look straight ahead most of the time. Drawn at random, there would be twenty ordinary looks for one in which
# the head is turned, and the networks would hardly learn that one. So crops are drawn the more often the *rarer* they
# are. How rare is a crop? In aligned crops the five points move with pose and expression alone. Take the ten numbers of
# a crop as a point in space: the distance to its eighth nearest neighbor (the first is the point itself) is small
# where there are many alike, and large where it stands alone.

# %%
points = np.stack([record.points_in_crop() for record in faceset_a.records]).reshape(len(faceset_a), 10)
distances = np.linalg.norm(points[:, None] - points[None], axis=2)  # of each crop from each
neighbors = min(len(points), max(8, len(points) // 50))  # more of them in large facesets
eighth = np.sort(distances, axis=1)[:, neighbors - 1]
by_hand = eighth / eighth.mean()  # 1 is ordinary

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
# Above ordinary looks, below rare ones: an open mouth, a head turned further than mostly. A crop's share of the draws
# is its rarity (`TrainConfig.rarity_exponent` is an exponent; 0 draws all alike).
#
# ## 3. What the networks get to see
#
# Each time a crop is drawn it is turned, zoomed, shifted, mirrored at random, and bent in two ways. None of this is
# done by moving pixels one operation after the other. It is all one **map**: for each pixel of the picture to be
# made, the place in the crop where its color is read. However many changes there are, the picture is read, and so
# blurred, once.
#
# In one dimension you can see all of it. We take one row of pixels, and let five *control points* say how far to shift:
# between them the shift changes evenly.

# %%
size = arrays[0].images.shape[1]
row = arrays[0].images[0, size // 2, :, 0].astype(float)  # the red of the middle row
places = np.arange(size)
shift = np.interp(places, np.linspace(0, size - 1, 5), [0, 14, -10, 12, 0])  # from five control points
at = np.clip(places + shift, 0, size - 1)  # the map: where each new pixel is read
low = np.minimum(np.floor(at).astype(int), size - 2)
by_hand = row[low] * (1 - (at - low)) + row[low + 1] * (at - low)  # between two pixels: a mixture of them

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
left.plot(places, at, color="tab:red")
left.plot(places, places, color="lightgray", lw=1)
left.set(xlabel="pixel of the new row", ylabel="is read here", title="the map")
right.plot(row, color="lightgray", label="row")
right.plot(by_hand, color="tab:red", lw=1, label="warped")
right.set(xlabel="pixel", title="one row of a face, red")
right.legend(frameon=False)
plt.show()

# %% [markdown]
# Where the map is steep the row is squeezed, where it is flat it is stretched. The library does this for a whole batch
# of pictures in two dimensions, on the GPU where there is one:

# %%
from faceswap_lib.training import grid_sample

show.show_source(grid_sample)

# %%
from faceswap_lib.training import sample, to_device

device_a, device_b = (to_device(array) for array in arrays)
grid = np.stack(np.meshgrid(at, places), axis=-1)[None].astype("float32")  # x from our map, y as it is
warped = keras.ops.convert_to_numpy(sample(device_a, np.zeros(1, "int32"), grid))[0]
assert np.allclose(warped[size // 2, :, 0], by_hand, atol=0.01)
pair = [arrays[0].images[0], warped[..., :3].astype("uint8")]
show.plot_images(pair, captions=["crop", "all rows warped"], width=4)

# %% [markdown]
# From here on we use the library. A **batch** is what one step works on: a few crops of A and of B. From each come two
# views. The *real* one is turned, zoomed, shifted, mirrored, and a little changed in shape. The *warped* one is that
# plus a 5 by 5 grid of small random shifts. The encoder reads the warped view, the decoder must write the real one: the
# input is not the answer, so a copy is never quite right, and the encoder must find out what is constant under the
# bending: whose face it is, and what it does. And why is the answer changed as well? A hundred crops are soon learnt
# by heart. Nobody has seen a face of A with B's tilt of the head and in B's place, but that is what a decoder gets in a
# swap; so it practises on faces a little beside those that were filmed. Section 9 shows what comes of it if nothing is
# changed. These are A's crops in the first batch of the run to come, through maps like those it will draw. (The
# networks read them with everything but the face taken out, and in a standard tone: [00](00_faceswap_demo.ipynb),
# section 5.)

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
# **Exercise 1.** Too little change, and the networks learn the crops by heart. Too much, and they practise on faces
# nobody has. Draw views of six crops with `random_warp=0.08` and `rotation_range=40` (the defaults are 0.02 and 5
# degrees). Which of the two changes does the real view share, and which one would the networks have to undo?

# %%
strong = TrainConfig(batch_size=6, random_warp=0.02, rotation_range=5)
# draw maps with `strong`, sample six crops of A, show them

# %% tags=["solution"]
# @title Solution
strong = TrainConfig(batch_size=6, random_warp=0.08, rotation_range=40)
maps = random_warp_grid(strong, resolution, size, keras.random.SeedGenerator(0))
six = np.linspace(0, len(faceset_a) - 1, 6).astype("int32")
views = [keras.ops.convert_to_numpy(sample(device_a, six, grid)) for grid in maps]
print("Both are turned alike. The bending is the warped one's alone: that is what would have to be undone, guessing.")
pictures = [picture for view in views for picture in view[..., :3].astype("uint8")]
show.plot_images(pictures, captions=["real"] * 6 + ["warped"] * 6, columns=6)

# %% [markdown]
# ## 4. One step, on one number
#
# One step: draw a batch of A and of B; encoder, then each person's decoder; add up the losses ([04](04_losses.ipynb));
# find all gradients; move encoder and decoders by the generators' sum, and in the second half the discriminators by
# theirs; let the averages follow (section 7). Then the next. The heart of it is the moving. A step measures the loss,
# finds its *gradient* (by how much the loss would change with each weight), and moves all weights a little against it.
# How far? That is what **Adam** decides. It keeps two moving averages for each weight: $m \leftarrow \beta_1 m +
# (1-\beta_1)\,g$ of its gradients $g$, and $v \leftarrow \beta_2 v + (1-\beta_2)\,g^2$ of their squares ($\beta$ says
# how much of the old is kept), and moves it by
#
# $$\Delta w = -\,\eta\, \frac{m / (1-\beta_1^t)}{\sqrt{v / (1-\beta_2^t)}}$$
#
# with $\eta$ the *learning rate* and $t$ the number of the step. The two divisions by $1-\beta^t$ make up for averages
# that begin at zero. Here is a network with one weight $w$ that shall make $y$ of $x$, and its first step:

# %%
w, x, y = 0.5, 2.0, 3.0
rate, beta_1, beta_2 = 0.001, 0.9, 0.99
prediction = w * x  # forward
loss = (prediction - y) ** 2
gradient = 2 * (prediction - y) * x  # how the loss changes with w
m, v = (1 - beta_1) * gradient, (1 - beta_2) * gradient**2
by_hand = w - rate * (m / (1 - beta_1)) / np.sqrt(v / (1 - beta_2))

weight = keras.Variable(w)
adam = keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=beta_2)
adam.apply([keras.ops.convert_to_tensor(gradient)], [weight])
assert np.isclose(by_hand, float(weight.numpy()))
print(f"loss {loss:.1f}, gradient {gradient:.1f}: w goes from {w} to {by_hand:.4f}")

# %% [markdown]
# Look at the number: $w$ has moved by 0.001, the learning rate itself. Set $m$ and $v$ into the formula and you see
# that in the first step the size of the gradient cancels out: *every* weight moves by the whole learning rate,
# whether its gradient was large or next to nothing, and knows the direction from one batch only. With millions of
# weights that is a leap in the dark. So the rate rises from almost nothing over the first 50 steps, the **warm-up**,
# until the averages are worth something.
#
# **Exercise 2.** Take the second step by hand, with a gradient of $+8$ (the next batch says the opposite). How far does
# the weight move, and why less than before? `m` and `v` are those of above.

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
print(f"it moves by {by_hand_2 - by_hand:+.5f}: both gradients nearly cancel in m; in v, of squares, they add")

# %% [markdown]
# ## 5. The plan and its price
#
# A training has **phases**. First the faces alone. In the second half discriminators join, in the hope of sharpness; in
# a short training little comes of it, as notebook [04](04_losses.ipynb) measured. Towards the end the learning rate
# falls. Large steps find the region where the losses are small, but each batch throws the weights about by the size of
# a step; small steps let them settle. At the very end the mask is held less tightly ([04](04_losses.ipynb), section 8).
# Phases begin at shares of all steps, so the plan of a long training is that of a short one, stretched.

# %%
from faceswap_lib.media import read_image
from faceswap_lib.training import draw_plan, plan_table, plan_training

plan = plan_training(config)
print(plan_table(plan))
draw_plan(plan, workspace.root / "plan.png")
show.plot_images([read_image(workspace.root / "plan.png")])

# %% [markdown]
# Each strip is one number over the steps: the learning rate, then the weights of losses, and `mask_level`, the level of
# `mask_hinge`. The learning rate of a step is that of its phase, times the warm-up. By hand, and as the library has it:

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
# And the price? The library takes a few real steps of each kind with these faces and this machine, and multiplies. It
# takes half a minute, since each kind of step is compiled first, and writes nothing.

# %%
from faceswap_lib.training import LoopConfig, estimate_training

estimate = estimate_training(workspace, PRESETS[PRESET], config, LoopConfig())
print(estimate.to_text())

# %% [markdown]
# **Exercise 3.** A serious training has 20,000 steps or more. At which step would the discriminators join, and what
# is the learning rate at step 18,000? And how long would it take here?

# %%
serious = TrainConfig(steps=20_000)
# print(plan_table(...))

# %% tags=["solution"]
# @title Solution
print(plan_table(plan_training(serious)))
assert serious.learning_rate * learning_rate_factor(18_000, serious) == 2e-4
assert next(phase.first for phase in plan_training(serious) if "adversarial" in phase.active) == 10_001
seconds = sum(10_000 * each for _, each in estimate.seconds_per_step[:2])  # a half without discriminators, a half with
print(f"{seconds / 3600:.1f} hours here, and that is what GPUs are for")

# %% [markdown]
# ## 6. Train to a third, and stop
#
# The **dashboard** is made for waiting: how far it is and how long it will take, the losses, the newest preview. Its
# button is the polite way to end a training: it finishes its step, writes a checkpoint, and the notebook goes on with
# the next cell. Press it if you like. If you do not, we stop by ourselves at a third of the way, by the same means:
# `train` asks `should_stop` after every step.
#
# (If an earlier notebook has finished this run already, we train another one beside it. A warning that there are few
# crops is right: half a minute of video would be better.)

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
# What is on the disk now? A checkpoint is one file with everything that going on needs: the weights of all networks,
# their averages (next section), both optimizers' $m$ and $v$, and the number of the step. The random numbers of a step
# follow from its number, so nothing else must be remembered.

# %%
from faceswap_lib.training import list_checkpoints, read_arrays

newest = list_checkpoints(report.folder / "checkpoints")[0]
print(f"{newest.name}, {newest.stat().st_size / 1e6:.0f} MB:")
stored = read_arrays(newest)
for group in dict.fromkeys(name.partition("/")[0] for name in stored):
    mine = [array for name, array in stored.items() if name.partition("/")[0] == group]
    print(f"  {group:26} {sum(array.size for array in mine):11,} numbers in {len(mine)} arrays")

# %% [markdown]
# The file is written under another name, flushed to the disk, and only then given its own; the one before it stays.
# So if the power fails in the middle of writing, there is still a whole one. All files of this library come about so:

# %%
from faceswap_lib.atomic_io import replacing

show.show_source(replacing)

# %% [markdown]
# ## 7. The average is better than the newest
#
# The weights never come to rest: each batch pulls them its own way. Averaged over many steps, the pulls to and fro
# cancel, and what remains is where they agree. So besides the weights $w$ a moving average $\bar w$ is kept (EMA, an
# *exponential moving average*), and previews and conversions use it:
#
# $$\bar w \leftarrow d\,\bar w + (1 - d)\,w \qquad d = 0.99$$
#
# To check that on real weights we need two checkpoints one step apart. A rehearsal with tiny networks is enough: nine
# steps, a checkpoint after each. In the first steps $d$ is smaller, or the average would remember the random beginning
# for too long.

# %%
import shutil

from faceswap_lib.training.train_step import average_decay

logging.getLogger("faceswap_lib").setLevel("ERROR")  # the warning about few crops was heard
shutil.rmtree(workspace.run("rehearsal"), ignore_errors=True)
small = TrainConfig(steps=9, batch_size=2, adversarial_weight=0, perceptual="none")  # less to compile
rehearsal = {"run": "rehearsal", "network_config": PRESETS["tiny"], "config": small}
folder = train(workspace, **rehearsal, run_config=LoopConfig(checkpoint_every=1)).folder
after, before = (read_arrays(path) for path in list_checkpoints(folder / "checkpoints"))
decay = min(0.99, (1 + 8) / (10 + 8))  # of the ninth step, number 8; `average_decay`, below, says why
by_hand = decay * before["averaged_encoder/000"] + (1 - decay) * after["encoder/000"]
assert np.allclose(by_hand, after["averaged_encoder/000"], atol=1e-6) and decay == average_decay(8, small)

# %%
show.show_source(average_decay)

# %% [markdown]
# Does it matter? Here is the raw face of the swap at a third of the training, by the newest weights and by their
# average, and the difference, drawn eight times as strong. What differs is what the last few batches happened to pull
# at; a step later it is something else, and the average leaves most of it out. The error is that of all of A's faces,
# written as A: in our run 14.9 by the newest weights, 13.7 by their average. At the end of a training, when the rate
# has fallen, both are alike.

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
# **Exercise 4.** With $d = 0.99$, after how many steps has the average forgotten half of what it knew, that is, when
# has an old weight's share fallen from 1 to a half? And why would $d = 0.9999$ be wrong for 600 steps?

# %%
share = 0.99**10  # of a weight ten steps old
print(f"{share:.2f}")

# %% tags=["solution"]
# @title Solution
half = np.log(0.5) / np.log(0.99)
assert abs(0.99**half - 0.5) < 1e-9
slow = np.log(0.5) / np.log(0.9999)
print(f"after {half:.0f} steps; with 0.9999 after {slow:,.0f}: most of it would be the random beginning")

# %% [markdown]
# ## 8. Go on, and survive the machine
#
# Going on is the same call once more. It finds the checkpoint and trains the steps that are missing. You may press
# *Stop* again; then run the cell once more.

# %%
before_rest = report.step
report = train(workspace, **options, **callbacks, should_stop=dashboard.should_stop)
assert report.resumed_at == before_rest
print(f"went on from step {report.resumed_at}, now at {report.step}")

# %% [markdown]
# The history is one file from the first step to the last, as if there had been no break: no step is missing, none
# is there twice.

# %%
from faceswap_lib.training import read_history

history = read_history(report.folder / "history.jsonl")
numbers = [entry["step"] for entry in history]
assert np.all(np.diff(numbers) > 0)
print(f"{len(numbers)} logged steps, {numbers[0]} to {numbers[-1]}")

# %% [markdown]
# A checkpoint on a disk that is taken away is no help. On Colab, Kaggle or a borrowed machine the disk goes when the
# session ends, which it may at any moment. So name a **mirror** in the parameters: a folder that stays, as one on
# Google Drive. A checkpoint is written every three minutes and at the end. After the first one, then at most every ten
# minutes, and at the end, the newest is copied to the mirror, by a thread that training does not wait for; if the
# folder is slow or away for a while, training goes on and tries again. A new session on a new machine looks there
# first. So after a disconnect: connect again and look at the files. If the run's folder is still there, only the page
# was gone, and the training may even have gone on without it: run all. If it is gone, so is the machine: mount the
# drive, set the same `WORKSPACE`, `RUN` and `MIRROR`, bring your facesets back, run all. You lose what was trained
# since the last copy, some twelve minutes at most (`LoopConfig.checkpoint_interval` and `sync_interval`). The mirror
# holds the run, not the facesets; keep those too, as the Colab notebooks do ([docs/colab.md](../docs/colab.md)).
#
# We play it through with the rehearsal: train, copy, stop at step 5; then the machine is gone; then go on from the
# mirror.

# %%
import tempfile

shutil.rmtree(workspace.run("rehearsal"))
drive = pathlib.Path(tempfile.mkdtemp())  # stands for Google Drive
mirrored = LoopConfig(checkpoint_every=1, sync_dir=drive)
answers = iter([False, False, False, False, True])
first = train(workspace, **rehearsal, run_config=mirrored, should_stop=lambda: next(answers, True))
print(f"stopped after step {first.step}; the mirror has", sorted(path.name for path in drive.glob("*/*")))

shutil.rmtree(first.folder)  # the machine is gone, and all its files
second = train(workspace, **rehearsal, run_config=mirrored)
print(f"a new machine went on from step {second.resumed_at} to {second.step}")
assert second.resumed_at == first.step and second.step == small.steps

# %% [markdown]
# And what was learnt? The same as without any break. We still have the weights of the first rehearsal, which ran its
# nine steps undisturbed (`after`). On a CPU both are equal to the last bit; on a GPU sums may be taken in another
# order.

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
# First the pictures. From left to right through the training: above A as A, which is practised, below A as B, the
# swap, which never is.

# %%
show.plot_previews(report.folder)

# %% [markdown]
# In the first fifty to a hundred steps gaudy colors and a mesh of dots, while the last layers find their range. Then
# the large forms, soft and in the right colors; then eyes and mouth; towards the end, when the rate falls, the finest.
#
# What does it look like when it goes wrong? Let us see three trainings fail, on purpose and in small: the rate fifty
# times too high, the mask let go ([04](04_losses.ipynb)), and crops that are never changed but for being mirrored,
# neither the real view nor the warped one. The first row is a good one.

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
# - **Rate too high**: blots of one color, and `reconstruction` rises and stays up. The networks are
#   dead; every face gives the same picture. `train` notices that, goes back to the last good checkpoint and halves the
#   rate.
# - **Mask let go**: `reconstruction` looks as it should, and so does the face. But `mask_mean` sinks to nothing, and
#   the composite is A.
# - **Nothing changed**: the best curve of all, and the sharpest A. Then look at the swap! The networks know A's crops
#   and B's by heart, and what lies between, where a swap is, they never met. **No curve shows it.** Reconstruction is
#   practised; the swap is what you want. So look at A as B.
#
# Now the curves of your own training. Each is drawn with its weight, as it goes into the sum: `dssim` is three
# times the loss of notebook 04, `adversarial` a tenth of it.

# %%
curves = ("reconstruction", "dssim", "perceptual", "adversarial", "discriminator", "mask_mean")
begun = [name for name in curves if f"{name}_a" in {term for entry in history for term in entry}]
show.plot_losses(history, terms=begun, columns=3)

# %% [markdown]
# | you see | it means |
# |---|---|
# | most of the fall is over after 150 steps | normal; the pictures get better for long after that. Look at pictures |
# | one person's curve lies higher | normal; glasses and lines are more to draw |
# | `mask_mean` near 0.9 | right: most of the face is taken from the decoder. Near 0 nothing is swapped |
# | `discriminator` about 0.2 | it cannot tell filmed from written ([04](04_losses.ipynb), exercise 2); normal here |
# | `discriminator` falls towards 0 | it has won, and says only "no" to whatever the generator does |
# | `adversarial` jumps about 0.025 | normal: a tenth of $(0.5 - 1)^2$, scores of about a half |
# | a term is `nan`, or a curve doubles and stays up | a breakdown: training goes back and halves the rate by itself |
#
# And if A as B looks like A? Look at the columns of a preview, in this order:
#
# 1. The *mask* is dark: nothing is swapped. Something lets the mask go; see the table.
# 2. The *raw* face is A's: too few steps, or the two share too much. 600 steps are too few, as you see; train on.
#    Conversion brings A's codes to B's (06), which previews do not.
# 3. The *raw* face is B's, and only hair, chin and ears are A's: that is what a face swap is.
#
# The library's page *Is this normal?* (`docs/normal.md`) has one good training in pictures, curves and numbers.
#
# At last the swap of the same face after a third of the training and at its end. Move the border:

# %%
from faceswap_lib.widgets import compare_before_after

end = read_image(max((report.folder / "previews").glob("step-*.png")))
labels = (f"step {before_rest}", f"step {report.step}")
compare_before_after(show.preview_column(third, "a2b"), show.preview_column(end, "a2b"), labels=labels)

# %% [markdown]
# Sharper than it was, and still soft; and after 600 steps still half A (case 2). More steps bring B's features; how the
# rest of the way is gone without training is a matter of conversion.
#
# ## What you know now
#
# - A step draws a few faces, more often the rare ones, bends them by one map, and moves every weight against its
#   gradient by what Adam thinks of it; the plan says how far, and which losses count.
# - A run can be stopped and gone on with at any step, and with a mirror even on another machine, and learns the same.
# - Curves tell of some breakdowns, not of all. Pictures of the swap tell whether a training is good.
#
# **To try:** another run with `config=TrainConfig(steps=STEPS, balance=0)`; in section 9, changes of half the usual
# strength, or a rate three times as high. A longer one: `STEPS = 3000` and another `RUN`, over lunch.
#
# Next: [06 Video conversion](06_video_conversion.ipynb), from faces of 128 pixels to a video.

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
# Now the networks ([03b](03b_networks.ipynb)) are trained with their losses ([04](04_losses.ipynb)): 600 steps here.
# 2,000 take 11 minutes on two cores; more hardly helped. Training takes the longest, and an error in it costs the most.
# So this lesson shows what to check before, during and after it.
#
# | | |
# |---|---|
# | **You will learn** | what one step does, what a schedule is for, how to stop, resume, and survive a lost machine |
# | **You will have at the end** | a trained run, and your own learning rate schedule |
# | **Time on two CPU cores** | about 8 minutes, more than half of them the training |
# | **Before** | [04c The adversarial loss](04c_gan.ipynb) |
# | **After** | [05b Training faults](05b_training_faults.ipynb), an appendix, or [06](06_video_conversion.ipynb) |

# %% [markdown]
# ## 0. Choose the parameters
#
# Facesets that the workspace already contains are used. A half-finished run is resumed from its last checkpoint.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
RUN = "default"  # name of the run
PRESET = "lite"  # the networks: lite generates faces of 128 pixels; tiny of 64, four times faster
STEPS = 600  # number of training steps
BATCH_SIZE = 8  # faces of each person per step
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
TRY_STEPS = 200  # steps of each small training in exercise 2
TRIED = ("cosine", "library", "stays high")  # the schedules that it compares
MIRROR = None  # a folder on another machine or drive, for copies of the run; see section 6

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import logging
import pathlib

import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.course.loss_checks import check_cosine_schedule, check_mirror
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
# No training can repair a bad faceset: the networks also learn from the face of another person and from a blurred crop.
# Lesson [09](09_facesets.ipynb) cleans facesets.
#
# ## 1. Augment the images
#
# The networks would soon memorize 150 crops, and be bad at everything else: **overfitting**. **Augmentation**
# works against it. Each time a crop is drawn, it is rotated, zoomed, shifted and mirrored at random, and deformed in
# two ways. These operations are combined into one **map**: for each pixel of the new image, the position in the crop
# where the color is read. So the image is interpolated only once, however many changes there are. Each interpolation
# blurs an image a little.
#
# **Validation** notices overfitting: it measures on images that the training never draws. This lesson does not measure
# it; [05b](05b_training_faults.ipynb) does. For a swap it is half of the answer: nobody filmed the right result.
#
# One dimension is enough to see how a map works. Five *control points* say how far to shift a row of pixels. Between
# two of them, the shift changes linearly.

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
# Where the map is steep, the row is compressed; where it is flat, stretched. The library's function does this in two
# dimensions for a whole batch of images, on the GPU if there is one:

# %%
from faceswap_lib.training import grid_sample

show.show_source(grid_sample)

# %%
from faceswap_lib.training import TrainConfig, random_warp_grid, sample, to_device
from faceswap_lib.training.train_step import draw_batch, sampling_probabilities

device_a, device_b = (to_device(array) for array in arrays)
grid = np.stack(np.meshgrid(at, places), axis=-1)[None].astype("float32")  # x from our map, y unchanged
warped = keras.ops.convert_to_numpy(sample(device_a, np.zeros(1, "int32"), grid))[0]
assert np.allclose(warped[size // 2, :, 0], by_hand, atol=0.01)

config = TrainConfig(steps=STEPS, batch_size=BATCH_SIZE)
resolution = PRESETS[PRESET].resolution
batch = draw_batch(config, 0, *(sampling_probabilities(array.rarity, config.rarity_exponent) for array in arrays))
maps = random_warp_grid(config, resolution, size, keras.random.SeedGenerator(0))
views = [keras.ops.convert_to_numpy(sample(device_a, batch.index_a, grid)) for grid in maps]
pictures = [picture for view in views for picture in view[:6, ..., :3].astype("uint8")]
captions = [name for name in ("real", "warped") for _ in pictures[::2]]
show.plot_images(pictures, captions=captions, columns=6)

# %% [markdown]
# These are A's crops of the first **batch**, the input of one step: a few crops of A and a few of B, rare poses a
# little more often than common ones. Each crop gives two views:
#
# - The *real* view is rotated, zoomed, shifted, mirrored, and slightly deformed. The decoder must write it.
# - The *warped* view is the real view with an additional deformation: a grid of 5 by 5 small random shifts. The encoder
#   reads it.
#
# Input and target are different, so copying the input is never quite right. The encoder must learn what the deformation
# does not change. The target is changed as well, because in the swap decoder B must draw what was never filmed: B's
# face with A's head tilt, at A's position.
#
# **Exercise 1: write an augmentation** of a picture and its landmarks together: mirror both. The five landmarks are x
# and y of the left eye, the right eye, the nose, and the left and right corner of the mouth. A classical error hides
# here; the check knows it.


# %%
def mirror(picture, points):
    """Mirrors a picture (S, S, 3) and its landmarks (5, 2)."""
    return picture[:, ::-1], points  # your solution


print(check_mirror(mirror))


# %% tags=["solution"]
# @title Solution
def mirror(picture, points):
    """Mirrors a picture (S, S, 3) and its landmarks (5, 2)."""
    moved = points * [-1, 1] + [len(picture) - 1, 0]
    return picture[:, ::-1], moved[[1, 0, 2, 4, 3]]  # the eye that was on the left is on the right now


print(check_mirror(mirror))
face = faceset_a.part(0, 1).read_crops()[0]
pair = []
for picture, marks in ((face.image, face.landmarks), mirror(face.image, face.landmarks)):
    pair.append(picture.copy())
    for number, (x, y) in enumerate(marks):
        color = (255, 60, 60) if number in (0, 3) else (60, 255, 60)  # left red, the others green
        pair[-1][int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4] = color
show.plot_images(pair, captions=["crop", "mirrored: red is left again"], width=4)

# %% [markdown]
# ## 2. One training step, with one weight
#
# A *training step* draws a batch of A and one of B, runs the encoder and each person's decoder, adds up the losses
# ([04](04_losses.ipynb)), computes all gradients, and changes the weights: those of the generator to reduce their sum
# of losses, and in the second half of the training those of the discriminators to reduce theirs. It ends with updating
# the averages of section 5.
#
# The **gradient** says how much the loss changes with each weight. The **optimizer** moves every weight a little in the
# opposite direction. Ours is **Adam**. It keeps two moving averages for each weight:
# $m \leftarrow \beta_1 m + (1-\beta_1)\,g$ of its gradients $g$, and $v \leftarrow \beta_2 v + (1-\beta_2)\,g^2$ of
# their squares. ($\beta$ says how much of the old average is kept.) It moves the weight by
#
# $$\Delta w = -\,\eta\, \frac{m / (1-\beta_1^t)}{\sqrt{v / (1-\beta_2^t)}}$$
#
# where $\eta$ is the **learning rate** and $t$ is the number of the step. Both averages start at zero, which the
# divisions by $1-\beta^t$ correct. The next cell has a network with one weight $w$. It should compute $y$ from $x$. The
# cell does its first step:

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
# $w$ moved by 0.001, the learning rate itself: in the first step, the size of the gradient cancels out. *Every* weight
# moves by the whole learning rate, also with a gradient of 0.001 (except near zero, by Adam's $\epsilon$). Its
# direction comes from one batch only. Therefore the learning rate rises from almost zero during the first 50 steps.
# This is the **warm-up**. After it, the averages are reliable.
#
# ## 3. The schedule and its cost
#
# A *schedule* consists of **phases**. First, the networks learn only the faces. In the second half, the discriminators
# join. Near the end, the learning rate is reduced. Large steps find the region where the losses are small, but each
# batch still moves the weights by the size of a step; small steps let the weights settle. At the very end, the losses
# that keep the mask up get a smaller weight ([04](04_losses.ipynb), section 6). Each phase begins at a fraction of all
# steps. So a long training has the schedule of a short one, stretched.

# %%
from faceswap_lib.media import read_image
from faceswap_lib.training import draw_plan, plan_table, plan_training

plan = plan_training(config)
print(plan_table(plan))
draw_plan(plan, workspace.root / "plan.png")
show.plot_images([read_image(workspace.root / "plan.png")])

# %% [markdown]
# Each strip shows one number over the steps: first the learning rate, then the weights of the losses, and `mask_level`,
# the level of `mask_hinge`. The learning rate of a step is that of its phase, multiplied by the warm-up factor. By hand
# and with the library:

# %%
from faceswap_lib.training import learning_rate_factor

steps = np.arange(config.steps)
rates = config.learning_rate * np.minimum(1, (steps + 1) / config.warmup_steps)
for phase in plan:
    rates[phase.first - 1 : phase.last] *= phase.numbers["learning_rate"] / config.learning_rate
assert np.allclose(rates, [config.learning_rate * learning_rate_factor(step, config) for step in steps])
show.show_source(learning_rate_factor)

# %% [markdown]
# **Exercise 2: write a schedule, and train with it.** Many trainings use a linear warm-up followed by half a cosine: 1
# at `step = warmup`, 0 at `step = steps` (just after the last step). Write its factor. The solution trains small
# networks with yours, the library's, and a rate that stays high. Each error is A's reconstruction error in gray levels:
# lower is better, but small differences may be chance.


# %%
def cosine_schedule(step, warmup, steps):
    """Computes the factor of the learning rate at a step, counted from 0."""
    return min(1.0, (step + 1) / warmup)  # your solution


print(check_cosine_schedule(cosine_schedule))


# %% tags=["solution"]
# @title Solution
from faceswap_lib.course.ablation import train_variant, write_views


def cosine_schedule(step, warmup, steps):
    """Computes the factor of the learning rate at a step, counted from 0."""
    if step < warmup:
        return (step + 1) / warmup
    return (1 + np.cos(np.pi * (step - warmup) / (steps - warmup))) / 2


print(check_cosine_schedule(cosine_schedule))
tiny, warmup = PRESETS["tiny"], min(50, TRY_STEPS // 3 + 1)
small_arrays = [faceset.load(tiny.stored_size) for faceset in (faceset_a, faceset_b)]
small = TrainConfig(steps=TRY_STEPS, batch_size=BATCH_SIZE, adversarial_weight=0.0, warmup_steps=warmup)
factors = {
    "cosine": lambda step: cosine_schedule(step, warmup, TRY_STEPS),
    "library": lambda step: learning_rate_factor(step, small),
    "stays high": lambda step: min(1.0, (step + 1) / warmup),
}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.4), layout="constrained")
for name, factor in ((name, factors[name]) for name in TRIED):
    tried = train_variant(small_arrays, small, rate_factor=factor, name=name)
    error = write_views(tried.networks, *small_arrays[0].views(tiny.resolution), "a2a").error
    left.plot([factor(step) for step in range(TRY_STEPS)], label=name)
    right.plot([entry["reconstruction_a"] for entry in tried.history], lw=1, label=f"{name}: error {error:.1f}")
left.set(title="factor of the learning rate", xlabel="step")
right.set(title="reconstruction_a", xlabel="step", ylim=(0, 1))
right.legend(frameon=False, fontsize=8)
plt.show()
# Measured, one training each: error 14.2 (cosine), 13.9 (library), 13.7 (stays high). The mean factors are 0.51, 0.63
# and 0.88: 200 steps are few, so perhaps moving was worth more than settling. The mean loss of the last 20 steps has
# another order: 0.197, 0.194, 0.202. It is that of the newest weights; the error is that of their averages (section 5),
# which settle without a lower rate. All these differences are small: they may be chance.

# %% [markdown]
# How long will the training take? The library runs a few real steps of each kind with these faces on this machine,
# measures their time and multiplies it by the number of steps.

# %%
from faceswap_lib.training import LoopConfig, estimate_training

estimate = estimate_training(workspace, PRESETS[PRESET], config, LoopConfig())
print(estimate.to_text())

# %% [markdown]
# ## 4. Train a third of the steps, and stop
#
# The **dashboard** shows the progress, the losses and the newest preview. Its button stops the training safely: the
# step is finished, a checkpoint is written, and the notebook continues with the next cell. If you do not press it, the
# code stops the training after a third of the steps in the same way: `train` calls `should_stop` after every step. If
# an earlier notebook has already finished this run, we train a second run beside it. (A warning about few crops is
# correct: half a minute of video would be better.)

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
# numbers of a step depend only on its number, so no other state must be stored.

# %%
from faceswap_lib.training import list_checkpoints, read_arrays

newest = list_checkpoints(report.folder / "checkpoints")[0]
print(f"{newest.name}, {newest.stat().st_size / 1e6:.0f} MB:")
stored = read_arrays(newest)
for group in dict.fromkeys(name.partition("/")[0] for name in stored):
    mine = [array for name, array in stored.items() if name.partition("/")[0] == group]
    print(f"  {group:26} {sum(array.size for array in mine):11,} numbers in {len(mine)} arrays")

# %% [markdown]
# Writing a checkpoint is *atomic*: the file is written under a temporary name and flushed to the disk. Only then does
# it get its final name. If the power fails on the way, the previous checkpoint is still there, complete.

# %%
from faceswap_lib.atomic_io import replacing

show.show_source(replacing)

# %% [markdown]
# ## 5. Average the weights
#
# The weights never stop moving, because each batch pulls them in a different direction. In an average over many steps,
# the opposite movements cancel out, and the common direction remains. So the library stores, besides the weights $w$,
# an **exponential moving average** $\bar w$ (EMA), and previews and conversions use it (our addition; faceswap-GAN v2.2
# uses the newest weights):
#
# $$\bar w \leftarrow d\,\bar w + (1 - d)\,w \qquad d = 0.99$$
#
# After 69 steps, half of an old weight is gone. The cell shows the raw face of the swap with the newest weights, with
# their average, and the difference, times eight: the effect of the last few batches. The printed error is that of all
# of A's faces, reconstructed as A.

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
# In our run it was 14.9 with the newest weights and 13.7 with their average. At the end of a training, when the
# learning rate is small, both are nearly equal.
#
# ## 6. Resume, also on another machine
#
# The call is the same as before. It finds the checkpoint and trains the missing steps.

# %%
before_rest = report.step
report = train(workspace, **options, **callbacks, should_stop=dashboard.should_stop)
assert report.resumed_at == before_rest
print(f"resumed from step {report.resumed_at}, now at step {report.step}")

# %% [markdown]
# The history is one file, as if there had been no interruption: no step is missing, and no step occurs twice.

# %%
from faceswap_lib.training import read_history

history = read_history(report.folder / "history.jsonl")
numbers = [entry["step"] for entry in history]
assert np.all(np.diff(numbers) > 0)
print(f"{len(numbers)} logged steps, {numbers[0]} to {numbers[-1]}")

# %% [markdown]
# A checkpoint does not help if its disk is lost, as on Colab or a borrowed machine when the session ends. So set a
# **mirror** in the parameters: a folder that is kept, for example on Google Drive.
#
# - A checkpoint is written every three minutes and at the end. The newest one is copied to the mirror after the first
#   checkpoint, then at most every ten minutes, and at the end.
# - A new session on a new machine looks for a checkpoint in the mirror first.
#
# If the folder of the run still exists after a disconnect, run all cells. If not, the machine is lost: mount the drive,
# set the same `WORKSPACE`, `RUN` and `MIRROR`, restore your facesets, and run all cells. You lose at most about twelve
# minutes. The mirror does not contain the facesets: keep a copy of them ([docs/colab.md](../docs/colab.md)).
# [05b](05b_training_faults.ipynb) rehearses all this.

# %% [markdown]
# ## 7. Is this normal?
#
# First look at the *previews*. Time runs from left to right. The upper row is A as A, the reconstruction that is
# trained. The lower row is A as B, the swap, which is never trained directly.

# %%
show.plot_previews(report.folder)

# %% [markdown]
# First you see bright wrong colors and a pattern of dots, while the last layers find their range. Then the large shapes
# appear, then eyes and mouth. The finest details come near the end, when the learning rate is reduced.
#
# The curves are each loss multiplied by its weight, as in the sum: `dssim` is three times the loss of lesson 04, and
# `adversarial` is a tenth of that of 04c.

# %%
curves = ("reconstruction", "dssim", "perceptual", "adversarial", "discriminator", "mask_mean")
begun = [name for name in curves if f"{name}_a" in {term for entry in history for term in entry}]
show.plot_losses(history, terms=begun, columns=3)

# %% [markdown]
# | you see | it means |
# |---|---|
# | most of the decrease is over after 150 steps | normal; the images get better for long after that. Look at images |
# | `mask_mean` near 0.9 | right: most of the face is taken from the decoder. Near 0, nothing is swapped |
# | `discriminator` about 0.2 | normal: always 0.5 costs 0.25 with labels 0 and 1, 0.18 with mixup (labels in between) |
# | `discriminator` falls towards 0 | it has won: it rejects everything that the generator makes |
# | `adversarial` varies around 0.025 | normal: a tenth of $(0.5 - 1)^2$, for scores of about a half |
# | a term is `nan`, or a curve doubles and stays high | a breakdown: training goes back and halves the rate by itself |
#
# What if A as B looks like A? Look at the columns of a preview, in this order:
#
# 1. The *mask* is dark: nothing is swapped.
# 2. The *raw* face resembles A: A's shape passes through the skip channels, most after a short training. 600 steps are
#    too few: train longer. Conversion moves the encoder's output towards B's (06), but previews do not.
# 3. The *raw* face is B's, and only hair, ears and neck are A's: this is how a face swap should look.
#
# The page [docs/normal.md](../docs/normal.md) shows a good training in images, curves and numbers. At the end, compare
# the swap of the same face after a third of the training and after all steps. Move the slider:

# %%
from faceswap_lib.widgets import compare_before_after

end = read_image(max((report.folder / "previews").glob("step-*.png")))
labels = (f"step {before_rest}", f"step {report.step}")
compare_before_after(show.preview_column(third, "a2b"), show.preview_column(end, "a2b"), labels=labels)

# %% [markdown]
# The face is sharper than before, but still soft, and after 600 steps still half A (case 2). More steps add B's
# features.
#
# **To try:** a longer run: `STEPS = 2000` and another `RUN`.
#
# Next: [06 Video conversion](06_video_conversion.ipynb) makes a video from faces of 128 pixels.
# [05b](05b_training_faults.ipynb) breaks trainings on purpose.

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("05_faceswap_train")

# %% [markdown]
# ## Further reading
#
# - [Adam](https://arxiv.org/abs/1412.6980) (Kingma and Ba, 2015): the optimizer of section 2.
# - [SGDR](https://arxiv.org/abs/1608.03983) (Loshchilov and Hutter, 2017): the cosine schedule of exercise 2.
# - [Training ImageNet in 1 hour](https://arxiv.org/abs/1706.02677) (Goyal et al., 2017): why a warm-up helps.
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): the training that this one is based on.
# - [deepfakes/faceswap](https://github.com/deepfakes/faceswap): another trainer, with a long guide.
# - [Training in Keras](https://keras.io/api/optimizers/): its optimizers and schedules.

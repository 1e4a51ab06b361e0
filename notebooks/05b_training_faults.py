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
# # 05b Training faults
#
# This lesson is an appendix: you may skip it and go on with [06](06_video_conversion.ipynb). It breaks trainings on
# purpose, to show what each fault looks like and which curve shows it. One fault is shown by no curve, and hardly by
# **validation**, the measurement on images that were held out; it needs a measurement of the swap itself. The lesson
# also explains the sampling of rare faces, and rehearses the loss of a machine.
#
# | | |
# |---|---|
# | **You will have at the end** | pictures of four trainings, three of which failed, and the reason for each |
# | **Time on two CPU cores** | about 4 minutes |
# | **Before** | [05 Training](05_faceswap_train.ipynb) |
# | **After** | [06 Video conversion](06_video_conversion.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # its facesets are used; if there are none, those of the demo are made
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
BATCH_SIZE = 8
BROKEN_STEPS = 200  # steps of each small training in section 1
BROKEN = ("good", "rate too high", "mask let go", "nothing changed")  # the small trainings to run

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import logging
import pathlib
import shutil
import tempfile

import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.course.loss_checks import check_average
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import PRESETS

workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
logging.getLogger("faceswap_lib").setLevel("ERROR")  # hides the warning about few crops
tiny = PRESETS["tiny"]
facesets = [Faceset.open(workspace, side) for side in ("src", "dst")]
learned = [faceset.part(0, len(faceset) * 4 // 5).load(tiny.stored_size) for faceset in facesets]
held_out = [faceset.part(len(faceset) * 4 // 5, len(faceset)).load(tiny.stored_size) for faceset in facesets]
print("faces to train on:", [len(x.images) for x in learned], "held out:", [len(x.images) for x in held_out])

# %% [markdown]
# The last fifth of each clip is held out. It is the end of the clip, not a random fifth: the neighbor of a frame is
# nearly the same frame, so a random choice would measure almost the training images again.
#
# ## 1. Three trainings that fail
#
# Four small trainings with the same first weights and the same crops:
#
# - a good one;
# - a **learning rate** that is fifty times too high;
# - no losses that keep the **attention mask** up ([04](04_losses.ipynb), section 6);
# - no **augmentation** except mirroring, neither of the real view nor of the warped view.

# %%
from faceswap_lib.course.ablation import train_variant, write_views
from faceswap_lib.training import TrainConfig

base = {"steps": BROKEN_STEPS, "batch_size": BATCH_SIZE, "adversarial_weight": 0.0}
unchanged = dict.fromkeys(("rotation_range", "zoom_range", "shift_range", "elastic_deformation", "random_warp"), 0.0)
mistakes = {
    "good": {},
    "rate too high": {"learning_rate": 0.05},
    "mask let go": {"mask_prior_weight": 0.0, "mask_hinge_weight": 0.0},
    "nothing changed": unchanged,
}
tried = {name: train_variant(learned, TrainConfig(**base, **mistakes[name]), name=name) for name in BROKEN}

# %%
views, areas = (part[len(learned[0].images) // 2 :][:1] for part in learned[0].views(tiny.resolution))
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
# - **Nothing changed**: this is the best curve of all, and the sharpest A. But look at the swap! This is not
#   **overfitting** in the usual sense: section 2 shows that held-out faces are good, too. It fails on another
#   *distribution*, A's code in decoder B. For it, augmentation is needed.
#
# ## 2. Validation
#
# The curves of section 1 measure the images that are trained. The next cell measures the reconstruction of A on those
# and on the held-out end of the clip, and the *swap* with a measure that needs no **ground truth**: the swap is encoded
# and decoded as B once more. A face that B's decoder knows comes back nearly the same; a broken one does not.

# %%
print(f"{'':18} A trained on   A held out   gap   A as B, decoded again")
for name, variant in tried.items():
    on, off = (write_views(variant.networks, *x[0].views(tiny.resolution), "a2a").error for x in (learned, held_out))
    views, areas = held_out[0].views(tiny.resolution)
    swap = write_views(variant.networks, views, areas, "a2b").faces
    again = write_views(variant.networks, swap, areas, "b2b").error
    print(f"{name:18} {on:12.1f} {off:12.1f} {off - on:5.1f} {again:12.1f}")

# %% [markdown]
# - The usual validation hardly notices, because it measures the same distribution. The gap of `nothing changed` is four
#   times that of the good training, but 0.9 levels are little, and its error on held-out faces is the lowest of all.
#   The end of the clip is too similar to the rest: the same person in the same light. Faces of another day would be a
#   harder test.
# - The swap tells: decoded again as B, it changes by 36 levels instead of 9. Measure what you want, not what is easy to
#   measure.
# - No number is enough alone. In the last column `rate too high` is the best: a network that gives the same image for
#   every input gives it for this image, too.
#
# ## 3. Draw rare faces more often
#
# People look straight ahead most of the time. With uniform sampling, there would be twenty ordinary faces for one
# turned head, and the networks would hardly learn the turned head. So the probability of a crop grows with its
# *rarity* (our addition; faceswap-GAN v2.2 draws uniformly).
#
# How do we measure rarity? In aligned crops, the five landmarks move only with pose and expression. The ten coordinates
# of a crop are a point in a space of ten dimensions. We sort its distances to all points, and take the eighth (in large
# facesets, a later one). The first is the point itself with distance 0, so this is the seventh nearest other point. It
# is large for a crop that is different from all others. By hand:

# %%
from faceswap_lib.facesets import measure_rarity

faceset_a = facesets[0]
points = np.stack([record.points_in_crop() for record in faceset_a.records]).reshape(len(faceset_a), 10)
distances = np.linalg.norm(points[:, None] - points[None], axis=2)  # between all pairs of crops
neighbors = min(len(points), max(8, len(points) // 50))  # more neighbors in large facesets
eighth = np.sort(distances, axis=1)[:, neighbors - 1]
by_hand = eighth / eighth.mean()  # 1 is the average
assert np.allclose(by_hand, measure_rarity(points.reshape(-1, 5, 2)))
show.show_source(measure_rarity)

# %%
order = np.argsort(by_hand)
picked = [*order[:6], *order[-6:]]
captions = [f"rarity {by_hand[index]:.1f}" for index in picked]
images = faceset_a.load(tiny.stored_size).images
show.plot_images([images[index] for index in picked], captions=captions, columns=6)

# %% [markdown]
# The upper row shows ordinary faces. The lower row shows rare ones: an open mouth, or a head that is turned further
# than usual. Mistakes of the detector are rare, too. So clean the faceset first ([09](09_facesets.ipynb)).
# `TrainConfig.rarity_exponent` is an exponent of the rarity; with 0, all crops have the same probability.
#
# ## 4. A rehearsal with nine steps
#
# Lesson 05 explained the moving average of the weights, $\bar w \leftarrow d\,\bar w + (1 - d)\,w$ with $d = 0.99$. In
# the first steps $d$ is smaller, because otherwise the average would contain the random initial weights for too long.
# In step $n$, counted from 0, it is a fraction: 1/10 in step 0, 2/11 in step 1, 1/2 in step 8, and so on; at most 0.99.
#
# **Exercise: find the formula of $d$, write the moving average**, and check it on real weights. The solution trains
# tiny networks for nine steps with a checkpoint after each, and compares your average with that in the last file.


# %%
def update_average(average, weights, step):
    """Computes the new average of arrays, from the average so far and the newest weights."""
    return 0.99 * average + 0.01 * weights  # your solution


print(check_average(update_average))


# %% tags=["solution"]
# @title Solution
def update_average(average, weights, step):
    """Computes the new average of arrays, from the average so far and the newest weights."""
    decay = min(0.99, (1 + step) / (10 + step))  # numerator and denominator grow by 1 in each step
    return decay * average + (1 - decay) * weights


print(check_average(update_average))

# %%
from faceswap_lib.training import LoopConfig, list_checkpoints, read_arrays, train
from faceswap_lib.training.train_step import average_decay

shutil.rmtree(workspace.run("rehearsal"), ignore_errors=True)
small = TrainConfig(steps=9, batch_size=2, adversarial_weight=0, perceptual="none")  # compiles faster
rehearsal = {"run": "rehearsal", "network_config": tiny, "config": small}
folder = train(workspace, **rehearsal, run_config=LoopConfig(checkpoint_every=1)).folder
after, before = (read_arrays(path) for path in list_checkpoints(folder / "checkpoints"))
mine = update_average(before["averaged_encoder/000"], after["encoder/000"], 8)  # the ninth step is number 8
print("your average is that of the library:", np.allclose(mine, after["averaged_encoder/000"], atol=1e-6))
show.show_source(average_decay)

# %% [markdown]
# Now the machine is lost. The cell trains again with a mirror, stops at step 5, deletes the files as if the machine
# were gone, and resumes from the mirror.

# %%
shutil.rmtree(workspace.run("rehearsal"))
mirror = pathlib.Path(tempfile.mkdtemp())  # stands for a folder in Google Drive
mirrored = LoopConfig(checkpoint_every=1, sync_dir=mirror)
answers = iter([False, False, False, False, True])
first = train(workspace, **rehearsal, run_config=mirrored, should_stop=lambda: next(answers, True))
print(f"stopped after step {first.step}; the mirror contains", sorted(path.name for path in mirror.glob("*/*")))

shutil.rmtree(first.folder)  # the machine and all its files are lost
second = train(workspace, **rehearsal, run_config=mirrored)
print(f"a new machine resumed from step {second.resumed_at} and trained to step {second.step}")
assert second.resumed_at == first.step and second.step == small.steps

# %% [markdown]
# Did the interrupted training learn the same? We still have the weights of the first run, which trained its nine steps
# without interruption (`after`). On a CPU, both results are equal to the last bit. On a GPU, sums may be computed in a
# different order, so there may be small differences.

# %%
resumed = read_arrays(list_checkpoints(second.folder / "checkpoints")[0])
weights = [name for name in after if name.startswith(("encoder/", "decoder_", "averaged_"))]
difference = max(float(np.abs(resumed[name] - after[name]).max()) for name in weights)
print(f"largest difference between the weights: {difference}")
shutil.rmtree(second.folder)
shutil.rmtree(mirror)

# %% [markdown]
# This works because the random numbers of a step depend only on its number, and because a checkpoint also contains the
# averages of the optimizer. faceswap-GAN v2.2 saves neither the optimizer nor its phase; a resumed training continues
# with fresh averages there.
#
# **To try:** augmentation of half the usual strength, or a rate that is three times as high. Another run of lesson 05
# with `config=TrainConfig(steps=STEPS, rarity_exponent=0)`.
#
# Next: [06 Video conversion](06_video_conversion.ipynb).

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("05b_training_faults")

# %% [markdown]
# ## Further reading
#
# - [Averaging weights leads to wider optima](https://arxiv.org/abs/1803.05407) (Izmailov et al., 2018): why averaged
#   weights are better than the newest.
# - [Random erasing](https://arxiv.org/abs/1708.04896) (Zhong et al., 2020): another augmentation.
# - [Training GANs with limited data](https://arxiv.org/abs/2006.06676) (Karras et al., 2020): overfitting of
#   discriminators, and augmentation against it.
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN) and [deepfakes/faceswap](https://github.com/deepfakes/faceswap):
#   their issues show failed trainings of many users.

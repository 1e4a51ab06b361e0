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
# # 04 The losses
#
# A network learns to reduce its *loss*, a number that says how wrong an image is. Training changes every weight a
# little in the direction that makes this number smaller. So the definition of the loss decides what the network
# generates. This notebook explains the losses of the default training. For each loss it says what it measures, computes
# it by hand on one face, and compares the result with the library's code. At the end it removes losses from the
# training, to show what each of them does.
#
# | | |
# |---|---|
# | **You will have at the end** | the purpose of each loss, in one sentence and one image |
# | **Time on two CPU cores** | about 4 minutes, nearly all of it five small trainings |
# | **Before** | [03b The networks](03b_networks.ipynb) |
# | **After** | [05 Training](05_faceswap_train.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # its facesets are used; if there are none, those of the demo are made
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
BATCH_SIZE = 8
ABLATION_STEPS = 200  # of each small training
VARIANTS = ("pixels", "+ structure, edges", "+ perceptual", "+ adversarial", "mask let go")  # compared in section 10

# %% [markdown]
# The next cell loads the packages and both facesets. (A message of TensorFlow about oneDNN or GPU drivers is not an
# error.)

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # fewer messages when TensorFlow starts

import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import PRESETS

np.set_printoptions(precision=3, suppress=True)
workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
tiny = PRESETS["tiny"]
arrays = [Faceset.open(workspace, side).load(tiny.stored_size) for side in ("src", "dst")]
print(f"{len(arrays[0].images)} faces of A, {len(arrays[1].images)} of B")

# %% [markdown]
# ## 1. Generate a face to measure
#
# This step trains small networks for a short time with all losses. We need an image with the typical errors of
# networks.

# %%
from faceswap_lib.course.ablation import train_variant
from faceswap_lib.training import TrainConfig

config = TrainConfig(steps=ABLATION_STEPS, batch_size=BATCH_SIZE)
everything = train_variant(arrays, config, name="everything")

# %% [markdown]
# The next cell draws a *batch*, as a training step does: a few faces of A. Each face has a **real** view, which the
# decoder must write, and a **warped** view, which is slightly deformed. The encoder gets the warped view without the
# pixels outside the face. The decoder writes a raw face, the **fake**, and a **mask**.
#
# The values of images are in [-1, 1] here. The colors are in the *standard tone*: they have mean 0 and a fixed standard
# deviation, and therefore skin looks bluish. The noise outside the face is there because the losses have almost no
# weight there.
#
# You do not have to understand the next cell. Only its results are important: `sample`, `fake`, `mask`. From now on we
# look at one face.

# %%
from faceswap_lib.training import losses, to_device
from faceswap_lib.training.loss_model import Objective

seed = keras.random.SeedGenerator(3)
faces_a, faces_b = (to_device(array) for array in arrays)
objective = Objective(networks=everything.networks, faces_a=faces_a, faces_b=faces_b, config=config, seed=seed)
drawn = objective.view(faces_a, np.linspace(0, faces_a.count - 1, BATCH_SIZE).astype("int32"))
outputs = everything.networks.decoder_a(everything.networks.encoder(drawn.encoder_input))
mask, fake = (keras.ops.convert_to_numpy(output)[:1] for output in outputs[:2])
parts = {name: part for name, part in vars(drawn).items() if part is not None}  # without what nobody asked for
sample = losses.LossInputs(**{name: keras.ops.convert_to_numpy(part)[:1] for name, part in parts.items()})


def to_show(picture):
    """Converts an image in [-1, 1], (1, R, R, 3), for display."""
    return ((np.clip(picture[0], -1, 1) + 1) * 127.5).astype("uint8")


shown = [to_show(picture) for picture in (sample.warped, sample.encoder_input, sample.real, fake)]
captions = ["warped", "input of the encoder", "real: the target", "fake: the output", "mask"]
show.plot_images([*shown, mask[0, ..., 0]], captions=captions)

# %% [markdown]
# ## 2. `reconstruction`: is each pixel right?
#
# This loss is the *mean absolute error*, $|\text{fake} - \text{real}|$, over the face. Eyes and mouth are small, but
# people look at them. So a pixel of an eye has the weight five, and a pixel of the mouth the weight three. The weight
# outside the face is close to zero. The output shows the error, the weight, and their product.

# %%
face, eyes, mouth = (part[0, ..., 0] for part in (sample.face, sample.eyes, sample.mouth))
error = np.abs(fake - sample.real)[0].mean(axis=-1)
weight = 0.02 + face * (1 - 0.02 + 4 * eyes + 2 * mouth)
by_hand = (error * weight).sum() / (face.sum() + 1)  # + 1 so that an empty face does not divide by zero
captions = ["error", "weight, 0 to 5", "error times weight"]
show.plot_images([error / 0.6, weight / 5, error * weight / 2], captions=captions, width=6)

# %%
show.show_source(losses.region_weights)

# %%
show.show_source(losses.reconstruction)

# %%
weights = losses.region_weights(sample, eyes=4.0, mouth=2.0, surroundings=0.02)
assert np.allclose(weights[0, ..., 0], weight, atol=1e-5)
assert np.isclose(float(losses.reconstruction(fake, sample, weights)), by_hand, rtol=1e-4)
print(f"reconstruction {by_hand:.3f}")

# %% [markdown]
# **A network that is trained with this loss alone removes details whose position is uncertain.** Why? The network does
# not know exactly where a wrinkle will be: its input is a warped face, compressed to a code of a few numbers. Assume
# that a wrinkle is two pixels wide and that it can be at seven places with equal probability. Which output has the
# lowest average loss: a sharp wrinkle in the middle, the average of all, or no wrinkle?

# %%
possible = np.zeros((7, 21))
for row, place in enumerate(range(7, 14)):
    possible[row, place : place + 2] = -1  # darker than the skin
sharp, average = possible[3], possible.mean(axis=0)
answers = {"a sharp one in the middle": sharp, "the average": average, "none": np.zeros(21)}
figure, axes = plt.subplots(1, 3, figsize=(9, 1.6), sharey=True)
for place, (name, answer) in zip(axes, answers.items(), strict=True):
    cost = np.abs(possible - answer).sum(axis=1).mean()
    place.step(range(21), answer, where="mid")
    place.set_title(f"{name}: loss {cost:.2f}", fontsize=9)
    place.set_axis_off()
plt.show()

# %% [markdown]
# The output without a wrinkle has the lowest loss. At every pixel the wrinkle is absent in at least five of seven
# cases, so plain skin is the safer output. The blurred output has a small error everywhere. A sharp wrinkle in the
# wrong place causes two errors: one where it is, and one where it should be. So a pixel loss favors smooth skin. The
# loss does exactly what it was defined to do. We need additional losses.
#
# ## 3. `dssim`: are contrast and pattern right?
#
# This loss compares the *structure* of small windows. First we look at the problem: three ways to damage a face, too
# bright, blurred, and noisy. The strength of each is chosen so that the mean pixel error is the same.

# %%
import cv2

blur = cv2.GaussianBlur(sample.real[0], (0, 0), 1.5)[None] - sample.real
noise = np.random.default_rng(0).normal(size=blur.shape).astype("float32")
differences = {"too bright": np.ones_like(blur), "blurred": blur, "noisy": noise}
target = float(losses.reconstruction(sample.real + blur, sample, weights))
spoilt = {}
for name, difference in differences.items():
    as_it_is = float(losses.reconstruction(sample.real + difference, sample, weights))
    spoilt[name] = sample.real + difference * (target / as_it_is)
costs = [float(losses.reconstruction(picture, sample, weights)) for picture in spoilt.values()]
captions = ["real", *(f"{name}: {cost:.3f}" for name, cost in zip(spoilt, costs, strict=True))]
show.plot_images([to_show(picture) for picture in (sample.real, *spoilt.values())], captions=captions)

# %% [markdown]
# All three have the same `reconstruction` loss. For people they are different, because we recognize a face by its
# pattern of light and dark. SSIM, *structural similarity*, compares small windows by three properties: the mean, the
# standard deviation (contrast), and how the two images vary together (covariance). $f$ is the fake and $r$ the real
# image. $c_1$ and $c_2$ are small constants that keep the result stable in uniform windows:
#
# $$\text{SSIM} = \frac{(2 \bar f \bar r + c_1)\,(2 \operatorname{cov}(f, r) + c_2)}
# {(\bar f^2 + \bar r^2 + c_1)\,(\operatorname{var} f + \operatorname{var} r + c_2)}$$
#
# It is 1 for equal windows. The next cell computes it for one window of 7 by 7 pixels, in the red channel:

# %%
c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2  # 2 is the size of the range from -1 to 1
top, left = 24, 18  # at an eye
f, r = (picture[0, top : top + 7, left : left + 7, 0] for picture in (fake, sample.real))
covariance = ((f - f.mean()) * (r - r.mean())).mean()
likeness = (2 * f.mean() * r.mean() + c1) * (2 * covariance + c2)
likeness /= (f.mean() ** 2 + r.mean() ** 2 + c1) * (f.var() + r.var() + c2)
print(f"means {f.mean():.2f} {r.mean():.2f}, spreads {f.std():.2f} {r.std():.2f}, SSIM {likeness:.2f}")
show.plot_matrices([f, r], captions=["fake", "real"], decimals=1)

# %% [markdown]
# The next cell computes SSIM for all windows of the face, at every second pixel. The loss is $(1 - \text{SSIM}) / 2$,
# which is 0 for equal images. In the right image, bright areas have a high loss.

# %%
from numpy.lib.stride_tricks import sliding_window_view

both_and_face = (fake, sample.real, sample.face)
f, r, w = (sliding_window_view(part[0], (7, 7), axis=(0, 1))[::2, ::2] for part in both_and_face)
at = {"axis": (-2, -1)}  # the pixels of a window
mean_f, mean_r, inside = f.mean(**at), r.mean(**at), w.mean(**at)[..., 0]
covariance = (f * r).mean(**at) - mean_f * mean_r
all_windows = (2 * mean_f * mean_r + c1) * (2 * covariance + c2)
all_windows /= (mean_f**2 + mean_r**2 + c1) * (f.var(**at) + r.var(**at) + c2)
unlike = ((1 - all_windows) / 2).mean(axis=-1)
by_hand = (unlike * inside).sum() / (inside.sum() + 1)
assert np.isclose(all_windows[top // 2, left // 2, 0], likeness, atol=1e-2)
shown = [to_show(sample.real), to_show(fake), unlike * inside]
show.plot_images(shown, captions=["real", "fake", "unlike"], width=6)

# %%
show.show_source(losses.dssim)

# %%
assert np.isclose(float(losses.dssim(fake, sample)), by_hand, rtol=1e-2)

# %% [markdown]
# ## 4. `edges`: do neighbors differ as they should?
#
# This loss compares the *image gradients*, which are the differences between neighboring pixels. An edge is such a
# difference. The loss takes the error image and computes its differences along x and along y. It is 0 if every edge has
# the right strength, even where the face as a whole is too bright or too dark. The output shows where edges are wrong.

# %%
wrong = (fake - sample.real)[0]
across = np.abs(np.diff(wrong, axis=1)).mean(axis=-1) * weight[:, 1:]
down = np.abs(np.diff(wrong, axis=0)).mean(axis=-1) * weight[1:]
by_hand = (across.sum() + down.sum()) / (face.sum() + 1)
assert np.isclose(float(losses.edge_loss(fake, sample, weights)), by_hand, rtol=1e-3)
show.plot_images([across / 1.5, down / 1.5], captions=["edges missed along x", "along y"], width=4)

# %%
show.show_source(losses.edge_loss)

# %% [markdown]
# ## 5. `perceptual`: does it look the same to a network that knows faces?
#
# This loss compares the *features* of a pretrained network instead of pixels. The network here is O-Net, the last
# network of the detector, which was trained on a large number of faces. Its inner layers respond to outlines, eyes and
# brows. We give it both images and compare the outputs of these layers, the features. Its weights come with the
# detector, so no download is necessary.
#
# The next cell shows the features of the real face, in four layers with six channels each. The resolution of the last
# rows is too low for people to recognize anything:

# %%
from faceswap_lib.faces import denormalize_color

judge = objective.perceptual_loss
pictures = [denormalize_color(picture, sample.tones) for picture in (fake, sample.real)]  # 0 to 255
answers = [judge.model(judge.preprocess(picture)) for picture in pictures]
features_fake, features_real = ([keras.ops.convert_to_numpy(layer) for layer in answer] for answer in answers)
shown = [channel for layer in features_real for channel in show.split_channels(layer[0], 6)]
captions = [f"layer {1 + index // 6}, {len(channel)} pixels" for index, channel in enumerate(shown)]
show.plot_images(shown, captions=captions, columns=6)

# %% [markdown]
# Then the features of both images are normalized to mean 0 and standard deviation 1 per channel, so that the channel
# with the largest values does not dominate the others. The loss is the mean of the squared differences. Each layer has
# the weight one tenth.
#
# (Here we compare the fake alone. Training first blends it into its frame, with a random mixture of the face's shape
# and the decoder's mask. So this loss also changes the mask. Section 8 explains the consequence.)

# %%
by_hand = 0
for layers in zip(features_fake, features_real, strict=True):
    a, b = ((x - x.mean(axis=(1, 2))) / np.sqrt(x.var(axis=(1, 2)) + 1e-3) for x in layers)
    by_hand += 0.1 * ((a - b) ** 2).mean()
assert np.isclose(float(judge.distance(*pictures)), by_hand, rtol=1e-2)
show.show_source(losses.feature_distance)

# %%
from faceswap_lib.networks.pretrained.vggface_files import find_weights

path = find_weights("resnet50", None, fetch=False)
print(f"VGGFace's weights: {path or 'not on this machine'}; this notebook compares with {judge.name}")

# %% [markdown]
# VGGFace is the network that faceswap-GAN v2.2 uses for this loss. Its file must be downloaded once
# (`perceptual="vggface"`). VGGFace was trained to distinguish people. O-Net was only trained to detect faces.
#
# ## 6. What each loss reacts to
#
# This step computes all four losses for the three damaged faces of section 3, which all have the same pixel error:

# %%
measures = {
    "reconstruction": lambda picture: losses.reconstruction(picture, sample, weights),
    "dssim": lambda picture: losses.dssim(picture, sample),
    "edges": lambda picture: losses.edge_loss(picture, sample, weights),
    "perceptual": lambda picture: judge.distance(denormalize_color(picture, sample.tones), pictures[1]),
}
seen_by = {name: [float(ask(picture)) for picture in spoilt.values()] for name, ask in measures.items()}
figure, axes = plt.subplots(1, 4, figsize=(9, 2))
for place, (name, values) in zip(axes, seen_by.items(), strict=True):
    place.bar(list(spoilt), values, color=["tab:olive", "tab:blue", "tab:gray"])
    place.set_title(name, fontsize=9)
    place.tick_params(labelsize=7)
    place.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
plt.show()

# %% [markdown]
# This is the reason for several losses: an error that one loss does not measure has a high value in another.
#
# - `reconstruction` shows no difference. The three images were made so that it is equal.
# - `dssim` is highest for the brightness. Its first factor compares means. In the standard tone the means are close to
#   0, where a small shift is large in proportion. This is a side effect. It does no harm, because networks easily
#   correct a wrong brightness. The useful part is the second factor: it is higher for blur than for noise.
# - `edges` does not react to brightness, and it is highest for noise: every grain of noise is an edge that should not
#   be there. This loss does not sharpen. It removes noise, as section 10 will show.
# - `perceptual` does not react to brightness either. It is three times as high for blur as for noise. A face detector
#   can detect a face in spite of noise, but it needs the details that blur removes.
#
# (These are the numbers of the portraits' clip. With your own faces they may differ.)
#
# **Exercise 1.** Shift the real face by one pixel (`np.roll(sample.real, 1, axis=2)`). You would hardly see the shift.
# Which loss increases most, in comparison with the blurred face?

# %%
shifted = sample.real  # your solution
print({name: round(float(measure(shifted)), 3) for name, measure in measures.items()})

# %% tags=["solution"]
# @title Solution
shifted = np.roll(sample.real, 1, axis=2)
ratios = {name: float(measure(shifted)) / seen_by[name][1] for name, measure in measures.items()}
print({name: f"{ratio:.2f} times the blurred face" for name, ratio in ratios.items()})
print("hardest:", max(ratios, key=ratios.get), "- mildest:", min(ratios, key=ratios.get))

# %% [markdown]
# A shift by one pixel is invisible, but losses that compare position by position are nearly as high as for the blur.
# `perceptual` increases least. This is why it is used together with them.

# %% [markdown]
# ## 7. `adversarial`: does it look real?
#
# All losses so far compare an image with one given target. The last one does not. A second network, the
# **discriminator**, is trained to distinguish filmed from generated images, and its output is the loss. (Two networks
# that are trained against each other are a *GAN*, a generative adversarial network.) Its output is a score (notebook
# 03). Filmed images should get 1, generated images 0. The loss of each network is the squared difference between the
# score and the score that it wants (*least squares*):
#
# - The **generator** (encoder and decoder) has the loss $(\text{score} - 1)^2$: its image should be classified as real.
# - The **discriminator** gets *mixtures*, $\lambda \cdot \text{real} + (1 - \lambda) \cdot \text{fake}$, and has the
#   loss $(\text{score} - \lambda)^2$: it must say how much of the image is real (*mixup*). $\lambda$ is drawn at
#   random, mostly close to 0 or close to 1 (a beta distribution with both parameters 0.2).
#
# A discriminator that gets only completely real and completely generated images learns to be overconfident. Then its
# output for every generated image is the same, "no". A discriminator that must say *how much* gives the generator a
# direction.

# %%
shares = np.array([0.0, 0.3, 0.7, 1.0])
mixtures = [share * sample.real + (1 - share) * fake for share in shares]
captions = [f"{share:.0%} real" for share in shares]
show.plot_images([to_show(picture) for picture in mixtures], captions=captions, width=6)

# %%
scores = np.array([0.2, 0.4, 0.6, 0.7])  # possible scores for these four images
generator_pays = (scores[0] - 1) ** 2  # only for its own image, the first one
discriminator_pays = ((scores - shares) ** 2).mean()
print(f"for a score of {scores[0]} the loss of the generator is {generator_pays:.2f}")
print(f"for all four scores the loss of the discriminator is {discriminator_pays:.3f}")
assert np.isclose(float(losses.lsgan_generator_loss(scores[:1])), generator_pays)
assert np.isclose(float(losses.mixup_discriminator_loss(scores, shares)), discriminator_pays)

# %%
show.show_source(losses.lsgan_generator_loss)

# %%
show.show_source(losses.mixup_discriminator_loss)

# %% [markdown]
# The plot shows that the two losses pull the same score in opposite directions. The generator cannot change the
# discriminator's judgment. It can only change the image. The *gradient* of the score tells it how: it runs back through
# the discriminator to every pixel, and from there to the decoder's weights. Both networks are trained in the same step,
# each with its own sum of losses. The discriminator never gets the fake alone. The fake is blended into its frame, once
# with the mask and once with the shape of the face.

# %%
line = np.linspace(-0.2, 1.2, 50)
figure, axes = plt.subplots(figsize=(5.5, 2.4))
axes.plot(line, (line - 1) ** 2, label="loss of the generator for its image")
axes.plot(line, line**2, label="loss of the discriminator for the same image")
axes.set(xlabel="score of a generated image", ylabel="loss")
axes.legend(frameon=False, fontsize=8)
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# This loss starts only at half of all steps, and its weight is small (0.1). Before the faces are roughly right, every
# generated image is easy to recognize, and the generator cannot learn anything from that.
#
# **Exercise 2.** A discriminator that cannot distinguish the images gives every image the same score $s$. Half of the
# images are filmed and half are generated. Which $s$ has the lowest loss, and how high is the loss?

# %%
best = 0.0  # your solution
print(best)

# %% tags=["solution"]
# @title Solution
line = np.linspace(0, 1, 101)
pays = ((line - 1) ** 2 + line**2) / 2
best = line[pays.argmin()]
drawn_shares = np.random.default_rng(0).beta(0.2, 0.2, 100_000)
print(f"score {best}: loss {pays.min()}; with mixtures as in training {((drawn_shares - best) ** 2).mean():.2f}")

# %% [markdown]
# ## 8. The mask: `composite`, `mask_prior`, `mask_hinge`, `mask_tv`
#
# These losses train the mask. The final image is the composite, $m \cdot \text{fake} + (1 - m) \cdot \text{warped}$.
# Can we simply require that *its* pixels are right, so that the mask learns by itself where the fake is better? No.
# Look where the warped input is closer to the real image than the fake is:

# %%
input_error = np.abs(sample.warped - sample.real)[0].mean(axis=-1)
nearer = (input_error < error) & (face > 0.5)
share = nearer.sum() / (face > 0.5).sum()
print(f"in {share:.0%} of the face the input is closer to the target than the new face")
captions = ["error of the input", "error of the new face", "input is closer"]
show.plot_images([input_error / 0.6, error / 0.6, nearer], captions=captions, width=6)

# %% [markdown]
# In training, the input shows the *same person* and is only slightly deformed. If the mask returns the input, $m = 0$,
# the loss is lower than for most new faces, but there is no swap. Every loss that measures the composite pulls the mask
# down: `perceptual` from the first step, `adversarial` in the second half, and `composite`. The last one is active only
# in the last 15 % of the steps, and it changes only the mask, never the face. Three terms keep the mask up:
#
# - `mask_prior` requires that the mask has the shape of the face.
# - `mask_hinge` is positive where the mask falls below a level (0.7) inside the face. Above the level it is 0.
# - `mask_tv`, the *total variation*, requires small changes from pixel to pixel, so no holes and no dots.
#
# The prior knows only an oval. Therefore its weight is reduced at the end from 1 to 0.3. Then the mask can become lower
# where the input fits better, for example at the hair. The hinge remains as a lower limit. How large is the effect?
# Almost zero. `composite` has the weight 0.3, like the prior. At a pixel it is stronger only where the input is closer
# by more than 1, which is half of the whole range of values. A training without it, in 200 steps, left the mask where
# it was, at 0.92 of the face.

# %%
m = mask[0, ..., 0]
prior = np.abs(m - face).mean()
hinge = (face * np.maximum(0, 0.7 - m)).mean()
variation = np.abs(np.diff(m, axis=0)).mean() + np.abs(np.diff(m, axis=1)).mean()
composite = np.abs(losses.alpha_composite(mask, fake, sample.warped) - sample.real).mean()
print(f"prior {prior:.3f}, hinge {hinge:.3f}, variation {variation:.4f}, composite {composite:.3f}")
assert np.isclose(float(losses.mask_prior(mask, sample.face)), prior, rtol=1e-4)
assert np.isclose(float(losses.mask_hinge(mask, sample.face, 0.7)), hinge, rtol=1e-4)
assert np.isclose(float(losses.total_variation(mask)), variation, rtol=1e-4)

# %%
show.show_source(losses.mask_hinge)

# %%
show.show_source(losses.mask_prior)

# %%
show.show_source(losses.total_variation)

# %% [markdown]
# **Exercise 3.** Compare three masks: 0 everywhere, the shape of the face, and 1 everywhere. What is the loss of each
# with `composite` alone? What is it with `composite` x 0.3 + `prior` x 0.3 + `hinge` x 1, as at the end of a training?

# %%
masks = {"0": np.zeros_like(mask), "face": sample.face, "1": np.ones_like(mask)}
pays = {name: 0.0 for name in masks}  # your solution
print(pays)

# %% tags=["solution"]
# @title Solution
for name, tried in masks.items():
    alone = float(np.abs(losses.alpha_composite(tried, fake, sample.warped) - sample.real).mean())
    held = 0.3 * losses.mask_prior(tried, sample.face) + losses.mask_hinge(tried, sample.face, 0.7)
    pays[name] = (round(alone, 3), round(0.3 * alone + float(held), 3))
print("loss with composite alone, and with prior and hinge:", pays)
assert pays["0"][1] > pays["face"][1]

# %% [markdown]
# ## 9. The sum of all losses
#
# A step adds all terms for both people. Each term is multiplied by its weight: `dssim` 3, `reconstruction`, `edges`,
# `perceptual`, `mask_prior` and `mask_hinge` 1, `composite` 0.3, `adversarial` and `mask_tv` 0.1. In the last 15 % of
# the steps, the weight of `mask_prior` is only 0.3. The plot shows the terms of A at the end of our small training,
# each multiplied by its weight, as in all curves of this library. The discriminators have their own sum.
#
# (Networks that generate faces above 64 pixels have one additional term for each *coarse* image that they generate on
# the way, for example `coarse_64`. It is the mean error of that image.)

# %%
last = everything.history[-1]
terms = {name[:-2]: value for name, value in last.items() if name.endswith("_a")}
no_part = ("discriminator", "mask_mean")  # the first belongs to the other sum, the second is only a measurement
paid = {name: value for name, value in terms.items() if value > 0 and name not in no_part}
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.barh(list(paid), list(paid.values()))
axes.invert_yaxis()
axes.set_xlabel("loss times weight, A's side, last step")
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# A long bar does not mean a strong influence. A weight changes according to the gradient: how fast the sum falls when
# the weight changes. A term that cannot fall any further has no influence.
#
# ## 10. Train without some of the losses
#
# This step is an *ablation study*: the same training four more times, with the same seed, the same initial weights and
# the same batches. Only the losses differ. It shows what each loss really does. `pixels` has `reconstruction` and all
# terms of the mask. Each variant adds losses to the one before. The last variant is `+ perceptual` again, without the
# two terms that keep the mask up.

# %%
from faceswap_lib.course.ablation import PIXELS_ONLY, write_views

changes = {
    "pixels": PIXELS_ONLY,
    "+ structure, edges": {"perceptual": "none", "adversarial_weight": 0.0},
    "+ perceptual": {"adversarial_weight": 0.0},
    "+ adversarial": {},  # all losses: already trained in section 1
    "mask let go": {"adversarial_weight": 0.0, "mask_prior_weight": 0.0, "mask_hinge_weight": 0.0},
}
variants = {}
for name in VARIANTS:
    changed = TrainConfig(steps=ABLATION_STEPS, batch_size=BATCH_SIZE, **changes[name])
    variants[name] = train_variant(arrays, changed, name=name) if changes[name] else everything

# %%
results = {name: {} for name in variants}
for direction, array in (("a2a", arrays[0]), ("b2b", arrays[1]), ("a2b", arrays[0])):
    chosen = np.linspace(0, len(array.images) - 1, 8).astype(int)
    views, areas = (part[chosen] for part in array.views(tiny.resolution))
    for name, variant in variants.items():
        results[name][direction] = write_views(variant.networks, views, areas, direction)
shown, captions = [], []
for name, result in results.items():
    swap = result["a2b"]
    shown += [result["a2a"].faces[0], result["b2b"].faces[0]]
    shown += [swap.faces[0], swap.masks[0], swap.composites[0]]
    captions += [f"{name}: A", "B", "A as B", "its mask", "composite"]
show.plot_images(shown, captions=captions, columns=5)

# %%
print(f"{'':20} {'error of A, B':>16} {'sharpness of A, B':>20} {'mask in the swap':>18}")
for name, result in results.items():
    a, b, swap = (result[direction] for direction in ("a2a", "b2b", "a2b"))
    errors, sharp = f"{a.error:8.1f} {b.error:7.1f}", f"{a.sharpness:12.0%} {b.sharpness:7.0%}"
    print(f"{name:20} {errors} {sharp} {swap.mask_mean:18.2f}")

# %% [markdown]
# *Error* is the mean difference between the raw face and the frame, in gray levels of 255. *Sharpness* is the variance
# of the Laplacian, a measure of fine contrast, as a percentage of the frame's sharpness. This is what we saw with 200
# steps, and what we did not see:
#
# - **Pixels alone** is the softest: the sharpness is 25 and 24 %. A's glasses are only a shadow.
# - **Structure and edges** add contrast, mainly at the eyes: 29 and 27 %. The error falls too, although the pixel loss
#   did not change. Which of the two causes what? We removed each of them from `+ perceptual` alone. Without `dssim` the
#   faces were softer (29 and 28 % instead of 32 and 30) and the errors larger (14.3 and 10.2 instead of 13.8 and 10.1).
#   Without `edges` the errors were the same, and the sharpness rose to 37 and 37 %: eyes and teeth had stronger
#   contrast, and the skin had noise of single pixels. So `dssim` adds detail. `edges` removes noise, and some of the
#   detail with it. Like `reconstruction`, it prefers no edge to an edge in the wrong place.
# - **The perceptual loss** adds a little: 32 and 30 %. A's error falls from 14.2 to 13.8, and the rims of the glasses
#   are faintly visible.
# - **The adversarial loss** changes nothing that you can see. It had 100 steps, with weight 0.1. The sharp faces of
#   large GANs need larger networks and many thousand steps.
# - **The larger weight of eyes and mouth** was also removed once. The error of A's eyes was 18.6 instead of 16.7
#   levels, that of B's eyes 20.5 instead of 19.5. It is a small effect, and it is the intended one.
# - **The mask let go** is the most important result. Its raw faces have the same error and are a little softer, and the
#   composite is A. The mask falls to 0.05, so nothing is swapped. Two simple terms for a single channel decide whether
#   there is a swap at all.
#
# Each variant was trained only once. A difference of one percent may be chance. Train with another seed to find out.

# %% [markdown]
# ## What each loss is for
#
# | term | what it measures | what we saw without it |
# |---|---|---|
# | `reconstruction` | is each pixel right, especially of eyes and mouth? | not tried: it cannot be turned off |
# | `dssim` | are mean, contrast and pattern of every small window right? | softer, larger errors |
# | `edges` | do neighbors differ as they should? | sharper, with noise |
# | `perceptual` | does a network that knows faces see the same? | a little softer, slightly larger errors |
# | `adversarial` | does it look filmed? | no visible difference, in a short training |
# | `mask_prior`, `mask_hinge` | is the mask present, and in the shape of a face? | no swap: the input is returned |
# | `mask_tv` | is the mask smooth? | no difference: the prior is already smooth |
# | `composite` | is the blended image right? | no difference |
# | `coarse_64`, `coarse_128` | is the small extra image right? | not tried; only above 64 pixels |
#
# These losses are off by default: `landmarks` (are O-Net's five landmarks in the right place?), `cycle` (is A returned
# after A was changed to B and back?), `weight_decay` (are the weights small?), `mask_l1` (is the mask small?
# faceswap-GAN has it). [docs/learning.md](../docs/learning.md) contains the weights and the measurements.
#
# **To try:** `PIXELS_ONLY` with `eye_weight=0.0`, and look at the eyes. `adversarial_weight=1.0` and more steps. A mask
# that is kept up by `mask_hinge` alone.
#
# Next: [05 Training](05_faceswap_train.ipynb) runs all of this for as long as it needs.

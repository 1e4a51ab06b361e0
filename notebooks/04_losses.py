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
# A network does what it is paid for. A *loss* is a number that says how wrong a picture is; training moves every
# weight a little to where the number gets smaller. So what comes out is decided here: by what we call wrong. This
# notebook takes the losses that training uses unless told otherwise, says what each asks, works it out by hand on one
# face, compares with the code that runs, and at the end leaves losses out to see what they were for.
#
# | | |
# |---|---|
# | **You will have at the end** | what each loss is for, in one sentence and one picture |
# | **Time on two CPU cores** | about 4 minutes, nearly all of it five small trainings |
# | **Before** | [03 The networks](03_networks.ipynb) |
# | **After** | [05 Faceswap training](05_faceswap_train.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # its facesets are taken; without any, the demo's are made
SECONDS = 6.0  # length of the demo's clips, if they must be made
SIZE = 320  # side of their frames in pixels
BATCH_SIZE = 8
ABLATION_STEPS = 200  # of each small training
VARIANTS = ("pixels", "+ structure, edges", "+ perceptual", "+ adversarial", "mask let go")  # what section 10 compares

# %% [markdown]
# The next cell loads the packages (what TensorFlow says about oneDNN or GPU drivers is no error) and both facesets.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow says less as it starts

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
# ## 1. Something to judge
#
# To have a picture that is wrong in the way networks are wrong, we train small ones for a moment, with all losses.

# %%
from faceswap_lib.course.ablation import train_variant
from faceswap_lib.training import TrainConfig

config = TrainConfig(steps=ABLATION_STEPS, batch_size=BATCH_SIZE)
everything = train_variant(arrays, config, name="everything")

# %% [markdown]
# Now we draw what a training step draws: a few faces of A, each as a **real** view (what the decoder must write) and a
# **warped** one (bent a little; what is **seen** of it goes to the encoder). The decoder writes a raw face, the
# **fake**, and a **mask**. Pictures are in [-1, 1] here and in the *standard tone*: colors brought to mean 0 and a
# fixed spread; that is why skin looks bluish. The noise outside the face is what nobody asked for. You need not follow
# the next cell; what counts is what it leaves: `sample`, `fake`, `mask`. From now on we look at one face.

# %%
from faceswap_lib.training import losses, to_device
from faceswap_lib.training.loss_model import Objective

seed = keras.random.SeedGenerator(3)
faces_a, faces_b = (to_device(array) for array in arrays)
objective = Objective(networks=everything.networks, faces_a=faces_a, faces_b=faces_b, config=config, seed=seed)
drawn = objective.view(faces_a, np.linspace(0, faces_a.count - 1, BATCH_SIZE).astype("int32"))
outputs = everything.networks.decoder_a(everything.networks.encoder(drawn.encoder_input))
mask, fake = (keras.ops.convert_to_numpy(output)[:1] for output in outputs[:2])
sample = losses.LossInputs(**{name: keras.ops.convert_to_numpy(part)[:1] for name, part in vars(drawn).items()})


def to_show(picture):
    """A picture in [-1, 1], (1, R, R, 3), as it is shown."""
    return ((np.clip(picture[0], -1, 1) + 1) * 127.5).astype("uint8")


shown = [to_show(picture) for picture in (sample.warped, sample.encoder_input, sample.real, fake)]
captions = ["warped", "seen by the encoder", "real: what is asked", "fake: what came", "mask"]
show.plot_images([*shown, mask[0, ..., 0]], captions=captions)

# %% [markdown]
# ## 2. `reconstruction`: is each pixel right?
#
# The mean of $|\text{fake} - \text{real}|$ over the face. Eyes and mouth are small, but that is where people look, so
# a pixel of an eye counts five times, one of the mouth three times. Outside the face nearly nothing counts.

# %%
face, eyes, mouth = (part[0, ..., 0] for part in (sample.face, sample.eyes, sample.mouth))
error = np.abs(fake - sample.real)[0].mean(axis=-1)
weight = 0.02 + face * (1 - 0.02 + 4 * eyes + 2 * mouth)
by_hand = (error * weight).sum() / (face.sum() + 1)  # + 1 so that an empty face divides by no zero
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
# **Alone it smooths away what it is not sure of.** Why? The network does not know exactly where a wrinkle will be: seen
# are warped faces, and a code of a few numbers. Say a wrinkle two pixels wide lies at one of seven places, each as
# likely. Which answer costs least on average: a sharp wrinkle in the middle, the average of all, or none at all?

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
    place.set_title(f"{name}: costs {cost:.2f}", fontsize=9)
    place.set_axis_off()
plt.show()

# %% [markdown]
# None at all! At every pixel the wrinkle is absent in at least five of seven cases, so skin is the safer bet; the blur
# pays a little everywhere. A sharp wrinkle in the wrong place is wrong twice: where it is, and where it is not. So a
# loss of pixels pays for smooth skin. It is right about what it was asked. We have to ask for something else as well.
#
# ## 3. `dssim`: are contrast and pattern right?
#
# Here are three ways to spoil a face: too bright, blurred, noisy. Each is made so strong that the mean pixel error
# is the same.

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
# To `reconstruction` all three are the same. To us they are not: the pattern of light and dark is what a face is known
# by. SSIM, *structural similarity*, compares small windows
# by three things: the mean, the spread (contrast), and how the two go up and down together (covariance). $f$ is the
# fake, $r$ the real one, $c_1$ and $c_2$ are small numbers that keep flat windows calm:
#
# $$\text{SSIM} = \frac{(2 \bar f \bar r + c_1)\,(2 \operatorname{cov}(f, r) + c_2)}
# {(\bar f^2 + \bar r^2 + c_1)\,(\operatorname{var} f + \operatorname{var} r + c_2)}$$
#
# It is 1 for equal windows. On one window of 7 by 7 pixels, of which we take the red channel:

# %%
c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2  # 2 is the range from -1 to 1
top, left = 24, 18  # at an eye
f, r = (picture[0, top : top + 7, left : left + 7, 0] for picture in (fake, sample.real))
covariance = ((f - f.mean()) * (r - r.mean())).mean()
likeness = (2 * f.mean() * r.mean() + c1) * (2 * covariance + c2)
likeness /= (f.mean() ** 2 + r.mean() ** 2 + c1) * (f.var() + r.var() + c2)
print(f"means {f.mean():.2f} {r.mean():.2f}, spreads {f.std():.2f} {r.std():.2f}, SSIM {likeness:.2f}")
show.plot_matrices([f, r], captions=["fake", "real"], decimals=1)

# %% [markdown]
# Now all windows of the face, every second pixel. The loss is $(1 - \text{SSIM}) / 2$, 0 where all is right.

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
# An edge is a difference between neighbors. So take the error, and of it the differences along x and along y: 0 if
# every edge is as strong as it should be, even where the face is too bright or too dark as a whole.

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
# ## 5. `perceptual`: does it look alike to a network that knows faces?
#
# The detector's last network, O-Net, was trained on a great many faces. Its inner layers answer to outlines, eyes,
# brows. So show it both pictures and compare not the pixels but its answers, the *features*. They come with the
# detector, so nothing must be downloaded. First what it sees in the real face, four layers, six channels each; the last
# rows are too coarse for us to read:

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
# Then both are brought to mean 0 and spread 1 per channel, so that the loudest channel does not drown the rest, and the
# squares of the differences are averaged. Each layer counts a tenth. (Here we compare the bare fake. Training first
# sets it into its frame, by a random mix of the face's shape and the decoder's mask. So this loss moves the mask, too;
# section 8 comes back to that.)

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
# VGGFace is the network that faceswap-GAN v2.2 asks. Its file has to be downloaded once
# (`perceptual="vggface"`); it knows people, where O-Net knows only faces.
#
# ## 6. Who sees what
#
# The three spoilt faces of section 3 again, all with the same pixel error, and all four losses:

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
# This is the whole reason for having several: what costs nothing in one is expensive in another.
#
# - `reconstruction` sees no difference. So it was made.
# - `dssim` minds the brightness most. Its first factor compares means, and in the standard tone they lie around 0,
#   where a small shift is large in proportion. Nobody wanted that; it does no harm, since a wrong brightness is easily
#   put right. What it is wanted for is the second factor: it minds blur more than noise.
# - `edges` does not mind brightness at all, and noise most of all: every grain is an edge that should not be. It does
#   not sharpen; it keeps clean, as section 10 will show.
# - `perceptual` does not mind brightness either, and blur three times as much as noise. A face detector finds a face
#   behind grain; what is blurred away it misses.
#
# (The numbers are of the portraits' clip. With faces of your own they may differ.)
#
# **Exercise 1.** Shift the real face by one pixel (`np.roll(sample.real, 1, axis=2)`). You would hardly see it. Which
# loss is hardest on it, compared with the blurred face?

# %%
shifted = sample.real  # yours
print({name: round(float(measure(shifted)), 3) for name, measure in measures.items()})

# %% tags=["solution"]
# @title Solution
shifted = np.roll(sample.real, 1, axis=2)
ratios = {name: float(measure(shifted)) / seen_by[name][1] for name, measure in measures.items()}
print({name: f"{ratio:.2f} times the blurred face" for name, ratio in ratios.items()})
print("hardest:", max(ratios, key=ratios.get), "- mildest:", min(ratios, key=ratios.get))

# %% [markdown]
# One pixel that nobody sees costs the losses that compare place by place nearly as much as the blur. `perceptual`
# forgives it most, and that is why it stands beside them.

# %% [markdown]
# ## 7. `adversarial`: does it look real?
#
# All losses so far compare with one given picture. The last one does not: a second network, the **discriminator**, is
# trained to tell filmed from written pictures, and its opinion is the loss. (A pair of networks that learn against each
# other is a *GAN*, a generative adversarial network.) It gives scores (notebook 03); filmed
# should get 1, written 0. Both players pay for the square of what they miss (*least squares*):
#
# - the **generator** (encoder and decoder) pays $(\text{score} - 1)^2$: it wants its picture to be taken for real;
# - the **discriminator** is shown *mixtures*, $\lambda \cdot \text{real} + (1 - \lambda) \cdot \text{fake}$, and pays
#   $(\text{score} - \lambda)^2$: it must say how much of the picture is real (*mixup*). $\lambda$ is drawn at random,
#   mostly near 0 or near 1 (a beta distribution with both numbers 0.2).
#
# A discriminator that only ever sees all or nothing learns to be sure of itself, and a judge who is sure says only
# "no". One that has to say *how much* gives the generator a direction.

# %%
shares = np.array([0.0, 0.3, 0.7, 1.0])
mixtures = [share * sample.real + (1 - share) * fake for share in shares]
captions = [f"{share:.0%} real" for share in shares]
show.plot_images([to_show(picture) for picture in mixtures], captions=captions, width=6)

# %%
scores = np.array([0.2, 0.4, 0.6, 0.7])  # what a discriminator might say of these four
generator_pays = (scores[0] - 1) ** 2  # only its own picture, the first
discriminator_pays = ((scores - shares) ** 2).mean()
print(f"for a score of {scores[0]} the generator pays {generator_pays:.2f}")
print(f"for all four the discriminator pays {discriminator_pays:.3f}")
assert np.isclose(float(losses.lsgan_generator_loss(scores[:1])), generator_pays)
assert np.isclose(float(losses.mixup_discriminator_loss(scores, shares)), discriminator_pays)

# %%
show.show_source(losses.lsgan_generator_loss)

# %%
show.show_source(losses.mixup_discriminator_loss)

# %% [markdown]
# The two curves pull one and the same score in opposite directions. The generator cannot change what the discriminator
# thinks; it can only change the picture. It knows in which direction: the gradient of the score runs back through the
# discriminator to every pixel, and from there to the decoder's weights. Both are trained in the same step, each by its
# own sum. What is judged is never the bare fake: it is set into its frame, once by the mask and once by the shape of
# the face.

# %%
line = np.linspace(-0.2, 1.2, 50)
figure, axes = plt.subplots(figsize=(5.5, 2.4))
axes.plot(line, (line - 1) ** 2, label="generator pays for its picture")
axes.plot(line, line**2, label="discriminator pays for the same picture")
axes.set(xlabel="score of a written picture", ylabel="loss")
axes.legend(frameon=False, fontsize=8)
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# It begins only at half of all steps, and it weighs little (0.1). Before the faces are roughly right every picture
# is plainly written, and there is nothing to learn from hearing so.
#
# **Exercise 2.** A discriminator that cannot tell gives every picture the same score $s$, filmed or written, half and
# half. Which $s$ is cheapest for it, and what does it pay?

# %%
best = 0.0  # yours
print(best)

# %% tags=["solution"]
# @title Solution
line = np.linspace(0, 1, 101)
pays = ((line - 1) ** 2 + line**2) / 2
best = line[pays.argmin()]
drawn_shares = np.random.default_rng(0).beta(0.2, 0.2, 100_000)
print(f"{best} costs {pays.min()}; of mixtures as training draws them, {((drawn_shares - best) ** 2).mean():.2f}")

# %% [markdown]
# ## 8. The mask: `composite`, `mask_prior`, `mask_hinge`, `mask_tv`
#
# What is looked at in the end is the composite, $m \cdot \text{fake} + (1 - m) \cdot \text{warped}$. So let us ask for
# *its* pixels to be right, and the mask will learn by itself where the fake is better? No. Look where the warped
# input is nearer to the real picture than the fake is:

# %%
input_error = np.abs(sample.warped - sample.real)[0].mean(axis=-1)
nearer = (input_error < error) & (face > 0.5)
share = nearer.sum() / (face > 0.5).sum()
print(f"in {share:.0%} of the face the input is nearer to the answer than the new face")
captions = ["error of the input", "error of the new face", "input is nearer"]
show.plot_images([input_error / 0.6, error / 0.6, nearer], captions=captions, width=6)

# %% [markdown]
# In training the input is the *same person*, and bent only a little. Giving it back, $m = 0$, costs less than most new
# faces, and is no swap. Whatever judges a picture that is set in by the mask pulls the mask down: `perceptual` from the
# first step, `adversarial` in the second half, and `composite`, which has a word only in the last 15 % of the steps and
# moves the mask alone, never the face. Three terms hold it:
#
# - `mask_prior` asks that the mask be the shape of the face;
# - `mask_hinge` forbids it to fall below a level (0.7) inside the face; above the level it costs nothing;
# - `mask_tv` asks for few changes from pixel to pixel, so no holes and no dots.
#
# The prior knows only an oval. So at the end it is loosened from 1 to 0.3, that the mask may give way where the input
# fits better, at the hair perhaps; the hinge stays as a floor. How much comes of it? Next to nothing. `composite`
# weighs 0.3, as the prior does: at a pixel it wins only where the input is nearer by more than 1, half of the whole
# range. Training without it, in 200 steps, left the mask where it was, at 0.92 of the face.

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
# **Exercise 3.** Three masks: 0 everywhere, the shape of the face, 1 everywhere. What does each pay in `composite`
# alone, and what in `composite` x 0.3 + `prior` x 0.3 + `hinge` x 1, as at the end of a training?

# %%
masks = {"0": np.zeros_like(mask), "face": sample.face, "1": np.ones_like(mask)}
pays = {name: 0.0 for name in masks}  # yours
print(pays)

# %% tags=["solution"]
# @title Solution
for name, tried in masks.items():
    alone = float(np.abs(losses.alpha_composite(tried, fake, sample.warped) - sample.real).mean())
    held = 0.3 * losses.mask_prior(tried, sample.face) + losses.mask_hinge(tried, sample.face, 0.7)
    pays[name] = (round(alone, 3), round(0.3 * alone + float(held), 3))
print("composite alone, and held:", pays)
assert pays["0"][1] > pays["face"][1]

# %% [markdown]
# ## 9. The sum
#
# A step adds all terms, each times its weight, for both people: `dssim` 3, `reconstruction`, `edges`, `perceptual`,
# `mask_prior` and `mask_hinge` 1, `composite` 0.3, `adversarial` and `mask_tv` 0.1. In the last 15 %
# `mask_prior` has only 0.3. These are the shares at the end of our small training, A's, each times its weight, as in
# all curves of this library. The discriminators have a sum of their own. (Networks that write faces above 64 pixels
# have one term more for each *coarse* picture that they write on the way, `coarse_64` for example: its mean error,
# nothing else.)

# %%
last = everything.history[-1]
terms = {name[:-2]: value for name, value in last.items() if name.endswith("_a")}
no_part = ("discriminator", "mask_mean")  # the first is in the other sum, the second is only measured
paid = {name: value for name, value in terms.items() if value > 0 and name not in no_part}
figure, axes = plt.subplots(figsize=(7, 2.6))
axes.barh(list(paid), list(paid.values()))
axes.invert_yaxis()
axes.set_xlabel("loss times weight, A's side, last step")
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# A large bar does not mean a strong pull. What moves a weight is how fast the sum falls when it is moved, and a term
# that cannot fall any more pulls at nothing.
#
# ## 10. Without
#
# Words are cheap. The same training four more times: same seed, same first weights, same batches, only the losses
# differ. `pixels` has `reconstruction` and all terms of the mask. Each variant adds something to the one before; the
# last one is `+ perceptual` once more, without the two terms that hold the mask.

# %%
from faceswap_lib.course.ablation import PIXELS_ONLY, write_views

changes = {
    "pixels": PIXELS_ONLY,
    "+ structure, edges": {"perceptual": "none", "adversarial_weight": 0.0},
    "+ perceptual": {"adversarial_weight": 0.0},
    "+ adversarial": {},  # this is everything, which we have
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
# *Error* is the mean difference of the raw face from the frame, in gray levels of 255. *Sharpness* is the variance of
# the Laplacian, a measure of fine contrast, as a share of the frame's. What we saw with 200 steps, and what we did not:
#
# - **Pixels alone** is the softest: sharpness 25 and 24 %. A's glasses are a shadow.
# - **Structure and edges** give contrast, at the eyes above all: 29 and 27 %. The error falls too, though nothing more
#   was said about pixels. What does which? We left each out of `+ perceptual` alone. Without `dssim` the faces were
#   softer (29 and 28 % instead of 32 and 30) and the errors larger (14.3 and 10.2 instead of 13.8 and 10.1). Without
#   `edges` the errors were the same, and sharpness rose to 37 and 37 %: eyes and teeth were drawn harder, with a grain
#   of single pixels on the skin. So `dssim` draws, and `edges` keeps clean, which costs some of the drawing. Like
#   `reconstruction` it prefers nothing to an edge in the wrong place.
# - **The perceptual loss** adds a little: 32 and 30 %, A's error is down from 14.2 to 13.8, and there is a hint of the
#   glasses' rims.
# - **The adversarial loss** changes nothing that you could see. It had 100 steps, with weight 0.1. What makes the
#   faces of large GANs sharp needs larger networks and many thousand steps.
# - **Eyes and mouth that count more** were left out once, too: A's eyes were wrong by 18.6 instead of 16.7 levels, B's
#   by 20.5 instead of 19.5. It is a small thing, and it is what was asked for.
# - **The mask let go** is the lesson. Its raw faces have the same error and are a little softer, and the composite is
#   A. With 0.05 of the mask left, nothing is swapped. Two cheap terms about a single channel decide whether there is a
#   swap at all.
#
# It is one training each. A difference of one in a hundred may be chance; another seed tells.

# %% [markdown]
# ## What each loss is for
#
# | term | it asks | what we saw without it |
# |---|---|---|
# | `reconstruction` | is each pixel right, eyes and mouth above all? | not tried: it has no switch |
# | `dssim` | are mean, contrast and pattern of every small window right? | softer, larger errors |
# | `edges` | do neighbors differ as they should? | sharper, with a grain |
# | `perceptual` | does a network that knows faces see the same? | a little softer, slightly larger errors |
# | `adversarial` | does it look filmed? | no difference that could be seen, in a short training |
# | `mask_prior`, `mask_hinge` | is the mask there, and in the shape of a face? | no swap: the input comes back |
# | `mask_tv` | is it smooth? | no difference: the prior is smooth already |
# | `composite` | is the blended picture right? | no difference |
# | `coarse_64`, `coarse_128` | is the small extra picture right? | not tried; only above 64 pixels |
#
# Off unless asked for: `landmarks` (are O-Net's five points where they should be?), `cycle` (does A come back after
# being B?), `weight_decay` (are the weights small?), `mask_l1` (is the mask small? faceswap-GAN has it). Weights and
# what was measured about them are in [docs/learning.md](../docs/learning.md).
#
# **To try:** `PIXELS_ONLY` with `eye_weight=0.0`; look at the eyes. `adversarial_weight=1.0` and more steps. A mask
# held by `mask_hinge` alone.
#
# Next: [05 Faceswap training](05_faceswap_train.ipynb), where all of this runs for as long as it needs.

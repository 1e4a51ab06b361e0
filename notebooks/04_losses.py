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
# A network learns to reduce its **loss**, a number that says how wrong an image is. Training changes every weight a
# little against the **gradient**, the list of numbers that say how much the loss changes with each weight. So the
# definition of the loss decides what the network generates. This lesson computes the losses that compare an image with
# its target, and those of the mask. It computes each by hand on one face, compares the result with the library's code,
# and at the end removes losses, to show what each of them does. The next two lessons add the
# **perceptual loss** (a pretrained network compares) and the adversarial loss (a second network judges).
#
# | | |
# |---|---|
# | **You will have at the end** | your own eye-weighted loss, and the purpose of each loss in one sentence |
# | **Time on two CPU cores** | about 5 minutes, nearly all of it small trainings |
# | **Before** | [03c Attention and the attention mask](03c_attention_mask.ipynb) |
# | **After** | [04b The perceptual loss](04b_perceptual_loss.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # its facesets are used; if there are none, those of the demo are made
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
BATCH_SIZE = 8
ABLATION_STEPS = 200  # of each small training
EYE_EPOCHS = 6  # of each training of exercise 1, with 40 batches each
VARIANTS = ("pixels", "+ structure, edges", "+ perceptual", "+ adversarial", "mask let go")  # compared in section 8

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.course.loss_checks import check_eye_weighted
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import PRESETS, build_networks

np.set_printoptions(precision=3, suppress=True)
workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
tiny = PRESETS["tiny"]
arrays = [Faceset.open(workspace, side).load(tiny.stored_size) for side in ("src", "dst")]
print(f"{len(arrays[0].images)} faces of A, {len(arrays[1].images)} of B")

# %% [markdown]
# ## 1. Generate a face to measure
#
# We need an image with the typical errors of networks. So the next cell trains small networks for a short time with all
# losses, and draws a **batch**, the faces of one training step. Each face has a **real** view, the **ground truth**
# that the decoder must write, and a **warped** view, which is slightly deformed. The encoder gets the warped view
# without the pixels outside the face. The decoder writes a **raw face** (`fake` in the library's code) and a **mask**.
#
# The values of images are in [-1, 1] here. The colors are in the *standard tone*: they have mean 0 and a fixed standard
# deviation, and therefore skin looks bluish. The noise outside the face is there because the losses have almost no
# weight there. Only `sample`, `raw`, `mask` are important.

# %%
from faceswap_lib.course.ablation import train_variant
from faceswap_lib.training import TrainConfig, losses, to_device
from faceswap_lib.training.loss_model import Objective

config = TrainConfig(steps=ABLATION_STEPS, batch_size=BATCH_SIZE)
everything = train_variant(arrays, config, name="everything")
seed = keras.random.SeedGenerator(3)
faces_a, faces_b = (to_device(array) for array in arrays)
objective = Objective(networks=everything.networks, faces_a=faces_a, faces_b=faces_b, config=config, seed=seed)
drawn = objective.view(faces_a, np.linspace(0, faces_a.count - 1, BATCH_SIZE).astype("int32"))
outputs = everything.networks.decoder_a(everything.networks.encoder(drawn.encoder_input))
mask, raw = (keras.ops.convert_to_numpy(output)[:1] for output in outputs[:2])
parts = {name: part for name, part in vars(drawn).items() if part is not None}  # without what nobody asked for
sample = losses.LossInputs(**{name: keras.ops.convert_to_numpy(part)[:1] for name, part in parts.items()})


def to_show(picture):
    """Converts an image in [-1, 1], (1, R, R, 3), for display."""
    return ((np.clip(picture[0], -1, 1) + 1) * 127.5).astype("uint8")


shown = [to_show(picture) for picture in (sample.warped, sample.encoder_input, sample.real, raw)]
captions = ["warped", "input of the encoder", "real: the target", "raw face: the output", "mask"]
show.plot_images([*shown, mask[0, ..., 0]], captions=captions)

# %% [markdown]
# ## 2. `reconstruction`: is each pixel right?
#
# This loss is the *mean absolute error*, $|\text{raw} - \text{real}|$, over the face. Eyes and mouth are small, but
# people look at them. So a pixel of an eye has the weight five, and a pixel of the mouth the weight three. The weight
# outside the face is close to zero.

# %%
face, eyes, mouth = (part[0, ..., 0] for part in (sample.face, sample.eyes, sample.mouth))
error = np.abs(raw - sample.real)[0].mean(axis=-1)
weight = 0.02 + face * (1 - 0.02 + 4 * eyes + 2 * mouth)
by_hand = (error * weight).sum() / (face.sum() + 1)  # + 1 so that an empty face does not divide by zero
captions = ["error", "weight, 0 to 5", "error times weight"]
show.plot_images([error / 0.6, weight / 5, error * weight / 2], captions=captions, width=6)

# %%
from IPython.display import display

weights = losses.region_weights(sample, eyes=4.0, mouth=2.0, surroundings=0.02)
assert np.allclose(weights[0, ..., 0], weight, atol=1e-5)
assert np.isclose(float(losses.reconstruction(raw, sample, weights)), by_hand, rtol=1e-4)
print(f"reconstruction {by_hand:.3f}")
display(show.show_source(losses.region_weights))
show.show_source(losses.reconstruction)

# %% [markdown]
# faceswap-GAN v2.2 adds 30 times the error of the eyes, and nothing for the mouth. Masks of eyes for this loss are its
# idea; weighting the mouth is our addition.
#
# **Exercise 1: write the eye-weighted loss** with `keras.ops`. First take the mean over the three colors. Inside the
# face a pixel has the weight 1, on the eyes 5, outside 0. Divide the sum by the area of the face. The solution trains
# small plain Keras models with it three times: without extra weight on the eyes, with yours, and with that of
# faceswap-GAN.


# %%
def eye_weighted_loss(raw, real, face, eyes):
    """Computes the loss of (B, R, R, 3) images with masks (B, R, R, 1) in [0, 1]."""
    return keras.ops.mean(keras.ops.abs(raw - real))  # your solution


print(check_eye_weighted(eye_weighted_loss))


# %% tags=["solution"]
# @title Solution
def eye_weighted_loss(raw, real, face, eyes):
    """Computes the loss of (B, R, R, 3) images with masks (B, R, R, 1) in [0, 1]."""
    error = keras.ops.mean(keras.ops.abs(raw - real), axis=-1, keepdims=True)
    return keras.ops.sum(error * face * (1 + 4 * eyes)) / keras.ops.sum(face)


print(check_eye_weighted(eye_weighted_loss))
random = np.random.default_rng(0)
many = [objective.view(faces_a, random.integers(0, faces_a.count, BATCH_SIZE).astype("int32")) for _ in range(40)]
seen, real, face_masks, eye_masks = (
    np.concatenate([keras.ops.convert_to_numpy(getattr(one, name)) for one in many])
    for name in ("encoder_input", "real", "face", "eyes")
)
shown, captions = [to_show(real[3:4])], ["real"]
for factor in (0.0, 1.0, 7.5):  # of the mask of the eyes: weight 1, 5 or 31 on the eyes
    keras.utils.set_random_seed(0)
    trained = build_networks(tiny)
    trained = keras.Model(trained.encoder.input, trained.decoder_a(trained.encoder.output)[1])
    parts = np.concatenate([real, face_masks, factor * eye_masks], axis=-1)
    trained.compile(
        keras.optimizers.Adam(1e-3),
        lambda parts, raw: eye_weighted_loss(raw, *keras.ops.split(parts, [3, 4], axis=-1)),
    )
    trained.fit(seen, parts, batch_size=BATCH_SIZE, epochs=EYE_EPOCHS, verbose=0)
    written = trained.predict(seen, verbose=0)
    off = np.abs(written - real).mean(axis=-1, keepdims=True) * 127.5
    at_eyes, in_face = ((off * area).sum() / area.sum() for area in (eye_masks * face_masks, face_masks))
    shown.append(to_show(written[3:4]))
    captions.append(f"x {1 + 4 * factor:.0f}: eyes {at_eyes:.1f}, face {in_face:.1f}")
show.plot_images(shown, captions=captions)

# %% [markdown]
# The error of the eyes falls from 20.6 to 16.1 gray levels with the weight 5, that of the face stays at 15.4. In this
# short training, 31 is too much: the eyes have 17.1 instead of 16.1, the face 18.4 instead of 15.4.
#
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
# cases. A sharp wrinkle in the wrong place causes two errors: one where it is, and one where it should be. The absolute
# error wants the median of every pixel, here no wrinkle.
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
# standard deviation (contrast), and how the two images vary together (covariance). $f$ is the raw face and $r$ the real
# image. $c_1$ and $c_2$ are small constants that keep the result stable in uniform windows:
#
# $$\text{SSIM} = \frac{(2 \bar f \bar r + c_1)\,(2 \operatorname{cov}(f, r) + c_2)}
# {(\bar f^2 + \bar r^2 + c_1)\,(\operatorname{var} f + \operatorname{var} r + c_2)}$$
#
# It is 1 for equal windows. The next cell computes it for one window of 7 by 7 pixels, in the red channel:

# %%
c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2  # 2 is the size of the range from -1 to 1
top, left = 24, 18  # at an eye
f, r = (picture[0, top : top + 7, left : left + 7, 0] for picture in (raw, sample.real))
covariance = ((f - f.mean()) * (r - r.mean())).mean()
likeness = (2 * f.mean() * r.mean() + c1) * (2 * covariance + c2)
likeness /= (f.mean() ** 2 + r.mean() ** 2 + c1) * (f.var() + r.var() + c2)
print(f"means {f.mean():.2f} {r.mean():.2f}, spreads {f.std():.2f} {r.std():.2f}, SSIM {likeness:.2f}")
show.plot_matrices([f, r], captions=["raw face", "real"], decimals=1)

# %% [markdown]
# The next cell computes SSIM for all windows of the face, at every second pixel. The loss is $(1 - \text{SSIM}) / 2$,
# which is 0 for equal images. In the right image, bright areas have a high loss.

# %%
from numpy.lib.stride_tricks import sliding_window_view

both_and_face = (raw, sample.real, sample.face)
f, r, w = (sliding_window_view(part[0], (7, 7), axis=(0, 1))[::2, ::2] for part in both_and_face)
at = {"axis": (-2, -1)}  # the pixels of a window
mean_f, mean_r, inside = f.mean(**at), r.mean(**at), w.mean(**at)[..., 0]
covariance = (f * r).mean(**at) - mean_f * mean_r
all_windows = (2 * mean_f * mean_r + c1) * (2 * covariance + c2)
all_windows /= (mean_f**2 + mean_r**2 + c1) * (f.var(**at) + r.var(**at) + c2)
unlike = ((1 - all_windows) / 2).mean(axis=-1)
by_hand = (unlike * inside).sum() / (inside.sum() + 1)
assert np.isclose(all_windows[top // 2, left // 2, 0], likeness, atol=1e-2)
assert np.isclose(float(losses.dssim(raw, sample)), by_hand, rtol=1e-2)
shown = [to_show(sample.real), to_show(raw), unlike * inside]
show.plot_images(shown, captions=["real", "raw face", "unlike"], width=6)

# %%
show.show_source(losses.dssim)

# %% [markdown]
# ## 4. `edges`: do neighbors differ as they should?
#
# This loss compares the *image gradients*, the differences between neighboring pixels. It takes the error image and
# computes its differences along x and along y. It is 0 if every edge has the right strength, even where the face is too
# bright.

# %%
wrong = (raw - sample.real)[0]
across = np.abs(np.diff(wrong, axis=1)).mean(axis=-1) * weight[:, 1:]
down = np.abs(np.diff(wrong, axis=0)).mean(axis=-1) * weight[1:]
by_hand = (across.sum() + down.sum()) / (face.sum() + 1)
assert np.isclose(float(losses.edge_loss(raw, sample, weights)), by_hand, rtol=1e-3)
show.plot_images([across / 1.5, down / 1.5], captions=["edges missed along x", "along y"], width=4)

# %%
show.show_source(losses.edge_loss)

# %% [markdown]
# ## 5. What each loss reacts to
#
# The three losses for the three damaged faces of section 3:

# %%
measures = {
    "reconstruction": lambda picture: losses.reconstruction(picture, sample, weights),
    "dssim": lambda picture: losses.dssim(picture, sample),
    "edges": lambda picture: losses.edge_loss(picture, sample, weights),
}
figure, axes = plt.subplots(1, 3, figsize=(8, 2))
for place, (name, ask) in zip(axes, measures.items(), strict=True):
    place.bar(
        list(spoilt), [float(ask(picture)) for picture in spoilt.values()], color=["tab:olive", "tab:blue", "tab:gray"]
    )
    place.set_title(name, fontsize=9)
    place.tick_params(labelsize=7)
    place.spines[["top", "right"]].set_visible(False)
figure.tight_layout()
plt.show()

# %% [markdown]
# So we need several losses: an error that one does not measure has a high value in another.
#
# - `reconstruction` shows no difference. The three images were made so that it is equal.
# - `dssim` is highest for the brightness, because its first factor compares means, which are close to 0 in the standard
#   tone. Networks easily correct a wrong brightness. The useful part is the second factor: it is higher for blur than
#   for noise.
# - `edges` does not react to brightness, and it is highest for noise: every grain of noise is an edge that should not
#   be there. This loss does not sharpen. It removes noise, as section 8 will show.
#
# All three compare position by position: a face that is moved by one pixel, which nobody sees, is nearly as bad for
# them as a blurred one. [04b](04b_perceptual_loss.ipynb) is about that.

# %% [markdown]
# ## 6. The mask: `composite`, `mask_prior`, `mask_hinge`, `mask_tv`
#
# These losses train the mask. The final image is the composite, $m \cdot \text{raw} + (1 - m) \cdot \text{warped}$. Can
# we simply require that *its* pixels are right, so that the mask learns by itself where the raw face is better? No.
# Look where the warped input is closer to the real image:

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
# down: the perceptual loss, the adversarial loss, and, in the last 15 % of the steps, `composite`, which changes only
# the mask. Two terms keep it up, the third keeps it smooth:
#
# - `mask_prior` requires that the mask has the shape of the face.
# - `mask_hinge` is positive where the mask falls below a level (0.7) inside the face. Above the level it is 0.
# - `mask_tv`, the *total variation*, requires small changes from pixel to pixel, so no holes and no dots.
#
# The prior knows only the region of the face (here an ellipse; in [05](05_faceswap_train.ipynb) its outline), not what
# is in front of it. So its weight is reduced at the end to 0.3. `composite` is meant to lower the mask where the input
# fits better, such as at the hair; we trained without it and the mask stayed at 0.88, so here it does almost nothing.

# %%
m = mask[0, ..., 0]
prior = np.abs(m - face).mean()
hinge = (face * np.maximum(0, 0.7 - m)).mean()
variation = np.abs(np.diff(m, axis=0)).mean() + np.abs(np.diff(m, axis=1)).mean()
composite = np.abs(losses.alpha_composite(mask, raw, sample.warped) - sample.real).mean()
print(f"prior {prior:.3f}, hinge {hinge:.3f}, variation {variation:.4f}, composite {composite:.3f}")
assert np.isclose(float(losses.mask_prior(mask, sample.face)), prior, rtol=1e-4)
assert np.isclose(float(losses.mask_hinge(mask, sample.face, 0.7)), hinge, rtol=1e-4)
assert np.isclose(float(losses.total_variation(mask)), variation, rtol=1e-4)
display(show.show_source(losses.mask_prior), show.show_source(losses.mask_hinge))
show.show_source(losses.total_variation)

# %% [markdown]
# **Exercise 2.** Compare three masks: 0 everywhere, the shape of the face, and 1 everywhere. Compute two losses of
# each: `composite` alone, and 0.3 `composite` + 0.3 `losses.mask_prior` + `losses.mask_hinge`, as at the end of a
# training.

# %%
masks = {"0": np.zeros_like(mask), "face": sample.face, "1": np.ones_like(mask)}
pays = {name: (0.0, 0.0) for name in masks}  # your solution: two losses for each mask
print(pays)

# %% tags=["solution"]
# @title Solution
for name, tried in masks.items():
    alone = float(np.abs(losses.alpha_composite(tried, raw, sample.warped) - sample.real).mean())
    held = 0.3 * losses.mask_prior(tried, sample.face) + losses.mask_hinge(tried, sample.face, 0.7)
    pays[name] = (round(alone, 3), round(0.3 * alone + float(held), 3))
print("loss with composite alone, and with prior and hinge:", pays)
assert pays["0"][1] > pays["face"][1]

# %% [markdown]
# `composite` alone prefers the mask 0, the sum prefers the face.
#
# ## 7. The sum of all losses
#
# A step adds all terms for both people. Each term is multiplied by its weight: `dssim` 3, `reconstruction`, `edges`,
# `perceptual`, `mask_prior` and `mask_hinge` 1, `composite` 0.3, `adversarial` and `mask_tv` 0.1. In the last 15 % of
# the steps, the weight of `mask_prior` is only 0.3. The plot shows the terms of A at the end of our small training,
# each multiplied by its weight, as in all curves of this library.

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
# A long bar does not mean a strong influence. The gradient counts: a term that cannot fall any further changes nothing.
#
# ## 8. Train without some of the losses
#
# This is an **ablation study**: the same training four more times, with the same initial weights and the same batches.
# Only the losses differ. `pixels` has `reconstruction` and all terms of the mask. Each variant adds losses to the one
# before. The last variant is `+ perceptual` again, without the two terms that keep the mask up.

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
# of the Laplacian, the difference of each pixel from its neighbors, in percent of the frame's. What we saw with 200
# steps:
#
# - **Pixels alone** is the softest: the sharpness is about 25 %. A's glasses are only a shadow.
# - **Structure and edges** add contrast, mainly at the eyes: 28 % for A. Which of the two causes what? We removed each
#   of them from `+ perceptual` alone. Without `dssim` the faces were softer (29 and 28 % instead of 32 and 30) and the
#   errors larger. Without `edges` the errors were the same, and the sharpness rose to 37 and 37 %: eyes and teeth had
#   stronger contrast, and the skin had noise of single pixels. So `dssim` adds detail; `edges` removes noise, and some
#   detail with it.
# - **The perceptual loss** adds a little: 32 and 30 %. A's error falls by half a gray level, and the rims of the
#   glasses are faintly visible.
# - **The adversarial loss** changes nothing that you can see: 100 steps with weight 0.1 are too few. Lesson
#   [04c](04c_gan.ipynb) builds a training in which it sharpens.
# - **The mask let go** is the most important result. Its raw faces have the same error, but the mask falls to 0.06, and
#   the composite is A. Two simple terms for a single channel decide whether there is a swap at all.
#
# Each variant was trained only once. A difference of one or two percent may be chance.

# %% [markdown]
# ## What each loss is for
#
# | term | what it measures | what we saw without it |
# |---|---|---|
# | `reconstruction` | is each pixel right, especially of eyes and mouth? | not tried: it cannot be turned off |
# | `dssim` | are mean, contrast and pattern of every small window right? | softer, larger errors |
# | `edges` | do neighbors differ as they should? | sharper, with noise |
# | `perceptual` | does a network that knows faces see the same? | a little softer, slightly larger errors |
# | `adversarial` | does it look real? | no visible difference, in a short training |
# | `mask_prior`, `mask_hinge` | is the mask present, and in the shape of a face? | no swap: the input is returned |
# | `mask_tv` | is the mask smooth? | not tried |
# | `composite` | is the blended image right? | no difference |
#
# Decoders for 128 pixels have a third output, a smaller face of 64 pixels; `coarse_64` compares it with the smaller
# target (`coarse_128`: at 256 pixels). Off by default are `landmarks`, `cycle` (is A returned after A was changed to B
# and back?), `weight_decay` and `mask_l1` (faceswap-GAN has it). The page [docs/learning.md](../docs/learning.md)
# contains the weights and the measurements.
#
# **To try:** `PIXELS_ONLY` with `eye_weight=0.0`, and look at the eyes. A mask that is kept up by `mask_hinge` alone.
#
# Next: [04b The perceptual loss](04b_perceptual_loss.ipynb).

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("04_losses")

# %% [markdown]
# ## Further reading
#
# - [Image quality assessment](https://doi.org/10.1109/TIP.2003.819861) (Wang et al., 2004): SSIM, with the reasons for
#   its three parts.
# - [Loss functions for image restoration](https://arxiv.org/abs/1511.08861) (Zhao et al., 2017): absolute error, SSIM
#   and mixtures of them as losses.
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): its losses of eyes, edges and mask.
# - [deepfakes/faceswap](https://github.com/deepfakes/faceswap): the same idea with more losses, and multipliers for
#   eyes and mouth.
# - [Losses in Keras](https://keras.io/api/losses/): how your own function becomes a loss of `compile`.

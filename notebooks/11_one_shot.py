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
# # One photo, somebody else's motion
#
# **Reenactment** makes a photo move like the face in a video, the **driver**. In *One-shot Face Reenactment* (Zhang et
# al., 2019), one photo of a person is enough, because a face is split into two things: **appearance** (who, and in
# which light) comes from the photo, **shape** (where eyes, lips and outline are) from the driver. This notebook builds
# both halves by hand, trains a small network in plain Keras, and takes the library's apart.
#
# | | |
# |---|---|
# | **You will have at the end** | a photo that moves, and a table that says how much the network helped |
# | **Time on two CPU cores** | about 6 minutes, a third of it one training |
# | **Before** | [10 The landmark GAN](10_landmark_gan.ipynb); it needs only [03b The networks](03b_networks.ipynb) |
# | **After** | [12 Expressions](12_expressions.ipynb) |

# %% [markdown]
# Without videos of your own, the notebook animates two public-domain portraits. With your own, set `VIDEO_A` and
# `VIDEO_B`, choose another `WORKSPACE`, and say in `CONSENT` who agreed.

# %% tags=["parameters"]
WORKSPACE = "faceswap-reenactment"  # its two facesets are used; missing ones are made
VIDEO_A = None  # your own video of A; None: the demo's
VIDEO_B = None  # your own video of B; None: the demo's
CONSENT = None  # for your own videos: who agreed to what
SECONDS = 10.0  # length of the demo's clips
SIZE = 320  # width and height of their frames in pixels
RUN = "one-shot"  # the training of section 4; if it exists, it is used
CAPACITY = "lite"  # its networks
STEPS = 600  # its length
BATCH_SIZE = 8
PAIRS = 1600  # size of the small trainings of section 3
EPOCHS = 4  # and their length
ALONE_STEPS = 150  # length of the training with one person in section 10
DRIVEN = 50  # largest number of held-out frames of each person

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import dataclasses
import logging

import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Workspace, require_consent
from faceswap_lib.pipeline import extract
from faceswap_lib.reenactment.crops import divide_person
from faceswap_lib.reenactment.driving_tasks import DrivingTask
from faceswap_lib.reenactment.people import load_people, open_people

logging.getLogger("tensorflow").setLevel("ERROR")  # hides its advice about retracing
keras.utils.set_random_seed(0)
workspace = Workspace(WORKSPACE)
if VIDEO_A and VIDEO_B:
    require_consent(workspace, CONSENT, [VIDEO_A, VIDEO_B])  # stops here if nobody agreed
    for video, side in ((VIDEO_A, "src"), (VIDEO_B, "dst")):
        extract(video, workspace, side, progress=True)
make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE, lively=True)  # only what is missing

people = load_people(open_people([workspace]), 80)  # crops of 80 pixels, with the shape of each face
tasks, learned = [], []
for number, name in enumerate(people.names):
    beginning, end = divide_person(people, number, 0.2)
    photo = beginning[np.abs(people.shapes.yaw[beginning]).argmin()]  # looks into the camera
    tasks.append(DrivingTask(person=name, photo=int(photo), driver=end[:DRIVEN]))
    learned.append(beginning)
(photo_a, photo_b), (driver_a, driver_b) = ([task.photo for task in tasks], [task.driver for task in tasks])
some_a, some_b = (driver[np.linspace(0, len(driver) - 1, 5).astype(int)] for driver in (driver_a, driver_b))
shown = people.images[[photo_a, *some_a, photo_b, *some_b]]
show.plot_images(shown, captions=(["photo"] + ["held-out driver"] * 5) * 2, columns=6)

# %% [markdown]
# The last fifth of each video is **held out**: nothing is trained on it. There the photo is driven by its own person,
# so the true frame is known.
#
# ## 1. A face as a shape
#
# All that the network sees of the driver is drawn from 68 **landmarks** ([02](02_prep_binary_masks.ipynb)). A
# **boundary heat-map** shows one part, for example the outline, as a glowing line: with the distance $d$ to the line,
# the value is $e^{-d^2 / 2\sigma^2}$. Eight parts and the gaze make nine maps. By hand, for one line of several pieces:
# find the nearest point of each piece, its distance, and the smallest distance of all.

# %%
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.reenactment.shape_pictures import BOUNDARIES, HEAT_SIGMA, boundary_maps


def draw_line(points, size):
    y, x = np.mgrid[:size, :size]
    pixels, start, along = np.stack([x, y], axis=-1)[:, :, None], points[:-1], np.diff(points, axis=0)
    share = np.clip(((pixels - start) * along).sum(-1) / (along**2).sum(-1), 0, 1)  # how far along its piece
    distance = np.linalg.norm(pixels - start - share[..., None] * along, axis=-1).min(axis=-1)
    return np.exp(-(distance**2) / (2 * (HEAT_SIGMA * size) ** 2))


target = int(some_a[1])  # a frame of A's driver
wanted = people.shapes.take(np.array([target]))
on_64 = (wanted.points[0] + 0.5) * 64 / CROP_SIZE - 0.5  # landmarks are stored in pixels of a crop of 256
by_hand = draw_line(on_64[list(BOUNDARIES["face"][0])], 64)
maps = boundary_maps(wanted, 64)
assert np.allclose(maps[0, ..., 0], by_hand, atol=1e-4)
named = dict(zip([*BOUNDARIES, "gaze"], np.moveaxis(maps[0], -1, 0), strict=True))
captions = ["driver's frame", *named, "all", "by hand: face"]
show.plot_images([people.images[target], *named.values(), maps[0].max(-1), by_hand], captions=captions, columns=6)

# %%
show.show_source(boundary_maps)

# %% [markdown]
# Nothing of the driver's skin, hair or color is left. The identity is not completely gone: the outline of a face
# belongs to a person. Section 5 is about that.
#
# ## 2. From AdaIN to SPADE
#
# How does a decoder read the maps? By **normalization**. *Instance normalization* gives each channel $c$ of an image
# mean 0 and deviation 1; then a scale $\gamma$ and an offset $\beta$ follow. In **AdaIN**, *adaptive instance
# normalization*, both come from a code: one number per channel, for the whole image. In **SPADE**, *spatially-adaptive
# normalization*, convolutions compute them from a map: one number per channel *and place*.
#
# $$\text{AdaIN: } \gamma_c\,\frac{x - \mu_c}{\sigma_c} + \beta_c \qquad\qquad
# \text{SPADE: } \gamma_c(u, v)\,\frac{x - \mu_c}{\sigma_c} + \beta_c(u, v)$$
#
# In the code, $1 + \gamma$ stands for $\gamma$. And SPADE's paper uses batch normalization, the library instance
# normalization. The colors of a photo are three channels, so AdaIN can be seen there:

# %%
from faceswap_lib.networks.spade import Spade
from faceswap_lib.reenactment.systems.avatar_networks import AdaptiveNorm


def normalize(x):
    return (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)


a, b = (people.images[[photo]] / 127.5 - 1 for photo in (photo_a, photo_b))
recolored = normalize(b) * a.std((1, 2), keepdims=True) + a.mean((1, 2), keepdims=True)  # B in A's colors

x, code = np.random.default_rng(1).normal(size=(1, 8, 8, 16)).astype("float32"), np.ones((1, 4), "float32")
layer = AdaptiveNorm()
found = keras.ops.convert_to_numpy(layer([x, code]))
scale, offset = np.split(code @ keras.ops.convert_to_numpy(layer.project.kernel), 2, axis=-1)
assert np.allclose(found, normalize(x) * (1 + scale) + offset, atol=1e-3)
as_image = ((np.clip(recolored[0], -1, 1) + 1) * 127.5).astype("uint8")
show.plot_images([people.images[photo_b], as_image], captions=["B", "B, AdaIN with A's colors"], width=4)

# %%
spade = Spade(hidden=8)
smooth = np.repeat(np.repeat(x, 8, 1), 8, 2)  # 8 x 8 places, enlarged to 64: it knows of no face
found = keras.ops.convert_to_numpy(spade([smooth, maps]))


def convolve(picture, layer):
    return keras.ops.conv(picture, layer.kernel, padding="same") + layer.bias


hidden = keras.ops.relu(convolve(maps, spade.read))
scale, offset = (keras.ops.convert_to_numpy(convolve(hidden, layer)) for layer in (spade.scale, spade.offset))
by_hand = normalize(smooth) * (1 + scale) + offset
assert np.allclose(found, by_hand, atol=1e-2)
shown = [(channel - channel.min()) / np.ptp(channel) for channel in (smooth[0, ..., 0], by_hand[0, ..., 0])]
show.plot_images(shown, captions=["a channel before SPADE", "after: the face is there"], width=4)

# %%
show.show_source(Spade.call)

# %% [markdown]
# The library's decoder uses `groups`: neighboring channels share $\mu$ and $\sigma$. Otherwise, what a channel has
# *everywhere*, for example the color of the skin, would be removed by the normalization.
#
# ## 3. Build it and train it
#
# This is the whole idea in plain Keras. The **encoder** shrinks the photo to a **latent code** of 64 numbers. It has no
# spatial grid; positions can still hide in it, see section 5. The **decoder** enlarges the code to 64 pixels; before
# each **activation** (a nonlinear function, here LeakyReLU), `norm` tells it the shape. In training, source and target
# are two frames of *one* person: the source's appearance and the target's shape must give the target.
#
# The second network is broken on purpose. It has AdaIN instead of SPADE, so the shape, too, must pass through a list of
# numbers.

# %%
from keras import layers

from faceswap_lib.reenactment.pair_sampling import draw_pairs


def encode(picture):
    for channels in (16, 32, 64, 64):  # 64 pixels become 4
        picture = layers.LeakyReLU(0.2)(layers.Conv2D(channels, 3, strides=2, padding="same")(picture))
    return layers.Dense(64)(layers.Flatten()(picture))


def build(norm):
    photo, maps = keras.Input((64, 64, 3)), keras.Input((64, 64, 9))
    code = encode(photo)
    x = layers.Reshape((4, 4, 64))(layers.Dense(1024)(code))
    for channels in (64, 48, 32, 16):
        x = layers.UpSampling2D(2)(layers.Conv2D(channels, 3, padding="same")(x))
        x = layers.LeakyReLU(0.2)(norm(x, maps))
    return keras.Model([photo, maps], layers.Conv2D(3, 3, padding="same", activation="tanh")(x))


small = load_people(open_people([workspace]), 64)
pictures, all_maps = small.images / np.float32(127.5) - 1, boundary_maps(small.shapes, 64)
kept = np.concatenate(learned)
drawn = draw_pairs(small.select(kept), PAIRS, rarity_exponent=0.5, seed=(0,))
sources, targets = (kept[index] for index in drawn)


def fit(norm, loss="mae", answers=pictures):
    keras.utils.set_random_seed(0)
    model = build(norm)
    model.compile(keras.optimizers.Adam(2e-3), loss)
    inputs = [pictures[sources], all_maps[targets]]
    model.fit(inputs, answers[targets], batch_size=16, epochs=EPOCHS, verbose=2)
    return model


with_spade = fit(lambda x, maps: Spade(16, groups=8)([x, maps]))
with_adain = fit(lambda x, maps: AdaptiveNorm()([x, encode(maps)]))

# %%
from faceswap_lib.reenactment.rendering import to_uint8


def draw(model, photo, frames):
    """Draws a photo with the shapes of some frames."""
    return to_uint8(model.predict([np.repeat(pictures[[photo]], len(frames), 0), all_maps[frames]], verbose=0))


shown = []
for photo, own, other in ((photo_a, some_a, some_b), (photo_b, some_b, some_a)):
    rows = [small.images[own], draw(with_spade, photo, own), draw(with_adain, photo, own)]
    for row in (*rows, draw(with_spade, photo, other)):
        shown += [small.images[photo], *row]
captions = [text for name in ("truth", "SPADE", "AdaIN", "SPADE, other") for text in (name, *[""] * 5)] * 2
show.plot_images(shown, captions=captions, columns=6, width=7)

# %% [markdown]
# The first column is the photo. With SPADE, eyes and mouth are in their places; with AdaIN they are washed out, because
# 64 numbers must say where 68 points are. And yet AdaIN's loss, printed above, is a little lower: most pixels are not
# eyes. Always look. In the rows "other", the driver is the other person: A smiles, B's lips close.
#
# **Exercise 1: write a layer.** Does SPADE need its hidden convolution? Write a layer that computes scale and offset
# from the map directly, with one 3x3 convolution each. The maps have 64 pixels at every scale of the decoder, so shrink
# them to the size of `x` first: `keras.ops.average_pool(guide, n, n)`, size and stride. The check says what is off.
# Then train with it, as `with_spade` was trained, and look.

# %%
from faceswap_lib.course.reenactment_checks import check_map_layer, check_weighted_loss


class DirectSpade(keras.layers.Layer):
    """Called with `[x, map]`; this one only normalizes."""

    def call(self, inputs):
        x, guide = inputs
        mean, variance = keras.ops.moments(x, axes=(1, 2), keepdims=True)
        return (x - mean) / keras.ops.sqrt(variance + 1e-5)


print(check_map_layer(DirectSpade))


# %% tags=["solution"]
# @title Solution
class DirectSpade(keras.layers.Layer):  # noqa: F811
    def build(self, shapes):
        self.scale, self.offset = (layers.Conv2D(shapes[0][-1], 3, padding="same") for _ in range(2))
        for convolution in (self.scale, self.offset):
            convolution.build(shapes[1])

    def call(self, inputs):
        x, guide = inputs
        shrink = guide.shape[1] // x.shape[1]  # maps have 64 pixels at every scale
        guide = keras.ops.average_pool(guide, shrink, shrink)  # size and stride
        mean, variance = keras.ops.moments(x, axes=(1, 2), keepdims=True)
        normal = (x - mean) / keras.ops.sqrt(variance + 1e-5)
        return normal * (1 + self.scale(guide)) + self.offset(guide)


assert check_map_layer(DirectSpade) == "right"
direct = fit(lambda x, maps: DirectSpade()([x, maps]))  # our loss: 0.129 instead of 0.115; the hidden layer helps
show.plot_images([small.images[photo_a], *draw(direct, photo_a, some_a)], width=7)

# %% [markdown]
# ## 4. The library's networks and their losses
#
# The library adds to this: features of an *appearance decoder* join the decoder, a *fusion* network follows (section
# 8), and **discriminators** at three scales judge whether small patches look filmed (**PatchGAN**,
# [04c](04c_gan.ipynb)). The losses, with their weights:

# %%
from faceswap_lib.networks import count_layers
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.systems.one_shot import SYSTEM
from faceswap_lib.reenactment.training import load_reenactment, train_reenactment
from faceswap_lib.training import LoopConfig, read_history

config = ReenactmentNetworkConfig(system="one-shot", resolution=64, capacity=CAPACITY)
options = ReenactmentTrainConfig(steps=STEPS, batch_size=BATCH_SIZE, hold_out=0.2)
report = train_reenactment(
    [workspace], run=RUN, network_config=config, config=options, run_config=LoopConfig(log_every=10), progress=True
)
networks, step = load_reenactment(workspace, RUN)
for part in networks.generators:
    print(f"{part.name:20} {sum(layer.weights for layer in count_layers(part)):9,} weights")
print(f"{report.steps} steps; weights of the losses:", SYSTEM.loss_weights)
curves = ("reconstruction", "parts", "identity", "fusion")
show.plot_losses(read_history(report.folder / "history.jsonl"), terms=curves)

# %% [markdown]
# | loss | what it asks |
# |---|---|
# | `reconstruction` | is each pixel right? |
# | `parts` | the same, but a pixel of an eye counts three times, the gaze four times, lips three times |
# | `appearance` | can the photo be rebuilt from its code? (an *autoencoder*) |
# | `perceptual`, `identity` | does a face network see the same, and the same person? |
# | `adversarial` | do the discriminators take it for filmed? |
# | `fusion` | all of that for the fused picture |
#
# `code_noise` adds noise to the code, so that nearby codes mean nearby faces. After so few steps, this noise and the
# discriminators still show as a fine pattern in the pictures; our small network has neither.
#
# **Exercise 2: write a loss.** The part loss is $\sum w\,|p-t|\,/\sum w$; $|p-t|$ is the mean over the three colors.
# `target[..., 3:]` holds the weight $w$. The solution trains the small network with the sum of it and the plain error.
# Are the eyes better? (Here the mean is weighted, so the skin loses; compare [04](04_losses.ipynb).)


# %%
def part_loss(target, picture):
    return keras.ops.mean(keras.ops.abs(target[..., :3] - picture))  # your solution


print(check_weighted_loss(part_loss))

# %% tags=["solution"]
# @title Solution
from faceswap_lib.reenactment.systems.one_shot_losses import part_weights, weighted_error


def part_loss(target, picture):
    error = keras.ops.mean(keras.ops.abs(target[..., :3] - picture), axis=-1, keepdims=True)
    return keras.ops.sum(error * target[..., 3:]) / keras.ops.sum(target[..., 3:])


assert check_weighted_loss(part_loss) == "right"
weights = keras.ops.convert_to_numpy(part_weights(all_maps))
sample = pictures[:2], pictures[2:4], weights[:2]
library = weighted_error(np.abs(sample[1] - sample[0]), sample[2])
assert np.isclose(float(part_loss(np.concatenate([sample[0], sample[2]], -1), sample[1])), float(library), atol=1e-4)


def both_losses(target, picture):
    return part_loss(target, picture) + keras.ops.mean(keras.ops.abs(target[..., :3] - picture))


careful = fit(lambda x, maps: Spade(16, groups=8)([x, maps]), both_losses, np.concatenate([pictures, weights], -1))
# Ours: the eyes improve from 12.2 to 10.4 gray levels, and everything together gets worse, from 14.9 to 15.9.
for name, model in (("all pixels alike", with_spade), ("with part loss", careful)):
    made = [draw(model, task.photo, task.driver) / 127.5 - 1 for task in tasks]
    driving = np.concatenate([driver_a, driver_b])
    error, eyes = np.abs(np.concatenate(made) - pictures[driving]).mean(-1), all_maps[driving, ..., 2] > 0.5
    print(f"{name:16} error {127.5 * error.mean():.1f} gray levels, at the eyes {127.5 * error[eyes].mean():.1f}")

# %% [markdown]
# ## 5. Appearance and shape apart
#
# The test: two appearances times two shapes. In each row the shape is the same, in each column the person.

# %%
from faceswap_lib.reenactment.systems.one_shot import OneShotRenderer

size = networks.config.resolution
renderers = [OneShotRenderer(networks, small.images[p], people.shapes.shape(p)) for p in (photo_a, photo_b)]
both = people.shapes.take(np.array([some_a[0], some_b[-1]]))
grid = [renderer.render_parts(both)["generated"] for renderer in renderers]
captions = ["A, A's shape", "B, A's shape", "A, B's shape", "B, B's shape"]
show.plot_images(
    [picture for pair in zip(*grid, strict=True) for picture in pair], captions=captions, columns=2, width=4
)

# %% [markdown]
# One thing does not come apart by itself. In training, source and target are one person, so the network may take the
# **outline** of the face from the source's appearance and ignore the map. A driver has another outline. The trick of
# the paper's code is **contour exchange**: some targets get the outline of another person, and their picture is warped
# with it. By hand: A's outline is moved by the difference of the two mean outlines, at most 1.5 times.

# %%
from faceswap_lib.faces.landmarks_68 import OUTLINE
from faceswap_lib.reenactment.pair_views import to_device
from faceswap_lib.reenactment.systems.one_shot_contours import exchange_contours, mean_outlines
from faceswap_lib.reenactment.warping import warp_piecewise_affine

outlines = mean_outlines(to_device(people))
by_hand = [people.shapes.points[people.person == person][:, OUTLINE].mean(axis=0) for person in (0, 1)]
assert np.allclose(outlines, by_hand, atol=1e-3)
before = people.shapes.points[photo_a]
after = before.copy()
after[OUTLINE] += 1.5 * (outlines[1] - outlines[0])
exchanged = warp_piecewise_affine(people.images[photo_a], before, after).image
figure, axes = plt.subplots(1, 3, figsize=(7, 2.5), layout="constrained")
change = np.abs(exchanged.astype(int) - people.images[photo_a]).mean(axis=-1)
for place, image, title in zip(
    axes, (people.images[photo_a], exchanged, change), ("A", "exchanged", "change"), strict=True
):
    place.imshow(image, cmap="gray")
    for outline, color in ((before, "white"), (after, "tab:red")):
        place.plot(*((outline[OUTLINE] + 0.5) * 80 / CROP_SIZE - 0.5).T, color=color, lw=1)
    place.set_title(title, fontsize=9)
    place.set_axis_off()
plt.show()

# %%
show.show_source(exchange_contours)

# %% [markdown]
# ## 6. Warp the photo: one triangle
#
# A generated face blurs wrinkles. The photo has them; they are only in the wrong place. A **piecewise affine warp**
# divides the face into triangles. In each, an **affine map** $M$ (six numbers) is fixed by the three corners: target
# $(x, y, 1)$ times $M$ is the place in the photo. It is a *backward map*: for each pixel of the result, where does it
# come from?

# %%
from faceswap_lib.reenactment.control_points import extend_points, find_triangles
from faceswap_lib.reenactment.warping import piecewise_affine_map

source, goal = people.shapes.shape(photo_a), people.shapes.shape(target)
corners = [(extend_points(shape.points) + 0.5) * 80 / CROP_SIZE - 0.5 for shape in (source, goal)]
triangles = find_triangles()
inside = triangles[(triangles < 68).all(axis=1)]
spans = np.ptp(corners[1][inside], axis=1).min(axis=1)
chosen = inside[spans.argmax()]  # the widest triangle between landmarks
old, new = (points[chosen] for points in corners)
matrix = np.linalg.solve(np.column_stack([new, np.ones(3)]), old)  # (3, 2)
x, y = new.mean(axis=0).round().astype(int)  # a pixel in the middle of the triangle
backward = piecewise_affine_map(source.points, goal.points, 80)
assert np.allclose([x, y, 1] @ matrix, backward[y, x], atol=1e-2)
warped = warp_piecewise_affine(people.images[photo_a], source.points, goal.points).image
figure, axes = plt.subplots(1, 3, figsize=(7, 2.5), layout="constrained")
pictures_of = zip(axes, (people.images[photo_a], people.images[target], warped), (*corners, corners[1]), strict=True)
for place, image, points in pictures_of:
    place.imshow(image)
    place.triplot(*points.T, triangles, lw=0.3, color="white")
    place.fill(*points[chosen].T, color="tab:red", alpha=0.6)
    place.set(xlim=(0, 79), ylim=(79, 0))
    place.set_axis_off()
for place, title in zip(axes, ("photo", "driver's frame", "photo, warped"), strict=True):
    place.set_title(title, fontsize=9)
plt.show()

# %% [markdown]
# ## 7. Classical fusion
#
# The published code fuses without a network: **skin** from the warped photo, everything that the photo hides (inner
# mouth, edges of lids, a cheek that turned into view) from the generated picture. That is an **alpha blend**,
# $\alpha\,w + (1 - \alpha)\,g$, of the warped photo $w$ and the generated picture $g$. The eyes are *relit*: the
# generated eyes get the brightness of the photo's eyes, and the photo's irises move to the driver's gaze.

# %%
import cv2

from faceswap_lib.conversion.blending import alpha_blend
from faceswap_lib.reenactment.eye_transfer import BRIGHTNESS, EYES, match_brightness, opening_mask
from faceswap_lib.reenactment.fusion import fuse
from faceswap_lib.reenactment.part_warp import part_map
from faceswap_lib.reenactment.skin_alpha import skin_alpha
from faceswap_lib.reenactment.warping import sample_image

photo, generated = small.images[photo_a], renderers[0].render_parts(wanted)["generated"][0]
places = part_map(source.points, goal.points, size)
skin, alpha = sample_image(photo, places), skin_alpha(source.points, goal.points, places)
blended = alpha[..., None] * skin + (1 - alpha[..., None]) * generated
assert np.abs(alpha_blend(generated, skin, alpha).astype(float) - blended).max() <= 1

masks = [np.maximum(*(opening_mask(shape.points[eye], size) for eye in EYES)) for shape in (source, goal)]
levels = [
    (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) * mask).sum() / mask.sum()
    for image, mask in zip((photo, generated), masks, strict=True)
]
gain = 1 + (np.clip((levels[0] + 1) / (levels[1] + 1), *BRIGHTNESS) - 1) * masks[1]
relit = match_brightness(generated, photo, source.points, goal.points)
if not np.array_equal(relit, generated):  # closed eyes are left alone
    assert np.abs(np.clip(gain[..., None] * generated, 0, 255) - relit).max() <= 1
fused = fuse(photo, source, generated, goal)
shown = [generated, skin, alpha, blended.astype("uint8"), fused, small.images[target]]
show.plot_images(shown, captions=["generated", "warped", "alpha of the skin", "blended", "fused, with eyes", "truth"])

# %% [markdown]
# ## 8. Learned fusion
#
# The paper describes a **FusionNet** instead. Here, a small *U-Net* (an encoder and a decoder, with skip connections
# between their layers of equal size) sees the generated picture, the warped photo, and how far each pixel moved. It
# outputs $\alpha$ and a small *residual* for what neither picture has. An ablation
# ([04](04_losses.ipynb)) with three filmed people and 600 steps: without the loss of this fusion the
# landmark error was 3.58 % instead of 2.86 %, and SSIM .735 instead of .780. Without the reconstruction loss, the
# picture of the decoder had .713 instead of .734, but the result still .780: the fusion shows skin of the photo there.
# Without any other single loss, all stayed within the chance of a seed, or close to it.

# %%
from faceswap_lib.reenactment.learned_fusion import LARGEST_RESIDUAL, compose

random = np.random.default_rng(2)
one, other = random.uniform(-0.5, 0.5, (2, 1, 4, 4, 3)).astype("float32")
decision = random.normal(size=(1, 4, 4, 4)).astype("float32")
share = 1 / (1 + np.exp(-decision[..., :1]))  # the sigmoid function
by_hand = (1 - share) * one + share * other + LARGEST_RESIDUAL * np.tanh(decision[..., 1:])
assert np.allclose(keras.ops.convert_to_numpy(compose(one, other, decision)[0]), np.clip(by_hand, -1, 1), atol=1e-4)
parts = {name: array[0] for name, array in renderers[0].render_parts(wanted).items()}
shown = [parts["generated"], parts["warped"], parts["alpha"][..., 0], parts["fused"], small.images[target]]
show.plot_images(shown, captions=["generated", "warped", "alpha it chose", "fused", "truth"], width=7.5)

# %% [markdown]
# ## 9. Is it any good?
#
# The **baselines** cost nothing: the photo copied, moved by a *similarity* (shift, turn, scale), warped piecewise. All
# are measured on held-out frames. `landmarks` and `irises` are distances to the true ones in percent of the eye
# distance.

# %%
from faceswap_lib.errors import InputError
from faceswap_lib.evaluation.reenactment import ReenactmentMeter
from faceswap_lib.evaluation.reenactment_methods import baseline_makers, embed_people, measure_methods, system_makers
from faceswap_lib.faces.recognition import open_embedder
from faceswap_lib.reenactment.face_shape import open_shape_detector

try:
    embedder = open_embedder()
except InputError as error:
    print("without identity:", error)
    embedder = None
known = embed_people(embedder, people, tasks, size) if embedder else {}
meter = ReenactmentMeter(detector=open_shape_detector(), embedder=embedder, perceptual=None, people=known)


def part(name):
    return lambda image, shape, shapes: OneShotRenderer(networks, image, shape).render_parts(shapes)[name]


def small_network(image, shape, shapes):
    photos = np.repeat(image[None] / np.float32(127.5) - 1, len(shapes), axis=0)
    return to_uint8(with_spade.predict([photos, boundary_maps(shapes, size)], verbose=0))


ours = {"section 3": small_network, "generated": part("generated"), "learned fusion": part("fused")}
ours["classical fusion"] = system_makers(networks)["one-shot, fused"]
scores = measure_methods(baseline_makers() | ours, people, tasks, meter, size)
columns = {"psnr": "PSNR", "ssim": "SSIM", "landmark_error": "landmarks", "gaze_error": "irises"}
columns["identity_distance"] = "identity"
print(f"{'':18}" + "".join(f"{title:>11}" for title in columns.values()))
for name, found in scores.items():
    mean = found.mean()
    print(f"{name:18}" + "".join(f"{mean[key]:11.2f}" for key in columns))

# %% [markdown]
# "Section 3" is our small network; alone, it beats the library's generated picture here. Copying the photo is best in
# one column: it *is* the person. The warps are hard to beat where nothing hidden comes into view; that is most of these
# clips. Both fusions are better than every baseline in PSNR and SSIM; the classical one also has the best gaze, because
# it moves the photo's own irises. In landmarks the warp stays ahead: it puts them there by definition. It was one
# training; a difference in the last digit may be chance.
#
# ## 10. What it cannot do
#
# What does such a network know of people whom it never saw? We train one with A alone, and show it B's photo:

# %%
from faceswap_lib.course.pair_training import train_pairs

only_a = dataclasses.replace(people.select(learned[0]), names=people.names[:1])
short = ReenactmentTrainConfig(steps=ALONE_STEPS, batch_size=BATCH_SIZE)
alone = train_pairs(only_a, config, short, name="A alone")
stranger = OneShotRenderer(alone.averaged, small.images[photo_b], people.shapes.shape(photo_b))
frames = people.shapes.take(some_b)
rows = [renderer.render_parts(frames)["generated"] for renderer in (stranger, renderers[1])]
shown = [image for row in (small.images[some_b], *rows) for image in (small.images[photo_b], *row)]
captions = [text for name in ("truth", "knows A", "knows A, B") for text in (name, *[""] * 5)]
show.plot_images(shown, captions=captions, columns=6, width=7)

# %% [markdown]
# The network that knows A alone draws A's features in B's place: an encoder that has seen one person maps everybody to
# this person. A network that has seen two people knows two. Systems for everybody are trained on thousands.
#
# At last the clip, as `faceswap reenact` makes it: A's photo, B's motion, with the visible label and Content
# Credentials.

# %%
from faceswap_lib.media import read_frames, write_image
from faceswap_lib.pipeline.reenacting import reenact
from faceswap_lib.reenactment.config import FrameConfig

clips = [VIDEO_A or workspace.root / "clips" / "hopper.mp4", VIDEO_B or workspace.root / "clips" / "collins.mp4"]
frame = next(read_frames(clips[0], start=int(people.frames[photo_a])))
clip = workspace.root / "moved.mp4"
keep = FrameConfig(background="keep")
photo_file = workspace.root / "photo.png"
write_image(photo_file, frame)
made = reenact(photo_file, clips[1], workspace, clip, run=RUN, frame_config=keep, consent=CONSENT, overwrite=True)
print(f"{made.frames} frames, {made.held} of them without a face in the driver")
show.embed_video(clip, width=320)

# %% [markdown]
# ## What you know now
#
# - A driver is reduced to heat-maps; SPADE tells a decoder at every place what belongs there.
# - Appearance and shape come apart only if the training makes them: pairs, noise on the code, exchanged outlines.
# - Warped skin beats generated skin; a network is needed for what the photo hides.
#
# **To try:** `loss_weights="contour_exchange=0"` in `ReenactmentTrainConfig`, and a driver with another outline. More
# steps; `resolution=128`.
#
# Next: [12 Expressions](12_expressions.ipynb), or a photo and a driver of your own:
# [docs/reenactment.md](../docs/reenactment.md).

# %% [markdown]
# ## Quiz

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("11_one_shot")

# %% [markdown]
# ## Further reading
#
# - [One-shot Face Reenactment](https://arxiv.org/abs/1908.03251) (Zhang et al., 2019): the paper of this notebook.
# - [SPADE](https://arxiv.org/abs/1903.07291) (Park et al., 2019): the layer, for maps of whole scenes.
# - [AdaIN](https://arxiv.org/abs/1703.06868) (Huang and Belongie, 2017): the style of one image for another.
# - [ReenactGAN](https://arxiv.org/abs/1807.11079) (Wu et al., 2018): boundary heat-maps came from there.
# - [First Order Motion Model](https://arxiv.org/abs/2003.00196) (Siarohin et al., 2019): motion without landmarks.

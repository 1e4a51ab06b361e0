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
# # 04b The perceptual loss
#
# Pixel losses compare two pictures position by position. People do not. A **perceptual loss** compares what a network,
# trained earlier on many faces, computes from both pictures. faceswap-GAN v2.2 uses VGGFace for it, a network that
# recognizes people. This lesson computes such a loss by hand, measures what its layers react to, and looks for what it
# does not see.
#
# | | |
# |---|---|
# | **You will learn** | what features are, which layer reacts to what, why this loss never trains alone |
# | **You will have at the end** | your own perceptual loss, and pictures that were made by it |
# | **Time on two CPU cores** | about 2 minutes |
# | **Before** | [04 The losses](04_losses.ipynb) |
# | **After** | [04c The adversarial loss](04c_gan.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # its facesets are used; if there are none, those of the demo are made
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
STEPS = 400  # of each training in section 4
TRAIN_STEPS = 200  # of each training in section 6
BATCH_SIZE = 8
VGGFACE = None  # your weight file of VGGFace, if it is not in a usual folder

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.course.loss_checks import check_feature_loss
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import PRESETS
from faceswap_lib.networks.pretrained import onet
from faceswap_lib.training import losses

workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
tiny = PRESETS["tiny"]
faces_a, faces_b = (
    Faceset.open(workspace, side).load(tiny.stored_size).views(tiny.resolution)[0].astype("float32")
    for side in ("src", "dst")
)
real = faces_a[:1]  # (1, 64, 64, 3), 0 to 255


def to_show(picture):
    """Converts (1, R, R, 3), 0 to 255, for display."""
    return np.clip(np.round(picture[0]), 0, 255).astype("uint8")


# %% [markdown]
# ## 1. The same error, and only one looks right
#
# We move the face by one pixel, and we blur it until its mean absolute error is the same.

# %%
shifted = np.roll(real, 1, axis=2)
error = np.abs(shifted - real).mean()
low, high = 0.3, 10.0  # the deviation of the blur is between these two
for _ in range(30):
    middle = (low + high) / 2
    blurred = cv2.GaussianBlur(real[0], (0, 0), middle)[None]
    low, high = (middle, high) if np.abs(blurred - real).mean() < error else (low, middle)
captions = [f"{name}: error {np.abs(x - real).mean():.1f}" for name, x in (("moved", shifted), ("blurred", blurred))]
show.plot_images([to_show(x) for x in (real, shifted, blurred)], captions=["real", *captions], width=6)

# %% [markdown]
# A pixel loss cannot prefer one to the other. You can: the moved face is perfect, the blurred one is useless. We look
# for a loss that agrees with you.
#
# ## 2. One layer by hand
#
# The first layers of most face networks are convolutions. Their outputs are called **features**: one map per channel,
# with high values where the picture contains the pattern that the channel has learned. Our network is *O-Net*, the last
# one of the detector in notebook 01. Its weights come with the detector, so nothing is downloaded. Its first layer has
# 32 kernels of 3x3x3 weights, and an **activation**, the nonlinear function after a convolution: *PReLU* multiplies
# negative values by a learned number. By hand:

# %%
from numpy.lib.stride_tricks import sliding_window_view

model = onet.build_onet_features(tiny.resolution)
convolution, prelu = (
    next(x for x in model.layers if isinstance(x, kind)) for kind in (keras.layers.Conv2D, keras.layers.PReLU)
)
kernel, bias = convolution.get_weights()
windows = sliding_window_view(onet.preprocess(real)[0], (3, 3), axis=(0, 1))  # (62, 62, 3, 3, 3): channel, row, column
values = np.einsum("yxcij,ijcf->yxf", windows, kernel) + bias
by_hand = np.where(values > 0, values, prelu.get_weights()[0].reshape(-1) * values)


def features(picture):
    """Computes the features of the four layers, a list of (B, h, w, C)."""
    return [keras.ops.convert_to_numpy(layer) for layer in model(onet.preprocess(picture))]


first = features(real)[0]
assert np.allclose(first[0], by_hand, atol=1e-4)
print("the four layers:", [layer.shape[1:] for layer in features(real)])

# %% [markdown]
# Now the distance of two pictures in this layer. Each channel of each picture is normalized to mean 0 and standard
# deviation 1 over its positions, so that no channel decides alone because its numbers are large. The distance is the
# mean squared difference.

# %%
pair = [features(picture)[0] for picture in (blurred, real)]
a, b = ((x - x.mean(axis=(1, 2))) / np.sqrt(x.var(axis=(1, 2)) + 1e-3) for x in pair)
by_hand = ((a - b) ** 2).mean()


def measure_distance(fake, real):
    """Computes the library's distance of two features (B, h, w, C)."""
    fake, real = (keras.ops.convert_to_tensor(part) for part in (fake, real))
    return float(losses.feature_distance([fake], [real], [1.0]))


assert np.isclose(measure_distance(*pair), by_hand, rtol=1e-3)
print(f"blurred face, first layer: {by_hand:.3f}")

# %%
show.show_source(losses.feature_distance)

# %% [markdown]
# ## 3. Several depths, and what they react to
#
# The next layers see the output of the layer before. Their maps are smaller, and each of their values depends on a
# larger part of the picture, its **receptive field**. We measure it: change one column of pixels at a time, and count
# the columns that change the value in the middle.

# %%
columns = np.repeat(real, tiny.resolution, axis=0)
for index in range(tiny.resolution):
    columns[index, :, index] = 255 - columns[index, :, index]
fields = []
for changed, layer in zip(features(columns), features(real), strict=True):
    middle = layer.shape[1] // 2
    fields.append(int((np.abs(changed - layer)[:, middle, middle].max(axis=-1) > 0).sum()))
shown = [channel for layer in features(real) for channel in show.split_channels(layer[0], 6)]
captions = [f"layer {1 + index // 6}: field {fields[index // 6]}" for index in range(len(shown))]
show.plot_images(shown, captions=captions, columns=6)

# %% [markdown]
# Layer 1 sees edges and colors in 3 pixels. Layer 4 sees 33 of 64 pixels, an eye with its brow and glasses, but it has
# only 5 by 5 positions: it hardly knows *where*. The next cell changes the face in six ways with the same pixel error,
# and in two real ways, and measures every layer.

# %%
noise = np.random.default_rng(0).normal(size=real.shape)
pattern = (np.indices(real.shape[1:3]).sum(axis=0) % 2 * 2 - 1)[None, :, :, None] * np.ones_like(real)


def with_error(change):
    """Adds a change to the face, as strong as it takes for the pixel error of section 1."""
    low, high = 0.0, 1000.0 / np.abs(change).max()
    for _ in range(30):
        middle = (low + high) / 2
        changed = np.clip(real + middle * change, 0, 255)
        low, high = (middle, high) if np.abs(changed - real).mean() < error else (low, middle)
    return changed


opened = faces_a[np.abs(faces_a - real).mean(axis=(1, 2, 3)).argmax()][None]  # A's face that differs most
changes = {"moved": shifted, "blurred": blurred, "noise": with_error(noise), "brighter": with_error(np.ones_like(real))}
changes |= {"pixel pattern": with_error(pattern), "a bit of B": with_error(faces_b[:1] - real)}
changes |= {"A, other frame": opened, "B": faces_b[:1]}
show.plot_images([to_show(picture) for picture in changes.values()], captions=list(changes), columns=8)


# %%
def measure(layers_of):
    """Computes the distance of every change to the real face, per layer: (changes, layers)."""
    target = layers_of(real)
    return np.array(
        [
            [measure_distance(x, y) for x, y in zip(layers_of(picture), target, strict=True)]
            for picture in changes.values()
        ]
    )


distances = measure(features)
print(f"{'':15} pixels" + "".join(f"  layer {index}" for index in range(1, 5)))
for (name, picture), row in zip(changes.items(), distances, strict=True):
    print(f"{name:15} {np.abs(picture - real).mean():6.1f}" + "".join(f"{value:9.3f}" for value in row))
figure, axes = plt.subplots(figsize=(9, 2.6), layout="constrained")
for index in range(4):
    axes.bar(np.arange(len(changes)) + 0.2 * index, distances[:, index], 0.2, label=f"layer {index + 1}")
axes.set_xticks(np.arange(len(changes)) + 0.3, list(changes), fontsize=8)
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# - **Moved or blurred.** To layer 1 both are nearly the same, 0.34 and 0.37. To layer 4 the blur is seven times as bad
#   as the shift. Deep layers agree with your eye, because they look for parts and do not care about one pixel.
# - **Brighter** costs nothing: the normalization removes it.
# - **The pattern of single pixels costs nothing either**, in any layer. O-Net was trained to find faces in any
#   picture and has learned to ignore it. This is the blind spot of the loss: what no channel responds to is free.
# - **B** is the farthest of all in every layer. But to layer 4 she is hardly farther than the blurred A. And in layer
#   1, A in another frame is twice as far as the blur. A detector needs to know *that* there is a face and where its
#   parts are. VGGFace was trained to know *whose* face it is, and with any expression.
#
# **Exercise 1: write the loss.** Write the perceptual loss of one layer with `keras.ops`, so that a training can use
# it. `keras.ops.moments(x, axes=..., keepdims=True)` returns mean and variance. Add 0.001 to the variance before the
# square root.


# %%
def feature_loss(fake, real):
    """Computes the distance of features (B, h, w, C)."""
    return keras.ops.mean(keras.ops.square(fake - real))  # your solution


print(check_feature_loss(feature_loss))


# %% tags=["solution"]
# @title Solution
def feature_loss(fake, real):
    """Computes the distance of features (B, h, w, C), each channel normalized per image."""

    def normalize(x):
        mean, variance = keras.ops.moments(x, axes=(1, 2), keepdims=True)
        return (x - mean) / keras.ops.sqrt(variance + 1e-3)

    return keras.ops.mean(keras.ops.square(normalize(fake) - normalize(real)))


print(check_feature_loss(feature_loss))

# %% [markdown]
# ## 4. Train a picture with your loss alone
#
# What does the loss really ask for? We train a picture instead of a network: its 64 x 64 x 3 numbers are the weights,
# and it starts as the blurred face. The only loss is yours, in one layer.


# %%
class Canvas(keras.layers.Layer):
    """Returns a picture in [-1, 1] that is trained; the input does not matter."""

    def __init__(self, first):
        super().__init__()
        self.picture = self.add_weight(shape=first.shape, initializer=lambda shape, dtype=None: first)

    def call(self, unused):
        return self.picture + 0 * unused


def paint(layer, loss):
    """Trains a picture until its features in a layer, or its pixels for None, are those of the real face."""
    seen = keras.Model(model.input, model.input if layer is None else model.outputs[layer])
    unused = keras.Input((1, 1, 3))
    canvas = Canvas(keras.ops.convert_to_tensor(onet.preprocess(blurred), "float32"))
    painter = keras.Model(unused, seen(canvas(unused)))
    painter.compile(keras.optimizers.Adam(0.02), loss)
    target = seen.predict(onet.preprocess(real), verbose=0)
    data = np.zeros((STEPS, 1, 1, 3), "float32"), np.repeat(target, STEPS, axis=0)
    painter.fit(*data, batch_size=1, verbose=0)
    return keras.ops.convert_to_numpy(canvas.picture) * 128 + 127.5


painted = [paint(layer, lambda target, fake: feature_loss(fake, target)) for layer in (0, 1, 3)]
captions = ["start", "layer 1", "layer 2", "layer 4", "real"]
show.plot_images([to_show(picture) for picture in (blurred, *painted, real)], captions=captions, width=8)

# %% [markdown]
# Each picture has nearly the features of the real face in its layer. Layer 1 brings almost everything back. Layer 2
# covers the face with a fine pattern. Layer 4 gives the right eyes, glasses and mouth, under dots of wild colors: the
# blind spot of section 3, made visible. A network that is trained with deep features alone writes such dots. So every
# system *adds* this loss to a pixel loss: the pixels say where and which color, the features say what it must look
# like.
#
# ## 5. VGGFace, as in faceswap-GAN v2.2
#
# *VGGFace* is the name of networks that were trained to recognize thousands of people: a VGG16 of 2015, and a ResNet50
# of 2018, trained on the data set VGGFace2. faceswap-GAN v2.2 uses the second. The package `keras-vggface`, which used
# to build it, no longer works with today's Keras. The library needs only its *weight file*
# (`rcmalli_vggface_tf_notop_resnet50.h5`): it builds the same layers itself and loads the file into them.
# `perceptual="auto"` uses the file if it is there, and O-Net otherwise. The next cell prints which one you have:

# %%
from faceswap_lib.training import TrainConfig
from faceswap_lib.training.perceptual import PerceptualLoss, open_perceptual_loss

judge = open_perceptual_loss(TrainConfig(perceptual="auto", vggface=VGGFACE), tiny.resolution)
print(f"this machine compares with {judge.name}, at {judge.side} pixels, layer weights {judge.layer_weights}")

# %%
show.show_source(PerceptualLoss.distance)

# %%
from faceswap_lib.training.perceptual import resize


def features_of_judge(picture):
    """Computes the features as the library's loss does: resized, preprocessed, all layers."""
    outputs = judge.model(judge.preprocess(resize(keras.ops.convert_to_tensor(picture), judge.side)))
    return [keras.ops.convert_to_numpy(layer) for layer in outputs]


by_layer = measure(features_of_judge)
in_all = by_layer @ np.array(judge.layer_weights)
for name, picture, total, row in zip(changes, changes.values(), in_all, by_layer, strict=True):
    tensors = [keras.ops.convert_to_tensor(part, "float32") for part in (picture, real)]
    assert np.isclose(float(judge.distance(*tensors)), total, rtol=1e-2, atol=1e-4)
    print(f"{name:15} {total:7.4f}   per layer", np.round(row, 3))

# %% [markdown]
# | | faceswap-GAN v2.2 | this library |
# |---|---|---|
# | network | VGGFace, ResNet50 | the same with the weight file, otherwise O-Net (our addition) |
# | layers | `conv1_7x7_s2`, `conv2_3_relu`, `conv3_4_relu`, `conv5_3_relu` | the same; O-Net's four |
# | their weights | 0.1, 0.3, 0.1, 0.01 | the same; O-Net 0.1 each |
# | input | 224 pixels, BGR minus the mean color | 112 pixels by default; O-Net at most 64 |
# | features | normalized per channel and picture, squared difference | the same |
# | compared picture | random mixture of raw face and composite | the same, but the raw face only in the face region |
# | when | off at first, on from step 7,850 of 40,000 | from the first step |
#
# The mixture matters: because the composite is compared too, this loss also changes the mask. The page of faceswap-GAN
# says that the VGGFace loss improves the direction of the eyes and the mask. We have not measured that. With O-Net, in
# notebook 04, the loss added a little sharpness, and the rims of the glasses became faintly visible.
#
# ## 6. Too much of it
#
# Two small trainings of the library, the second with a weight of 30 instead of 1. Everything else is equal.

# %%
from faceswap_lib.course.ablation import train_variant, write_views

arrays = [Faceset.open(workspace, side).load(tiny.stored_size) for side in ("src", "dst")]
base = {"steps": TRAIN_STEPS, "batch_size": BATCH_SIZE, "adversarial_weight": 0.0, "perceptual": "onet"}
views, areas = (part[::15] for part in arrays[0].views(tiny.resolution))
shown, captions = [views[0]], ["real"]
for weight in (1.0, 30.0):
    variant = train_variant(arrays, TrainConfig(**base, perceptual_weight=weight), name=f"weight {weight:.0f}")
    again = write_views(variant.networks, views, areas, "a2a")
    shown.append(again.faces[0])
    captions.append(f"weight {weight:.0f}: error {again.error:.1f}, sharpness {again.sharpness:.0%}")
show.plot_images(shown, captions=captions, width=8)

# %% [markdown]
# With a weight of 30 the parts of the face are outlined well, in colors that no face has: the normalization removed the
# colors from the loss, and the pixel loss is too weak beside it. The sharpness is 429 % of the frame's, the error 87
# levels instead of 14. So sharpness alone does not measure quality: noise and wild colors are sharp, too.
#
# ## What you know now
#
# - Features of a trained network agree with your eye where pixels do not: deep layers care about parts, not positions.
# - A perceptual loss has blind spots: brightness, color, patterns of single pixels. It never trains alone.
#
# **To try:** `paint` with pixels and features together. With VGGFace: sections 3 and 6 again, with
# `features_of_judge` and `perceptual="vggface"`.
#
# Next: [04c The adversarial loss](04c_gan.ipynb).

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("04b_perceptual_loss")

# %% [markdown]
# ## Further reading
#
# - [Perceptual losses](https://arxiv.org/abs/1603.08155) (Johnson et al., 2016): features as a loss of a training.
# - [Understanding deep image representations by inverting them](https://arxiv.org/abs/1412.0035) (Mahendran and
#   Vedaldi, 2015): section 4, for every layer of a large network.
# - [LPIPS](https://arxiv.org/abs/1801.03924) (Zhang et al., 2018): how well features agree with people.
# - [VGGFace2](https://arxiv.org/abs/1710.08092) (Cao et al., 2018): the data and the networks behind VGGFace.
# - [keras-vggface](https://github.com/rcmalli/keras-vggface): where the weight files were published.
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): the loss of section 5.

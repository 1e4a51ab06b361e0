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
# # 03b The networks
#
# A network makes the face swap, although no swap was ever shown to it. This notebook examines this network part by
# part: what a *convolution* computes, what a *latent code* is, why there are **one encoder and two decoders**, how a
# small map becomes a large image, what *attention* and the *mask* do, and what the *discriminator* sees. Each part is
# first computed by hand on a few numbers. Then we look into a trained network.
#
# | | |
# |---|---|
# | **You will have at the end** | a look into every part of a trained run, and an experiment with one decoder |
# | **Time on two CPU cores** | about 3 minutes with a trained run; 5 more if it must be trained first |
# | **Before** | [02 Binary masks](02_prep_binary_masks.ipynb) |
# | **After** | [04 The losses](04_losses.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # files of notebooks 01 and 02 are used; missing files are made
RUN = "default"  # the trained run that we look at
PRESET = "lite"  # its networks, if the run must be trained first
STEPS = 600  # and the length of this training
BATCH_SIZE = 8
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
TWIN_STEPS = 300  # steps of each of the two small trainings in section 5

# %% [markdown]
# The next cell loads the packages and the trained run. (A message of TensorFlow about oneDNN or GPU drivers is not an
# error.) *Training* changes the numbers in the networks, the *weights*, a little at a time. Each change reduces a
# *loss*, a number that says how wrong the networks' images are. One such change is a *step*. [04](04_losses.ipynb) and
# [05](05_faceswap_train.ipynb) explain this in detail.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # fewer messages when TensorFlow starts

import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_run
from faceswap_lib.devices import has_accelerator
from faceswap_lib.facesets import Faceset
from faceswap_lib.training import load_run

np.set_printoptions(precision=3, suppress=True)
made = {"preset": PRESET, "steps": STEPS, "batch_size": BATCH_SIZE, "seconds": SECONDS, "size": SIZE}
workspace = make_run(WORKSPACE, run=RUN, **made)  # makes only missing parts
networks, step = load_run(workspace, RUN)
print(f"networks trained for {step} steps, faces of {networks.config.resolution} pixels")

# %% [markdown]
# We look at A's faces. The *view* is the part of a crop that is cut out for the networks. `seen` is the input of the
# encoder: only the face, with its colors normalized to mean 0 and a fixed standard deviation. This is the *standard
# tone* ([00](00_faceswap_demo.ipynb), section 5). The output shows six views in the first row and the same images as
# the encoder reads them in the second row.

# %%
from faceswap_lib.networks import preprocess_views

resolution, size = networks.config.resolution, networks.config.stored_size
samples = [Faceset.open(workspace, side).sample(200) for side in ("src", "dst")]
arrays = [crops.load(size) for crops in samples]
(views_a, faces_a), (views_b, faces_b) = (array.views(resolution) for array in arrays)
seen_a, tones_a = preprocess_views(views_a, faces_a)
seen_b, tones_b = preprocess_views(views_b, faces_b)
some = np.linspace(0, len(views_a) - 1, 6).astype(int)
read = ((seen_a[some] + 1) * 127.5).astype("uint8")
show.plot_images([*views_a[some], *read], columns=6)

# %% [markdown]
# ## 1. One convolution
#
# An image is a table of numbers. A *convolution* slides a small table of weights, the *kernel*, over the image. At
# every position, it multiplies each weight by the number below it and adds the products:
#
# $$\text{out}[y, x] = \sum_{i, j} \text{kernel}[i, j] \cdot \text{in}[y + i, x + j]$$
#
# The kernel is the same at every position. So a pattern that it detects on the left is also detected on the right. Our
# kernel subtracts the left pixels from the right pixels. Its output is large where the image gets brighter from left to
# right. The output shows the three tables.

# %%
gray = views_a[0].mean(axis=-1)
side = len(gray)
top, left = round(side * 0.33), round(side * 0.36)  # near an eye
patch = gray[top : top + 6, left : left + 6]
kernel = np.array([[-1, 0, 1]] * 3) / 3
by_hand = np.zeros((4, 4))
for y in range(4):
    for x in range(4):
        by_hand[y, x] = (kernel * patch[y : y + 3, x : x + 3]).sum()
show.plot_matrices([patch.round().astype(int), kernel, by_hand], captions=["picture", "kernel", "out"])

# %% [markdown]
# Look at the first number of `out`. It is computed from the nine numbers at the top left of the image. The output is
# smaller than the image by two pixels in each direction, because the kernel must fit into the image. Networks use the
# convolution of Keras, which must give the same result. (On a GPU the result is nearly the same. A GPU rounds the
# numbers that it multiplies to about three digits, "TF32", which is accurate enough for networks, and faster.)

# %%
picture_4d = gray[None, :, :, None].astype("float32")  # one image, one channel
kernel_4d = kernel[:, :, None, None].astype("float32")  # one input channel, one output channel
whole = keras.ops.convert_to_numpy(keras.ops.conv(picture_4d, kernel_4d))[0, ..., 0]
on_gpu = has_accelerator()
assert np.allclose(whole[top : top + 4, left : left + 4], by_hand, atol=0.3 if on_gpu else 1e-3)  # gray levels of 255
captions = ["picture", "how much brighter or darker to the right"]
show.plot_images([gray / 255, np.abs(whole) / 40], captions=captions, width=6)

# %% [markdown]
# Nobody writes such kernels by hand. Training finds their numbers. A layer has many kernels, and the output of each
# kernel is one image, a *channel*. A kernel reads all channels of the layer before. It has one small table for each of
# them, and the results are added. So on a color image a kernel of 5 by 5 has 5 · 5 · 3 weights. Three more operations
# follow:
#
# - **Stride 2**: the kernel moves by two pixels at a time. The output has half the side of the input.
# - **Leaky ReLU**: negative numbers are divided by five. A *nonlinear* function like this is necessary: without it, ten
#   layers in sequence could compute no more than one layer.
# - **Normalization**: channels are brought back to mean 0 and standard deviation 1, so that the values of no layer grow
#   without limit.
#
# The next cell shows channels of the trained encoder after one, two and three layers. It selects the channels that vary
# most:

# %%
from faceswap_lib.networks import count_layers

layers = count_layers(networks.encoder)
deep = [layer.name for layer in layers if layer.kind == "LeakyReLU"][:3]
look_inside = keras.Model(networks.encoder.input, [networks.encoder.get_layer(name).output for name in deep])
inside = [keras.ops.convert_to_numpy(features)[0] for features in look_inside(seen_a[:1])]
shown = [channel for features in inside for channel in show.split_channels(features, 6)]
captions = [f"{len(channel)} pixels" for channel in shown]
show.plot_images(shown, captions=captions, columns=6)

# %% [markdown]
# In the first row you still see a face, with its edges and its light and dark areas. In the lower rows less is
# recognizable. There, one number describes a larger part of the face.
#
# **Exercise 1.** A convolution with stride 2 is a convolution with stride 1 of which some numbers are left out. Compute
# the strided convolution of `gray` with `keras.ops.conv(picture_4d, kernel_4d, strides=2)` and show that it is a part
# of `whole`.

# %%
strided = whole  # your solution: keras.ops.conv with strides=2
print(whole.shape, strided.shape)

# %% tags=["solution"]
# @title Solution
strided = keras.ops.convert_to_numpy(keras.ops.conv(picture_4d, kernel_4d, strides=2))[0, ..., 0]
assert np.allclose(strided, whole[::2, ::2][: len(strided), : len(strided)], atol=0.3 if on_gpu else 1e-3)
print(f"{strided.size} of {whole.size} numbers; the others were not computed")

# %% [markdown]
# ## 2. The whole architecture
#
# This step shows all stages of the encoder and the decoders. The height of a bar is the side of the image in this stage
# (the number above). Its width is the number of channels (the number below).
#
# On the way down, the image gets smaller and the number of channels grows. In the middle, everything must pass through
# a few hundred numbers, the **latent code**, in short **code**. This narrow point is called the *bottleneck*. Each
# decoder makes the image larger again. Its output has four channels: mask, red, green, blue.

# %%
show.plot_architecture(networks.config)

# %% [markdown]
# This is the code that builds the encoder. Read it from top to bottom. `x` is the result so far, and each line applies
# one more layer to it. `Dense` is a layer in which every output is a weighted sum of *all* inputs. `_convolve` is a
# convolution with leaky ReLU. `normalize` (in the table below `HybridNorm`) is the normalization of section 1. Section
# 7 explains `_attend_at_16`, section 6 explains `_upscale`. `places` are the channels on the arc in the drawing, which
# bypass the code. Section 4 is about them.

# %%
from faceswap_lib.networks.skip_autoencoder import build_encoder

show.show_source(build_encoder)

# %% [markdown]
# The next cell shows the same as a table. A convolution has a kernel of $k \times k$, $C$ channels before it and $D$
# after it. It learns $k \cdot k \cdot C \cdot D$ weights and $D$ *biases*, which are added at the end. The column
# `macs` contains the number of multiplications. The cell checks the formula for the first layer:

# %%
first = layers[1]
kernel_side = 5
assert first.weights == kernel_side**2 * 3 * first.shape[-1] + first.shape[-1]
for part in (networks.encoder, networks.decoder_b):
    print(f"\n{part.name:14} {'shape':>16} {'weights':>12} {'macs':>17}")
    for layer in count_layers(part):
        if layer.weights or layer.kind == "PixelShuffle":
            print(f"{layer.kind:14} {layer.shape!s:>16} {layer.weights:12,} {layer.macs:17,}")

# %% [markdown]
# (`HybridNorm` normalizes half of the channels and mixes the other half with each other. Most of its weights are for
# this mixing. The decoder's `Conv2D` with three channels at 64 pixels generates a small extra image, the *coarse*
# image, which has its own loss.) The table shows two things. Most weights are in the two dense layers around the code
# and in the wide layers near it. Most multiplications are in the decoder, where the images are large.
#
# **Exercise 2.** Compute the number of multiplications of the first layer. For each number in its output, the whole
# kernel is multiplied once.

# %%
macs = 0  # your solution, from kernel_side and first.shape
print(f"{macs:,} by hand, {first.macs:,} counted")

# %% tags=["solution"]
# @title Solution
height, width, channels = first.shape
macs = height * width * channels * kernel_side**2 * 3
assert macs == first.macs
print(f"{height} x {width} places, {channels} channels, {kernel_side} x {kernel_side} x 3 numbers each")

# %% [markdown]
# ## 3. What a latent code is
#
# The *latent code* of a face is only a list of numbers. Nobody decides what each number means. To show a few hundred
# numbers in a plot, this step rotates the cloud of all codes until its two widest directions lie in the plane of the
# plot. The method is called *principal component analysis* (PCA). You do not have to understand the line with `svd`,
# which finds the two directions.
#
# Every dot is one frame. Its color shows how the head is turned in that frame: the position of the tip of the nose
# between the eyes. It is computed from the landmarks, and the networks never received it.

# %%
from faceswap_lib.facesets import describe_pose

read_code = keras.Model(networks.encoder.input, networks.encoder.get_layer("code").output)
codes_a, codes_b = (keras.ops.convert_to_numpy(read_code(seen)) for seen in (seen_a, seen_b))
codes = np.concatenate([codes_a, codes_b])
turned, length, _ = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
across, up = (turned[:, :2] * length[:2]).T
turns = [np.array([describe_pose(record.landmarks_in_crop())[0] for record in crops.records]) for crops in samples]
turns = [turn - turn.mean() for turn in turns]  # relative to each person's mean
widest = max(np.abs(turn).max() for turn in turns)
scale = {"cmap": "coolwarm", "vmin": -widest, "vmax": widest}
parts = np.split(np.arange(len(codes)), [len(codes_a)])
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
for name, marker, part, turn in zip("AB", "o^", parts, turns, strict=True):
    dots = axes.scatter(across[part], up[part], c=turn, s=14, marker=marker, **scale)
    axes.annotate(name, (across[part].mean(), up[part].max()), (0, 5), textcoords="offset points", ha="center")
    print(f"{name}: correlation of `second` with the turn of the head {np.corrcoef(up[part], turn)[0, 1]:.2f}")
axes.set(xlabel="widest direction", ylabel="second", ylim=(None, up.max() * 1.25))
figure.colorbar(dots, label="nose to the right, eye distances")
apart = np.linalg.norm(codes_a.mean(0) - codes_b.mean(0))
print(
    f"distance between the mean codes of A and B: {apart:.1f}; "
    f"mean distance of A's codes from their mean: {np.linalg.norm(codes_a - codes_a.mean(0), axis=1).mean():.1f}"
)
plt.show()

# %% [markdown]
# The idea ([00](00_faceswap_demo.ipynb), section 8) is simpler than this plot. According to the idea, a code describes
# only what A and B have in common, and the two clouds lie on top of each other. In the plot, two clouds lie side by
# side: the widest direction says *who* the person is. But look at the colors. Along both clouds they change in the same
# direction. Nobody told the encoder that heads turn, or that a turn of A and a turn of B are the same thing. It found a
# representation of the turn and uses it for both people. This is its purpose.
#
# The distance between the clouds is a weakness. Because of it, decoder B gets codes of A that it never got in training.
# There is no guarantee that it makes a face from them, although it does. Conversion corrects the codes for this reason
# (notebook 06, section 7).
#
# Does the code also describe the mouth? The next cell *interpolates* between two faces. The output of the encoder is a
# small map of 8 by 8 positions. It is made from the code and from additional channels, which the next section explains.
# We take this output for a frame in which A's mouth is shut and for a frame in which it is open. Then we go from one to
# the other in a straight line. Decoder A generates the faces on this line, and decoder B generates them from the same
# maps.

# %%
from faceswap_lib.networks import postprocess_faces

pairs = zip(arrays[0].images, arrays[0].mouth, strict=True)
brightness = [image[mouth > 127].mean() for image, mouth in pairs]
shut, wide = int(np.argmax(brightness)), int(np.argmin(brightness))  # an open mouth is dark
handed_on = keras.ops.convert_to_numpy(networks.encoder(seen_a))


def draw(maps, decoder):
    """Returns a decoder's faces for (N, 8, 8, C) maps, in the colors of A's frame with the mouth shut."""
    raw = keras.ops.convert_to_numpy(decoder(np.stack(maps))[1])
    return list(postprocess_faces(raw, np.repeat(tones_a[shut : shut + 1], len(maps), axis=0)))


walk = [handed_on[shut] * (1 - share) + handed_on[wide] * share for share in np.linspace(0, 1, 6)]
ends = [views_a[shut], *[np.full_like(views_a[0], 255)] * 4, views_a[wide]]
show.plot_images([*ends, *draw(walk, networks.decoder_a), *draw(walk, networks.decoder_b)], columns=6)

# %% [markdown]
# The first row shows the two frames, the second row decoder A's faces, the third row decoder B's faces. The faces in
# between were never filmed. This is what people mean when they say that a network has learned an *expression*: there is
# a direction for "mouth open", and it means nearly the same to both decoders. (B's teeth are visible where A's lips are
# shut, because B smiles in nearly all of her clip.)
#
# ## 4. The channels that bypass the code
#
# A few hundred numbers are not enough to describe the exact position of an eyelid. Therefore some channels, the
# *places*, bypass the code at 8 by 8 positions (the arc in the drawing). Such a connection is called a *skip
# connection*. Which of the two opened the mouth, the places or the code? This step mixes them: the part from the code
# of one frame with the places of another frame. The output shows all four combinations.

# %%
count = networks.config.widths.places
from_code, places = handed_on[..., :-count], handed_on[..., -count:]
pairs = [(code, place) for code in (shut, wide) for place in (shut, wide)]
mixed = [np.concatenate([from_code[code], places[place]], axis=-1) for code, place in pairs]
captions = [f"code: mouth {code}, places: {place}" for code in ("shut", "open") for place in ("shut", "open")]
written = draw(mixed, networks.decoder_b)
by_code, by_places = (np.abs(written[0].astype(float) - written[other]).mean() for other in (2, 1))
print(f"another code changes the image by {by_code:.1f} gray levels of 255, other places by {by_places:.1f}")
show.plot_images(written, captions=captions)

# %% [markdown]
# After 600 steps and after 1,500 steps the answer was clear: the mouth follows the *places*, for every code. The turn
# of the head behaves in the same way. (Try it: take two frames with different turns of the head, and mix code and
# places.) The code contains the turn, as the colors showed. But a decoder that finds the turn in the places does not
# use the code for it. From the code it takes mainly the *identity* of the person. The code was meant to carry
# everything, and the bypass has taken over most of it.
#
# This is a trade-off. More places keep the expression better. But what bypasses the bottleneck is not compressed. So it
# can also carry A's own shape, and the swap looks a little more like A.

# %% [markdown]
# ## 5. Why two decoders
#
#                                      +--> decoder A --> face of A
#         face of A --+                |
#                     +--> encoder --> code
#         face of B --+                |
#                                      +--> decoder B --> face of B
#
# Why is there only one encoder? With two encoders, each could learn its own representation. The numbers that mean
# "turned to the left" for A could mean nothing for B, and decoder B could not read the codes of A's encoder. One
# encoder has one representation for both people (the colors of section 3), except for the part that says who the person
# is.
#
# In training, A's faces only go to decoder A and B's only to decoder B. Each decoder has one task: *reconstruct this
# face*. The swap uses the path that was never trained: from A's face to decoder B. The next cell computes the
# reconstruction and the swap.

# %%
from faceswap_lib.course.ablation import write_views

kept = write_views(networks, views_a[some], faces_a[some], "a2a")
swapped = write_views(networks, views_a[some], faces_a[some], "a2b")
show.plot_images([*views_a[some], *kept.faces, *swapped.faces], columns=6)

# %% [markdown]
# The rows show A's frames, the output of decoder A, and the output of decoder B.
#
# Why not use one decoder that learns both people? It would be cheaper. The next cells test this with an *ablation*: the
# same small networks are trained twice in the same way. The first training is as above. In the second, both facesets
# are joined, so that each decoder sees both people. Everything else is equal.

# %%
from faceswap_lib.course.ablation import join_arrays, train_variant
from faceswap_lib.networks import PRESETS
from faceswap_lib.training import TrainConfig

tiny = PRESETS["tiny"]
small = [Faceset.open(workspace, side).sample(200).load(tiny.stored_size) for side in ("src", "dst")]
config = TrainConfig(steps=TWIN_STEPS, batch_size=BATCH_SIZE, perceptual="none", adversarial_weight=0)
two = train_variant(small, config, name="two decoders")
one = train_variant([join_arrays(small)] * 2, config, name="one for both")

# %%
shown, captions = [], []
for name, array, at in (("A", small[0], shut), ("B", small[1], 0)):
    view, area = (part[at : at + 1] for part in array.views(tiny.resolution))
    by_one = write_views(one.networks, view, area, "a2a")  # its decoder A was trained on both people
    by_two = write_views(two.networks, view, area, f"{name.lower()}2b")
    shown += [view[0], by_one.faces[0], by_two.faces[0]]
    captions += [name, f"one for both: {by_one.error:.1f}", f"B's decoder: {by_two.error:.1f}"]
show.plot_images(shown, captions=captions, columns=3, width=6)

# %% [markdown]
# The number is the mean error in comparison with the frame on the left, in gray levels of 255. The middle column is the
# result with one decoder for both. It returns A, with cap and glasses, and also B, because the code says which person
# to draw. This is the *identity function*: the output is the input. It is useless for a swap, although its losses are
# low. The right column is decoder B of the first training. It cannot return A, because it never saw A. It draws B's
# fringe and B's smile in A's place. So the swap is possible not because of what this decoder knows, but because of what
# it was never shown.
#
# ## 6. From small to large: pixel shuffle
#
# A decoder must double the size of its image several times, which is called *upsampling*. A convolution first writes
# *four times as many channels*. Then *pixel shuffle* rearranges them: the four numbers of one position become a square
# of two by two pixels. It computes no new numbers, it only moves them. On a map of two by two positions:

# %%
from faceswap_lib.networks import PixelShuffle

small_map = np.arange(16).reshape(2, 2, 4)  # two by two positions with four channels
by_hand = np.zeros((4, 4), int)
for row in range(4):
    for column in range(4):
        channel = 2 * (row % 2) + column % 2  # one of the four, by the position in the square
        by_hand[row, column] = small_map[row // 2, column // 2, channel]
captions = [*(f"channel {number}" for number in range(4)), "shuffled"]
show.plot_matrices([*small_map.transpose(2, 0, 1), by_hand], captions=captions)

# %%
show.show_source(PixelShuffle)

# %%
shuffled = keras.ops.convert_to_numpy(PixelShuffle(2)(small_map[None].astype("float32")))[0, ..., 0]
assert np.array_equal(shuffled, by_hand)

# %% [markdown]
# If the four channels differ at the start of the training, a checkerboard pattern of two by two squares covers the
# image, and the training removes it slowly. Therefore the four channels start with the same weights, and the first
# images of a decoder are smooth.
#
# **Exercise 3.** Invert the operation: compute `small_map` (2, 2, 4) from `by_hand` (4, 4), by slicing with a step of
# 2.

# %%
back = np.zeros((2, 2, 4), int)  # your solution
print("the same" if np.array_equal(back, small_map) else "not yet")

# %% tags=["solution"]
# @title Solution
back = np.stack([by_hand[row::2, column::2] for row in (0, 1) for column in (0, 1)], axis=-1)
assert np.array_equal(back, small_map)

# %% [markdown]
# ## 7. Attention
#
# A convolution uses only neighboring positions. But both eyes look in the same direction, and they are far apart. With
# *self-attention*, every position can use information from all other positions. (You can continue with section 8. The
# later sections do not need this one.)
#
# From its numbers each position computes three lists: a **query** (what am I looking for?), a **key** (what do I have?)
# and a **value** (what information do I give?). The better the query of one position agrees with the key of another,
# the more of the value of that other position it gets:
#
# $$W = \operatorname{softmax}(Q K^\top) \qquad\qquad \text{out} = x + \text{scale} \cdot W V$$
#
# *Softmax* converts each row to positive numbers that add up to 1. On six positions with two channels:

# %%
from faceswap_lib.networks import SelfAttention

keras.utils.set_random_seed(1)
x = np.random.default_rng(1).normal(size=(1, 2, 3, 2)).astype("float32")
attention = SelfAttention(squeeze=1)
attention.build(x.shape)
attention.scale.assign(0.5)
parts = (attention.query, attention.key, attention.value)
query, key, value = (keras.ops.convert_to_numpy(part.kernel) for part in parts)
spots = x.reshape(6, 2)
agreement = np.exp((spots @ query) @ (spots @ key).T)
weights = agreement / agreement.sum(axis=1, keepdims=True)  # softmax
by_hand = x + 0.5 * (weights @ (spots @ value)).reshape(x.shape)
show.plot_matrices([spots, weights], captions=["six positions", "row: query, column: key"])

# %%
show.show_source(SelfAttention)

# %%
nearly = {"atol": 5e-3 if on_gpu else 1e-5}  # products with three digits, as in section 1
assert np.allclose(keras.ops.convert_to_numpy(attention(x)), by_hand, **nearly)
assert np.allclose(keras.ops.convert_to_numpy(attention.look(spots[None])[0]), weights, **nearly)

# %% [markdown]
# Next we look at the attention of the trained encoder, over 16 by 16 positions. The green frame marks the position of
# the query. Yellow positions have a large weight. (`tiny` networks have no attention. For them you see a new attention
# layer, which has learned nothing.)

# %%
trained = [layer for layer in networks.encoder.layers if isinstance(layer, SelfAttention)]
attention = trained[0] if trained else SelfAttention()
norms = [layer for layer in networks.encoder.layers if "norm" in layer.name]
at_16 = next(layer for layer in norms if layer.output.shape[1] == 16)
features = keras.Model(networks.encoder.input, at_16.output)(seen_a[shut : shut + 1])
attention(features)  # creates its weights, if the layer is new
weights = attention.look(keras.ops.reshape(features, (1, 256, -1)))
weights = keras.ops.convert_to_numpy(weights)[0].reshape(16, 16, 16, 16)  # position of the query; position of the key
asking = {"an eye": (6, 5), "the other eye": (6, 10), "nose": (8, 8), "mouth": (11, 8), "forehead": (3, 8)}
shown = [show.overlay_heatmap(views_a[shut], weights[place], place=place) for place in asking.values()]
show.plot_images(shown, captions=list(asking))

# %% [markdown]
# The result is not the expected one. There is no smooth attention from eye to eye: nearly all of the weight is on one
# or two positions. The scores are sums over many channels and are not divided by anything, so softmax gives nearly all
# of the weight to the largest score.
#
# How large is the effect on the output? The output of attention is multiplied by the number `scale`, which starts at 0.
# We can also set it to 0 in all layers and see what changes in the swap:

# %%
layers = [layer for part in networks.generators for layer in part.layers]
everywhere = [layer for layer in layers if isinstance(layer, SelfAttention)]
loudness = [float(layer.scale) for layer in everywhere]
for layer in everywhere:
    layer.scale.assign(0.0)
without = write_views(networks, views_a[some], faces_a[some], "a2b")
for layer, scale in zip(everywhere, loudness, strict=True):
    layer.scale.assign(scale)
change = np.abs(without.faces.astype(float) - swapped.faces).mean()
print("scales of encoder, decoder A, decoder B:", ", ".join(f"{scale:.4f}" for scale in loudness))
apart = np.abs(kept.faces.astype(float) - swapped.faces).mean()
print(f"without attention the swap differs by {change:.2f} gray levels of 255; A as A and A as B differ by {apart:.1f}")

# %% [markdown]
# A longer training does not increase it. In a run of 1,500 steps the scales were -0.002, -0.017 and -0.005, and without
# attention the swapped face changed by 1.3 gray levels. So after a short training, attention has learned almost
# nothing, and the abilities of these networks come from convolutions. A mechanism is not useful because its idea is
# beautiful. Check what it learned. Section 10 shows what it costs.
#
# ## 8. The mask
#
# This step looks at *alpha blending*. The first channel of a decoder is the **mask** $m$, between 0 and 1. For every
# pixel it says how much of the raw face to use. The rest comes from the input:
#
# $$\text{composite} = m \cdot \text{raw} + (1 - m) \cdot \text{input}$$

# %%
from faceswap_lib.training.losses import alpha_composite

mask, raw = (keras.ops.convert_to_numpy(part) for part in networks.generate(seen_a[:1], "a2b"))
at = (0, resolution // 2, resolution // 4)  # one pixel, on the cheek
by_hand = mask[at] * raw[at] + (1 - mask[at]) * seen_a[at]
assert np.allclose(by_hand, alpha_composite(mask, raw, seen_a[:1])[at], atol=1e-6)
show.show_source(alpha_composite)

# %%
shown = [*views_a[some], *swapped.masks, *swapped.faces, *swapped.composites]
show.plot_images(shown, columns=6)

# %% [markdown]
# The rows show frames, masks, raw faces and composites. The mask has the shape of a face with a soft border, and it
# hardly changes. The raw face has noise around it, because the loss has almost no weight outside the face. The mask
# keeps this noise out of the composite.
#
# Does the mask change when an object is *in front of* the face (*occlusion*)? There it should be 0, so that the object
# stays in the image. The next cells draw a stripe on a frame to test this.

# %%
import cv2

striped = views_a[shut].copy()
ends = (round(0.1 * resolution), round(0.85 * resolution)), (round(0.9 * resolution), round(0.3 * resolution))
cv2.line(striped, *ends, (200, 120, 60), round(resolution / 12))
pair = np.stack([views_a[shut], striped])
result = write_views(networks, pair, faces_a[[shut, shut]], "a2b")
rows = zip(pair, result.masks, result.faces, result.composites, strict=True)
captions = ["input", "mask", "raw face", "composite"] * 2
show.plot_images([picture for row in rows for picture in row], captions=captions, columns=4, width=7)

# %%
moved = np.abs(result.masks[1] - result.masks[0])
print(f"the mask changes by {moved.mean():.3f} on average, {moved.max():.2f} at most")

# %% [markdown]
# The mask does not change. It keeps its oval shape. The stripe disappears inside it and stays visible outside. In these
# clips, no hand and no microphone was ever in front of a face. So the networks had no example to learn from. A hand in
# front of the mouth will be painted over. This is a real weakness, and one reason to choose clips without occlusions.
#
# ## 9. The discriminator
#
# This step looks at the *discriminator*, the second network of a GAN. Pixel losses prefer soft faces
# ([04](04_losses.ipynb)). Therefore, in training, a second network looks at images and says whether they were filmed or
# generated. The decoders learn to fool it. Conversion does not need it.
#
# Its input has six channels: an image, and the image that the encoder read. So it can also judge whether the two belong
# together. Its output is not one number for the whole image but a **map of scores**, with one score for each part:
# close to 1 for "filmed", close to 0 for "generated". We show B's discriminator B's frames in three versions: as
# filmed, blurred, and generated by decoder B.

# %%
from faceswap_lib.faces import normalize_color
from faceswap_lib.training import read_checkpoint, stored_networks, stored_training
from faceswap_lib.training.train_step import build_state

folder = workspace.run(RUN)
state = build_state(stored_networks(folder), stored_training(folder))
read_checkpoint(folder / "checkpoints", state)  # conversion does not load discriminators; checkpoints contain them
filmed = normalize_color(views_b[some].astype("float32"), tones_b[some]).clip(-1, 1)
blurred = np.stack([cv2.GaussianBlur(picture, (0, 0), resolution / 64) for picture in filmed])
inside = faces_b[some][..., None] / 255
raw = keras.ops.convert_to_numpy(networks.generate(seen_b[some], "b2b")[1])
written = alpha_composite(inside, raw, filmed)  # the face blended into its own frame

# %%
shown, captions = [], []
for name, kind in (("filmed", filmed), ("blurred", blurred), ("generated", written)):
    pair = np.concatenate([kind, seen_b[some]], axis=-1).astype("float32")
    scores = keras.ops.convert_to_numpy(state.networks.discriminator_b(pair))[..., 0].astype(float)
    shown += [postprocess_faces(np.asarray(kind), tones_b[some])[0], scores[0].clip(0, 1)]
    captions += [name, f"scores, mean {scores.mean():.3f}"]
show.plot_images(shown, captions=captions)

# %% [markdown]
# The map is noisy, so look at its mean. After 1,500 steps we measured 0.46 for filmed, 0.36 for blurred and 0.46 for
# generated images. A discriminator that cannot distinguish them gives its best answer with about one half for every
# image (04 computes this). So it detects our blur a little, although no blurred images were in the training. It cannot
# distinguish filmed from generated images, although you can. It is a small network, and it was active only in half of a
# short training. Notebook 04 describes the losses of the discriminator and of the *generator* (encoder and decoder).
# The two together are a *GAN*, a generative adversarial network.
#
# ## 10. What it costs
#
# This step compares the cost of networks. Weights need memory and disk space. Multiplications need time. The table
# shows the networks of your run and those of `faceswap-gan`. The latter has the layers of faceswap-GAN v2.2, the system
# of 2018 whose method this course teaches.

# %%
from faceswap_lib.networks import build_networks

print(f"{'':12} {'part':15} {'weights':>12} {'macs':>17} {'of them attention':>19}")
for name, nets in (("this run", networks), ("faceswap-gan", build_networks(PRESETS["faceswap-gan"]))):
    total, looking = 0, 0
    for part in (nets.encoder, nets.decoder_b, nets.discriminator_b):
        costs = count_layers(part)
        every = sum(layer.macs for layer in costs)
        attends = sum(layer.macs for layer in costs if layer.kind == "SelfAttention")
        total, looking = total + every, looking + attends
        weights = sum(layer.weights for layer in costs)
        print(f"{name:12} {part.name:15} {weights:12,} {every:17,} {attends / every:19.1%}")
    print(f"{name:12} {'together':15} {'':12} {total:17,} {looking / total:19.1%}")

# %% [markdown]
# `faceswap-gan` spends 43 % of its arithmetic on attention, nearly all of it in one layer of each decoder that attends
# to 64 by 64 positions: each of the 4,096 positions attends to all 4,096. `lite` has attention over 16 by 16 positions
# and spends 5 % on it. It generates images with four times as many pixels, with less than a third of the arithmetic.

# %% [markdown]
# ## What you know now
#
# - An encoder compresses a face into a code and a few places. A decoder makes a face from them. One encoder describes
#   both people in nearly the same representation. Two decoders are necessary so that no decoder can return the wrong
#   person.
# - The mask says where to use the new face. It contains the shape of a face, but it does not react to hands or hair in
#   front of the face.
# - Some parts are less important than their names suggest. Attention had learned almost nothing after 1,500 steps.
#
# **To try:** run sections 4 and 5 in the other direction (`"b2a"`). Train a run with `NetworkConfig(attention="none")`
# and look for the difference.
#
# Next: [04 The losses](04_losses.ipynb) explains what the networks are trained for.

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
# In [03](03_autoencoder.ipynb) you built small networks. This notebook looks into the library's networks after a
# training: what a **convolution** computes, what the **latent** code describes and what goes past it, why there are
# **one encoder and two decoders**, and how a small map becomes a large image. Each part is first computed by hand on a
# few numbers. Then we look at it in the trained network.
#
# | | |
# |---|---|
# | **You will learn** | convolution, latent code, skip channels, two decoders, pixel shuffle, cost |
# | **You will have at the end** | a look into a trained run, and an experiment with one decoder |
# | **Time on two CPU cores** | about 3 minutes with a trained run; 5 more if it must be trained first |
# | **Before** | [03 An autoencoder by hand](03_autoencoder.ipynb) |
# | **After** | [03c Attention and the attention mask](03c_attention_mask.ipynb) |

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
# The next cell loads the packages and the trained run. The input of the encoder is only the face, with its colors
# normalized to mean 0 and a fixed standard deviation ([00](00_faceswap_demo.ipynb)). The output shows six faces of A in
# the first row and the same faces as the encoder reads them in the second row.

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_run
from faceswap_lib.devices import has_accelerator
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import preprocess_views
from faceswap_lib.training import load_run

made = {"preset": PRESET, "steps": STEPS, "batch_size": BATCH_SIZE, "seconds": SECONDS, "size": SIZE}
workspace = make_run(WORKSPACE, run=RUN, **made)  # makes only missing parts
networks, step = load_run(workspace, RUN)
print(f"networks trained for {step} steps, faces of {networks.config.resolution} pixels")
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
# An image is a table of numbers. A convolution slides a small table of weights, the *kernel*, over the image. At every
# position, it multiplies each weight by the number below it and adds the products:
#
# $$\text{out}[y, x] = \sum_{i, j} \text{kernel}[i, j] \cdot \text{in}[y + i, x + j]$$
#
# The kernel is the same at every position. So a pattern that it detects on the left is also detected on the right. Our
# kernel subtracts the left pixels from the right pixels. Its output is large where the image gets brighter from left to
# right. (In mathematics, a convolution also flips the kernel, and this formula is called *cross-correlation*. For a
# kernel that is learned, it makes no difference.)

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
show.plot_matrices([patch.round().astype(int), kernel, by_hand], captions=["image", "kernel", "out"])

# %% [markdown]
# The first number of `out` comes from the nine numbers at the top left. The output is smaller than the image, because
# the kernel must fit into the image. The convolution of Keras must give the same result. (On a GPU nearly the same: a
# GPU may round the numbers that it multiplies to three digits, "TF32", which is faster.)

# %%
image_4d = gray[None, :, :, None].astype("float32")  # one image, one channel
kernel_4d = kernel[:, :, None, None].astype("float32")  # one input channel, one output channel
whole = keras.ops.convert_to_numpy(keras.ops.conv(image_4d, kernel_4d))[0, ..., 0]
assert np.allclose(whole[top : top + 4, left : left + 4], by_hand, atol=0.3 if has_accelerator() else 1e-3)
captions = ["image", "how much brighter or darker to the right"]
show.plot_images([gray / 255, np.abs(whole) / 40], captions=captions, width=6)

# %% [markdown]
# Nobody writes such kernels. Training finds their numbers. A layer has many kernels, and the output of each kernel is
# one image, a *channel*. A kernel reads all channels of the layer before: it has one small table for each of them, and
# the results are added. After the convolution follow the **activation**, leaky ReLU, and a *normalization*: it brings
# channels (here half of them) back to mean 0 and standard deviation 1, so that values do not grow without limit from
# layer to layer.
#
# The next cell shows channels of the trained encoder after one, two and three layers, those that vary most.

# %%
from faceswap_lib.networks import count_layers

encoder_layers = count_layers(networks.encoder)
deep = [layer.name for layer in encoder_layers if layer.kind == "LeakyReLU"][:3]
look_inside = keras.Model(networks.encoder.input, [networks.encoder.get_layer(name).output for name in deep])
inside = [keras.ops.convert_to_numpy(features)[0] for features in look_inside(seen_a[:1])]
shown = [channel for features in inside for channel in show.split_channels(features, 6)]
captions = [f"{len(channel)} pixels" for channel in shown]
show.plot_images(shown, captions=captions, columns=6)

# %% [markdown]
# In the first row you still see a face. In the lower rows one number describes a larger part of it: its **receptive
# field** is larger.
#
# **Exercise 1.** Write a whole convolution in NumPy: with several input channels, several kernels and a stride. With
# stride 2 the kernel moves by two pixels at a time. The check says what is off.

# %%
from faceswap_lib.course.network_checks import check_convolution


def convolve(image, kernels, stride):
    """Convolves an image (H, W, C) with kernels (K, K, C, D), without padding; returns (h, w, D)."""
    return image  # your solution


print(check_convolution(convolve))


# %% tags=["solution"]
# @title Solution
def convolve(image, kernels, stride):
    """Convolves an image (H, W, C) with kernels (K, K, C, D), without padding; returns (h, w, D)."""
    size = len(kernels)
    rows, columns = ((length - size) // stride + 1 for length in image.shape[:2])
    out = np.zeros((rows, columns, kernels.shape[-1]))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            patch = image[top : top + size, left : left + size]
            out[row, column] = (patch[..., None] * kernels).sum(axis=(0, 1, 2))
    return out


print(check_convolution(convolve))

# %% [markdown]
# ## 2. The whole architecture
#
# The height of a bar is the side of the image in this layer (the number above). Its width is the number of channels
# (the number below).

# %%
show.plot_architecture(networks.config)

# %% [markdown]
# The **encoder** makes the image smaller and the number of channels larger. In the middle is the **bottleneck**: a list
# of 512 numbers, the latent **code**. (`tiny` networks have 256.) The encoder then makes a small map of 8 by 8
# positions from the code. We call this map, with all its channels, the *encoder's output*. Most of its channels come
# from the code. A few, the **skip channels**, come past the bottleneck, on the arc in the drawing. Such a connection is
# called a **skip connection**. Each decoder reads the whole map.
#
# The skip channels are our addition: in faceswap-GAN v2.2 the encoder's output is made from its code alone (1,024
# numbers). This is the code that builds our encoder. `places` are the skip channels.

# %%
from faceswap_lib.networks.skip_autoencoder import build_encoder

show.show_source(build_encoder)

# %% [markdown]
# Next, the same as a table. A convolution with kernels of $k \times k$, $C$ channels before it and $D$ after it learns
# $k \cdot k \cdot C \cdot D$ weights and $D$ *biases*, which are added at the end. Every number of its output needs
# $k \cdot k \cdot C$ multiplications, the column `macs`. The cell checks both formulas for the first layer.

# %%
first = encoder_layers[1]
kernel_side = 5
height, width, channels = first.shape
assert first.weights == kernel_side**2 * 3 * channels + channels
assert first.macs == height * width * channels * kernel_side**2 * 3
for part in (networks.encoder, networks.decoder_b):
    print(f"\n{part.name:14} {'shape':>16} {'weights':>12} {'macs':>17}")
    for layer in count_layers(part):
        if layer.weights or layer.kind == "PixelShuffle":
            print(f"{layer.kind:14} {layer.shape!s:>16} {layer.weights:12,} {layer.macs:17,}")

# %% [markdown]
# More than half of the encoder's weights are in the two dense layers around the code: a `Dense` layer has one weight
# for each pair of input and output. Most multiplications are in the decoder, where the images are large.
#
# ## 3. What the code describes
#
# Nobody decides what each of the 512 numbers means. To show them in a plot, we rotate the cloud of all codes until its
# two widest directions lie in the plane of the plot. This is *principal component analysis* (PCA); the line with `svd`
# finds the directions. Every dot is one frame. Its color shows how the head is turned, computed from the landmarks. The
# networks never received it.

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
parts = np.split(np.arange(len(codes)), [len(codes_a)])
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
for name, marker, part, turn in zip("AB", "o^", parts, turns, strict=True):
    scale = {"cmap": "coolwarm", "vmin": -widest, "vmax": widest}
    dots = axes.scatter(across[part], up[part], c=turn, s=14, marker=marker, **scale)
    axes.annotate(name, (across[part].mean(), up[part].max()), (0, 5), textcoords="offset points", ha="center")
    print(f"{name}: correlation of `second` with the turn of the head {np.corrcoef(up[part], turn)[0, 1]:.2f}")
axes.set(xlabel="widest direction", ylabel="second", ylim=(None, up.max() * 1.25))
figure.colorbar(dots, label="nose to the right, eye distances")
apart = np.linalg.norm(codes_a.mean(0) - codes_b.mean(0))
spread = np.linalg.norm(codes_a - codes_a.mean(0), axis=1).mean()
print(f"{codes.shape[1]} numbers; mean codes of A and B {apart:.1f} apart; A's codes {spread:.1f} from their mean")
plt.show()

# %% [markdown]
# One might hope that a code describes only what A and B have in common, and that both clouds lie on top of each other.
# They lie side by side: the widest direction says *who* the person is. But along both clouds the colors change in the
# same direction. Nobody told the encoder that heads turn. It found a description of the turn and uses it for both.
#
# The distance between the clouds is a weakness: decoder B gets codes of A that it never got in training. Conversion
# corrects the codes for this reason ([06b](06b_conversion_options.ipynb)).
#
# ## 4. The code and the skip channels
#
# A decoder reads the whole output of the encoder. The next cell takes this map for a frame in which A's mouth is shut,
# and for one in which it is open, and *interpolates*: it goes from one to the other in a straight line.

# %%
from faceswap_lib.networks import postprocess_faces

brightness = [image[mouth > 127].mean() for image, mouth in zip(arrays[0].images, arrays[0].mouth, strict=True)]
shut, wide = int(np.argmax(brightness)), int(np.argmin(brightness))  # an open mouth is dark
outputs = keras.ops.convert_to_numpy(networks.encoder(seen_a))


def draw(maps, decoder):
    """Returns a decoder's faces for (N, 8, 8, C) maps, in the colors of A's frame with the mouth shut."""
    raw = keras.ops.convert_to_numpy(decoder(np.stack(maps))[1])
    return list(postprocess_faces(raw, np.repeat(tones_a[shut : shut + 1], len(maps), axis=0)))


walk = [outputs[shut] * (1 - ratio) + outputs[wide] * ratio for ratio in np.linspace(0, 1, 6)]
ends = [views_a[shut], *[np.full_like(views_a[0], 255)] * 4, views_a[wide]]
show.plot_images([*ends, *draw(walk, networks.decoder_a), *draw(walk, networks.decoder_b)], columns=6)

# %% [markdown]
# The rows show the two frames, decoder A's faces and decoder B's faces. The faces in between were never filmed. (B's
# teeth are visible where A's lips are shut, because B smiles in nearly all of her clip.)
#
# Which part opened the mouth, the code or the skip channels? We combine the channels from the code of one frame with
# the skip channels of the other.

# %%
count = networks.config.widths.places  # the last channels of the map
from_code, skipped = outputs[..., :-count], outputs[..., -count:]
pairs = [(code, skip) for code in (shut, wide) for skip in (shut, wide)]
mixed = [np.concatenate([from_code[code], skipped[skip]], axis=-1) for code, skip in pairs]
captions = [f"code: {code}, skip: {skip}" for code in ("shut", "open") for skip in ("shut", "open")]
written = draw(mixed, networks.decoder_b)
by_code, by_skip = (np.abs(written[0].astype(float) - written[other]).mean() for other in (2, 1))
print(f"another code changes the face by {by_code:.1f} gray levels of 255, other skip channels by {by_skip:.1f}")
show.plot_images(written, captions=captions)

# %% [markdown]
# The mouth follows the *skip channels*, whatever the code is. In our runs another code changed the face by 2 to 3 gray
# levels, other skip channels by 12 to 15. So in these networks the skip channels carry most of pose and expression. The
# code separates the two people (section 3); who is *drawn* is decided by the decoder. The code also *contains* the turn
# of the head, as the colors showed, but a decoder that finds the turn in the skip channels does not need it there.
#
# This is a trade-off. More skip channels keep the expression better. But in `lite` they are 16 · 8 · 8 = 1,024 numbers,
# twice as many as the 512 of the code, and they keep their place in the image. So they can also carry A's own shape,
# and the swap looks a little more like A.
#
# ## 5. Why two decoders
#
#                                      +--> decoder A --> face of A
#         face of A --+                |
#                     +--> encoder --> code + skip channels
#         face of B --+                |
#                                      +--> decoder B --> face of B
#
# Why only one encoder? Two encoders could describe the same turn of the head in two ways, and decoder B could not read
# what A's encoder writes. In training, A's faces only go to decoder A and B's only to decoder B. The swap uses the way
# that was never trained: from A's face to decoder B.

# %%
from faceswap_lib.course.ablation import write_views

kept = write_views(networks, views_a[some], faces_a[some], "a2a")
swapped = write_views(networks, views_a[some], faces_a[some], "a2b")
show.plot_images([*views_a[some], *kept.faces, *swapped.faces], columns=6)

# %% [markdown]
# The rows show A's frames, the output of decoder A, and the output of decoder B.
#
# Would one decoder for both people not be cheaper? We test this with an *ablation*: the same small networks are trained
# twice. The first training is as above. In the second, both facesets are joined, so each decoder sees both people.

# %%
from faceswap_lib.course.ablation import join_arrays, train_variant
from faceswap_lib.networks import PRESETS
from faceswap_lib.training import TrainConfig

tiny = PRESETS["tiny"]
small = [Faceset.open(workspace, side).sample(200).load(tiny.stored_size) for side in ("src", "dst")]
config = TrainConfig(steps=TWIN_STEPS, batch_size=BATCH_SIZE, perceptual="none", adversarial_weight=0)
two = train_variant(small, config, name="two decoders")
one = train_variant([join_arrays(small)] * 2, config, name="one for both")
shown, captions = [], []
for name, array, at in (("A", small[0], shut), ("B", small[1], 0)):
    view, area = (part[at : at + 1] for part in array.views(tiny.resolution))
    by_one = write_views(one.networks, view, area, "a2a")  # its decoder A was trained on both people
    by_two = write_views(two.networks, view, area, f"{name.lower()}2b")
    shown += [view[0], by_one.faces[0], by_two.faces[0]]
    captions += [name, f"one for both: {by_one.error:.1f}", f"B's decoder: {by_two.error:.1f}"]
show.plot_images(shown, captions=captions, columns=3, width=6)

# %% [markdown]
# The number is the mean error inside the face, in comparison with the frame on the left, in gray levels. The middle
# column is the result with one decoder for both. It returns A, with cap and glasses, and also B, because the encoder's
# output says which person to draw. (The encoder reads only the face area, which contains the glasses and the rim of the
# cap. The rest of the cap is outside. There the losses still have a small weight, 0.02, so the decoder learns it
# roughly.) The output is the input: useless for a swap, although the losses are low. The right column is decoder B of
# the first training. Decoder B was never trained to draw A, but shape that passes through the skip channels can still
# make its output resemble A, especially after a short training. Here it draws B's smile and B's hair in A's place: the
# fringe is inside the face area, the rest comes from the small weight outside. So the swap is possible not because of
# what this decoder knows, but because of what it was never shown.
#
# ## 6. From small to large: pixel shuffle
#
# **Upsampling** doubles the size of an image. In [03](03_autoencoder.ipynb) each pixel was copied, and a convolution
# followed. Here a convolution first writes *four times as many channels*. Then *pixel shuffle* moves them: the four
# numbers of one position become a square of two by two pixels. On a map of two by two positions:

# %%
from faceswap_lib.networks import PixelShuffle

small_map = np.arange(16).reshape(2, 2, 4)  # two by two positions with four channels
by_hand = np.zeros((4, 4), int)
for row in range(4):
    for column in range(4):
        channel = 2 * (row % 2) + column % 2  # one of the four, by the position in the square
        by_hand[row, column] = small_map[row // 2, column // 2, channel]
shuffled = keras.ops.convert_to_numpy(PixelShuffle(2)(small_map[None].astype("float32")))[0, ..., 0]
assert np.array_equal(shuffled, by_hand)
captions = [*(f"channel {number}" for number in range(4)), "shuffled"]
show.plot_matrices([*small_map.transpose(2, 0, 1), by_hand], captions=captions)

# %%
show.show_source(PixelShuffle)

# %% [markdown]
# If the four channels differ at the start of the training, a checkerboard pattern of two by two pixels covers the
# image, and the training removes it slowly. Therefore the four channels start with equal weights (*ICNR*).
#
# **Exercise 2.** Write the inverse for any factor and number of channels: from an image (H, W, C) to a map (H / f, W /
# f, f · f · C). Channel (i · f + j) · C + c is row i and column j of the square, color c.

# %%
from faceswap_lib.course.network_checks import check_unshuffle


def unshuffle(image, factor):
    """Moves squares of factor by factor pixels to channels."""
    return image  # your solution


print(check_unshuffle(unshuffle))


# %% tags=["solution"]
# @title Solution
def unshuffle(image, factor):
    """Moves squares of factor by factor pixels to channels."""
    steps = [(row, column) for row in range(factor) for column in range(factor)]
    return np.concatenate([image[row::factor, column::factor] for row, column in steps], axis=-1)


print(check_unshuffle(unshuffle))

# %% [markdown]
# ## 7. What it costs
#
# Weights need memory. Multiplications need time. The table compares the networks of your run with `faceswap-gan`, which
# has the layers of faceswap-GAN v2.2, the system of 2018 whose method this course teaches.

# %%
from faceswap_lib.networks import build_networks

for name, nets in (("this run", networks), ("faceswap-gan", build_networks(PRESETS["faceswap-gan"]))):
    total = 0
    for part in (nets.encoder, nets.decoder_b, nets.discriminator_b):
        costs = count_layers(part)
        weights, macs = sum(layer.weights for layer in costs), sum(layer.macs for layer in costs)
        total += macs
        print(f"{name:12} {part.name:15} {weights:12,} weights {macs:17,} macs")
    print(f"{name:12} {'together':15} {nets.config.resolution:12} pixels  {total:17,} macs")

# %% [markdown]
# `lite` draws faces with four times as many pixels as `faceswap-gan`, with less than a third of the arithmetic.
#
# ## What you know now
#
# - A convolution is a small table of weights that slides over the image.
# - The encoder's output is made from a code of 512 numbers and from a few skip channels. Skip channels carry most of
#   pose and expression. The code separates the two people; who is *drawn* is decided by the decoder.
# - Two decoders are necessary so that no decoder is trained to return the wrong person.
#
# **To try:** take two frames with different turns of the head in section 4. Run section 5 with `"b2a"`.

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("03b_networks")

# %% [markdown]
# ## Further reading
#
# - [Dumoulin and Visin 2016](https://arxiv.org/abs/1603.07285): strides and borders of convolutions, in drawings.
# - [Shi et al. 2016](https://arxiv.org/abs/1609.05158): pixel shuffle.
# - [He et al. 2016](https://arxiv.org/abs/1512.03385): skip connections in deep networks (ResNet).
# - [shaoanlu/faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): the networks of the preset `faceswap-gan`.
# - [Keras: the functional API](https://keras.io/guides/functional_api/): how `keras.Model` connects layers.

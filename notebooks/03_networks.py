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
# # 03 The networks
#
# A face swap is made by a network that was never shown one. This notebook takes that network apart: what a
# *convolution* computes, what a *code* is, why there is **one encoder and two decoders**, how a small map becomes a
# large picture, what *attention* and the *mask* do, and what the *discriminator* sees. Each part is done by hand on a
# few numbers first. Then we open a trained network and look.
#
# | | |
# |---|---|
# | **You will have at the end** | a look into every part of a trained run, and an experiment with one decoder |
# | **Time on two CPU cores** | about 3 minutes with a trained run; 5 more if it must be trained first |
# | **Before** | [02 Binary masks](02_prep_binary_masks.ipynb) |
# | **After** | [04 The losses](04_losses.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # what notebooks 01 and 02 left there is taken; what is missing is made
RUN = "default"  # the trained run to look into
PRESET = "lite"  # its networks, if they must be trained first
STEPS = 600  # and for how long
BATCH_SIZE = 8
SECONDS = 6.0  # length of the demo's clips, if they must be made
SIZE = 320  # side of their frames in pixels
TWIN_STEPS = 300  # steps of each of the two small trainings in section 5

# %% [markdown]
# The next cell loads the packages (what TensorFlow says about oneDNN or GPU drivers is no error) and the trained run.
# *Training* changes the networks' numbers, the *weights*, a little at a time so that a *loss*, a number for how wrong
# their pictures are, falls. Each such change is a *step*. More in [04](04_losses.ipynb) and
# [05](05_faceswap_train.ipynb).

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow says less as it starts

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
workspace = make_run(WORKSPACE, run=RUN, **made)  # only what is missing
networks, step = load_run(workspace, RUN)
print(f"networks trained for {step} steps, faces of {networks.config.resolution} pixels")

# %% [markdown]
# We look at A's faces. The *view* is what is cut out of a crop for the networks; `seen` is what the encoder reads: the
# face alone, its colors brought to mean 0 and a fixed spread, the *standard tone* ([00](00_faceswap_demo.ipynb),
# section 5).

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
# A picture is a table of numbers. A *convolution* slides a small table of weights, the *kernel*, over it. At every
# place it multiplies what lies below, number by number, and adds up:
#
# $$\text{out}[y, x] = \sum_{i, j} \text{kernel}[i, j] \cdot \text{in}[y + i, x + j]$$
#
# The same kernel everywhere: what it finds on the left it finds on the right, too. Our kernel subtracts the left
# from the right, so it answers where the picture gets brighter from left to right.

# %%
gray = views_a[0].mean(axis=-1)
side = len(gray)
top, left = round(side * 0.33), round(side * 0.36)  # beside an eye
patch = gray[top : top + 6, left : left + 6]
kernel = np.array([[-1, 0, 1]] * 3) / 3
by_hand = np.zeros((4, 4))
for y in range(4):
    for x in range(4):
        by_hand[y, x] = (kernel * patch[y : y + 3, x : x + 3]).sum()
show.plot_matrices([patch.round().astype(int), kernel, by_hand], captions=["picture", "kernel", "out"])

# %% [markdown]
# Look at the first number of `out`: it comes from the nine numbers at the picture's top left. The border shrinks by
# two, since the kernel must fit. Networks use Keras' convolution; it must say the same. (On a GPU nearly the same: of
# what it multiplies it keeps about three digits, "TF32", which is enough for networks and quicker.)

# %%
picture_4d = gray[None, :, :, None].astype("float32")  # one picture, one channel
kernel_4d = kernel[:, :, None, None].astype("float32")  # one channel in, one out
whole = keras.ops.convert_to_numpy(keras.ops.conv(picture_4d, kernel_4d))[0, ..., 0]
on_gpu = has_accelerator()
assert np.allclose(whole[top : top + 4, left : left + 4], by_hand, atol=0.3 if on_gpu else 1e-3)  # of 255
captions = ["picture", "how much brighter or darker to the right"]
show.plot_images([gray / 255, np.abs(whole) / 40], captions=captions, width=6)

# %% [markdown]
# Nobody writes such kernels by hand. They are the numbers that training finds. A layer has many kernels, and each gives
# one picture, a *channel*. A kernel reads all channels before it: it has one small table for each, and the answers are
# added up. So on a color picture a kernel of 5 by 5 has 5 · 5 · 3 weights. Three more things happen on the way:
#
# - **Stride 2**: the kernel moves two pixels at a time. The picture comes out with half the side.
# - **Leaky ReLU**: negative numbers are divided by five. Without something crooked like this, ten layers in a row
#   could do no more than one.
# - **Normalization**: channels are brought back to mean 0 and spread 1, so that no layer grows out of hand.
#
# These are channels of the trained encoder after one, two and three layers, those that vary most:

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
# The first row still is a face, seen through edges and tones. The lower, the less you recognize: a number there says
# something about a larger part of the face.
#
# **Exercise 1.** Stride 2 can be had from stride 1 by leaving numbers out. Compute the strided convolution of `gray`
# with `keras.ops.conv(picture_4d, kernel_4d, strides=2)` and show that it is a part of `whole`.

# %%
strided = whole  # yours: keras.ops.conv with strides=2
print(whole.shape, strided.shape)

# %% tags=["solution"]
# @title Solution
strided = keras.ops.convert_to_numpy(keras.ops.conv(picture_4d, kernel_4d, strides=2))[0, ..., 0]
assert np.allclose(strided, whole[::2, ::2][: len(strided), : len(strided)], atol=0.3 if on_gpu else 1e-3)
print(f"{strided.size} of {whole.size} numbers, the rest was never computed")

# %% [markdown]
# ## 2. The whole
#
# Here are all stages. The height of a bar is the side of its picture (number above), its width the number of channels
# (number below). On the way down the picture gets smaller and the channels more. In the middle everything must go
# through a few hundred numbers, the **code**. Each decoder goes up again and ends in four channels: mask, red, green,
# blue.

# %%
show.plot_architecture(networks.config)

# %% [markdown]
# This is the code that builds the encoder. Read it from top to bottom: `x` is what has been computed so far, each line
# puts it through one more layer. `Dense` is a layer in which every number out is a weighted sum of *all* numbers in.
# `_convolve` is a convolution with leaky ReLU, `normalize` (in the table `HybridNorm`) the normalization of section 1,
# `_attend_at_16` section 7, `_upscale` section 6. `places` are the channels on the bow; section 4 is about them.

# %%
from faceswap_lib.networks.skip_autoencoder import build_encoder

show.show_source(build_encoder)

# %% [markdown]
# The same as a table. A convolution with a kernel of $k \times k$, $C$ channels before and $D$ after learns
# $k \cdot k \cdot C \cdot D$ numbers and $D$ *biases*, which are added at the end. Check it for the first layer:

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
# (`HybridNorm` normalizes half of the channels and mixes the other half with each other, which is what most of its
# weights are for. The decoder's `Conv2D` with three channels at 64 pixels writes a small picture on the way, the
# *coarse* one, with a loss of its own.) Two things to see. Most weights sit in the two dense layers around the code and
# in the wide layers near it. Most multiplications are done in the decoder, where pictures are large.
#
# **Exercise 2.** Work out the multiplications of the first layer: the whole kernel once for each number it writes.

# %%
macs = 0  # yours, from kernel_side and first.shape
print(f"{macs:,} by hand, {first.macs:,} counted")

# %% tags=["solution"]
# @title Solution
height, width, channels = first.shape
macs = height * width * channels * kernel_side**2 * 3
assert macs == first.macs
print(f"{height} x {width} places, {channels} channels, {kernel_side} x {kernel_side} x 3 numbers each")

# %% [markdown]
# ## 3. What a code is
#
# The code of a face is a list of numbers, nothing more. Nobody says what each stands for. To see a few hundred numbers
# on paper, we turn the cloud of all codes until the two directions in which it is widest lie on the page (this is
# *principal component analysis*; you need not follow the line with `svd`, it finds the two directions). Every dot is a
# frame. Its color says how the head is turned in that frame, which the landmarks tell and the networks were never
# told: where the tip of the nose lies between the eyes.

# %%
from faceswap_lib.facesets import describe_pose

read_code = keras.Model(networks.encoder.input, networks.encoder.get_layer("code").output)
codes_a, codes_b = (keras.ops.convert_to_numpy(read_code(seen)) for seen in (seen_a, seen_b))
codes = np.concatenate([codes_a, codes_b])
turned, length, _ = np.linalg.svd(codes - codes.mean(axis=0), full_matrices=False)
across, up = (turned[:, :2] * length[:2]).T
turns = [np.array([describe_pose(record.landmarks_in_crop())[0] for record in crops.records]) for crops in samples]
turns = [turn - turn.mean() for turn in turns]  # from each person's own middle
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
print(f"A and B are {apart:.1f} apart, A's codes {np.linalg.norm(codes_a - codes_a.mean(0), axis=1).mean():.1f} wide")
plt.show()

# %% [markdown]
# The idea ([00](00_faceswap_demo.ipynb), section 8) is neater than this picture. In the idea a code says only what A
# and B share, and the two clouds lie on each other. Here two clouds lie side by side: the widest direction says *who*
# it is. But look at the colors: along both clouds they run the same way. Nobody said that heads turn, nor that a turn
# of A and a turn of B are the same thing. The encoder found a word for it, and uses it for both. That is what it is
# for.
#
# The other half is a flaw. Since the clouds lie apart, decoder B gets codes from A that it never met in training. That
# it makes a face of them all the same is not guaranteed, and conversion helps it along (notebook 06, *moving codes*).
#
# And the mouth? Let us see what lies between two faces. The encoder hands on a small map of 8 by 8 places, made from
# the code and from one thing more, of which the next section tells. We take all that it hands on for a frame with A's
# mouth shut, and for one with it open, and walk from one to the other in a straight line. Decoder A draws the way, and
# decoder B draws the same way.

# %%
from faceswap_lib.networks import postprocess_faces

pairs = zip(arrays[0].images, arrays[0].mouth, strict=True)
brightness = [image[mouth > 127].mean() for image, mouth in pairs]
shut, wide = int(np.argmax(brightness)), int(np.argmin(brightness))  # an open mouth is dark
handed_on = keras.ops.convert_to_numpy(networks.encoder(seen_a))


def draw(maps, decoder):
    """What a decoder makes of (N, 8, 8, C), in the colors of A's frame with the mouth shut."""
    raw = keras.ops.convert_to_numpy(decoder(np.stack(maps))[1])
    return list(postprocess_faces(raw, np.repeat(tones_a[shut : shut + 1], len(maps), axis=0)))


walk = [handed_on[shut] * (1 - share) + handed_on[wide] * share for share in np.linspace(0, 1, 6)]
ends = [views_a[shut], *[np.full_like(views_a[0], 255)] * 4, views_a[wide]]
show.plot_images([*ends, *draw(walk, networks.decoder_a), *draw(walk, networks.decoder_b)], columns=6)

# %% [markdown]
# Above the two frames, in the middle decoder A's faces, below decoder B's. The faces between were never filmed. This is
# what people mean when they say that a network has learnt an *expression*: there is a direction for "mouth open", and
# it means nearly the same to both decoders. (B keeps her teeth where A's lips are shut: nearly all of her clip is a
# smile.)
#
# ## 4. The places that go past
#
# A few hundred numbers are few to say exactly where an eyelid is. So some channels, the *places*, go past the code at 8
# by 8 (the bow in the drawing). Was it they that opened the mouth, or the code? Mix and see: what was made from the
# code of one frame, the places of another.

# %%
count = networks.config.widths.places
from_code, places = handed_on[..., :-count], handed_on[..., -count:]
pairs = [(code, place) for code in (shut, wide) for place in (shut, wide)]
mixed = [np.concatenate([from_code[code], places[place]], axis=-1) for code, place in pairs]
captions = [f"code: mouth {code}, places: {place}" for code in ("shut", "open") for place in ("shut", "open")]
written = draw(mixed, networks.decoder_b)
by_code, by_places = (np.abs(written[0].astype(float) - written[other]).mean() for other in (2, 1))
print(f"another code changes the picture by {by_code:.1f} gray levels of 255, other places by {by_places:.1f}")
show.plot_images(written, captions=captions)

# %% [markdown]
# After 600 steps as after 1,500 the answer was plain: the mouth follows the *places*, whatever the code says. It is the
# same with the turn of the head (try it: of two frames with the head turned, mix code and places). The code knows the
# turn, as the colors showed, but a decoder that finds it in the places does not ask. What it takes from the code is
# above all *who*. The narrow code was meant to carry everything, and the bow has taken most of it over. It is a trade.
# More places keep the expression better; but what goes past the narrow point was not squeezed, so it can carry A's own
# shape along, and the swap looks a little more like A.

# %% [markdown]
# ## 5. Why two decoders
#
#                                      +--> decoder A --> face of A
#         face of A --+                |
#                     +--> encoder --> code
#         face of B --+                |
#                                      +--> decoder B --> face of B
#
# Why one encoder? With two, each could invent words of its own: what means "turned to the left" for A might mean
# nothing for B, and decoder B could not read what A's encoder says. One encoder has one set of words for both (the
# colors of section 3), all but the one for who it is. In training A's faces only ever go to decoder A and B's to
# decoder B. Each is asked one thing: *give this face back*. To swap, we take the road that was never used: A in,
# decoder B out.

# %%
from faceswap_lib.course.ablation import write_views

kept = write_views(networks, views_a[some], faces_a[some], "a2a")
swapped = write_views(networks, views_a[some], faces_a[some], "a2b")
show.plot_images([*views_a[some], *kept.faces, *swapped.faces], columns=6)

# %% [markdown]
# A's frames, then decoder A, then decoder B. Why not one decoder that learns both people? It would be cheaper. Try
# it: the same small networks, trained twice in the same way. Once as above, and once with both facesets thrown
# together, so that a decoder meets both people. Nothing else differs.

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
    by_one = write_views(one.networks, view, area, "a2a")  # its decoder A has met both
    by_two = write_views(two.networks, view, area, f"{name.lower()}2b")
    shown += [view[0], by_one.faces[0], by_two.faces[0]]
    captions += [name, f"one for both: {by_one.error:.1f}", f"B's decoder: {by_two.error:.1f}"]
show.plot_images(shown, captions=captions, columns=3, width=6)

# %% [markdown]
# The number is the mean error against the frame on the left, in gray levels of 255. The middle column: one decoder
# gives A back, with cap and glasses, and B too. The code tells it who to draw. That is the *identity*, the most
# useless result there is, and by its losses a good one. The right column: decoder B cannot give A back, because it
# never saw A. It draws B's fringe and B's smile in A's place. The swap does not come from what this decoder knows but
# from what it was never shown.
#
# ## 6. From small to large: pixel shuffle
#
# A decoder must double its picture several times. It lets a convolution write *four times the channels*, then deals
# them out: four numbers of one place become a square of two by two pixels. No number is computed, they only move. On
# a map of two by two places:

# %%
from faceswap_lib.networks import PixelShuffle

small_map = np.arange(16).reshape(2, 2, 4)  # two by two places of four channels
by_hand = np.zeros((4, 4), int)
for row in range(4):
    for column in range(4):
        channel = 2 * (row % 2) + column % 2  # which of the four, by its place in the square
        by_hand[row, column] = small_map[row // 2, column // 2, channel]
captions = [*(f"channel {number}" for number in range(4)), "shuffled"]
show.plot_matrices([*small_map.transpose(2, 0, 1), by_hand], captions=captions)

# %%
show.show_source(PixelShuffle)

# %%
shuffled = keras.ops.convert_to_numpy(PixelShuffle(2)(small_map[None].astype("float32")))[0, ..., 0]
assert np.array_equal(shuffled, by_hand)

# %% [markdown]
# If the four channels disagree from the start, the picture is covered by a checkerboard of two by two squares, which
# training removes slowly. So they start with the same weights, and the first thing a decoder writes is smooth.
#
# **Exercise 3.** Undo it: from `by_hand` (4, 4) get `small_map` (2, 2, 4) back, by slicing with a step of 2.

# %%
back = np.zeros((2, 2, 4), int)  # yours
print("the same" if np.array_equal(back, small_map) else "not yet")

# %% tags=["solution"]
# @title Solution
back = np.stack([by_hand[row::2, column::2] for row in (0, 1) for column in (0, 1)], axis=-1)
assert np.array_equal(back, small_map)

# %% [markdown]
# ## 7. Attention
#
# A convolution sees only what is near. But both eyes look the same way, and they are far apart. *Self attention* lets
# every place ask all others. (You can skip to section 8; nothing later needs this.) From its numbers each place makes
# three lists: a **query** (what am I looking for?), a **key** (what do I have?) and a **value** (what do I tell?). The
# more its query agrees with a key, the more of that key's value it gets:
#
# $$W = \operatorname{softmax}(Q K^\top) \qquad\qquad \text{out} = x + \text{scale} \cdot W V$$
#
# *Softmax* makes positive numbers of each row that add up to 1. On six places of two channels:

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
show.plot_matrices([spots, weights], captions=["six places", "row: who looks, column: at whom"])

# %%
show.show_source(SelfAttention)

# %%
nearly = {"atol": 5e-3 if on_gpu else 1e-5}  # products of three digits, as in section 1
assert np.allclose(keras.ops.convert_to_numpy(attention(x)), by_hand, **nearly)
assert np.allclose(keras.ops.convert_to_numpy(attention.look(spots[None])[0]), weights, **nearly)

# %% [markdown]
# Now the trained encoder's, which looks over 16 by 16 places. The green frame is the place that asks, yellow is where
# it looks. (`tiny` networks have no attention; for them you see a fresh one, which has learnt nothing.)

# %%
trained = [layer for layer in networks.encoder.layers if isinstance(layer, SelfAttention)]
attention = trained[0] if trained else SelfAttention()
norms = [layer for layer in networks.encoder.layers if "norm" in layer.name]
at_16 = next(layer for layer in norms if layer.output.shape[1] == 16)
features = keras.Model(networks.encoder.input, at_16.output)(seen_a[shut : shut + 1])
attention(features)  # builds it, if it is fresh
weights = attention.look(keras.ops.reshape(features, (1, 256, -1)))
weights = keras.ops.convert_to_numpy(weights)[0].reshape(16, 16, 16, 16)  # of who looks; at whom
asking = {"an eye": (6, 5), "the other eye": (6, 10), "nose": (8, 8), "mouth": (11, 8), "forehead": (3, 8)}
shown = [show.overlay_heatmap(views_a[shut], weights[place], place=place) for place in asking.values()]
show.plot_images(shown, captions=list(asking))

# %% [markdown]
# Not what one hopes for. There is no soft glance from eye to eye: nearly all of the weight falls on one or two
# places. The scores are added up over many channels and never divided, so softmax gives nearly everything to the
# largest. And how much does it count? `scale` says how loud the answer is. It starts at 0. We can also turn it off
# everywhere and see what changes in the swap:

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
# Longer does not make it louder: in a run of 1,500 steps the scales were -0.002, -0.017 and -0.005, and without
# attention the swapped face changed by 1.3 gray levels. So after a short training attention has learnt next to nothing,
# and what these networks can do they do by convolutions. A mechanism is not of use because it has a beautiful idea;
# look at what it learnt. Section 10 says what it costs.
#
# ## 8. The mask
#
# A decoder's first channel is the **mask** $m$, between 0 and 1. It says, pixel by pixel, how much of the raw face
# is taken; the rest stays the input's:
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
# Frames, masks, raw faces, composites. The mask has the shape of a face, soft at its border, and hardly changes. Around
# the raw face is rubbish: next to nothing outside the face is asked for, and the mask keeps it out.
#
# Does the mask know when something is *in front of* the face? Then it should be 0 there and leave the thing in the
# picture. We draw a stripe on a frame and ask.

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
# It does not. The mask stays the oval it was, the stripe vanishes inside it and goes on outside. No hand, no microphone
# ever came before a face in these clips, so there was nothing to learn it from. A hand before the mouth will be painted
# over; that is a true weakness, and one reason to choose clips without it.
#
# ## 9. The discriminator
#
# Pixel losses like soft faces ([04](04_losses.ipynb)). So in training a second network looks at pictures and says:
# filmed or written? The decoders learn to please it. Conversion does not need it. It gets six channels: a picture, and
# beside it what the encoder read, so that it can tell whether the one belongs to the other. It writes no verdict for
# the whole but a **map of scores**, one for each part: towards 1 for "filmed", towards 0 for "written". We show B's
# discriminator B's frames three times: as filmed, blurred, and written by decoder B.

# %%
from faceswap_lib.faces import normalize_color
from faceswap_lib.training import read_checkpoint, stored_networks, stored_training
from faceswap_lib.training.train_step import build_state

folder = workspace.run(RUN)
state = build_state(stored_networks(folder), stored_training(folder))
read_checkpoint(folder / "checkpoints", state)  # conversion needs no discriminators; a checkpoint has them
filmed = normalize_color(views_b[some].astype("float32"), tones_b[some]).clip(-1, 1)
blurred = np.stack([cv2.GaussianBlur(picture, (0, 0), resolution / 64) for picture in filmed])
inside = faces_b[some][..., None] / 255
raw = keras.ops.convert_to_numpy(networks.generate(seen_b[some], "b2b")[1])
written = alpha_composite(inside, raw, filmed)  # the face set into its own frame

# %%
shown, captions = [], []
for name, kind in (("filmed", filmed), ("blurred", blurred), ("written", written)):
    pair = np.concatenate([kind, seen_b[some]], axis=-1).astype("float32")
    scores = keras.ops.convert_to_numpy(state.networks.discriminator_b(pair))[..., 0].astype(float)
    shown += [postprocess_faces(np.asarray(kind), tones_b[some])[0], scores[0].clip(0, 1)]
    captions += [name, f"scores, {scores.mean():.3f} over all"]
show.plot_images(shown, captions=captions)

# %% [markdown]
# The map is noisy, and it should be read as an average. After 1,500 steps we measured 0.46 for filmed, 0.36 for
# blurred, 0.46 for written pictures. To say about a half to everything is the best answer of one who cannot tell
# (04 works that out). So our blur, which it never met in training, it minds a little; filmed and written it cannot tell
# apart, though you can. It is a small network and took part in half of a short training. Notebook 04 says what it and
# the *generator* (encoder and decoder) want from each other. The two together are what *GAN* stands for: a generative
# adversarial network.
#
# ## 10. What it costs
#
# Numbers to learn fill memory and disk, multiplications take time. Here for your run's networks and for `faceswap-gan`,
# which has the layers of faceswap-GAN v2.2, the system of 2018 whose method this course teaches.

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
# to 64 by 64 positions: 4,096 positions, each to all 4,096. `lite` has it over 16 by 16 positions and spends 5 %. It
# writes pictures of four times as many pixels with less than a third of the arithmetic.

# %% [markdown]
# ## What you know now
#
# - An encoder squeezes a face into a code and a few places; a decoder makes a face of them. One encoder, so that both
#   people are described in much the same words; two decoders, so that none can give the wrong person back.
# - The mask says where the new face is taken. It knows the shape of a face and nothing about hands or hair before it.
# - Some parts matter less than their names promise: attention had learnt next to nothing after 1,500 steps.
#
# **To try:** run sections 4 and 5 in the other direction (`"b2a"`). Train a run with
# `NetworkConfig(attention="none")` and look for the difference.
#
# Next: [04 The losses](04_losses.ipynb), what the networks are asked for.

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
# # 03c Attention and the attention mask
#
# Two different things in face swaps have nearly the same name. **Self-attention** is a layer that lets far positions of
# an image exchange information. The **attention mask** is an extra output of the decoder, with one channel: for every
# pixel it says how much of the new face to use. This notebook computes both by hand, and tests what each of them really
# does in a trained run. At the end it looks at what the **discriminator** sees.
#
# | | |
# |---|---|
# | **You will learn** | alpha compositing, occlusion, self-attention, what it can do, and what it did here |
# | **You will have at the end** | a toy network that attention makes possible, and an honest test in the real one |
# | **Time on two CPU cores** | about 2 minutes with a trained run; 5 more if it must be trained first |
# | **Before** | [03b The networks](03b_networks.ipynb) |
# | **After** | [04 The losses](04_losses.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # files of notebooks 01 and 02 are used; missing files are made
RUN = "default"  # the trained run that we look at
PRESET = "lite"  # its networks, if the run must be trained first
STEPS = 600  # and the length of this training
BATCH_SIZE = 8
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
TOY_STEPS = 500  # of each of the two trainings of the toy

# %% [markdown]
# The next cell loads the trained run of [03b](03b_networks.ipynb) and swaps six frames of A. The output shows the
# frames, the attention masks, the raw faces and the *composites*: the raw faces, blended over the frames.

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import cv2
import keras
import numpy as np
from keras import layers, ops

from faceswap_lib import show
from faceswap_lib.course.ablation import write_views
from faceswap_lib.demo.fixtures import make_run
from faceswap_lib.devices import has_accelerator
from faceswap_lib.facesets import Faceset
from faceswap_lib.networks import preprocess_views
from faceswap_lib.training import load_run

made = {"preset": PRESET, "steps": STEPS, "batch_size": BATCH_SIZE, "seconds": SECONDS, "size": SIZE}
workspace = make_run(WORKSPACE, run=RUN, **made)  # makes only missing parts
networks, step = load_run(workspace, RUN)
resolution, size = networks.config.resolution, networks.config.stored_size
arrays = [Faceset.open(workspace, side).sample(200).load(size) for side in ("src", "dst")]
(views_a, faces_a), (views_b, faces_b) = (array.views(resolution) for array in arrays)
seen_a, tones_a = preprocess_views(views_a, faces_a)
seen_b, tones_b = preprocess_views(views_b, faces_b)
some = np.linspace(0, len(views_a) - 1, 6).astype(int)
swapped = write_views(networks, views_a[some], faces_a[some], "a2b")
print(f"networks trained for {step} steps")
show.plot_images([*views_a[some], *swapped.masks, *swapped.faces, *swapped.composites], columns=6)

# %% [markdown]
# ## 1. The attention mask
#
# The mask $m$ is between 0 and 1. The composite is a weighted mean of two images, which is called **alpha
# compositing**:
#
# $$\text{composite} = m \cdot \text{raw} + (1 - m) \cdot \text{input}$$
#
# *Raw* is the raw face, the decoder's output. *Input* is the view of A's frame, in the next cell as the encoder reads
# it; in training it is the warped view. faceswap-GAN calls this mask the attention mask. There the decoder has one
# output with four channels; here the mask is an output of its own, with one channel. Its last function, the *sigmoid*,
# brings every number between 0 and 1. We compute one pixel on the cheek by hand:

# %%
from faceswap_lib.training.losses import alpha_composite

mask, raw = (ops.convert_to_numpy(part) for part in networks.generate(seen_a[:1], "a2b"))
at = (0, resolution // 2, resolution // 4)  # one pixel, on the cheek
by_hand = mask[at] * raw[at] + (1 - mask[at]) * seen_a[at]
assert np.allclose(by_hand, alpha_composite(mask, raw, seen_a[:1])[at], atol=1e-6)
show.show_source(alpha_composite)

# %% [markdown]
# In the images above, the mask has the shape of a face with a soft border, and it hardly changes. The raw face has
# noise around it, because the losses have almost no weight outside the face. The mask keeps this noise out of the
# composite.
#
# Does the mask notice an object *in front of* the face, an **occlusion**? There it should be 0, so that the object
# stays visible. We draw a stripe on a frame.

# %%
striped = views_a[:1].copy()[0]
ends = (round(0.1 * resolution), round(0.85 * resolution)), (round(0.9 * resolution), round(0.3 * resolution))
cv2.line(striped, *ends, (200, 120, 60), round(resolution / 12))
pair = np.stack([views_a[0], striped])
result = write_views(networks, pair, faces_a[[0, 0]], "a2b")
moved = np.abs(result.masks[1] - result.masks[0])
print(f"the mask changes by {moved.mean():.3f} on average, {moved.max():.2f} at most")
rows = zip(pair, result.masks, result.faces, result.composites, strict=True)
captions = ["input", "mask", "raw face", "composite"] * 2
show.plot_images([image for row in rows for image in row], captions=captions, columns=4, width=7)

# %% [markdown]
# The mask nearly does not change. The stripe disappears inside it and stays visible outside. In these clips, no hand
# and no microphone was ever in front of a face, so the networks had no example to learn from. A hand in front of the
# mouth will be painted over.
#
# Our addition is a second mask: an extra network finds covered pixels ([the page on occlusion](../docs/occlusion.md)).
# Its result is 1 where the face is visible and 0 where an object covers it. In faceswap-GAN v2.2 only the attention
# mask can keep an object.
#
# **Exercise 1.** Write the composite with both masks: where an object covers the face, the input stays.

# %%
from faceswap_lib.course.network_checks import check_composite


def composite(mask, raw, image, visible):
    """Composites a raw face over an image, both (H, W, 3), with two masks (H, W)."""
    return raw  # your solution


print(check_composite(composite))


# %% tags=["solution"]
# @title Solution
def composite(mask, raw, image, visible):
    """Composites a raw face over an image, both (H, W, 3), with two masks (H, W)."""
    weight = (mask * visible)[..., None]
    return weight * raw + (1 - weight) * image


print(check_composite(composite))
visible = 1.0 - (np.abs(pair[1].astype(float) - pair[0]).max(axis=-1) > 0)  # here we know where the stripe is
kept = composite(result.masks[1], result.faces[1].astype(float), striped.astype(float), visible)
show.plot_images([striped, visible, kept.astype("uint8")], captions=["input", "visible", "composite"], width=5)

# %% [markdown]
# ## 2. Self-attention
#
# A convolution only uses neighboring positions. Its **receptive field** grows with each layer, but slowly. With
# self-attention, every position can use information from all other positions at once.
#
# From its numbers each position computes three lists: a **query** (what am I looking for?), a **key** (what do I have?)
# and a **value** (what do I give?). The better the query of one position agrees with the key of another, the more of
# the value of that other position it gets:
#
# $$W = \operatorname{softmax}(Q K^\top) \qquad\qquad \text{out} = x + \text{scale} \cdot W V$$
#
# *Softmax* makes each row positive with the sum 1: $e^{s_j} / \sum_k e^{s_k}$. It does not change if you subtract the
# largest score of the row first. Do so, because $e^{1000}$ is too large for a computer.
#
# **Exercise 2.** Write $W V$ in NumPy, from the lists of N positions.

# %%
from faceswap_lib.course.network_checks import check_attention


def attend(query, key, value):
    """Computes attention from queries (N, D), keys (N, D) and values (N, C); returns (N, C)."""
    return value  # your solution


print(check_attention(attend))


# %% tags=["solution"]
# @title Solution
def attend(query, key, value):
    """Computes attention from queries (N, D), keys (N, D) and values (N, C); returns (N, C)."""
    scores = query @ key.T
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True) @ value


print(check_attention(attend))

# %% [markdown]
# The layer of the library computes the lists with three `Dense` layers, and adds the result to its input, like a
# **residual** block. It must give the same numbers as your function:

# %%
from faceswap_lib.networks import SelfAttention

x = np.random.default_rng(1).normal(size=(1, 2, 3, 4)).astype("float32")  # 2 by 3 positions with four channels
layer = SelfAttention(squeeze=2)
layer.build(x.shape)
layer.scale.assign(0.5)
positions = x.reshape(6, 4)
lists = (positions @ ops.convert_to_numpy(part.kernel) for part in (layer.query, layer.key, layer.value))
by_hand = x + 0.5 * attend(*lists).reshape(x.shape)
assert np.allclose(ops.convert_to_numpy(layer(x)), by_hand, atol=5e-3 if has_accelerator() else 1e-5)
show.show_source(SelfAttention)

# %% [markdown]
# ## 3. A task that needs attention
#
# An image of 16 by 16 pixels has a colored square near one corner. A second square is near the far corner. The network
# must write the color of the first square into the second one. Two more channels say where they are: the fourth marks
# the first square, the last one marks the second.

# %%
random = np.random.default_rng(0)
SIDE = 16


def draw_task(count):
    """Draws images (count, 16, 16, 5): three colors, first square, second square; and the colors (count, 3)."""
    images = np.zeros((count, SIDE, SIDE, 5), "float32")
    images[..., :3] = random.uniform(0.4, 0.6, (count, SIDE, SIDE, 3))
    colors = random.uniform(size=(count, 3)).astype("float32")
    for image, color in zip(images, colors, strict=True):
        (y, x), (v, u) = random.integers(0, 3, 2), random.integers(SIDE - 5, SIDE - 2, 2)
        image[y : y + 2, x : x + 2, :3], image[y : y + 2, x : x + 2, 3] = color, 1
        image[v : v + 2, u : u + 2, 4] = 1
    return images, colors


def build_copier(attention):
    """Builds three convolutions, with or without a self-attention layer after the first one."""
    image = keras.Input((SIDE, SIDE, 5))
    x = layers.LeakyReLU(negative_slope=0.2)(layers.Conv2D(16, 3, padding="same")(image))
    if attention:
        x = SelfAttention(squeeze=2, name="attention")(x)
    x = layers.LeakyReLU(negative_slope=0.2)(layers.Conv2D(16, 3, padding="same")(x))
    written, second = layers.Conv2D(3, 1)(x), image[..., 4:]
    return keras.Model(image, ops.sum(written * second, axis=(1, 2)) / ops.sum(second, axis=(1, 2)))


images, colors = draw_task(200)  # for the test
copiers = {}
for name, attention in (("convolutions", False), ("with attention", True)):
    keras.utils.set_random_seed(1)
    copier = copiers[name] = build_copier(attention)
    copier.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mae")
    for _ in range(TOY_STEPS):
        copier.train_on_batch(*draw_task(32))
    print(f"{name:15} error {np.abs(copier.predict_on_batch(images) - colors).mean():.3f}")
scale = float(ops.convert_to_numpy(copier.get_layer("attention").scale))
print(f"{'always gray':15} error {np.abs(0.5 - colors).mean():.3f}; scale of the attention {scale:.2f}")

# %% [markdown]
# Convolutions alone are not better than the answer "gray": the receptive field of two convolutions of 3 by 3 is 5
# pixels, and the nearest pixels of the squares are at least 8 apart. More layers would be needed only to carry a color
# across the image. One attention layer solves the task. Where does the second square look?

# %%
copier = copiers["with attention"]
features = keras.Model(copier.input, copier.get_layer("attention").input)(images[:3])
weights = copier.get_layer("attention").look(ops.reshape(features, (3, SIDE**2, -1)))
weights = ops.convert_to_numpy(weights).reshape(3, SIDE, SIDE, SIDE, SIDE)
shown = []
for image, weight, color in zip(images, weights, copier.predict_on_batch(images[:3]), strict=False):
    v, u = np.argwhere(image[..., 4] > 0)[0]
    answer = image[..., :3].copy()
    answer[v : v + 2, u : u + 2] = color.clip(0, 1)
    pixels = [np.kron(part * 255, np.ones((8, 8, 1))).astype("uint8") for part in (image[..., :3], answer)]
    shown += [pixels[0], show.overlay_heatmap(pixels[0], weight[v, u], place=(v, u)), pixels[1]]
show.plot_images(shown, captions=["input", "attention of the second square", "answer"] * 3, columns=3, width=6)

# %% [markdown]
# Nearly all of the weight is on the first square. Nobody told the layer to look there. This is what attention is for: a
# *content* decides what is connected, not a distance.
#
# ## 4. What attention learned in the swap
#
# Now the trained encoder, with 16 by 16 positions. The green frame marks the position of the query. Yellow positions
# have a large weight. (`tiny` networks have no attention. For them you see a new layer, which has learned nothing.)

# %%
trained = [layer for layer in networks.encoder.layers if isinstance(layer, SelfAttention)]
attention = trained[0] if trained else SelfAttention()
norms = [layer for layer in networks.encoder.layers if "norm" in layer.name]
at_16 = next(layer for layer in norms if layer.output.shape[1] == 16)
features = keras.Model(networks.encoder.input, at_16.output)(seen_a[:1])
attention(features)  # creates its weights, if the layer is new
weights = attention.look(ops.reshape(features, (1, 256, -1)))
weights = ops.convert_to_numpy(weights)[0].reshape(16, 16, 16, 16)  # position of the query; position of the key
asking = {"an eye": (6, 5), "the other eye": (6, 10), "nose": (8, 8), "mouth": (11, 8), "forehead": (3, 8)}
shown = [show.overlay_heatmap(views_a[0], weights[place], place=place) for place in asking.values()]
show.plot_images(shown, captions=list(asking))

# %% [markdown]
# One might expect attention from eye to eye. It is not there: nearly all of the weight is on one or two positions. How
# large is the effect on the output? The result of attention is multiplied by the number `scale`, which starts at 0. We
# set it to 0 in all layers and see what changes in the swap:

# %%
layers_of_all = [layer for part in networks.generators for layer in part.layers]
everywhere = [layer for layer in layers_of_all if isinstance(layer, SelfAttention)]
scales = [float(ops.convert_to_numpy(layer.scale)) for layer in everywhere]
for layer in everywhere:
    layer.scale.assign(0.0)
without = write_views(networks, views_a[some], faces_a[some], "a2b")
for layer, scale in zip(everywhere, scales, strict=True):
    layer.scale.assign(scale)
change = np.abs(without.faces.astype(float) - swapped.faces).mean()
apart = np.abs(write_views(networks, views_a[some], faces_a[some], "a2a").faces.astype(float) - swapped.faces).mean()
print("scales of encoder, decoder A, decoder B:", ", ".join(f"{scale:.4f}" for scale in scales))
print(f"without attention the swap differs by {change:.2f} gray levels of 255; A as A and A as B differ by {apart:.1f}")

# %% [markdown]
# In the toy, `scale` moved far away from 0, because nothing else could solve the task. Here convolutions can do the
# work, and attention has learned almost nothing. A longer training did not change this: in a run of 1,500 steps the
# scales were -0.002, -0.017 and -0.005, and without attention the swapped face changed by 1.3 gray levels. A mechanism
# is not useful because its idea is beautiful. Test what it learned.
#
# What does it cost? The next cell compares the networks of this run with those of faceswap-GAN v2.2.

# %%
from faceswap_lib.networks import PRESETS, build_networks, count_layers

for name, nets in (("this run", networks), ("faceswap-gan", build_networks(PRESETS["faceswap-gan"]))):
    costs = [layer for part in (nets.encoder, nets.decoder_b, nets.discriminator_b) for layer in count_layers(part)]
    total = sum(layer.macs for layer in costs)
    attends = sum(layer.macs for layer in costs if layer.kind == "SelfAttention")
    print(f"{name:12} {total:15,} multiplications, {attends / total:.1%} of them in attention")

# %% [markdown]
# Nearly all of this cost is in one layer of each decoder of `faceswap-gan`, which attends to 64 by 64 positions: each
# of the 4,096 positions attends to all 4,096. `lite` only has attention over 16 by 16 positions.
#
# ## 5. What the discriminator sees
#
# In training, a **PatchGAN** discriminator ([03](03_autoencoder.ipynb), section 8) gives a map of scores: close to 1
# for real (filmed) images, close to 0 for *fakes*. In the library a fake is a composite, never the raw face alone. Ours
# reads six channels: an image, and the image that the encoder read. So it can also judge whether the two belong
# together. We show B's discriminator real frames of B, the same blurred, and one kind of its fakes: decoder B's raw
# faces, blended into the same frames with the shape of the face. (The other kind is blended over the warped view with
# the decoder's mask.)

# %%
from faceswap_lib.faces import normalize_color
from faceswap_lib.networks import postprocess_faces
from faceswap_lib.training import read_checkpoint, stored_networks, stored_training
from faceswap_lib.training.train_step import build_state

folder = workspace.run(RUN)
state = build_state(stored_networks(folder), stored_training(folder))
read_checkpoint(folder / "checkpoints", state)  # conversion does not load discriminators; checkpoints contain them
chosen = np.linspace(0, len(views_b) - 1, 6).astype(int)
real = normalize_color(views_b[chosen].astype("float32"), tones_b[chosen]).clip(-1, 1)
blurred = np.stack([cv2.GaussianBlur(image, (0, 0), resolution / 64) for image in real])
raw = ops.convert_to_numpy(networks.generate(seen_b[chosen], "b2b")[1])
fake = alpha_composite(faces_b[chosen][..., None] / 255, raw, real)  # the face blended into its own frame
shown, captions = [], []
for name, kind in (("real", real), ("blurred", blurred), ("fake", fake)):
    pair = np.concatenate([kind, seen_b[chosen]], axis=-1).astype("float32")
    scores = ops.convert_to_numpy(state.networks.discriminator_b(pair))[..., 0].astype(float)
    shown += [postprocess_faces(np.asarray(kind), tones_b[chosen])[0], scores[0].clip(0, 1)]
    captions += [name, f"scores, mean {scores.mean():.3f}"]
show.plot_images(shown, captions=captions)

# %% [markdown]
# The map is noisy, so look at its mean. After 1,500 steps we measured 0.46 for real, 0.36 for blurred and 0.46 for fake
# images. Your run has 600 steps, so your numbers differ. A discriminator that cannot distinguish them answers about one
# half. So it notices our blur a little, although no blurred images were in the training. It cannot distinguish real
# from fake images, although you can. It is a small network, and it was active only in half of a short training.
# [04c](04c_gan.ipynb) shows a toy in which its judgment makes the face sharp.
#
# ## What you know now
#
# - The attention mask says where to use the new face. It learned the shape of a face, not to see objects.
# - Self-attention connects far positions by their content. A toy cannot do without it; our swaps can.
# - A discriminator judges patches, and a short training does not make it a good judge.
#
# **To try:** train a run with `NetworkConfig(attention="none")` and look for the difference.

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("03c_attention_mask")

# %% [markdown]
# ## Further reading
#
# - [Zhang et al. 2019](https://arxiv.org/abs/1805.08318): self-attention in GANs, the layer of section 2.
# - [Vaswani et al. 2017](https://arxiv.org/abs/1706.03762): attention in transformers, there divided by the root of D.
# - [shaoanlu/faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): the attention mask in face swaps.
# - [Pumarola et al. 2018](https://arxiv.org/abs/1807.09251): an attention mask for expressions (GANimation).
# - [Keras: `MultiHeadAttention`](https://keras.io/api/layers/attention_layers/multi_head_attention/): the layer of
#   Keras.

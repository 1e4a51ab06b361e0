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
# # 03 An autoencoder by hand
#
# This notebook builds a face swap from nothing, in plain Keras, and trains it in front of your eyes. Nothing in it is
# hidden: you see the networks, the augmentation, the training loop and the swap. Only the crops and the plots come from
# the library. The result is small and soft, but it is a real swap. At the end you see the same loop in the library, and
# what it adds.
#
# | | |
# |---|---|
# | **You will learn** | how such networks are built, trained and tested, and what one training step does |
# | **You will have at the end** | one encoder and two decoders that you trained yourself, and a clip of their swap |
# | **Time on two CPU cores** | about 3 minutes, one and a half of them for the main training |
# | **Before** | [02 Binary masks](02_prep_binary_masks.ipynb) |
# | **After** | [03b The networks](03b_networks.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # its facesets are used; if there are none, those of the demo are made
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
BATCH_SIZE = 8
STEPS = 1000  # of the main training
SHORT_STEPS = 300  # of the training that overfits
GAN_STEPS = 120  # updates of the discriminator in section 8
LEARNING_RATE = 2e-3

# %% [markdown]
# ## 1. Faces to train with, and faces to test with
#
# The next cell loads the crops of both people. The networks read and write the middle of a crop, 64 by 64 pixels, with
# values from 0 to 1.
#
# The last fifth of each clip is set aside for **validation**: the networks are tested with these frames and never
# trained with them. Only such frames show whether a network learned something about faces, or only remembers images.

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers, ops

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Faceset

SIDE, MARGIN = 64, 16  # of what the networks read; around it, what rotations and shifts bring in
workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
crops_a, crops_b = (
    Faceset.open(workspace, side).load(SIDE + 2 * MARGIN).images / np.float32(255) for side in ("src", "dst")
)
train_a, train_b = (crops[: len(crops) * 4 // 5] for crops in (crops_a, crops_b))
validation_a, validation_b = (crops[len(crops) * 4 // 5 :] for crops in (crops_a, crops_b))


def view(crops):
    """Returns the middle of crops, (N, 64, 64, 3), as the networks read it."""
    return crops[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def show_rows(rows, captions=None):
    """Shows rows of images with values from 0 to 1."""
    images = [(np.clip(image, 0, 1) * 255).astype("uint8") for row in rows for image in row]
    return show.plot_images(images, columns=len(rows[0]), captions=captions)


print(f"{len(train_a)} + {len(train_b)} crops for training, {len(validation_a)} + {len(validation_b)} for validation")
some = np.linspace(0, len(validation_a) - 1, 6).astype(int)
show_rows([view(validation_a)[some], view(validation_b)[some]])

# %% [markdown]
# ## 2. Augmentation
#
# So few crops are not enough. **Augmentation** changes each crop at random whenever it is used: rotation, zoom, shift,
# flip, color. Then no image occurs twice.
#
# One change is special, the **random warp**. The network reads a face that is bent like rubber and must write the face
# that is not bent. So it cannot copy its input. It must know what the face looks like. The random light also changes
# only the input. So the encoder learns to ignore the light. Steps process several images together, a **batch**.

# %%
random = np.random.default_rng(0)


def augment(crop):
    """Returns the warped view of a crop, which the network reads, and the real view, which it must write."""
    size = len(crop)
    if random.random() < 0.5:
        crop = crop[:, ::-1]
    turn, zoom = random.uniform(-5, 5), random.uniform(0.95, 1.05)
    matrix = cv2.getRotationMatrix2D((size / 2, size / 2), turn, zoom)
    matrix[:, 2] += random.uniform(-2, 2, 2)  # shift in pixels
    crop = cv2.warpAffine(np.ascontiguousarray(crop), matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
    points = (np.arange(5) + 0.5) * size / 5 - 0.5
    bent = [(axis + random.normal(0, 1.5, (5, 5))).astype("float32") for axis in np.meshgrid(points, points)]
    where_x, where_y = (cv2.resize(axis, (size, size)) for axis in bent)  # where each pixel comes from
    warped = cv2.remap(crop, where_x, where_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    light = random.uniform(0.8, 1.2, 3)  # brightness of red, green, blue
    return view((warped * light).clip(0, 1)[None])[0], view(crop[None])[0]


def draw_batch(crops, change=augment):
    """Draws a batch: warped views and real views, each (BATCH_SIZE, 64, 64, 3) float32."""
    pairs = [change(crops[index]) for index in random.integers(len(crops), size=BATCH_SIZE)]
    warped, real = zip(*pairs, strict=True)
    return np.stack(warped).astype("float32"), np.stack(real)


warped, real = draw_batch(train_a)
show_rows([warped[:6], real[:6]])

# %% [markdown]
# The first row shows what the network reads, the second row what it must write.
#
# ## 3. An encoder and two decoders
#
# An **autoencoder** is a network that learns to write its own input again. It has two parts. The **encoder** makes a
# short list of numbers from the image, the **latent** code. The **decoder** makes the image from the code. 64 · 64 · 3
# = 12,288 numbers must pass through 256. This narrow place is the **bottleneck**. It forces the network to describe a
# face instead of copying pixels.
#
# - A **convolution** moves a small table of weights over the image ([03b](03b_networks.ipynb) computes one). With a
#   stride of 2 the image becomes half as large.
# - The function after it is the **activation**; here leaky ReLU, which multiplies negative numbers by 0.2. Without it,
#   all layers together could do no more than one.
# - A *dense layer* (`Dense`) computes each of its outputs from *all* inputs, with one weight for each pair. Two of them
#   are around the code.
# - **Upsampling** makes the image larger again: here each pixel is copied to two by two pixels, and a convolution
#   follows.
#
# For a swap there are *two* decoders and *one* encoder. A's faces go through the encoder and decoder A, B's faces
# through the same encoder and decoder B.

# %%
CODE = 256


def convolve(x, channels, stride=1):
    """Applies a convolution and the activation."""
    return layers.LeakyReLU(negative_slope=0.2)(layers.Conv2D(channels, 3, strides=stride, padding="same")(x))


def build_encoder():
    """Builds an encoder: 64 pixels, 32, 16, 8, 4, then the code."""
    image = keras.Input((SIDE, SIDE, 3))
    x = image
    for channels in (32, 64, 128, 128):
        x = convolve(x, channels, stride=2)
    return keras.Model(image, layers.Dense(CODE, name="code")(layers.Flatten()(x)), name="encoder")


def build_decoder(name, extra=None):
    """Builds a decoder: the code, 4 pixels, 8, 16, 32, 64; `extra` builds a layer at 16 pixels (exercise 1)."""
    code = keras.Input((CODE,))
    x = layers.Reshape((4, 4, 128))(layers.Dense(4 * 4 * 128)(code))
    for channels in (96, 64, 32, 16):
        x = convolve(layers.UpSampling2D(2)(x), channels)
        if extra and x.shape[1] == 16:
            x = extra(channels)(x)
    return keras.Model(code, layers.Conv2D(3, 3, padding="same", activation="sigmoid")(x), name=name)


def build_swapper(extra=None):
    """Builds one encoder, two decoders, and the model that trains all three: each person has a way through it."""
    encoder, decoder_a, decoder_b = (
        build_encoder(),
        build_decoder("decoder_a", extra),
        build_decoder("decoder_b", extra),
    )
    face_a, face_b = keras.Input((SIDE, SIDE, 3)), keras.Input((SIDE, SIDE, 3))
    swapper = keras.Model([face_a, face_b], [decoder_a(encoder(face_a)), decoder_b(encoder(face_b))])
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, STEPS)  # smaller and smaller steps
    swapper.compile(optimizer=keras.optimizers.Adam(schedule), loss=["mae", "mae"])  # mean absolute error
    return swapper, encoder, decoder_a, decoder_b


keras.utils.set_random_seed(1)
swapper, encoder, decoder_a, decoder_b = build_swapper()
for network in (encoder, decoder_a):
    shapes = [layer.output.shape[1:] for layer in network.layers if isinstance(layer, layers.LeakyReLU)]
    print(f"{network.name}: {network.count_params():,} weights; after each activation {shapes}")

# %% [markdown]
# ## 4. One step of training, written out
#
# What does a step do? Four things:
#
# 1. **Forward pass**: the networks compute images.
# 2. **Loss**: one number says how wrong they are; here the mean absolute error of all pixels.
# 3. **Backpropagation**: the chain rule, applied from the last layer back to the first, gives the **gradient**: for
#    each weight, how much the loss grows if this weight grows a little.
# 4. **Optimizer**: each weight is changed against its gradient. The **learning rate** says how far.
#
# Keras runs on three frameworks, its *backends*, and each one computes gradients with its own function. The next cell
# asks the backend that is active here.


# %%
def backpropagate(compute_loss, variables, *inputs):
    """Computes a loss and its gradients for some variables, with the active backend."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:  # records the forward pass
            loss = compute_loss(*inputs)
        return loss, tape.gradient(loss, [variable.value for variable in variables])
    if backend == "torch":
        import torch

        loss = compute_loss(*inputs)
        return loss.detach(), torch.autograd.grad(loss, [variable.value for variable in variables])
    import jax

    def loss_of(values):  # JAX differentiates functions without side effects
        with keras.StatelessScope(zip(variables, values, strict=True)):
            return compute_loss(*inputs)

    return jax.value_and_grad(loss_of)([variable.value for variable in variables])


def reconstruction_loss(warped, real):
    """Computes the mean absolute error of decoder A; the forward pass is the inner part."""
    return ops.mean(ops.abs(ops.subtract(decoder_a(encoder(warped)), real)))


def to_number(tensor):
    """Converts a tensor with one value to a Python number."""
    return float(ops.convert_to_numpy(tensor))


variables = encoder.trainable_variables + decoder_a.trainable_variables
loss, gradients = backpropagate(reconstruction_loss, variables, warped, real)
bias = variables[-1]  # the last three weights: they are added to red, green and blue
gradient = ops.convert_to_numpy(gradients[-1])
print(f"loss {to_number(loss):.4f}, {keras.backend.backend()} says: gradient for red {gradient[0]:.4f}")

# %% [markdown]
# Is this number right? A gradient is a slope, so it can be measured: make the weight a little larger and a little
# smaller, and look how the loss changes. For 1.5 million weights this would take three million forward passes.
# Backpropagation gives all slopes for about the price of two more.

# %%
start, nudge = ops.convert_to_numpy(bias).copy(), np.array([0.01, 0, 0], "float32")
measured = []
for sign in (1, -1):
    bias.assign(start + sign * nudge)
    measured.append(to_number(reconstruction_loss(warped, real)))
bias.assign(start)
slope = (measured[0] - measured[1]) / 0.02
assert np.isclose(slope, gradient[0], rtol=0.05, atol=1e-4)

for variable, found in zip(variables, gradients, strict=True):  # the simplest optimizer: gradient descent
    variable.assign(variable - 0.1 * found)
after = to_number(reconstruction_loss(warped, real))
print(f"slope by hand {slope:.4f}; after one step of gradient descent the loss is {after:.4f}")

# %% [markdown]
# The usual optimizer is **Adam**. It smooths the gradients over several steps and scales each weight's step by the size
# of its gradients. So all weights learn at a similar speed.
#
# ## 5. The training
#
# Now we repeat this. `train_on_batch` does the four things in one compiled call, for both people together: the encoder
# gets the sum of both gradients. (Many texts count in **epochs**. One epoch uses every crop once; here these are 15
# steps.) Every 50 steps we measure the error on crops without augmentation: on every fourth crop of the training, and
# on the validation frames.


# %%
def measure_error(swapper, crops_a, crops_b):
    """Returns the mean absolute error of both people's reconstructions, in gray levels of 255."""
    faces = [view(crops_a), view(crops_b)]
    written = swapper.predict_on_batch(faces)
    return 255 * np.mean([np.abs(new - old).mean() for new, old in zip(written, faces, strict=True)])


def train(swapper, crops_a, crops_b, steps, change=augment):
    """Trains for some steps; returns (step, error on training crops, error on validation crops), every 50 steps."""
    history = []
    for step in range(1, steps + 1):
        (warped_a, real_a), (warped_b, real_b) = draw_batch(crops_a, change), draw_batch(crops_b, change)
        swapper.train_on_batch([warped_a, warped_b], [real_a, real_b])
        if step % 50 == 0 or step == steps:
            known = measure_error(swapper, crops_a[::4], crops_b[::4])
            history.append((step, known, measure_error(swapper, validation_a, validation_b)))
            print(f"step {step:4}: training {history[-1][1]:4.1f}, validation {history[-1][2]:4.1f}", end="\r")
    print()
    return np.array(history)


history = train(swapper, train_a, train_b, STEPS)


# %%
def plot_histories(**histories):
    """Plots error curves: solid for the training crops, dashed for the validation crops."""
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    for color, (name, (steps, known, unknown)) in enumerate((key, value.T) for key, value in histories.items()):
        label = name.replace("_", " ")
        axes.plot(steps, known, ".-", color=f"C{color}", label=f"{label}: training crops")
        axes.plot(steps, unknown, ".--", color=f"C{color}", label=f"{label}: validation crops")
    axes.set(xlabel="step", ylabel="error, gray levels of 255", ylim=(0, None))
    axes.legend()
    plt.show()


plot_histories(trained=history)

# %% [markdown]
# Both curves fall, here to 8.8 and 11.0 gray levels, and they stay close together: what was learned is also right for
# frames that were never seen. The steps become smaller towards the end, therefore the curves become smooth.
#
# ## 6. The swap
#
# The swap needs no training. We encode A's face, and give the code to decoder **B**.


# %%
def run(faces, decoder):
    """Encodes faces (N, 64, 64, 3) and decodes them."""
    return ops.convert_to_numpy(decoder(encoder(faces)))


faces_a, faces_b = view(validation_a)[some], view(validation_b)[some]
show_rows([faces_a, run(faces_a, decoder_a), run(faces_a, decoder_b), faces_b, run(faces_b, decoder_a)])

# %% [markdown]
# The rows show A, A's reconstruction, and **A with the face of B**. Then B, and B with the face of A. All frames are
# validation frames. The clip shows more: input, reconstruction and swap side by side.

# %%
from faceswap_lib.media import VideoWriter

clip = workspace.root / "autoencoder.mp4"
faces = view(crops_a)
rows = np.concatenate([faces, run(faces, decoder_a), run(faces, decoder_b)], axis=2)
with VideoWriter(clip, width=3 * 192, height=192, fps=25) as writer:
    for row in (rows.clip(0, 1) * 255).astype("uint8"):
        writer.write(cv2.resize(row, (3 * 192, 192), interpolation=cv2.INTER_CUBIC))
show.embed_video(clip)

# %% [markdown]
# The swapped head turns with A's head, and the light is B's. The image is soft, and small movements of the mouth are
# weak. 256 numbers and a short training are not enough for them. Why does decoder B draw B? Because it has never seen
# anybody else. [03b](03b_networks.ipynb) trains one decoder with both people, to show what happens otherwise.
#
# ## 7. Overfitting
#
# Now we break the training on purpose: only 20 crops of each person, from less than a second of film, and no
# augmentation.


# %%
def leave(crop):
    """Returns a crop unchanged: what is read is what must be written."""
    return view(crop[None])[0], view(crop[None])[0]


keras.utils.set_random_seed(1)
overfitted, *_ = build_swapper()
few = train(overfitted, train_a[:20], train_b[:20], SHORT_STEPS, change=leave)
plot_histories(all_crops=history, twenty_crops=few)

# %% [markdown]
# This is **overfitting**: after 300 steps the error is 4.4 on crops of the training (every fourth of the 20) and 14.3
# on the validation frames. The network knows its crops, and little about faces. The training curve alone looks like a
# success. The sign of overfitting is the gap between the two errors. The training error keeps falling while the
# validation error stops falling or rises; there one stops. (We changed two things at once, fewer crops and no
# augmentation. So the experiment does not say how much each of them contributes.) More different crops, augmentation
# and an earlier end of the training help against it.
#
# ### A connection past layers
#
# A **skip connection** leads numbers past some layers. A **residual** block is the best known example: it computes
# $x + f(x)$, where $f$ is a convolution, an activation and a second convolution. So the block only learns what must be
# *added*.
#
# **Exercise 1.** Write it as a Keras layer. The number of channels does not change, and with `padding="same"` neither
# does the size. The check says what is off.

# %%
from faceswap_lib.course.autoencoder_checks import check_residual_block


class ResidualBlock(layers.Layer):
    """Adds two convolutions of its input to its input."""

    def __init__(self, channels):
        super().__init__()
        # your solution: create two convolutions of 3 by 3 and an activation

    def call(self, x):
        return x  # your solution


print(check_residual_block(ResidualBlock))


# %% tags=["solution"]
# @title Solution
class ResidualBlock(layers.Layer):
    """Adds two convolutions of its input to its input."""

    def __init__(self, channels):
        super().__init__()
        self.first = layers.Conv2D(channels, 3, padding="same")
        self.activation = layers.LeakyReLU(negative_slope=0.2)
        self.second = layers.Conv2D(channels, 3, padding="same")

    def call(self, x):
        return x + self.second(self.activation(self.first(x)))


print(check_residual_block(ResidualBlock))
keras.utils.set_random_seed(1)
deeper, *_ = build_swapper(extra=ResidualBlock)
with_block = train(deeper, train_a, train_b, min(100, STEPS))
print(f"after {with_block[-1][0]:.0f} steps: validation {with_block[-1][2]:.1f} with the block")
print(f"after {history[:2][-1][0]:.0f} steps: validation {history[:2][-1][2]:.1f} without")

# %% [markdown]
# After 100 steps, our validation error was 17.5 with the block and 17.8 without. One training each: the difference may
# be chance.
#
# ## 8. A discriminator
#
# The mean absolute error likes soft images ([04](04_losses.ipynb) says why). A **GAN** adds a second network, the
# **discriminator**, which learns to tell two kinds of images apart: filmed images are called *real*, generated ones
# *fake*. Encoder and decoder, the *generator*, learn to fool it. Ours writes not one score but a map of scores, one for
# each *patch* of the image. This is a **PatchGAN**.
#
# The patch that one score depends on is its **receptive field**. A layer with kernel $k$ makes it larger by $k - 1$
# steps. Such a step is as wide as the product of the strides of all layers before.
#
# **Exercise 2.** Write the function that computes the receptive field of a stack of convolutions.

# %%
from faceswap_lib.course.autoencoder_checks import check_receptive_field


def receptive_field(stack):
    """Computes the receptive field in pixels of convolutions, a list of (kernel, stride), first layer first."""
    return 1  # your solution


print(check_receptive_field(receptive_field))


# %% tags=["solution"]
# @title Solution
def receptive_field(stack):
    """Computes the receptive field in pixels of convolutions, a list of (kernel, stride), first layer first."""
    field, step = 1, 1
    for kernel, stride in stack:
        field += (kernel - 1) * step
        step *= stride
    return field


print(check_receptive_field(receptive_field), receptive_field([(4, 2), (4, 2), (4, 1)]))

# %% [markdown]
# We can also *measure* it: change one column of the image after the other, and count for how many of them one score
# changes.

# %%
discriminator = keras.Sequential(
    [
        keras.Input((SIDE, SIDE, 3)),
        layers.Rescaling(4, offset=-2),  # values around 0 are easier to learn from
        layers.Conv2D(32, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Conv2D(64, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Conv2D(1, 4, padding="same"),
    ]
)
changed = np.repeat(real[:1], SIDE + 1, axis=0)  # the last one stays as it is
for column in range(SIDE):
    changed[column, :, column] += 0.5
maps = ops.convert_to_numpy(discriminator(changed))
width = int((np.abs(maps[:-1, 8, 8] - maps[-1, 8, 8]) > 1e-4).sum())
assert width == 22
print(f"{maps.shape[1]} x {maps.shape[2]} scores, each sees {width} x {width} of {SIDE} x {SIDE} pixels")

# %% [markdown]
# With the losses of **LSGAN** (least squares GAN), the discriminator $D$ learns to give 1 to real images $r$ and 0 to
# fake images $f$. The generator learns to get a 1:
#
# $$L_D = (D(r) - 1)^2 + D(f)^2 \qquad\qquad L_G = |f - r| + 0.1 \cdot (D(f) - 1)^2$$
#
# Each step makes two updates with two optimizers. In the first one only the discriminator's weights change, in the
# second one only the generator's.


# %%
def discriminator_loss(real, fake):
    """Computes the LSGAN loss of the discriminator."""
    return ops.mean((discriminator(real) - 1) ** 2) + ops.mean(discriminator(fake) ** 2)


def generator_loss(warped, real):
    """Computes the loss of encoder and decoder B: near the real face, and judged as real."""
    fake = decoder_b(encoder(warped))
    return ops.mean(ops.abs(ops.subtract(fake, real))) + 0.1 * ops.mean((discriminator(fake) - 1) ** 2)


judge, forger = discriminator.trainable_variables, encoder.trainable_variables + decoder_b.trainable_variables
judge_optimizer, forger_optimizer = (keras.optimizers.Adam(rate, beta_1=0.5) for rate in (1e-3, 2e-5))
scores = []
for _ in range(GAN_STEPS):
    warped, real = draw_batch(train_b)
    fake = run(warped, decoder_b)  # numbers without a gradient: this update is not for the generator
    scores.append([to_number(ops.mean(discriminator(images))) for images in (real, fake)])
    loss_d, gradients = backpropagate(discriminator_loss, judge, real, fake)
    judge_optimizer.apply(gradients, judge)
    loss_g, gradients = backpropagate(generator_loss, forger, warped, real)
    forger_optimizer.apply(gradients, forger)
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
axes.plot(scores, label=["real", "fake"])
axes.set(xlabel="step", ylabel="mean score")
axes.legend()
print(f"last 10 steps: real {np.mean(scores[-10:], axis=0)[0]:.2f}, fake {np.mean(scores[-10:], axis=0)[1]:.2f}")
plt.show()

# %% [markdown]
# At first both scores are equal. Then the discriminator begins to find the difference: real images get higher scores
# than soft, fake ones (here 0.51 and 0.48 over the last ten steps). So few steps do not make the face better. They show
# how the update works. [04c](04c_gan.ipynb) shows a small example in which the GAN makes the result sharp.
#
# ## 9. The library does this, faster
#
# This is one step of the library's training. Find your four parts: the learning rate, the batch, `self.run` (forward
# pass, losses, backpropagation, optimizers, as one compiled program), the returned losses.

# %%
from faceswap_lib.training.train_step import TrainStepper

show.show_source(TrainStepper.step)

# %% [markdown]
# And this computes the losses. Both people go through the encoder together, then each through their own decoder, as in
# your `swapper`:

# %%
from faceswap_lib.training.loss_model import Objective

show.show_source(Objective.__call__)

# %% [markdown]
# What it adds: images with 128 pixels and an attention mask ([03c](03c_attention_mask.ipynb)); more losses, with
# weights that follow a schedule ([04](04_losses.ipynb)); augmentation on the GPU; half precision where the GPU has it;
# averaged weights (*EMA*, an exponential moving average); checkpoints, so that a training can be resumed
# ([05](05_faceswap_train.ipynb)).
#
# ## What you know now
#
# - A training step is forward pass, loss, backpropagation, optimizer. Everything else is detail.
# - One encoder and two decoders learn to reconstruct. The swap uses a way that was never trained.
# - Only validation frames show overfitting.
# - A discriminator is trained in turn with the generator, each with its own loss.

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("03_autoencoder")

# %% [markdown]
# ## Further reading
#
# - [shaoanlu/faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): the autoencoder with random warp, attention mask
#   and GAN that this course follows.
# - [deepfakes/faceswap](https://github.com/deepfakes/faceswap): the best known program with one encoder and two
#   decoders.
# - [Isola et al. 2017](https://arxiv.org/abs/1611.07004): image-to-image translation with a PatchGAN.
# - [Mao et al. 2017](https://arxiv.org/abs/1611.04076): the losses of LSGAN.
# - [Kingma and Ba 2015](https://arxiv.org/abs/1412.6980): the optimizer Adam.
# - [Keras: writing a training loop](https://keras.io/guides/writing_a_custom_training_loop_in_tensorflow/): the same
#   step in the documentation; there are pages for JAX and PyTorch beside it.

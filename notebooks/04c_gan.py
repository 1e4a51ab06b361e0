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
# # 04c The adversarial loss
#
# All losses so far compare a picture with one target. If several sharp answers are possible, the best picture for such
# a loss is a blurred one. A **discriminator** is a second network that judges whether a picture could be real, whatever
# the target was. Generator and discriminator are trained against each other: a *generative adversarial network*, GAN.
# This lesson trains a small one in which the effect is clearly visible, breaks it in two ways, and says why the effect
# is small in the default training.
#
# | | |
# |---|---|
# | **You will learn** | the LSGAN, mixup and relativistic losses, and what you pay for sharpness |
# | **You will have at the end** | the same small network trained with and without a discriminator, side by side |
# | **Time on two CPU cores** | about 6 minutes, nearly all of it small trainings |
# | **Before** | [04b The perceptual loss](04b_perceptual_loss.ipynb) |
# | **After** | [05 Training](05_faceswap_train.ipynb) |

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"  # its facesets are used; if there are none, those of the demo are made
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
START_STEPS = 250  # of the training that all others start from
STEPS = 900  # of the two that are compared; the others take half of them
ADVERSARIAL = 0.05  # weight of the adversarial loss beside the pixel loss
BATCH_SIZE = 16

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import logging

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

from faceswap_lib import show
from faceswap_lib.course.loss_checks import check_smoothed_lsgan
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Faceset
from faceswap_lib.progress import show_progress

logging.getLogger("tensorflow").setLevel("ERROR")  # hides its warnings about repeated compilation
workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
crops = Faceset.open(workspace, "dst").load(80).images
crops = np.stack([cv2.resize(crop, (40, 40), interpolation=cv2.INTER_AREA) for crop in crops]) / np.float32(127.5) - 1
count = len(crops) * 4 // 5
learned, held_out = crops[:count], crops[count:]  # the last fifth of the clip is only for looking


def to_show(picture):
    """Converts (32, 32, 3) in [-1, 1] for display."""
    return ((np.clip(picture, -1, 1) + 1) * 127.5).astype("uint8")


# %% [markdown]
# ## 1. A task with several right answers
#
# The generator gets a face of 16 by 16 pixels and must write 32 by 32. The target is the face, moved by up to one pixel
# in a random direction, which the input does not show. So there are nine right answers to each input.


# %%
def draw(crops, count, random):
    """Draws inputs (count, 16, 16, 3) and targets (count, 32, 32, 3) at random places, in [-1, 1]."""
    chosen = random.integers(0, len(crops), count)
    places = random.integers(3, 6, (count, 2))  # 4 is the middle
    small = [cv2.resize(crops[index][4:36, 4:36], (16, 16), interpolation=cv2.INTER_AREA) for index in chosen]
    targets = [crops[index][y : y + 32, x : x + 32] for index, (y, x) in zip(chosen, places, strict=True)]
    return np.stack(small), np.stack(targets)


shown, captions = [], []
for seed in (0, 1, 3):
    small, target = draw(held_out[:1], 1, np.random.default_rng(seed))
    shown += [to_show(target[0])]
average = np.mean([held_out[0][y : y + 32, x : x + 32] for y in range(3, 6) for x in range(3, 6)], axis=0)
shown = [to_show(small[0]), *shown, to_show(average)]
show.plot_images(shown, captions=["input", "a right answer", "another", "another", "the mean of all nine"])

# %% [markdown]
# Which picture has the lowest mean absolute error for a random right answer? Not one of the sharp ones: they are wrong
# by a shift nearly always. It is, per pixel, the median of all answers, which looks like their mean. It is a blurred
# face that was never filmed. (In [04](04_losses.ipynb) the median was no wrinkle at all; here it is a blurred face.) In
# a real training the same happens to everything that the code does not say exactly: hairs, wrinkles, teeth.
#
# ## 2. Two networks
#
# The generator is a small decoder. The discriminator judges *patches*: its output is not one number but a map of 8 by 8
# **scores**, and each score depends on a part of the picture only. This is called **PatchGAN**. It cannot know whether
# the whole face is right, only whether each part is as sharp and as plausible as in a filmed picture, which we call
# *real*; a generated picture is a *fake*. In larger pictures, such a part is small. Here each score sees at most 26 x
# 26 of the 32 x 32 pixels, most of the face. The pixel loss takes care of the whole. The discriminator has *spectral
# normalization*, which limits how strongly a layer can enlarge a change of its input (lesson
# [10](10_landmark_gan.ipynb) explains it).


# %%
from faceswap_lib.networks.spectral_norm import SpectralConv


def convolve(x, channels):
    x = layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_normal")(x)
    return layers.LeakyReLU(negative_slope=0.2)(x)


def build_generator():
    picture = keras.Input((16, 16, 3))
    x = layers.UpSampling2D()(convolve(convolve(picture, 64), 64))
    x = convolve(convolve(x, 48), 32)
    return keras.Model(picture, layers.Conv2D(3, 3, padding="same", activation="tanh")(x))


def build_discriminator(normalized=True):
    x = picture = keras.Input((32, 32, 3))
    layer = SpectralConv if normalized else lambda *shape: layers.Conv2D(*shape, padding="same")
    for channels, kernel, strides in ((32, 4, 2), (64, 4, 2), (64, 3, 1)):
        x = layers.LeakyReLU(negative_slope=0.2)(layer(channels, kernel, strides)(x))
    return keras.Model(picture, layer(1, 3, 1)(x))


for network in (build_generator(), build_discriminator()):
    print(f"{network.input_shape[1:]} -> {network.output_shape[1:]}: {network.count_params():,} weights")

# %% [markdown]
# ## 3. The game
#
# The discriminator's loss is a squared distance: real pictures should get the score 1, fakes 0. The generator's loss is
# the squared distance of its own scores from 1. These are the losses of **LSGAN**, the least-squares GAN. In every step
#
# 1. the discriminator gets real pictures and fakes with their labels, and learns to tell them apart;
# 2. the generator writes pictures, and its weights move so that the pixel error *and* the distance of the scores from 1
#    fall. The **gradient** runs through the discriminator, whose weights stay as they are in this half of the step.
#
# The generator cannot change the judgment, only the picture. Each network has its own **optimizer** with its own
# **learning rate** (both: [03](03_autoencoder.ipynb), section 4).


# %%
def lsgan(labels, scores):
    """Computes the loss of scores (B, 8, 8, 1) for labels (B, 1, 1, 1): 1 for real pictures, 0 for fakes."""
    return keras.ops.mean(keras.ops.square(scores - labels))


examples = draw(held_out, 64, np.random.default_rng(9))


def train(
    adversarial, *, start=None, steps=STEPS, pixels=1.0, loss=lsgan, rates=(5e-4, 5e-4), normalized=True, name=""
):
    """Trains a generator; returns it, its discriminator, the discriminator's losses, and pictures on the way.

    `rates` are the learning rates of generator and discriminator, `start` is a generator whose weights are the first,
    `normalized` says whether the discriminator has spectral normalization.
    """
    keras.utils.set_random_seed(1)
    random = np.random.default_rng(1)
    generator, discriminator = build_generator(), build_discriminator(normalized)
    if start is not None:
        generator.set_weights(start.get_weights())
    discriminator.compile(keras.optimizers.Adam(rates[1], beta_1=0.5), loss)
    judged = keras.Model(generator.input, [generator.output, discriminator(generator.output)])
    judged.compile(keras.optimizers.Adam(rates[0], beta_1=0.5), ["mae", lsgan], loss_weights=[pixels, adversarial])
    real, fake = np.ones((BATCH_SIZE, 1, 1, 1), "float32"), np.zeros((BATCH_SIZE, 1, 1, 1), "float32")
    history, film = [], []
    for step in show_progress(range(steps), name):
        small, target = draw(learned, BATCH_SIZE, random)
        if adversarial:
            both = np.concatenate([target, generator.predict_on_batch(small)])
            discriminator.trainable = True
            history.append(float(discriminator.train_on_batch(both, np.concatenate([real, fake]))))
        discriminator.trainable = False  # only the generator learns in this half of the step
        judged.train_on_batch(small, [target, real])
        if step % 10 == 0:
            film.append(generator.predict_on_batch(examples[0][:4]))
    return generator, discriminator, history, film


# %% [markdown]
# ## 4. With and without
#
# A first training uses pixels only. From its weights we continue twice, with the same batches: once as before, once
# with a discriminator. The library does the same: its discriminators join at half of the training.

# %%
first = train(0.0, steps=START_STEPS, rates=(1e-3, 1e-3), name="start")[0]
alone, _, _, film_alone = train(0.0, start=first, name="pixels only")
generator, discriminator, history, film = train(ADVERSARIAL, start=first, name="with discriminator")


def sharpness(pictures):
    """Computes the mean variance of the Laplacian of (N, 32, 32, 3) in [-1, 1]."""
    grays = [cv2.cvtColor(to_show(picture), cv2.COLOR_RGB2GRAY) for picture in pictures]
    return np.mean([cv2.Laplacian(gray, cv2.CV_64F).var() for gray in grays])


def compare(generators, which=(0, 5, 11, 20, 33)):
    """Shows inputs, outputs and targets, one row each, and prints error and sharpness."""
    rows = {"input": examples[0]}
    rows |= {name: network.predict(examples[0], verbose=0) for name, network in generators.items()}
    rows["real"] = examples[1]
    for name, pictures in list(rows.items())[1:]:
        error = np.abs(pictures - examples[1]).mean() * 127.5
        print(f"{name:20} error {error:5.1f}   sharpness {sharpness(pictures):6.0f}")
    shown = [to_show(pictures[index]) for pictures in rows.values() for index in which]
    captions = [name if index == which[0] else "" for name in rows for index in which]
    return show.plot_images(shown, captions=captions, columns=len(which), width=7)


compare({"pixels only": alone, "with discriminator": generator})

# %% [markdown]
# The discriminator brings back eyes and teeth: the sharpness rises from 829 to 2138; real faces have 2801. The mean
# absolute error *rises* too, from 17.6 to 19.9 gray levels. Some of the detail is wrong: dots of strange colors, an eye
# that is a pixel away.
#
# This is no accident. A picture can be close to the target on average, or it can look like a real one. If several
# answers are right, it cannot be best at both: beyond a point, more plausible means a larger mean error. This is the
# **perception-distortion trade-off**, and it is a theorem, not a weakness of this network (Blau and Michaeli, 2018). A
# GAN *invents* detail: it draws one of the possible answers, sharply, and is usually a little wrong. For a face swap
# that is fine. For evidence it is not: a sharpened face from a GAN shows details that no camera has seen.
#
# The clip shows every tenth step: above pixels only, below with the discriminator.

# %%
import fractions

from faceswap_lib.media import VideoWriter

clip = workspace.root / "gan.mp4"
with VideoWriter(clip, width=512, height=256, fps=fractions.Fraction(10)) as writer:
    for above, below in zip(film_alone, film, strict=True):
        frame = np.vstack([np.hstack([to_show(picture) for picture in row]) for row in (above, below)])
        writer.write(cv2.resize(frame, (512, 256), interpolation=cv2.INTER_NEAREST))
show.embed_video(clip)

# %% [markdown]
# ## 5. What the discriminator saw
#
# The maps are its scores, each the mean over 64 pictures: real ones that it was trained with, real ones that were held
# out, and the fakes of both generators. White is 1, black is 0.

# %%
known = draw(learned, 64, np.random.default_rng(9))[1]
kinds = {"real": known, "real, held out": examples[1]}
kinds |= {"pixels only": alone.predict(examples[0], verbose=0)}
kinds |= {"discriminator": generator.predict(examples[0], verbose=0)}
shown, captions = [], []
for name, pictures in kinds.items():
    scores = discriminator.predict(pictures, verbose=0)[..., 0].mean(axis=0)
    shown += [to_show(pictures[0]), np.clip(scores, 0, 1)]
    captions += [name, f"mean {scores.mean():.2f}"]
show.plot_images(shown, captions=captions, columns=8)

# %% [markdown]
# Compare the scores with each other, not with 1: pictures that could be real or fake get about a half; blurred ones are
# clearly lower. Real faces get 0.47, also those that it never saw. The blurred fakes of "pixels only" get -0.06. The
# fakes of the generator that was trained with it get 0.26; they are still suspicious around the eyes.
#
# This discriminator saw the picture and nothing else. That of the library sees six channels: the picture and the
# encoder's input, so it can also notice that a sharp face does not belong to this input. And its fakes are composites,
# never the **raw face**, the decoder's output, alone: the raw face is blended over the warped view with the decoder's
# mask, and over the target view with the shape of the face. Otherwise the noise around the raw face would give away
# every fake at once.
#
# ## 6. The library's losses by hand
#
# The library's default is LSGAN with **mixup**, as in faceswap-GAN v2.2. The discriminator gets mixtures,
# $\lambda \cdot \text{real} + (1 - \lambda) \cdot \text{fake}$, and must say how much is real: the loss is
# $(\text{score} - \lambda)^2$, with a random $\lambda$ that is mostly close to 0 or 1. So it cannot become too sure.
# The generator keeps its LSGAN loss. The alternative is **relativistic**: a picture need not be real by itself, but
# more real than the average of the other kind, $(\text{score} - \overline{\text{other}} \mp 1)^2$. For the
# discriminator the sign is $-$ for real pictures and $+$ for fakes; for the generator it is the reverse.

# %%
from IPython.display import display

from faceswap_lib.training import losses

shares = np.array([0.0, 0.3, 0.7, 1.0])
mixtures = [share * examples[1][0] + (1 - share) * kinds["pixels only"][0] for share in shares]
scores = np.array([0.2, 0.4, 0.6, 0.7])  # possible scores for these four pictures
assert np.isclose(float(losses.lsgan_generator_loss(scores[:1])), (0.2 - 1) ** 2)
assert np.isclose(float(losses.mixup_discriminator_loss(scores, shares)), ((scores - shares) ** 2).mean())
real, fake = np.array([0.9, 0.5]), np.array([0.3, 0.1])
of_discriminator = (((real - fake.mean() - 1) ** 2).mean() + ((fake - real.mean() + 1) ** 2).mean()) / 2
of_generator = (((real - fake.mean() + 1) ** 2).mean() + ((fake - real.mean() - 1) ** 2).mean()) / 2
tensors = [keras.ops.convert_to_tensor(kind, "float32") for kind in (real, fake)]
by_library = [float(loss) for loss in losses.relativistic_lsgan_losses(*tensors)]
assert np.allclose(by_library, (of_discriminator, of_generator))
display(show.show_source(losses.lsgan_generator_loss), show.show_source(losses.mixup_discriminator_loss))
display(show.show_source(losses.relativistic_lsgan_losses))
show.plot_images([to_show(x) for x in mixtures], captions=[f"label {share:.1f}" for share in shares], width=6)

# %% [markdown]
# **Exercise: write the discriminator's loss with label smoothing.** Another way against a discriminator that is too
# sure: real pictures should get 0.9 instead of 1, fakes still 0. Labels are (B, 1, 1, 1), scores (B, 8, 8, 1). Then
# train with it: `train` takes your function as `loss`.


# %%
def smoothed(labels, scores):
    """Computes the loss of a discriminator; labels are 1 for real pictures and 0 for fakes."""
    return keras.ops.mean(keras.ops.square(scores - labels))  # your solution


print(check_smoothed_lsgan(smoothed))


# %% tags=["solution"]
# @title Solution
def smoothed(labels, scores):
    """Computes the loss of a discriminator; labels are 1 for real pictures and 0 for fakes."""
    return keras.ops.mean(keras.ops.square(scores - 0.9 * labels))


print(check_smoothed_lsgan(smoothed))
compare(
    {
        "label 1": generator,
        "label 0.9": train(ADVERSARIAL, start=first, loss=smoothed, name="label 0.9")[0],
    }
)

# %% [markdown]
# With smoothed labels, our training ended a little closer to the target (19.4 instead of 19.9) and a little softer
# (sharpness 1958 instead of 2138). One training each; the difference may be chance.
#
# ## 7. Broken on purpose
#
# First without the pixel loss: only the discriminator judges. Then with both, but with a discriminator that learns ten
# times as fast and has no spectral normalization. These are two changes at once, so the result does not say which of
# them does the damage.

# %%
half = {"start": first, "steps": STEPS // 2}
free, _, _, _ = train(ADVERSARIAL, **half, pixels=0.0, name="no pixel loss")
beaten, _, hasty, _ = train(ADVERSARIAL, **half, rates=(5e-4, 5e-3), normalized=False, name="too fast and no norm")
compare({"no pixel loss": free, "too fast and no norm": beaten})

# %%
figure, axes = plt.subplots(figsize=(6, 2.4), layout="constrained")
for name, values in (("as in section 4", history), ("too fast and no norm", hasty)):
    axes.plot(np.convolve(values, np.ones(20) / 20, "valid"), label=name)
axes.axhline(0.25, color="0.8", lw=0.8)
axes.set(xlabel="step", ylabel="discriminator's loss", yscale="log")
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# Without the pixel loss, the parts are sharp but no longer form a face, and the error rises to 26. The discriminator
# never sees which target belongs to which input, so any plausible picture satisfies it. Each score judges one part of
# the picture by itself, even if here this part is most of it. (In a large GAN this can end in **mode collapse**: the
# generator writes the same few pictures for every input.)
#
# The fast discriminator without normalization is ahead until about step 150. Then its scores jump, and its loss rises
# far above 0.25, the gray line, which is the loss of a discriminator that gives every picture the score 0.5. (The loss
# here is the mean over real pictures and fakes. [03](03_autoencoder.ipynb) adds both parts; there it would be 0.5.) The
# generator follows gradients that point somewhere else in every step, and the face is lost: error 33, sharpness 633.
# The pixel loss is still there, but it is small beside such gradients.
#
# ## 8. In the training of the library
#
# | | faceswap-GAN v2.2 | this library |
# |---|---|---|
# | loss | LSGAN with mixup, or relativistic (0 in place of the paper's -1) | the same; relativistic as in the paper |
# | fakes | composites, and raw faces | composites only (our addition) |
# | weight | 0.1 | 0.1 |
# | discriminator sees | picture and distorted input, 6 channels | the same |
# | when | in every step of 40,000 | from half of the steps on (our addition) |
# | learning rates | discriminator 0.0002, generator 0.0001 | 0.0002 and 0.001 |
#
# In lesson 04 this loss changed nothing visible: 100 steps instead of many thousands, and a small weight beside `dssim`
# and the other terms. And less is open than in the toy: only fine detail, which is a small part of the loss. The toy
# leaves nine answers open, and only one other loss is against its discriminator. If you want detail, conversion adds it
# from filmed crops without inventing it (lesson 06).
#
# The last picture is not from this notebook. It shows previews of a longer training of the two portraits: `lite`, 1,500
# steps (see the page [docs/normal.md](../docs/normal.md)). The discriminators take part from step 750 on. What they add
# cannot be separated from what the other losses add.

# %%
import pathlib

import faceswap_lib
from faceswap_lib.media import read_image

long_run = pathlib.Path(faceswap_lib.__file__).parents[1] / "docs" / "pictures" / "normal_previews.jpg"
if long_run.is_file():
    display(show.plot_images([read_image(long_run)]))
else:
    print("the picture of the longer training is only in the project's folder, docs/pictures/normal_previews.jpg")

# %% [markdown]
# ## What you know now
#
# - The absolute error wants the median of all right answers (the squared error their mean); either loses detail. An
#   adversarial loss wants any picture that could be one of them.
# - Sharpness costs accuracy. A GAN invents detail.
# - The discriminator must be neither blind nor too good, and it never replaces the pixel loss.
#
# **To try:** a quarter of the adversarial weight. Mixtures as in section 6 instead of labels of 0 and 1.
#
# Next: [05 Training](05_faceswap_train.ipynb).

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("04c_gan")

# %% [markdown]
# ## Further reading
#
# - [Generative adversarial networks](https://arxiv.org/abs/1406.2661) (Goodfellow et al., 2014): the idea.
# - [Least squares GAN](https://arxiv.org/abs/1611.04076) (Mao et al., 2017): the loss of section 3.
# - [pix2pix](https://arxiv.org/abs/1611.07004) (Isola et al., 2017): PatchGAN, and a pixel loss beside it.
# - [The perception-distortion tradeoff](https://arxiv.org/abs/1711.06077) (Blau and Michaeli, 2018): the proof.
# - [The relativistic discriminator](https://arxiv.org/abs/1807.00734) (Jolicoeur-Martineau, 2019).
# - [faceswap-GAN](https://github.com/shaoanlu/faceswap-GAN): the GAN losses that this library follows.

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
# # The landmark GAN: dots become a face
#
# **Reenactment** makes a photo move like the face in a video, the **driver**. The *landmark GAN* reduces the driver to
# a picture of dots, one per **keypoint** (landmark). A **generator** reads the photo and the dots and writes the person
# with these keypoints. Three networks learn along and judge it: two **discriminators** and a keypoint detector. This
# notebook builds the dots, the judges and their losses by hand, fools two of the judges on purpose, and trains all four
# networks. The method won the second prize for face generation in the BIGO short video challenge (PRCV 2019); there is
# no paper. *The authors* below are its authors.
#
# | | |
# |---|---|
# | **You will have at the end** | a photo that moves, and a table that says how much the networks helped |
# | **Time on two CPU cores** | about 6 minutes, half of it one training |
# | **Before** | [09 Facesets](09_facesets.ipynb); it needs [03b](03b_networks.ipynb) and [04c](04c_gan.ipynb) |
# | **After** | [11 One photo, somebody else's motion](11_one_shot.ipynb) |

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
RUN = "landmark-gan"  # the training of section 5; it is used if it exists: choose another name for other options
CAPACITY = "lite"  # its networks
STEPS = 800  # its length
BATCH_SIZE = 8
LOOP_STEPS = 3  # steps of the visible loop in section 5
JUDGE_EPOCHS = 6  # length of the small trainings of section 3
DETECTOR_EPOCHS = 15  # and of section 4
FOOLING_STEPS = 60  # of learning how to fool a detector
DRIVEN = 50  # largest number of held-out frames of each person

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import collections
import logging

import cv2
import keras
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Faceset, Workspace, require_consent
from faceswap_lib.pipeline import extract
from faceswap_lib.reenactment.crops import divide_person
from faceswap_lib.reenactment.difficulty import crop_tiers
from faceswap_lib.reenactment.driving_tasks import DrivingTask
from faceswap_lib.reenactment.pair_sampling import draw_pairs
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
train = people.select(np.concatenate(learned))
for side in ("src", "dst"):
    print(side, dict(collections.Counter(crop_tiers(Faceset.open(workspace, side).records))))
some = [driver[np.linspace(0, len(driver) - 1, 5).astype(int)] for driver in (driver_a, driver_b)]
captions = [text for name in ("photo of A", "photo of B") for text in (name, *["held out"] * 5)]
show.plot_images(people.images[[photo_a, *some[0], photo_b, *some[1]]], captions=captions, columns=6)

# %% [markdown]
# The last fifth of each video is **held out**: nothing is trained on it. There, each photo is driven by its own person,
# so the true frame is known.
#
# The printed **difficulty tiers** are those of the authors: *easy*, *medium*, *hard*, by the worst of three measures:
# how far the head is turned, how much of the face is covered, how small it is. The demo's faces are never easy, because
# they are small. The authors trained one network per pair of neighboring tiers: hard faces make a network worse on easy
# ones.
#
# ## 1. The picture of dots
#
# Each of 68 keypoints is a dot: green if it is visible, red if the head itself hides it. A keypoint is hidden if its
# direction on the head plus the **yaw** (the turn of the head) is 90 degrees or more away from the camera. By hand,
# with the distance of each pixel to each point:

# %%
from faceswap_lib.faces import CROP_SIZE
from faceswap_lib.reenactment.face_shape import AZIMUTHS, HIDDEN_FROM
from faceswap_lib.reenactment.shape_pictures import DOT_RADIUS, keypoint_picture


def draw_dots(points, yaw, size):
    y, x = np.mgrid[:size, :size]
    points = (points + 0.5) * size / CROP_SIZE - 0.5  # landmarks are stored in pixels of a crop of 256
    distance = np.hypot(x - points[:, 0, None, None], y - points[:, 1, None, None])
    dots = np.clip(DOT_RADIUS * size + 0.5 - distance, 0, 1)
    hidden = np.abs(AZIMUTHS + yaw) >= HIDDEN_FROM
    red, green = (dots[which].max(axis=0) if which.any() else np.zeros((size, size)) for which in (hidden, ~hidden))
    return np.stack([red, green, np.zeros_like(red)], axis=-1)


def as_image(picture):
    return np.round(255 * np.clip(picture, 0, 1)).astype("uint8")


yaw_a = people.shapes.yaw[learned[0]]
turned = learned[0][[yaw_a.argmin(), np.abs(yaw_a).argmin(), yaw_a.argmax()]]  # left, middle, right
shapes = people.shapes.take(turned)
drawn = keypoint_picture(shapes, 128)
for index in range(3):
    by_hand = draw_dots(shapes.points[index], shapes.yaw[index], 128)
    assert np.allclose(drawn[index], by_hand, atol=2e-3)
pairs = zip(people.images[turned], drawn, strict=True)
captions = [text for yaw in shapes.yaw for text in (f"yaw {yaw:.0f} degrees", "its dots")]
show.plot_images([image for crop, dots in pairs for image in (crop, as_image(dots))], captions=captions)

# %%
show.show_source(keypoint_picture)

# %% [markdown]
# ## 2. The pair
#
# In training, photo and target are two frames of *one* person. **Augmentation** rotates, zooms and shifts them at
# random, so that few crops become many. But both in the same way: otherwise the network would have to learn the random
# rotation between them, which no dot explains in the background.

# %%
from faceswap_lib.course.reenactment_checks import check_hinge, check_turn
from faceswap_lib.reenactment.config import ReenactmentNetworkConfig, ReenactmentTrainConfig
from faceswap_lib.reenactment.pair_views import to_device, view_pairs
from faceswap_lib.reenactment.rendering import to_uint8

wild = ReenactmentTrainConfig(batch_size=4, rotation_range=25.0)  # five times the usual range, to see it
sources, targets = (index.astype("int32") for index in draw_pairs(train, 4, rarity_exponent=0.5, seed=(1,)))
views = view_pairs(to_device(train), sources, targets, wild, 64, keras.random.SeedGenerator(2))
dots = as_image(keras.ops.convert_to_numpy(keypoint_picture(views.target_shapes, 64, ops=keras.ops)))
pictures = [to_uint8(keras.ops.convert_to_numpy(view)) for view in (views.source, views.target)]
columns = zip(pictures[0], dots, pictures[1], strict=True)
show.plot_images([image for column in columns for image in column], captions=["photo", "dots", "target"] * 4, columns=6)

# %% [markdown]
# **Exercise 1.** Write the rotation: a picture and its points, together, around the middle, clockwise by `angle`
# degrees. Points have the origin at the top left, and y goes down.


# %%
def turn(picture, points, angle):
    return picture, points  # your solution; cv2.getRotationMatrix2D and cv2.warpAffine help


print(check_turn(turn))


# %% tags=["solution"]
# @title Solution
def turn(picture, points, angle):
    side = len(picture)
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), -angle, 1)  # OpenCV counts counterclockwise
    return cv2.warpAffine(picture, matrix, (side, side)), points @ matrix[:, :2].T + matrix[:, 2]


assert check_turn(turn) == "right"

# %% [markdown]
# ## 3. Generator and discriminators
#
# The generator is that of **StarGAN**: a convolution of 7x7 over *six channels* (three of the photo, three of the
# dots), two halvings, **residual blocks** (each adds a correction to its input), two doublings. Two discriminators
# judge:
#
# | | reads | should say yes | should say no |
# |---|---|---|---|
# | discriminator | a picture | filmed target | generated picture |
# | **identity discriminator** | two pictures, six channels | photo, target | photo, generated; photo, another person |
#
# A discriminator that wins too clearly is a bad teacher: its **logit** (the number before any limit) jumps from one
# pixel value to the next. **Spectral normalization** divides each layer's kernel $W$, reshaped to a matrix, by its
# largest **singular value** $\sigma$, the most by which this matrix can stretch a vector. This bounds how much each
# layer can amplify (approximately a Lipschitz constant: the windows of a convolution overlap, so the bound is not
# exact). $\sigma$ is found by **power iteration**: push a vector through $W$ and back through $W^\top$, and scale it to
# length 1, again and again.

# %%
from faceswap_lib.networks import count_layers
from faceswap_lib.networks.spectral_norm import SpectralConv
from faceswap_lib.reenactment.systems.landmark_gan_networks import build_networks

config = ReenactmentNetworkConfig(system="landmark-gan", resolution=64, capacity=CAPACITY)
networks = build_networks(config)
for network in (*networks.generators, *networks.discriminators):
    shape, weights = network.input_shape, sum(layer.weights for layer in count_layers(network))
    print(f"{network.name:24} reads {shape[1:]}, writes {network.output_shape[1:]}, {weights:9,} weights")

layer = SpectralConv(16, 3)
x = np.random.default_rng(0).normal(size=(1, 8, 8, 6)).astype("float32")
layer(x)  # creates the kernel
matrix = keras.ops.convert_to_numpy(layer.kernel).reshape(-1, 16)
vector, found = np.full(16, 0.25), []
for _ in range(30):
    left = matrix @ vector / np.linalg.norm(matrix @ vector)
    vector = matrix.T @ left / np.linalg.norm(matrix.T @ left)
    found.append(left @ matrix @ vector)
    layer(x, training=True)  # the layer does one iteration per training step
largest = np.linalg.svd(matrix)[1][0]
by_hand = keras.ops.conv(x, keras.ops.convert_to_tensor(layer.kernel) / float(found[-1]), padding="same")
assert np.isclose(found[-1], largest, rtol=0.02)
assert np.allclose(keras.ops.convert_to_numpy(layer(x)), keras.ops.convert_to_numpy(by_hand), atol=0.02)
print(
    "power iteration:", *np.round(found[:6], 3), "...", found[-1].round(3), "; singular value decomposition:", largest
)

# %%
show.show_source(SpectralConv.call)

# %% [markdown]
# The loss is the **softplus**, $s(l) = \log(1 + e^l)$, of a logit $l$: a discriminator has $s(-l)$ for real and $s(l)$
# for generated pictures, the generator $s(-l)$ for its own. This is the binary cross-entropy on logits, with the
# non-saturating loss of the generator; if nothing can be told apart (the equilibrium), the discriminator's sum
# is $2 \log 2$. We let discriminators learn to tell sharp crops from blurred ones, with and **without spectral
# normalization**, and look at the logit on the way from a blurred crop to the sharp one and beyond.

# %%
from keras import layers

small = load_people(open_people([workspace]), 64)
sharp = small.images[np.concatenate(learned)] / np.float32(127.5) - 1
blurred = np.stack([cv2.GaussianBlur(image, (0, 0), 1.2) for image in sharp])


def softplus_loss(is_real, logits):
    return keras.ops.mean(
        is_real * keras.ops.softplus(-logits) + (1 - is_real) * keras.ops.softplus(logits)  # log(1 + e^l)
    )


def without_normalization(layer):
    if isinstance(layer, SpectralConv):
        return layers.Conv2D(layer.filters, layer.kernel_size, layer.strides, "same", kernel_initializer="he_normal")
    return layer.__class__.from_config(layer.get_config())


def fit_judge(normalized, loss):
    keras.utils.set_random_seed(0)
    judge = build_networks(ReenactmentNetworkConfig(system="landmark-gan", resolution=64, capacity="tiny"))
    judge = judge["discriminator"]
    if not normalized:
        judge = keras.models.clone_model(judge, clone_function=without_normalization)
    judge.compile(keras.optimizers.Adam(1e-3), loss)
    labels = np.repeat(np.float32([[1], [0]]), len(sharp), axis=0)
    judge.fit(np.concatenate([sharp, blurred]), labels, batch_size=32, epochs=JUDGE_EPOCHS, verbose=0)
    return judge


logits = np.float32([[-2.0], [0.5]])
by_hand = (np.log(1 + np.exp(2.0)) + np.log(1 + np.exp(0.5))) / 2  # the first is real, the second is generated
assert np.isclose(float(softplus_loss(np.float32([[1], [0]]), logits)), by_hand, rtol=1e-4)
way = np.linspace(-1, 2, 31)
path = np.stack([blurred[0] + share * (sharp[0] - blurred[0]) for share in way])
judges = {f"{text} spectral normalization": fit_judge(text == "with", softplus_loss) for text in ("with", "without")}
figure, axes = plt.subplots(figsize=(5.5, 2.6), layout="constrained")
for name, judge in judges.items():
    axes.plot(way, judge.predict(path, verbose=0)[:, 0], label=name)
axes.axhline(0, color="0.8", lw=0.8)
axes.set(xlabel="0: blurred, 1: sharp", ylabel="logit")
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# Both tell sharp from blurred. Without normalization the line was about twice as steep: the same small change of the
# picture means twice the change of the logit, and of the generator's gradient.
#
# **Exercise 2: write a loss.** Many GANs use the **hinge loss** instead: a real picture pays $\max(0, 1 - l)$, a
# generated one $\max(0, 1 + l)$. Logits beyond 1 and -1 cost nothing, so the discriminator does not try to be surer and
# surer. Write both parts, train the discriminator with them and compare the logits.


# %%
def hinge_real(logits):
    return keras.ops.softplus(-logits)  # your solution


def hinge_fake(logits):
    return keras.ops.softplus(logits)  # your solution


print(check_hinge(hinge_real, hinge_fake))


# %% tags=["solution"]
# @title Solution
def hinge_real(logits):
    return keras.ops.maximum(0.0, 1 - logits)


def hinge_fake(logits):
    return keras.ops.maximum(0.0, 1 + logits)


def hinge_loss(is_real, logits):
    return keras.ops.mean(is_real * hinge_real(logits) + (1 - is_real) * hinge_fake(logits))


assert check_hinge(hinge_real, hinge_fake) == "right"
hinge = fit_judge(True, hinge_loss)
for name, judge in (("softplus", judges["with spectral normalization"]), ("hinge", hinge)):
    print(f"{name:9} mean logit of sharp crops {judge.predict(sharp, verbose=0).mean():5.1f}")

# %% [markdown]
# ## 4. The keypoint detector, and how to fool it
#
# Does the new face have the wanted keypoints? A detector looks at it and draws dots, which are compared with the wanted
# dots. Two things can go wrong.
#
# **Black is a cheap answer.** The authors compare with the mean absolute difference. A dot covers a few pixels, and the
# detector is not sure where. If a dot is at a pixel in one case of five, which answer costs least? The absolute
# difference says 0: black. We saw it happen: after 1,200 steps the detector drew nothing for any face. The
# **cross-entropy**, $-t \log p - (1 - t) \log(1 - p)$, says 0.2. The library uses it:

# %%
from faceswap_lib.reenactment.systems.landmark_gan import keypoint_loss

answers = np.linspace(0.001, 0.999, 999, dtype="float32")
absolute = 0.2 * (1 - answers) + 0.8 * answers
cross_entropy = -0.2 * np.log(answers) - 0.8 * np.log(1 - answers)
yes, no = np.ones(1, "float32"), np.zeros(1, "float32")
library = [0.2 * float(keypoint_loss(p, yes)) + 0.8 * float(keypoint_loss(p, no)) for p in answers[::50, None]]
assert np.allclose(library, cross_entropy[::50], atol=1e-3)
for name, costs in (("absolute difference", absolute), ("cross-entropy", cross_entropy)):
    print(f"{name:20} the cheapest answer is {answers[costs.argmin()]:.2f}")
show.show_source(keypoint_loss)

# %% [markdown]
# **A detector that stands still is fooled.** The generator does not have to move the mouth. It is enough to change
# pixels until the detector *says* that it moved: an **adversarial example**. Therefore the detector never stops
# learning, and it always gets noise (standard deviation 0.4 of a range from -1 to 1), so that small tricks help less.
# We train two detectors, one without noise, and then learn, for one frame, a change of at most 12 gray levels that
# makes each detector see the dots of another frame.

# %%
dots = keypoint_picture(small.shapes, 64)
crops = small.images / np.float32(127.5) - 1
true, wanted = int(driver_a[0]), int(driver_a[-1])


def fit_detector(noise):
    keras.utils.set_random_seed(0)
    detector = build_networks(config)["keypoint_detector"]
    model = keras.Sequential([keras.Input((64, 64, 3)), layers.GaussianNoise(noise), detector])
    model.compile(keras.optimizers.Adam(4e-3), "binary_crossentropy")
    chosen = np.concatenate(learned)
    model.fit(crops[chosen], dots[chosen], batch_size=16, epochs=DETECTOR_EPOCHS, verbose=0)
    return detector


class Change(keras.layers.Layer):
    """Adds a learned change to one picture, at most 12 gray levels of 255."""

    def build(self, shape):
        self.change = self.add_weight(shape=shape[1:], initializer="zeros")

    def call(self, picture):
        return picture + 12 / 127.5 * keras.ops.tanh(self.change)


shown, captions = (
    [small.images[true], as_image(dots[true]), as_image(dots[wanted])],
    ["frame", "true dots", "asked dots"],
)
for noise in (0.0, 0.4):
    detector = fit_detector(noise)
    detector.trainable = False
    change = Change()
    model = keras.Sequential([keras.Input((64, 64, 3)), change, detector])
    model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy")
    model.fit(crops[[true]], dots[[wanted]], epochs=FOOLING_STEPS, verbose=0)
    changed = keras.ops.convert_to_numpy(change(crops[[true]]))
    shown += [as_image(detector.predict(crops[[true]], verbose=0)[0]), to_uint8(changed[0])]
    shown += [as_image(model.predict(crops[[true]], verbose=0)[0])]
    captions += [f"noise {noise}: it sees", "changed", "now it sees"]
show.plot_images(shown, captions=captions, columns=3, width=5)

# %% [markdown]
# Nothing in the face has moved, but the detector without noise sees the other dots. The attacked model adds no noise in
# either case: training with noise made the detector less sensitive, here for one frame and one attack. This small
# attack no longer succeeds; a stronger one may.
#
# ## 5. All losses, and the loop
#
# The generator has five losses. `reconstruction` and `perceptual` compare with the target ([04](04_losses.ipynb)),
# `keypoints` asks the detector, `adversarial` and `identity` the discriminators. By hand on one batch, with untrained
# networks; the noise is switched off, so that both computations are the same:

# %%
from faceswap_lib.reenactment.stepper import learning_rate_factor
from faceswap_lib.reenactment.systems.landmark_gan import SYSTEM, Objective
from faceswap_lib.training.backends import build_step
from faceswap_lib.training.loss_model import Batch
from faceswap_lib.training.train_step import DRAWS_PER_STEP, new_state

rates = {"learning_rate": 1e-3, "discriminator_learning_rate": 1e-3}  # higher than usual: this training is short
options = ReenactmentTrainConfig(steps=STEPS, batch_size=BATCH_SIZE, hold_out=0.2, **rates)
fresh, seed = build_networks(config), keras.random.SeedGenerator(0)
objective = Objective(networks=fresh, people=to_device(train), config=options, seed=seed)


def draw_batch(step):
    drawn = draw_pairs(train, BATCH_SIZE, rarity_exponent=options.rarity_exponent, seed=(options.seed, step, 0))
    return Batch(**dict(zip(("index_a", "index_b"), (index.astype("int32") for index in drawn), strict=True)))


def run(name, *pictures):
    output = fresh[name](keras.ops.concatenate(pictures, axis=-1))
    return keras.ops.convert_to_numpy(output).astype("float64")


seed.state.assign([0, 0])
views = objective.view(draw_batch(0))
dots_wanted = keypoint_picture(views.target_shapes, 64, ops=keras.ops)
made = run("generator", views.source, dots_wanted).astype("float32")
for _ in range(30):  # power iteration, until it is exact
    for name, picture in (("discriminator", made), ("identity_discriminator", np.concatenate([made, made], -1))):
        fresh[name](picture, training=True)
target, answer = (keras.ops.convert_to_numpy(x) for x in (views.target, dots_wanted))
seen = np.clip(run("keypoint_detector", made), 1e-7, 1 - 1e-7)
by_hand = {
    "reconstruction": np.abs(made - target).mean(),
    "keypoints": (-answer * np.log(seen) - (1 - answer) * np.log(1 - seen)).mean(),
    "adversarial": np.log1p(np.exp(-run("discriminator", made))).mean(),
    "identity": np.log1p(np.exp(-run("identity_discriminator", views.source, made))).mean(),
}
seed.state.assign([0, 0])  # the same random numbers again
_, _, terms = objective(draw_batch(0), {**SYSTEM.loss_weights, "detector_noise": 0.0}, active={"adversarial"})
for name, value in by_hand.items():
    assert np.isclose(float(terms[name]), value, rtol=0.03), name
    print(f"{name:15} {value:6.3f} x weight {SYSTEM.loss_weights[name]:g}")
show.show_source(Objective.__call__)

# %% [markdown]
# One **step**: draw pairs, compute all losses, change the generator against the gradient of its sum and the three
# judges against that of theirs. The *learning rate* rises at the start and falls at the end; a *moving average* of the
# generator's weights is kept for later use. This is the loop:

# %%
state = new_state(lambda: build_networks(config), options)  # networks, their averages, optimizers
objective = Objective(networks=state.networks, people=to_device(train), config=options, seed=seed)
take_step = build_step(objective, state)
optimizers = (state.generator_optimizer, options.learning_rate), (state.discriminator_optimizer, rates["learning_rate"])
loop = []
for step in range(LOOP_STEPS):
    seed.state.assign([options.seed, step * DRAWS_PER_STEP])
    for optimizer, rate in optimizers:
        optimizer.learning_rate.assign(rate * learning_rate_factor(step, options))
    decay = min(options.ema_decay, (1 + step) / (10 + step))
    loop.append(take_step(draw_batch(step), SYSTEM.loss_weights, decay, active=frozenset({"adversarial"})))

# %% [markdown]
# The library runs the same loop, writes checkpoints and can be stopped and resumed. Its first steps must be ours:

# %%
from faceswap_lib.reenactment.training import load_reenactment, train_reenactment
from faceswap_lib.training import LoopConfig, read_history

logs = LoopConfig(log_every=1)
report = train_reenactment([workspace], run=RUN, network_config=config, config=options, run_config=logs, progress=True)
history = read_history(report.folder / "history.jsonl")
for ours, theirs in zip(loop, history, strict=False):
    assert all(np.isclose(ours[name], theirs[name], rtol=0.02) for name in ours)
trained, _ = load_reenactment(workspace, RUN)
smooth = [
    {"step": part[0]["step"]} | {name: float(np.mean([entry[name] for entry in part])) for name in loop[0]}
    for part in (history[start : start + 10] for start in range(0, len(history), 10))
]
show.plot_losses(smooth, terms=("reconstruction", "keypoints", "adversarial", "discriminator"))

# %% [markdown]
# `discriminator` stays near $2 \log 2 = 1.39$: it can hardly tell filmed from generated. That is normal for a short
# training, and the reason why `adversarial` helps little here ([04c](04c_gan.ipynb)).
#
# ## 6. Look, tier by tier
#
# The held-out frames, in tiers by yaw alone: below 12 degrees, below 22, and beyond.

# %%
from faceswap_lib.reenactment.difficulty import TIERS, face_tier
from faceswap_lib.reenactment.systems.landmark_gan import LandmarkGanRenderer

made_of = {}
for task in tasks:
    renderer = LandmarkGanRenderer(trained, small.images[task.photo], people.shapes.shape(task.photo))
    made_of |= dict(zip(task.driver.tolist(), renderer.render(people.shapes.take(task.driver)), strict=True))
shown, captions = [], []
for tier in TIERS:
    inside = [index for index in made_of if face_tier(abs(people.shapes.yaw[index]), 0, np.inf) == tier]
    for index in [inside[len(inside) // 3], inside[-1]] if inside else []:
        shown += [small.images[index], as_image(dots[index]), made_of[index]]
        captions += [f"{tier}: {people.shapes.yaw[index]:.0f} degrees", "dots", "generated"]
show.plot_images(shown, captions=captions, columns=6)

# %% [markdown]
# ## 7. Three tricks of the authors
#
# **Near-equal keypoints.** If the wanted dots are nearly those of the photo, the photo itself is the best answer. We
# measure the distance of the dots in percent of the eye distance, and compare the copied with the generated picture in
# PSNR (higher is better).

# %%
from faceswap_lib.evaluation.image_metrics import psnr
from faceswap_lib.faces.head_pose import eye_distance

distances, gains = [], []
for task in tasks:
    start = people.shapes.points[task.photo]
    for index in task.driver:
        moved = np.linalg.norm(people.shapes.points[index] - start, axis=1).mean()
        distances.append(100 * moved / eye_distance(start))
        scores = [psnr(picture, small.images[index]) for picture in (small.images[task.photo], made_of[index])]
        gains.append(scores[1] - scores[0])
order = np.argsort(distances)
kept_by = np.cumsum(-np.array(gains)[order])  # what copying all frames up to here is worth
limit = float(np.array(distances)[order][kept_by.argmax()]) if kept_by.max() > 0 else 0.0
figure, axes = plt.subplots(figsize=(5, 2.4), layout="constrained")
axes.scatter(distances, gains, s=10)
axes.axhline(0, color="0.7")
axes.axvline(limit, color="tab:red")
axes.set(xlabel="distance of the keypoints, % of the eye distance", ylabel="generated better by dB")
plt.show()
print(f"best to copy below {limit:.1f} %; this is the option copy_below")

# %% [markdown]
# **Color.** The networks know A in one light. We give them A's photo in the light of the evening, and they draw
# mostly the light that they know. *Reinhard's color transfer* ([06](06_video_conversion.ipynb)) gives the skin the mean
# and the standard deviation of the photo's skin again, in each channel of CIELAB:

# %%
from faceswap_lib.reenactment.fusion import match_colors
from faceswap_lib.reenactment.part_warp import part_map
from faceswap_lib.reenactment.skin_alpha import skin_alpha
from faceswap_lib.reenactment.warping import sample_image


def transfer_color(new, old, skin):
    new, old = (cv2.cvtColor(np.float32(image) / 255, cv2.COLOR_RGB2Lab) for image in (new, old))
    gain = old[skin].std(axis=0) / new[skin].std(axis=0)
    moved = (new - new[skin].mean(axis=0)) * gain + old[skin].mean(axis=0)
    return as_image(cv2.cvtColor(moved, cv2.COLOR_Lab2RGB))


evening = np.round(small.images[photo_a] * [1.0, 0.8, 0.6]).astype("uint8")
start, end = people.shapes.take([photo_a]), people.shapes.take(driver_a[[len(driver_a) // 2]])
generated = LandmarkGanRenderer(trained, evening, start.shape(0)).render(end)[0]
pixels = part_map(start.points[0], end.points[0], 64)  # where each pixel of the warped photo comes from
warped, alpha = sample_image(evening, pixels), skin_alpha(start.points[0], end.points[0], pixels)
skin = alpha > 0.5
results = {"generated": generated, "by hand": transfer_color(generated, warped, skin)}
results["library"] = match_colors(generated, warped, alpha)  # it weights pixels, and protects dark ones
for name, picture in results.items():
    off = np.abs(picture[skin].mean(axis=0) - warped[skin].mean(axis=0))
    print(f"{name:10} the skin's mean color is off by {off.round(1)} gray levels (red, green, blue)")
show.plot_images([evening, warped, *results.values()], captions=["photo", "warped", *results], columns=5)

# %% [markdown]
# We measured 24 gray levels in green and 37 in blue before, and less than 2 after. By hand, the black hat becomes
# reddish, because the shift that fits the skin is added everywhere; the library leaves dark pixels as they are.
#
# **The background.** The networks make an aligned crop. Where the head moves in the frame, the rest must follow. Either
# the *whole photo* is shifted, turned and scaled with the head, and its edges are continued; by hand, one matrix. Or
# the person is cut out (*matting*), only the person moves, and the hole is filled.

# %%
from faceswap_lib.faces import MTCNN
from faceswap_lib.media import read_frames, write_image
from faceswap_lib.reenactment.background import PhotoBackground, matting_and_fill, shift_and_scale
from faceswap_lib.reenactment.face_shape import open_shape_detector
from faceswap_lib.reenactment.frames import FrameMaker
from faceswap_lib.reenactment.photo import read_photo

clips = [VIDEO_A or workspace.root / "clips" / "hopper.mp4", VIDEO_B or workspace.root / "clips" / "collins.mp4"]
photo_file = workspace.root / "photo.png"
write_image(photo_file, next(read_frames(clips[0], start=int(people.frames[photo_a]))))
face = read_photo(photo_file, MTCNN(), open_shape_detector(), largest=True)
photo, before = face.image, face.crop.crop_from_frame
far = min(driver_a.tolist(), key=lambda index: abs(people.shapes.yaw[index] - 15))  # turned by about 15 degrees
truth = next(read_frames(clips[0], start=int(people.frames[far])))
matrices = {record.frame: record.crop_from_frame for record in Faceset.open(workspace, "src").records}
after = np.array(matrices[int(people.frames[far])])  # where the head shall be
crop = FrameMaker(face, trained).crops([people.shapes.shape(far)])[0]

whole = np.linalg.inv(np.vstack([after, [0, 0, 1]])) @ np.vstack([before, [0, 0, 1]])  # from the photo to the output
size = (photo.shape[1], photo.shape[0])
by_hand = cv2.warpAffine(photo, whole[:2], size, borderMode=cv2.BORDER_REPLICATE)
moved = shift_and_scale(photo, before, crop, after)
reached = cv2.warpAffine(np.ones((CROP_SIZE, CROP_SIZE), "uint8"), after, size, flags=cv2.WARP_INVERSE_MAP)
beyond = cv2.dilate(reached, np.ones((9, 9))) == 0  # pixels that the crop does not reach
assert not beyond.any() or np.abs(moved.astype(int) - by_hand)[beyond].max() <= 1
kept = matting_and_fill(PhotoBackground(photo=photo, crop_from_photo=before), crop, after)
show.plot_images([photo, truth, moved, kept], captions=["photo", "truth", "photo moved", "person moved"])

# %% [markdown]
# ## 8. Is it any good?
#
# **Baselines** cost nothing: the photo copied, moved by a *similarity*, warped by triangles ([11](11_one_shot.ipynb),
# section 6). `landmarks` is the distance to the true ones in percent of the eye distance.

# %%
from faceswap_lib.errors import InputError
from faceswap_lib.evaluation.reenactment import ReenactmentMeter
from faceswap_lib.evaluation.reenactment_methods import baseline_makers, embed_people, measure_methods, system_makers
from faceswap_lib.faces.recognition import open_embedder

try:
    embedder = open_embedder()
except InputError as error:
    print("without identity:", error)
    embedder = None
known = embed_people(embedder, people, tasks, 64) if embedder else {}
meter = ReenactmentMeter(detector=open_shape_detector(), embedder=embedder, perceptual=None, people=known)
scores = measure_methods(baseline_makers() | system_makers(trained), people, tasks, meter, 64)
columns = {"psnr": "PSNR", "ssim": "SSIM", "landmark_error": "landmarks", "pose_error": "pose"}
columns["identity_distance"] = "identity"
print(f"{'':24}" + "".join(f"{title:>11}" for title in columns.values()))
for name, found in scores.items():
    mean = found.mean()
    print(f"{name:24}" + "".join(f"{mean[key]:11.2f}" for key in columns))

# %% [markdown]
# This was measured with two portraits and one training; a difference in the last digit may be chance. Copying is best
# in one column: the photo *is* the person. Alone, the generator is no better than a warp: SSIM is equal, landmarks and
# identity are worse, only PSNR is higher, because it learned what is around the face. *Fused* takes the skin from the
# warped photo and the rest from the generator ([11](11_one_shot.ipynb), section 7), and is best in PSNR and SSIM. The
# warp stays ahead in landmarks: it puts them there by definition.
#
# **What each part is worth.** An *ablation* ([04](04_losses.ipynb)) trains the system once more without one part.
# Measured on three filmed people, 64 pixels, 700 steps (high SSIM is good, as is high *motion*, the correlation of the
# moving mouth, eyes and brows with the true ones; a low identity distance is good):
#
# | trained | SSIM | motion | identity distance |
# |---|---|---|---|
# | complete, two seeds | .667, .690 | .67, .65 | .358, .353 |
# | without reconstruction loss | .633 | .73 | .399 |
# | without perceptual loss | .684 | .45 | .424 |
# | without keypoints loss | .682 | .72 | .326 |
# | without adversarial loss | .710 | .72 | .333 |
# | without spectral normalization | .632 | .55 | .398 |
#
# Two seeds differ by .023 in SSIM, so a smaller difference is chance. Reconstruction, the perceptual loss and spectral
# normalization help. The keypoints loss does not show after so few steps. The adversarial loss makes SSIM worse: this
# measure prefers a blurred mean to a wrong detail ([04c](04c_gan.ipynb)).
#
# **What it cannot do.** These networks know two people, in the light of two clips. A third person becomes noise:
# measured with three people and a fourth, 9.9 dB instead of 21.7. `faceswap reenact` warns of such a photo. Heads
# turned further than in the clips were never seen; teeth are those that were filmed. The authors trained on many people
# for 150,000 steps, and still name a checkered pattern and hard faces as weaknesses.
#
# At last the clip, as `faceswap reenact` makes it: A's photo, B's motion, with the visible label and Content
# Credentials.

# %%
from faceswap_lib.pipeline.reenacting import reenact
from faceswap_lib.reenactment.config import FrameConfig

clip = workspace.root / "moved-by-dots.mp4"
choices = FrameConfig(background="keep")
made = reenact(photo_file, clips[1], workspace, clip, run=RUN, frame_config=choices, consent=CONSENT, overwrite=True)
print(f"{made.frames} frames, {made.held} of them without a face in the driver")
show.embed_video(clip, width=320)

# %% [markdown]
# ## What you know now
#
# - The driver becomes dots; generator, discriminators and detector learn together.
# - Spectral normalization keeps a discriminator smooth; noise keeps a detector honest.
# - A loss has a cheapest answer. Know it before you train.
#
# **To try:** `loss_weights="keypoints=0"` or `"detector_noise=0"` in `options`, with another `RUN`. More steps;
# `resolution=128`.
#
# Next: [11 One photo, somebody else's motion](11_one_shot.ipynb).

# %% [markdown]
# ## Quiz

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("10_landmark_gan")

# %% [markdown]
# ## Further reading
#
# - [StarGAN](https://arxiv.org/abs/1711.09020) (Choi et al., 2018): the generator.
# - [Spectral normalization](https://arxiv.org/abs/1802.05957) (Miyato et al., 2018): why a smooth discriminator
#   teaches better.
# - [Explaining and harnessing adversarial examples](https://arxiv.org/abs/1412.6572) (Goodfellow et al., 2015): how a
#   network is fooled by small changes.
# - [ReenactGAN](https://arxiv.org/abs/1807.11079) (Wu et al., 2018): lines instead of dots.
# - [Principal warps](https://doi.org/10.1109/34.24792) (Bookstein, 1989): the thin-plate spline of the table.

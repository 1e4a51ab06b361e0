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
# # A detector of swaps
#
# Credentials can be lost ([08 Responsible use](08_responsible_use.ipynb)). Can a program decide from the images alone
# whether they were swapped? We have everything to train such a **deepfake detector**: real clips and swaps of them, and
# we know for certain which is which. We build two. One measures four features that we understand, the other is a small
# network. Both will be right every time, and this will be the first warning.
#
# | | |
# |---|---|
# | **You will have at the end** | a detector of your own swaps, a feature of your own, and reasons to trust neither |
# | **Time on two CPU cores** | about 2 minutes after the other notebooks; alone about 5 more, for the training |
# | **Before** | [08 Responsible use](08_responsible_use.ipynb) |
# | **After** | [09 Facesets](09_facesets.ipynb), or the end of the course |

# %% [markdown]
# ## 0. Choose the parameters
#
# The two clips are the portraits of the other notebooks, Grace Hopper (A) and Eileen Collins (B). The run must be
# trained on the same two people.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
SECONDS = 6.0  # length of the demo clips
SIZE = 320  # width and height of their frames in pixels
RUN = "default"  # the trained run; made if it does not exist yet
PRESET = "lite"
STEPS = 600
BATCH_SIZE = 8
PASSES = 20  # number of epochs of the detector network: how often it sees each image

# %% [markdown]
# ## 1. Make the data
#
# We convert both clips, without the visible label. These files are only for the detector. They stay on this disk, and
# they contain their credentials. The real clips are encoded again. Why? Because the swaps were encoded again, too. A
# detector learns the easiest difference, and "encoded once or twice" has nothing to do with faces. Real and swapped
# images must differ in *nothing* except the swap.

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import logging

import cv2
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.conversion import ConvertConfig, OutputConfig
from faceswap_lib.demo.fixtures import make_clips, make_run
from faceswap_lib.faces import MTCNN
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import read_frames
from faceswap_lib.media.reencode import reencode
from faceswap_lib.pipeline import convert

logging.getLogger("tensorflow").setLevel("ERROR")  # hides its warnings about images of new sizes
np.set_printoptions(precision=2, suppress=True)
workspace = make_run(WORKSPACE, run=RUN, preset=PRESET, steps=STEPS, batch_size=BATCH_SIZE, seconds=SECONDS, size=SIZE)
video_a, video_b = make_clips(workspace.root / "clips", seconds=SECONDS, size=SIZE)
finder = MTCNN()
tracks_a, tracks_b = (track_video(video, finder) for video in (video_a, video_b))
folder = workspace.root / "detector"  # for the files that this notebook writes
swap_a, swap_b, real_a, real_b = (folder / f"{name}.mp4" for name in ("swap_a", "swap_b", "real_a", "real_b"))
options = {"run": RUN, "output_config": OutputConfig(label=False), "overwrite": True, "progress": True}
convert(video_a, workspace, swap_a, config=ConvertConfig(latent_shift=0.5), tracks=tracks_a, **options)
other_way = ConvertConfig(latent_shift=0.5, direction="b2a")
convert(video_b, workspace, swap_b, config=other_way, tracks=tracks_b, **options)
reencode(video_a, real_a)
reencode(video_b, real_b)

# %% [markdown]
# There is one more precaution, the **split** into training data and test data. Neighboring frames are nearly equal.
# With a random split, nearly every test frame would have an almost equal frame in the training data. Then memorizing
# would look like a good result. So the detector is trained on the first 60 % of a clip and tested on the last 30 %. The
# frames between them are not used.

# %%
from faceswap_lib.course.deepfake_detector import read_crops, split_by_time

crops = {
    "real A": read_crops(real_a, tracks_a),
    "swapped A": read_crops(swap_a, tracks_a),
    "real B": read_crops(real_b, tracks_b),
    "swapped B": read_crops(swap_b, tracks_b),
}
learned, judged = split_by_time(min(map(len, crops.values())))
labels = np.repeat([0, 1], len(learned))  # 0 is real, 1 is swapped
print(f"trained on frames 0 to {learned[-1]}, tested on frames {judged[0]} to {judged[-1]}")
show.plot_images([kind[judged[0]] for kind in crops.values()], captions=list(crops), width=7)

# %% [markdown]
# ## 2. A trap: what happens with the label
#
# A **shortcut** is an easy difference that is not the one we want. Suppose that we had trained a network on whole
# frames: the real clip, and the swap *with* its visible label. (Section 6 shows the network; it has three convolutions
# and trains in seconds.) We test it on frames that it has not seen. We also test two kinds of frames that were not in
# its training data: swaps without the label, and the real clip with the label drawn on it.

# %%
from faceswap_lib.course.deepfake_cnn import network_scores, occlusion_map, train_detector_network
from faceswap_lib.provenance import Label

visible_label = Label(SIZE, SIZE)


def read_small(video, labeled):
    """Reads all frames of a clip, at 128 pixels."""
    frames = []
    for frame in read_frames(video):
        if labeled:
            visible_label.draw(frame)
        frames.append(cv2.resize(frame, (128, 128), interpolation=cv2.INTER_AREA))
    return np.stack(frames)


whole = {"real": read_small(real_a, False), "swap, labeled": read_small(swap_a, True)}
trapped = train_detector_network(np.concatenate([kind[learned] for kind in whole.values()]), labels, passes=PASSES)
whole |= {"swap, no label": read_small(swap_a, False), "real, labeled": read_small(real_a, True)}
for name, frames in whole.items():
    print(f"{name:15} called a swap: {(network_scores(trapped, frames[judged]) > 0).mean():4.0%}")

# %% [markdown]
# On the kinds of frames that it knows, it makes no mistake. Without the label, it accepts every swap as real. With the
# label, it calls the real clip a swap. To see which part of the image it uses, we compute an **occlusion map**. We
# cover one place of a swap after the other with its own mean color. Where the score falls (yellow), the network used
# this place.

# %%
picture = whole["swap, labeled"][judged[-1]]
used = occlusion_map(lambda frames: network_scores(trapped, frames), picture)
captions = ["a labeled swap", "what the network uses"]
show.plot_images([picture, show.overlay_heatmap(picture, used.clip(0))], captions=captions, width=6)

# %%
show.show_source(occlusion_map)

# %% [markdown]
# It uses the corner with the label. This is *not* a mistake of the network. The corner separates both classes
# perfectly, so there was no reason to learn anything about faces. Every collection of fakes contains such differences,
# and most of them are harder to see: another camera, another codec, another size.
#
# ## 3. Features by hand
#
# From here on, we use only cropped faces without the label. Before we train a network on them, we compute **features**
# by hand. We know how our swaps are made, so we think that we know their weakness: a network of 128 pixels that was
# trained for minutes draws skin that is too smooth. *Detail* can be measured. The **Laplacian** of an image says, for
# each pixel, how different it is from the mean of its neighbors. In a smooth image it is near 0 everywhere. So its
# variance inside the face is a measure of detail. The logarithm makes every doubling an equal step.

# %%
from faceswap_lib.course.deepfake_detector import CROP_SIDE, FEATURES, outline_areas, swap_features

inside, edge, around = outline_areas(CROP_SIDE)
kernel = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], float)
details = []
for crop in (crops["real A"][0], crops["swapped A"][0]):
    gray = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(float)
    laplacian = cv2.filter2D(gray, -1, kernel)
    details.append(np.log(laplacian[inside].var() + 1))
print(f"detail: real {details[0]:.2f}, swapped {details[1]:.2f}")
captions = ["a face", "inside", "edge", "around"]
show.plot_images([crops["real A"][0], inside, edge, around], captions=captions, width=7)

# %% [markdown]
# The library computes four features: the detail inside the face; the detail inside *relative* to a ring around the face
# (a blurred video is smooth everywhere, a swap only inside); the strength of the edge of the face; and the part of the
# image's energy that is in its highest frequencies, which is yours to write below. The histograms show each of them for
# real and swapped frames.

# %%
features = {name: swap_features(kind) for name, kind in crops.items()}
assert np.allclose(details, [features["real A"][0, 0], features["swapped A"][0, 0]])
figure, axes = plt.subplots(1, 4, figsize=(9, 2.2), layout="constrained")
for index, name in enumerate(FEATURES):
    both = [features[kind][:, index] for kind in ("real A", "swapped A")]
    axes[index].hist(both, bins=25, label=["real", "swapped"])
    axes[index].set_title(name, fontsize=9)
axes[0].legend(frameon=False, fontsize=8)
plt.show()
show.show_source(swap_features)

# %% [markdown]
# **Exercise 1: write a feature.** The *Fourier transform* writes an image as a sum of waves. Its **spectrum**, the
# squared absolute value of each coefficient, says how much energy each wave has. Networks that enlarge their image step
# by step leave traces there. Write a function that returns, for each crop, the fraction of the energy in waves of at
# least a quarter cycle per pixel. Convert to gray first, and subtract the mean, which is no wave.

# %%
from faceswap_lib.course.detector_checks import check_frequency_feature


def high_frequencies(crops):
    """(N, S, S, 3) uint8; returns (N,) fractions. np.fft.fft2, np.fft.fftfreq and np.hypot help."""
    return np.zeros(len(crops))


print(check_frequency_feature(high_frequencies))


# %% tags=["solution"]
# @title Solution
def high_frequencies(crops):  # noqa: F811
    gray = np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops]).astype(float)
    energy = np.abs(np.fft.fft2(gray - gray.mean(axis=(1, 2), keepdims=True))) ** 2
    cycles = np.fft.fftfreq(gray.shape[1])  # per pixel, -0.5 to 0.5
    high = np.hypot(cycles[:, None], cycles) >= 0.25
    return energy[:, high].sum(axis=1) / energy.sum(axis=(1, 2))


assert check_frequency_feature(high_frequencies) == "right"
for name, kind in crops.items():
    print(f"{name:9} {1e4 * high_frequencies(kind[judged]).mean():5.2f} of 10,000 parts")

# %% [markdown]
# ## 4. Logistic regression
#
# **Logistic regression** combines the four features into one decision. It adds them up with weights and turns the sum
# into a probability:
#
# $$z = w_1 x_1 + \dots + w_4 x_4 + b \qquad\qquad p = \frac{1}{1 + e^{-z}}$$
#
# $z$ above 0 means *probably a swap*. *Gradient descent* finds the weights. It starts at 0. For each example, the
# gradient of the loss is $(p - y)\,x$, where $y$ is 1 for a swap. (A small penalty on large weights is added. Without
# it, two classes that can be separated without error would get infinite weights.)

# %%
from faceswap_lib.course.deepfake_detector import fit_detector

examples = np.concatenate([features["real A"][learned], features["swapped A"][learned]])
standard = (examples - examples.mean(axis=0)) / examples.std(axis=0)  # each feature: mean 0, standard deviation 1
weights, bias = np.zeros(4), 0.0
for _ in range(3000):
    chance = 1 / (1 + np.exp(-(standard @ weights + bias)))
    weights -= standard.T @ (chance - labels) / len(labels) + 0.01 * weights
    bias -= (chance - labels).mean()
print(dict(zip(FEATURES, weights.round(2).tolist(), strict=True)))
detector = fit_detector(examples, labels)
assert np.allclose(detector.weights, weights, atol=0.01) and np.isclose(detector.bias, bias, atol=0.01)
show.show_source(fit_detector)

# %% [markdown]
# The library uses Newton's method, which also uses the second derivative. It reaches the same weights in a few steps
# instead of 3,000. Look at the weights: less detail, less detail than around the face, and less energy in the highest
# frequencies all indicate a swap. This detector can explain its decision. Is the explanation right?
#
# ## 5. How good is it? ROC and AUC
#
# A detector returns a score, and somebody must choose the **threshold**. A low threshold detects all swaps, but it also
# accuses many real videos. A high threshold does the opposite. The **ROC curve** shows all thresholds at once: the
# detection rate against the rate of false alarms. The area under it, the **AUC**, has a simple meaning. Take one swap
# and one real frame at random: how often does the swap have the higher score? This can be counted:

# %%
from faceswap_lib.evaluation import auc

truth = np.repeat([0, 1], len(judged))
scores = detector.score(np.concatenate([features["real A"][judged], features["swapped A"][judged]]))
pairs = scores[truth == 1][:, None] - scores[truth == 0][None]  # every swap against every real frame
by_hand = (pairs > 0).mean() + (pairs == 0).mean() / 2
assert np.isclose(by_hand, auc(truth, scores))
print(f"AUC {by_hand:.3f}")
show.show_source(auc)

# %% [markdown]
# The order is perfect, or nearly perfect, on frames that the detector never saw. Many reports end here. But these
# frames come from the same clip, the same person, the same run and the same codec. So we do two harder tests: the same
# clip after it was sent on in low quality, and the other direction, with another person in another clip.

# %%
poor_real, poor_swap = folder / "poor_real.mp4", folder / "poor_swap.mp4"
reencode(real_a, poor_real, crf=38)
reencode(swap_a, poor_swap, crf=38)
crops |= {"real, sent on": read_crops(poor_real, tracks_a), "swapped, sent on": read_crops(poor_swap, tracks_a)}
TESTS = {
    "same clip, later": ("real A", "swapped A"),
    "sent on": ("real, sent on", "swapped, sent on"),
    "other person": ("real B", "swapped B"),
}


def judge(score):
    """Prints the results of a detector in each test, and returns its scores."""
    answers = {}
    for name, kinds in TESTS.items():
        answers[name] = score(np.concatenate([crops[kind][judged] for kind in kinds]))
        found, blamed = ((answers[name][truth == kind] > 0).mean() for kind in (1, 0))
        print(f"{name:17} AUC {auc(truth, answers[name]):.2f}, detected {found:4.0%}, false alarms {blamed:4.0%}")
    return answers


show.plot_roc(truth, judge(lambda pictures: detector.score(swap_features(pictures))))

# %% [markdown]
# *Sent on*: the order is still right, but the threshold is not. Low quality removes detail from real faces too, so
# their scores move towards those of the swaps. More than a third of them cross the threshold: real clips are accused
# because somebody forwarded them.
#
# *Other person*: an AUC of 0.00. The order is perfectly *wrong*: every swap looks more genuine than every real frame.
# This is far worse than tossing a coin.
#
# **Exercise 2.** Why? Print the mean of each feature for the four kinds of crops, and compare with their picture above.
# Which of the features measure a swap? Is the one that you wrote more reliable than the others?

# %%
measured = {name: features[name][judged] for name in ("real A", "swapped A", "real B", "swapped B")}

# %% tags=["solution"]
# @title Solution
for index, name in enumerate(FEATURES):
    print(f"{name:27}", {kind: round(float(rows[:, index].mean()), 2) for kind, rows in measured.items()})
own = high_frequencies(np.concatenate([crops["real B"][judged], crops["swapped B"][judged]]))
print(f"high_frequencies, other person: AUC {auc(truth, -own):.2f}")

# %% [markdown]
# The detail is 7.4 in the real clip of Hopper, 6.0 in her swap, 6.4 in the real clip of Collins, and 7.4 in *her* swap.
# So a high value means glasses and wrinkles. This is Hopper's face, wherever it is. In the swap of A it is gone, and in
# the swap of B it has come. (The conversion even copies fine detail of the wanted person into the swap,
# [06b](06b_conversion_options.ipynb).) We believed that we measured a swap, and we measured a person. All four
# features, and most likely yours, make the same mistake. A test on one pair of people, in one direction, cannot show
# it.
#
# **Even a good detector mostly accuses the innocent.** Suppose that it detects 99 % of all swaps and accuses 1 % of all
# real videos, and that of a million uploads, 200 are swaps. Then it reports 198 swaps and 9,998 real videos. Of fifty
# people that it accuses, forty-nine are innocent. This is the effect of a low **base rate**.
#
# ## 6. Train a network
#
# Perhaps our four features are the problem. A *convolutional network* can learn its own features. It has three
# convolutions that halve the image, the mean over all positions, and one output number.

# %%
from faceswap_lib.course.deepfake_cnn import build_detector_network

pictures = np.concatenate([crops["real A"][learned], crops["swapped A"][learned]])
network = train_detector_network(pictures, labels, passes=PASSES)
judge(lambda pictures: network_scores(network, pictures))
show.show_source(build_detector_network)

# %% [markdown]
# The false alarms of the second test are gone. But the third test fails as before: the network accepts every swap of B,
# and accuses more than half of the *real* images of her. Every swap in its training data showed Collins's face, and
# every real frame showed Hopper's face. The question was not *is this a swap?* but **is this Hopper?** These numbers do
# not tell which difference it used: her face, her glasses or the light. The occlusion map shows a little more:

# %%
rows = []
for kind in ("swapped A", "real B"):
    crop = crops[kind][judged[-1]]
    used = occlusion_map(lambda pictures: network_scores(network, pictures), crop)
    rows += [crop, show.overlay_heatmap(crop, used.clip(0))]
show.plot_images(rows, captions=["swapped A", "what it uses", "real B", "what it uses"])

# %% [markdown]
# It reacts to the region of the glasses, but also to places in the hair and in the background. We can read four
# weights. It is hard to say what a network does with many small places. This is a weakness of its own if somebody must
# explain a verdict.
#
# But we can test our explanation. If the person is a shortcut, we remove it: we train the network on both people, real
# and swapped. Then the three tests are not hard any more, because both people were in the training data. So here is a
# new test, the same run with one option changed: only the eyes and the mouth are swapped, and the skin is still A's.

# %%
kinds = ("real A", "real B", "swapped A", "swapped B")
pictures = np.concatenate([crops[kind][learned] for kind in kinds])
better = train_detector_network(pictures, np.repeat([0, 0, 1, 1], len(learned)), passes=PASSES)
parts, swap_parts = ConvertConfig(latent_shift=0.5, parts=("eyes", "mouth")), folder / "swap_parts.mp4"
convert(video_a, workspace, swap_parts, config=parts, tracks=tracks_a, **options)
crops["eyes and mouth of A"] = read_crops(swap_parts, tracks_a)
TESTS["eyes and mouth"] = ("real A", "eyes and mouth of A")
print("the four features")
judge(lambda pictures: detector.score(swap_features(pictures)))
print("the network")
judge(lambda pictures: network_scores(better, pictures))
show.plot_images([crops[kind][judged[0]] for kind in ("real A", "swapped A", "eyes and mouth of A")], width=6)

# %% [markdown]
# The network now passes the three tests. But look at *detected* in the last line of each: the features find none of
# these swaps, and the network none or few. (The order is right for the features, with an AUC of 1, and only in part for
# the network. For both, the threshold was fitted to whole faces and is far too high for these swaps.) We could add this
# kind of swap to the training data too, and then the next kind. This is what people do with large collections, and it
# shows the pattern: **a detector knows only its training data.** It works well for the methods, people and codecs in
# this data. For others, it may be good or useless, and nobody knows this in advance.
#
# There is a deeper reason why this does not end. You already know a network that distinguishes real from generated
# images: the *discriminator* of [04c](04c_gan.ipynb). The generator was trained against it. A generator can
# be trained against any known detector until the detector finds nothing. So treat the score of any detector as a hint,
# never as evidence. Ask where a video comes from, who published it first, and whether the original can be found.
#
# ## What you know now
#
# - A detector learns the easiest difference: the label, or the person. Features by hand can do the same.
# - A perfect score means first of all that the test data was similar to the training data.
# - An AUC does not choose a threshold, and a rare event makes most alarms false.
#
# **What to try.** Evaluate the swap of another run (`RUN`) or one of `PRESET = "tiny"`. Train the network on crops
# without colors, or on crops with only the finest detail: does it still recognize the person? Add your feature to the
# four. Or use your own clips (and ask the people in them).

# %% [markdown]
# ## Quiz

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("08b_deepfake_detector")

# %% [markdown]
# ## Further reading
#
# - [FaceForensics++](https://arxiv.org/abs/1901.08971) (Rössler et al., 2019): the usual data set, with three levels of
#   compression.
# - [Watch your up-convolution](https://arxiv.org/abs/2003.01826) (Durall et al., 2020): the spectrum as a feature.
# - [Shortcut learning in deep neural networks](https://arxiv.org/abs/2004.07780) (Geirhos et al., 2020): section 2 and
#   section 6, in general.
# - [Visualizing and understanding convolutional networks](https://arxiv.org/abs/1311.2901) (Zeiler and Fergus, 2014):
#   where the occlusion map comes from.
# - [The Deepfake Detection Challenge dataset](https://arxiv.org/abs/2006.07397) (Dolhansky et al., 2020): how much
#   worse good detectors are on videos that they do not know.

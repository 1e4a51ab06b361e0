# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   # Imports stand in the cells that first use them.
#   # ruff: noqa: E402, B018
# ---

# %% [markdown]
# # Facesets: choose the faces
#
# A network learns what it sees. If crops of the faceset are blurred, dark, covered or show somebody else, it learns
# that, too. Experienced users spend more time on the *curation* of a faceset than on the training: they sort the crops,
# set the bad ones aside, and repair what the detector missed. This notebook does it once, with numbers for each step.
#
# | | |
# |---|---|
# | **You will learn** | how sharpness and hue are measured, how good proposed rejects are, how a crop is repaired |
# | **You will have at the end** | a curated faceset in one file |
# | **Time on two CPU cores** | about 2 minutes |
# | **Before** | [08b](08b_deepfake_detector.ipynb); it needs only [01](01_video_face_detection_alignment.ipynb) |
# | **After** | [10 The landmark GAN](10_landmark_gan.ipynb); or [05](05_faceswap_train.ipynb) with these faces |

# %% [markdown] tags=["local"]
# If the cells below say that `faceswap_lib` is missing, run `pip install '.[notebooks]'` in the project's folder. Then
# restart the kernel.

# %% [markdown]
# ## 0. Choose the parameters
#
# The notebook uses the faces of `WORKSPACE`: those of notebook 01, or your own. If there are none, the next cell makes
# the demo's. Everything that changes a faceset happens in copies beside it, whose names begin with `WORKSPACE`. The
# notebook removes these copies and makes them again each time.

# %% tags=["parameters"]
WORKSPACE = "faceswap-course"
SECONDS = 6.0  # length of the demo's clips, if they do not exist yet
SIZE = 320  # width and height of their frames in pixels
FACES = 120  # the number of faces of A that we copy, spread over the clip
VIDEO_OF_A = None  # for your own faces: the video of A, from which section 7 repairs a crop
EXPORT = False  # True: also export the run of notebook 05 as a model file, which takes a minute

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import pathlib
import shutil

import cv2
import matplotlib.pyplot as plt
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_facesets
from faceswap_lib.facesets import Faceset, Workspace, write_eye_masks

workspace = make_facesets(WORKSPACE, seconds=SECONDS, size=SIZE)
for side in ("src", "dst"):
    write_eye_masks(workspace, side)
faceset_a, faceset_b = (Faceset.open(workspace, side).sample(FACES) for side in ("src", "dst"))
print(f"{len(faceset_a)} crops of A, {len(faceset_b)} of B")

# %% [markdown]
# ## 1. Measure sharpness: one edge
#
# How sharp is an image? A blurred edge is *wide*: its gray level needs many pixels to get from dark to bright. In an
# edge of high contrast, blur is *just noticeable* at a width of 3 pixels. The probability $P$ that people notice it
# rises with the width $w$:
#
# $$P = 1 - e^{-(w / 3)^{3.6}}$$
#
# At $w = 3$ it is 63 %. **CPBD**, the *cumulative probability of blur detection*, is the share of the edges with at
# most this probability: 1 if all edges are sharp, 0 if none is. We compute it for images with a single edge, and the
# library must agree. In its code, `noticeable` is the width of 3 pixels; where the contrast is low, it is 5.

# %%
from faceswap_lib.curation.sharpness import measure_cpbd


def draw_edge(width):
    ramp = np.linspace(40, 190, width + 1)[1:]
    row = np.concatenate([np.full(64, 40), ramp, np.full(64 - width, 190)])
    return np.tile(row.round().astype("uint8"), (128, 1))


everywhere = np.full((128, 128), 255, "uint8")
for width in (1, 2, 3, 4, 6):
    noticed = 1 - np.exp(-((width / 3) ** 3.6))
    by_hand = float(noticed <= 1 - np.exp(-1) + 1e-9)
    assert measure_cpbd(draw_edge(width), everywhere) == by_hand
    print(f"edge of {width} pixels: blur noticed with {noticed:4.0%}, CPBD {by_hand:.0f}")
show.show_source(measure_cpbd)

# %% [markdown]
# ## 2. Measure color: the mean of angles
#
# Hue is an angle: 0 is red, 120 green, 240 blue, and 360 is red again. The mean of 350 and 10 degrees must be 0, red.
# The arithmetic mean is 180, cyan. The **circular mean** adds arrows instead of numbers. Each pixel is an arrow of
# length saturation in the direction of its hue, and the mean is the direction of the sum:
#
# $$\bar h = \arg \sum_k s_k \, e^{i h_k}$$

# %%
from faceswap_lib.curation.tone import measure_hue

image = np.zeros((1, 3, 3), "uint8")
image[0] = (255, 0, 43), (255, 64, 0), (200, 90, 90)  # two strong reds, one pale one
hue, saturation, _ = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
angles = np.radians(2.0 * hue)  # OpenCV stores half degrees
by_hand = np.degrees(np.angle((saturation * np.exp(1j * angles)).sum())) % 360
assert np.isclose(measure_hue(image), by_hand)
print(f"hues {2 * hue.ravel().astype(int)}: circular mean {by_hand:.1f}, arithmetic mean {2 * hue.mean():.1f} degrees")
show.show_source(measure_hue)

# %% [markdown]
# ## 3. Sort
#
# A sort puts the crops in an order by a measure, or by similarity. It renames and moves nothing. The output shows the
# first three and the last three crops of four orders. The number above a crop is the value that decides. `best` selects
# sharp faces from all poses, here half of the crops, and puts them first. Its number is the sharpness of `blur`; its
# last three crops are not selected.

# %%
from faceswap_lib.curation.sorting import MODES, sort_faceset


def show_ends(faceset, modes, count=3):
    images, captions = [], []
    for mode in modes:
        found = sort_faceset(faceset, mode, target=len(faceset) // 2)  # only `best` has a target
        for place, index in enumerate([*found.order[:count], *found.order[-count:]]):
            images.append(faceset.crop_files.read_image(faceset.records[index].crop))
            captions.append(f"{'' if place else mode} {found.values[index]:.2f}")
    return show.plot_images(images, captions=captions, columns=2 * count, width=9)


show_ends(faceset_a, ["blur", "yaw", "hue", "best"])

# %%
for mode, details in MODES.items():
    print(f"{mode:20} {details.text}")

# %% [markdown]
# **Exercise 1: write a selection.** Two neighboring frames teach a network little more than one. **Farthest point
# sampling** selects crops that differ as much as possible. It starts with the first one. The next one is always the one
# that is *farthest from the nearest* of those selected so far. `vectors` is an (N, D) array with one row per crop;
# return the `count` selected indices in their order.

# %%
from faceswap_lib.course.curation_checks import check_selection


def select_farthest(vectors, count):
    return list(range(count))  # the first ones, which are nearly equal


def show_selection(select, count=6):
    """Compares the crops as gray images of 8 x 8 pixels, and shows those that are selected."""
    read = faceset_a.crop_files.read_image
    crops = [read(record.crop) for record in faceset_a.records]
    small = [cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (8, 8), interpolation=cv2.INTER_AREA) for crop in crops]
    chosen = select(np.array(small, float).reshape(len(small), -1), count)
    return show.plot_images([crops[index] for index in chosen], captions=[str(index) for index in chosen], width=9)


print(check_selection(select_farthest))
show_selection(select_farthest)


# %% tags=["solution"]
# @title Solution
def select_farthest(vectors, count):  # noqa: F811
    chosen = [0]
    nearest = np.linalg.norm(vectors - vectors[0], axis=1)  # distance to the nearest selected crop
    while len(chosen) < count:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[chosen[-1]], axis=1))
    return chosen


assert check_selection(select_farthest) == "right"
show_selection(select_farthest)

# %% [markdown]
# ## 4. Poison a faceset
#
# How good are proposed rejects? To know it, we need a faceset whose bad crops are known. We make one: a copy of A's
# crops in which every sixth crop is spoiled, in turn blurred, too dark or cut off by the border of the frame; and
# crops of B and exact copies are added. `truth` says what is wrong with each crop.

# %%
import dataclasses

from faceswap_lib.facesets import write_manifest
from faceswap_lib.media import write_image

curated = Workspace(f"{WORKSPACE}-curated")
shutil.rmtree(curated.root, ignore_errors=True)


def spoil(image, kind):
    if kind == "blurred":
        return cv2.GaussianBlur(image, (0, 0), len(image) / 50)
    if kind == "exposure":
        return (image * 0.15).astype("uint8")
    image, row = image.copy(), int(0.52 * len(image))
    image[row:] = image[row]  # what an extraction stores where the frame ends: its border, repeated
    return image


truth, records = {}, []
read_a, read_b = faceset_a.crop_files.read_image, faceset_b.crop_files.read_image


def add(record, name, image, kind):
    write_image(curated.faces("src") / name, image)
    truth[name] = kind
    records.append(dataclasses.replace(record, crop=name))


for index, record in enumerate(faceset_a.records):
    kind = ("blurred", "exposure", "cut off")[index // 6 % 3] if index % 6 == 3 else "keep"
    image = read_a(record.crop)
    add(record, f"{index:06d}.jpg", image if kind == "keep" else spoil(image, kind), kind)
    if index % 24 == 0:
        add(record, f"{index:06d}_copy.jpg", image, "duplicate")
for index, record in enumerate(faceset_b.records[::20]):
    add(record, f"other_{index}.jpg", read_b(record.crop), "other person")
write_manifest(curated.faces("src"), sorted(records, key=lambda record: record.crop))
write_eye_masks(curated, "src")
poisoned = Faceset.open(curated, "src")
print(f"{len(poisoned)} crops, {sum(kind != 'keep' for kind in truth.values())} of them bad")
examples = {kind: name for name, kind in truth.items()}  # the last crop of each kind
images = [poisoned.crop_files.read_image(name) for name in examples.values()]
show.plot_images(images, captions=list(examples), columns=6, width=9)

# %% [markdown]
# ## 5. Audit
#
# The audit measures everything and *proposes* rejects, each with a kind. A face recognition network finds other people;
# without one, this kind is left out. Two numbers say how good the proposals are:
#
# - **precision**: the share of the proposed crops that are really bad. Low precision loses good crops.
# - **recall**: the share of the bad crops that are proposed. Low recall leaves bad crops in.

# %%
from faceswap_lib.curation.audit import audit_faceset
from faceswap_lib.errors import InputError
from faceswap_lib.faces.recognition import open_embedder

try:
    embedder = open_embedder()
except InputError as error:
    print("without a recognition network:", error)
    embedder = None
audit = audit_faceset(poisoned, embedder=embedder)
proposed, bad = set(audit.rejects()), {name for name, kind in truth.items() if kind != "keep"}
precision, recall = len(proposed & bad) / max(1, len(proposed)), len(proposed & bad) / len(bad)
print(f"{len(proposed)} proposed, precision {precision:.2f}, recall {recall:.2f}", audit.counts())

# %% [markdown]
# By hand we used sets. The same numbers come from counting, crop by crop. The printed table is a *confusion matrix*.
# Each line begins with what the crops really are; behind it is what the audit took them for, with the numbers of crops.

# %%
names = [record.crop for record in poisoned.records]
flagged, spoiled = audit.kinds != "", np.array([truth[name] != "keep" for name in names])
hits = (flagged & spoiled).sum()
assert np.isclose(precision, hits / max(1, flagged.sum())) and np.isclose(recall, hits / spoiled.sum())
assert int(flagged.sum()) == sum(audit.counts().values())
for kind in dict.fromkeys(truth.values()):
    found = [audit.kinds[index] or "keep" for index, name in enumerate(names) if truth[name] == kind]
    print(f"{kind:13}", {name: found.count(name) for name in dict.fromkeys(found)})

# %% [markdown]
# Both numbers are near 1, because we spoiled the crops thoroughly. The page [docs/facesets.md](../docs/facesets.md) has
# the numbers for eight real clips. A crop can have the wrong kind and still be rightly proposed: a face without a chin
# may be taken for another person.
#
# **Exercise 2.** A limit trades precision against recall. Audit with `RejectLimits(duplicate=...)` for several values,
# and plot precision over recall. From which value on does the audit take different frames for the same?

# %%
from faceswap_lib.curation.rejects import RejectLimits

print(RejectLimits())

# %% tags=["solution"]
# @title Solution
curve = []
for limit in (0.0, 0.7, 2.0, 4.0, 8.0):  # gray levels
    found = set(audit_faceset(poisoned, embedder=embedder, limits=RejectLimits(duplicate=limit)).rejects())
    curve.append((len(found & bad) / len(bad), len(found & bad) / max(1, len(found))))
    print(f"limit {limit:.1f}: {len(found):3} proposed, recall {curve[-1][0]:.2f}, precision {curve[-1][1]:.2f}")
figure, axes = plt.subplots(figsize=(4, 2.4))
axes.plot(*zip(*curve, strict=True), "o-")
axes.set(xlabel="recall", ylabel="precision")
plt.show()  # the precision falls where different frames count as the same: on the demo, between 2 and 4 gray levels

# %% [markdown]
# ## 6. Look, and decide
#
# A proposal is not a decision. In the gallery, the border of a crop has the color of its proposed kind. Sort by any
# measure, show only one kind, click to mark. "mark all proposed" accepts the proposal, "set ... marked aside" takes the
# marked crops out of the training, and every step can be undone. Crops that are set aside are not deleted. The cell
# after the gallery does both steps for you; skip it to decide yourself.

# %%
from faceswap_lib.widgets import FacesetGallery

gallery = FacesetGallery(curated, "src", per_page=24, audit=audit, embedder=embedder)
gallery.sort_by("motion_blur")
gallery

# %%
gallery.accept_proposal()
before = len(gallery)
print(f"{gallery.exclude()} set aside, {len(gallery)} of {before} crops are left")
left = [name for name in gallery.shown if truth[name] != "keep"]
print("bad ones among them:", {name: truth[name] for name in left} or "none")

# %% [markdown]
# ## 7. Repair
#
# Sometimes the detector misses a face, or its points are wrong. Then a person draws a box, and the points are
# *proposed*. The simplest proposal is an average face that fills the box. MTCNN's last network, O-Net, does better: it
# looks at the pixels. We compare both with the points of the extraction, in percent of the distance between the eyes.
# Drawn boxes are never exact, so ours is off by a tenth.

# %%
from faceswap_lib.faces import MTCNN
from faceswap_lib.faces.alignment import MEAN_FACE
from faceswap_lib.faces.drawn_face import BOX, propose_face
from faceswap_lib.facesets import read_manifest
from faceswap_lib.facesets.source import read_source
from faceswap_lib.media import read_frames

name = read_source(workspace.faces("src"))["video"]
video = VIDEO_OF_A or next(pathlib.Path(WORKSPACE).rglob(name), None)
if video is None:
    raise FileNotFoundError(f"{name} is not in {WORKSPACE}: set VIDEO_OF_A, in the first cell, to its path")
record = read_manifest(workspace.faces("src"))[len(faceset_a) // 2]
frame = next(read_frames(video, start=record.frame))
low, high = np.array(record.box_xyxy).reshape(2, 2)
low, high = low - 0.1 * (high - low), high - 0.02 * (high - low)
box = [*low, *high]

scale = np.mean((high - low) / (BOX[2:] - BOX[:2]))  # pixels per eye distance
by_hand = (MEAN_FACE - (BOX[:2] + BOX[2:]) / 2) * scale + (low + high) / 2
average = propose_face(box, frame=frame, refiner=None).face.landmarks
assert np.allclose(average, by_hand)
onet = propose_face(box, frame=frame, refiner=MTCNN()).face.landmarks
for name, points in (("average face", average), ("O-Net", onet)):
    error = np.linalg.norm(points - record.landmarks, axis=1).mean()
    print(f"{name:13} off by {100 * error / np.linalg.norm(np.subtract(*record.landmarks[:2])):.1f} %")
show.show_source(propose_face)

# %% [markdown]
# Now we repair: in a copy of the workspace we remove one crop, as if it had been missed, and make it again from the
# box. It should look like the one that the extraction made; the extraction also smoothed the points over time.

# %%
from faceswap_lib.facesets.repair import FacesetRepair

repaired = Workspace(f"{WORKSPACE}-repaired")
shutil.rmtree(repaired.root, ignore_errors=True)
for kind in ("faces", "eye_masks"):
    shutil.copytree(getattr(workspace, kind)("src"), getattr(repaired, kind)("src"))
folder = repaired.faces("src")
write_manifest(folder, [other for other in read_manifest(folder) if other.crop != record.crop])
(folder / record.crop).unlink()
(repaired.eye_masks("src") / record.mask).unlink()
report = FacesetRepair(repaired, "src", video, refiner=MTCNN()).take(record.frame, box_xyxy=box)
pair = [Faceset.open(each, "src").crop_files.read_image(record.crop) for each in (workspace, repaired)]
assert report.record.crop == record.crop and report.is_detected
assert np.allclose(report.record.landmarks, onet, atol=0.01)
show.plot_images(pair, captions=["extracted", "repaired"], width=5)

# %% [markdown]
# On a page you do this with the mouse: `RepairEditor` goes from one missed face to the next. Drag the points, or draw a
# box. The small image is the crop that you would get; its crosses are where eyes and mouth should be.

# %%
from faceswap_lib.widgets import RepairEditor

RepairEditor(repaired, "src", video, frame=record.frame, width=400)

# %% [markdown]
# ## 8. Occlusion
#
# A hand in front of the face must not become part of it. An *occlusion mask* is white where the face is visible. The
# library draws objects over faces, which gives training pairs whose mask is known. The measure of a mask is
# *intersection over union* (IoU).

# %%
from faceswap_lib.occlusion.dataset import make_scene
from faceswap_lib.occlusion.losses import mask_iou
from faceswap_lib.occlusion.synthetic import draw_occluder, put_over

random = np.random.default_rng(3)
scene = make_scene(faceset_a.sample(1).read_crops()[0])
layer = draw_occluder(random, scene, "cup")
covered, visible = put_over(random, scene.crop, layer), scene.region * (1 - layer.alpha)
ignored = scene.region  # a mask that does not know of the cup
found, known = ignored > 0.5, visible > 0.5
iou = (found & known).sum() / (found | known).sum()
assert np.isclose(mask_iou(ignored, visible), iou)
print(f"IoU of a mask without the cup: {iou:.2f}")
show.plot_images([covered, visible], captions=["crop", "mask"], width=5)

# %% [markdown]
# `faceswap mask --workspace W --train` trains a small network on such pairs and masks all crops. The training then
# ignores covered pixels.
#
# ## 9. Pack and export
#
# A faceset of thousands of files is slow to copy. A *pack* is one file with all crops, masks and notes, each with its
# checksum. Unpacking gives the same bytes.

# %%
from faceswap_lib.facesets.pack import pack_faceset
from faceswap_lib.facesets.unpack import unpack_faceset

packed = pack_faceset(curated, "src", curated.root / "a.fspack", overwrite=True)
again = Workspace(f"{WORKSPACE}-unpacked")
shutil.rmtree(again.root, ignore_errors=True)
unpack_faceset(packed.path, again, "src")
for name in [record.crop for record in read_manifest(curated.faces("src"))]:
    assert (again.faces("src") / name).read_bytes() == (curated.faces("src") / name).read_bytes()
print(f"{packed.files} files, {packed.path.stat().st_size / 1e6:.1f} MB in {packed.path.name}")

# %% [markdown]
# A trained run becomes one file for live programs with `faceswap export`. The next cell does it for the run of notebook
# 05 if you set `EXPORT`.

# %%
if EXPORT:
    from faceswap_lib.pipeline.exporting import export_model

    exported = export_model(workspace, pathlib.Path(f"{WORKSPACE}-curated") / "model.dfm", overwrite=True)
    print(exported.path, exported.card)
else:
    print("faceswap export --workspace", WORKSPACE, "--out model.dfm")

# %% [markdown]
# ## What you know now
#
# - Sharpness is the share of edges at which blur is noticed with a probability of at most 63 % (just noticeable). Hues
#   are averaged as arrows.
# - Proposals have a precision and a recall. You decide, and nothing is deleted.
# - A missed face needs one box; O-Net finds the points.
#
# **To try:** `FacesetGallery(Workspace("your workspace"), "src", embedder=embedder)` on your own faces: "propose
# rejects", then sort by `misalignment` and tick "reversed", so that the worst come first.
#
# **Next:** [10 The landmark GAN](10_landmark_gan.ipynb), or [05 Training](05_faceswap_train.ipynb) with these faces.

# %% [markdown]
# ## Quiz

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("09_facesets")

# %% [markdown]
# ## Further reading
#
# - [deepfakes/faceswap](https://github.com/deepfakes/faceswap) and
#   [DeepFaceLab](https://github.com/iperov/DeepFaceLab): their manuals say how experienced users sort and clean.
# - [CPBD](https://doi.org/10.1109/TIP.2011.2131660) (Narvekar and Karam, 2011): the blur measure of section 1.
# - [A core-set approach](https://arxiv.org/abs/1708.00489) (Sener and Savarese, 2018): farthest points chosen
#   as training data.
# - [MTCNN](https://arxiv.org/abs/1604.02878) (Zhang et al., 2016): O-Net, which repairs the landmarks.

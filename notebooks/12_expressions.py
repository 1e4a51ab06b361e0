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
# # Expressions of a photo
#
# Give the face of *one* photo another expression: a smile, closed eyes, a look aside, or the expression of another
# photo. No video is needed, and nothing has to be trained. The notebook takes the method apart: **alignment**,
# expressions as differences, a **warp**, the two layers of **bilayer** avatars, and **segmentation**.
#
# | | |
# |---|---|
# | **You will learn** | what an expression is in numbers, how pixels move, what a photo cannot show |
# | **You will have at the end** | your photos with other expressions, five images for each |
# | **Time on two CPU cores** | about 1 minute |
# | **Before** | [11 One photo, somebody else's motion](11_one_shot.ipynb); it needs only [00](00_faceswap_demo.ipynb) |
# | **After** | the end of the course; photos of your own: [docs/reenactment.md](../docs/reenactment.md) |

# %% [markdown]
# Without photos of your own, two portraits in the public domain are used. For your own, set `PHOTOS` to a list of
# files, `SHOWS` to a photo of an expression that you want, and say in `CONSENT` who agreed.

# %% tags=["parameters"]
WORKSPACE = "faceswap-expressions"
PHOTOS = None  # for example ["me.jpg"]; None uses the two portraits
SHOWS = None  # a photo of anybody with the wanted expression; None uses the second portrait
CONSENT = "the portraits are in the public domain"
RUN = None  # a trained run of a reenactment system in WORKSPACE; None needs no training

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import pathlib

import cv2
import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.portraits import load_portraits
from faceswap_lib.facesets import Workspace, require_consent
from faceswap_lib.media import write_image

workspace = Workspace(WORKSPACE)
photos = [pathlib.Path(path) for path in PHOTOS or ()]
if not photos:
    for portrait in load_portraits():
        photos.append(workspace.root / "photos" / f"{portrait.name}.png")
        write_image(photos[-1], portrait.image)
wanted = pathlib.Path(SHOWS or photos[-1])
require_consent(workspace, CONSENT, list(dict.fromkeys([*photos, wanted])))

# %% [markdown]
# ## 1. Level the face
#
# Heads in photos are tilted, and the first limit of many such programs is that they fail there. The remedy is
# **alignment**: find the **similarity** (turn, scale, shift) that brings the eyes to fixed places, work on the level
# crop, and turn the result back. With points as complex numbers, a similarity is $z \mapsto m z + t$, and two eyes $a$
# and $b$ with their places $A$ and $B$ give both numbers:
#
# $$m = \frac{B - A}{b - a}, \qquad t = A - m a$$
#
# The head in the first photo leans by 3 degrees. We turn it by 30 more and level it by hand. The library uses five
# **landmarks** instead of two, and **least squares**; for two points both must agree.

# %%
from faceswap_lib.faces import MTCNN, similarity_transform
from faceswap_lib.media import read_image


def turn(image, degrees):
    """Turns an image around its middle."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1.0)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)


tilted = turn(read_image(photos[0]), 30)
((face, *_),) = MTCNN().detect([tilted])
(a, b), places = face.landmarks[:2], np.array([[93.0, 99.0], [163.0, 99.0]])
m = (places[1] - places[0]) @ [1, 1j] / ((b - a) @ [1, 1j])
t = places[0] @ [1, 1j] - m * (a @ [1, 1j])
by_hand = np.array([[m.real, -m.imag, t.real], [m.imag, m.real, t.imag]])
assert np.allclose(by_hand, similarity_transform(face.landmarks[:2], places))
level = cv2.warpAffine(tilted, by_hand, (256, 256))
print(f"turned by {np.degrees(np.angle(m)):.0f} degrees, scaled by {abs(m):.2f}")
show.plot_images([tilted, level], captions=["tilted", "level"], width=5)

# %% [markdown]
# **Exercise 1.** Write `level_eyes` without complex numbers: with the angle and the distance of the eyes. The check
# says what is off.

# %%
from faceswap_lib.course.expression_checks import check_level, check_split, check_transfer


def level_eyes(eyes, places):
    """(2, 2) x, y of the eyes, and of their places in the crop; returns the (2, 3) matrix."""
    return np.eye(2, 3)


print(check_level(level_eyes))


# %% tags=["solution"]
# @title Solution
def level_eyes(eyes, places):  # noqa: F811
    old, new = eyes[1] - eyes[0], places[1] - places[0]
    angle = np.arctan2(new[1], new[0]) - np.arctan2(old[1], old[0])
    scale = np.linalg.norm(new) / np.linalg.norm(old)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([rotation, places[0] - rotation @ eyes[0]])


assert check_level(level_eyes) == "right"

# %% [markdown]
# ## 2. An expression as numbers
#
# `read_photo` detects the face, aligns it, and finds its **shape**: 68 landmarks and both **irises**. To compare two
# faces, we need coordinates that belong to a *face*: the origin is between the eyes, and the unit is the distance
# between the eyes. How much does someone smile? We measure the width of the mouth, and its *lift*, how high its corners
# are above its middle. One number is made of them, width + 0.7 · lift.

# %%
from faceswap_lib.reenactment.expressions import measure_smile
from faceswap_lib.reenactment.face_shape import open_shape_detector
from faceswap_lib.reenactment.photo import read_photo

detector, shape_detector = MTCNN(), open_shape_detector()
people = [read_photo(path, detector, shape_detector, largest=True) for path in photos]
shows = read_photo(wanted, detector, shape_detector, largest=True)
person = people[0]


def to_face(points, shape):
    """Converts points of a crop to coordinates of its face."""
    eyes = np.array([shape.points[[36, 39]].mean(axis=0), shape.points[[42, 45]].mean(axis=0)])  # by their corners
    x = eyes[1] - eyes[0]
    y = np.array([-x[1], x[0]]) / max(np.cos(np.radians(shape.yaw)), 0.5)  # a turned head looks narrower, not lower
    return np.linalg.solve(np.column_stack([x, y]), (points - eyes.mean(axis=0)).T).T


for each in (person, shows):
    mouth = to_face(each.shape.points, each.shape)
    width, lift = mouth[54, 0] - mouth[48, 0], mouth[[51, 57], 1].mean() - mouth[[48, 54], 1].mean()
    assert np.isclose(width + 0.7 * lift, measure_smile(each.shape))
    print(f"{each.path.stem:10} width {width:.2f}, lift {lift:+.2f}, smile {width + 0.7 * lift:.2f} eye distances")
images, points = [each.crop.image for each in (person, shows)], [each.shape.points for each in (person, shows)]
show.plot_landmarks(images, points, captions=[person.path.stem, shows.path.stem])

# %% [markdown]
# The number of one photo does not tell smiling from a wide mouth. The closed mouths of six people measured 0.74 to
# 0.87, so what is above 0.82 is *taken* for a smile. That is a guess, and section 7 shows what it costs.
#
# Psychology divides expressions into **action units** (the *Facial Action Coding System*, FACS), one per group of
# muscles. The library's sliders are coarse mixtures of them:
#
# | slider | action units |
# |---|---|
# | `smile` | AU12 lip corner puller; below 0, AU15 lip corner depressor |
# | `mouth_open` | AU25 lips part, AU26 jaw drop |
# | `brows` | AU1 and AU2 brow raisers; below 0, AU4 brow lowerer |
# | `eyes_open` | AU5 upper lid raiser; below 0, AU43 eyes closed |
#
# ## 3. Only differences travel
#
# Copying the landmarks of B onto A would copy B's face. So only the *difference* to B's own **neutral** face travels,
# in coordinates of the faces, times a *strength*. With one photo, neutral is estimated: close the mouth, take the smile
# above 0.82 away.

# %%
from faceswap_lib.reenactment.expressions import estimate_neutral, transfer_expression

mine, other = estimate_neutral(person.shape), estimate_neutral(shows.shape)
change = to_face(shows.shape.points, shows.shape) - to_face(other.points, other)
eyes = np.array([mine.points[[36, 39]].mean(axis=0), mine.points[[42, 45]].mean(axis=0)])
x = eyes[1] - eyes[0]
y = np.array([-x[1], x[0]]) / max(np.cos(np.radians(mine.yaw)), 0.5)
by_hand = mine.points + change @ np.stack([x, y])
target = transfer_expression(person.shape, shows.shape)
assert np.allclose(by_hand, target.points, atol=1e-6)
captions = ["photo", "neutral, estimated", "wanted"]
show.plot_landmarks([person.crop.image] * 3, [person.shape.points, mine.points, target.points], captions=captions)

# %%
show.show_source(transfer_expression)

# %% [markdown]
# **Exercise 2.** Write `transfer` for points that are in coordinates of the faces already. With strength 0 it gives A's
# neutral face.

# %%


def transfer(own_neutral, other_neutral, other_shown, strength):
    """Three (N, 2) arrays and a number; returns (N, 2)."""
    return other_shown


print(check_transfer(transfer))


# %% tags=["solution"]
# @title Solution
def transfer(own_neutral, other_neutral, other_shown, strength):  # noqa: F811
    return own_neutral + strength * (other_shown - other_neutral)


assert check_transfer(transfer) == "right"

# %% [markdown]
# ## 4. Move the pixels
#
# A **warp** moves pixels as the landmarks move. If every pixel of the photo were *sent* to its new place, holes would
# remain where the image is stretched. So we ask the other way round, for every pixel of the *result*: where does it
# come from? This is a **backward map**. Between the landmarks it is interpolated by a **thin-plate spline**, the
# smoothest map through all of them. By hand, we send with the spline of one direction and fetch with that of the other.
# (The two splines agree at the landmarks, but they are not exact inverses.)

# %%
from faceswap_lib.reenactment.expression_fusion import expression_map
from faceswap_lib.reenactment.expressions import Expression, change_expression

laughing = change_expression(person.shape, Expression(mouth_open=0.6, smile=0.5))
sources = expression_map(person.shape.points, laughing.points, 256)  # (256, 256, 2): x, y in the photo
there = expression_map(laughing.points, person.shape.points, 256)  # the map of the way back
sent = np.zeros_like(person.crop.image)
columns, rows = np.clip(there.round().astype(int), 0, 255).transpose(2, 0, 1)
sent[rows, columns] = person.crop.image
fetched = cv2.remap(person.crop.image, sources, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
holes = (sent == 0).all(axis=2).mean()
print(f"{holes:.1%} of the pixels got nothing when they were sent")
assert (fetched == 0).all(axis=2).mean() < holes
show.plot_images([person.crop.image, sent, fetched], captions=["photo", "sent", "fetched"], width=7)

# %% [markdown]
# ## 5. Two layers
#
# *Fast Bi-layer Neural Synthesis* (Zakharov et al., 2020), the basis of the program that inspired this one, divides a
# picture in two **frequency** bands. The **low-frequency picture** has the large areas of light and color; the
# **high-frequency texture** has wrinkles, lashes and hair, around zero. A blur divides them:
#
# $$\text{low} = \text{blur}(\text{photo}), \qquad \text{high} = \text{photo} - \text{low}$$
#
# For a new expression, a network *draws* the low band, which is simple, and only *moves* the texture, which is hard to
# draw. A **segmentation** says where the head is; outside, the photo stays:
#
# $$\text{result} = \text{head} \cdot (\text{low}_\text{new} + \text{high}[\text{map}]) + (1 - \text{head}) \cdot
# \text{photo}$$
#
# Here no network draws; its place is taken by the blur of the warped photo, and we see which band does what.
#
# The library's system `avatar` trains such a network. An *ablation* (the training once more without one part)
# shows what matters, measured on three filmed people, 64 pixels, 300 steps (higher SSIM and lower landmark error are
# better; a second training of the same system had .781 and 2.78, so small differences are chance):
#
# | trained | SSIM | landmark error, % of the eye distance |
# |---|---|---|
# | complete | .791 | 2.79 |
# | without segmentation | .666 | 3.48 |
# | without the high band of the photo | .753 | 2.82 |
# | without reconstruction loss | .760 | 2.81 |
# | without perceptual loss | .776 | 3.05 |
# | without adversarial loss | .786 | 2.92 |

# %%
from faceswap_lib.pipeline.expressing import FINE_SIGMA, fine_structure
from faceswap_lib.reenactment.changed_photo import head_alpha
from faceswap_lib.reenactment.head_masks import segment_head


def blur(image):
    return cv2.GaussianBlur(image.astype(np.float32), (0, 0), FINE_SIGMA)


def move(image):
    return cv2.remap(image, sources, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


photo = person.crop.image.astype(np.float32)
low, high = blur(photo), photo - blur(photo)
assert np.allclose(low + high, photo, atol=1e-3)
assert np.array_equal(fine_structure(person.crop.image), np.clip(np.round(high + 128), 0, 255))
head = segment_head(person.crop.image, person.shape) / np.float32(255)
head = head_alpha(head, person.shape, laughing)[..., None]  # and the chin that moves, with a soft border
drawn = blur(move(photo))
result = head * (drawn + move(high)) + (1 - head) * photo
stuck = head * (drawn + high) + (1 - head) * photo  # the texture is not moved
parts = [low, high + 128, drawn, move(high) + 128, 255 * head.repeat(3, 2), result, stuck]
captions = ["low", "high", "new low", "moved high", "head", "result", "texture not moved"]
show.plot_images([np.clip(part, 0, 255).astype("uint8") for part in parts], captions=captions, columns=4, width=8)

# %% [markdown]
# If the texture is not moved, the old lips and lashes shine through: the eye follows *edges*, and they are in the high
# band.
#
# **Exercise 3.** Write `split` so that nothing is lost. Then try blurs of 1 and 12 pixels: which band has the wrinkles?

# %%


def split(image):
    """(H, W, 3) uint8; returns the low-frequency picture and the texture."""
    return image, image


print(check_split(split))


# %% tags=["solution"]
# @title Solution
def split(image, sigma=3.0):  # noqa: F811
    low = cv2.GaussianBlur(image.astype(np.float32), (0, 0), sigma)
    return low, image - low  # floats: the texture has negative values


assert check_split(split) == "right"
bands = [np.clip(split(person.crop.image, sigma)[1] + 128, 0, 255).astype("uint8") for sigma in (1, 3, 12)]
show.plot_images(bands, captions=["1 pixel", "3 pixels", "12 pixels"], width=6)

# %% [markdown]
# ## 6. What the photo hides
#
# The white of an eye behind the iris, a lid that is rolled up, the inside of a closed mouth: the photo has no pixels
# there. The white and the lid are filled from their surroundings by **normalized convolution**: blur the known pixels
# *and* the mask of known pixels, and divide. Where little is known, the result of a coarser blur counts. By hand, in
# one row of numbers:

# %%
from faceswap_lib.reenactment.eye_layers import FILL_SIGMAS, fill_from

row = np.full((1, 60, 3), 90, np.float32)
row[:, 40:] = 210  # dark on the left, bright on the right
known = np.ones((1, 60), np.float32)
known[:, 15:45] = 0  # the iris, which is to be removed
by_hand = np.broadcast_to((row * known[..., None]).sum((0, 1)) / known.sum(), row.shape)  # the mean of what is known
for sigma in FILL_SIGMAS:
    colors = cv2.GaussianBlur(row * known[..., None], (0, 0), sigma * 100)
    by_hand = (colors + 0.05 * by_hand) / (cv2.GaussianBlur(known, (0, 0), sigma * 100)[..., None] + 0.05)
by_hand = by_hand + known[..., None] * (row - by_hand)
assert np.allclose(by_hand, fill_from(row, known, 100.0), atol=1e-3)
print("filled:", by_hand[0, 12:48:5, 0].round().astype(int))

# %%
show.show_source(fill_from)

# %% [markdown]
# An iris is a disk, so what a lid hides of it gets the color of the visible part at the same distance from the center.
# An inner mouth is invented: dark, a hint of a tongue, and plain upper teeth if it smiles. Only a network that has seen
# mouths knows more; a run in `RUN` provides it. Now every slider. Look for what moves, and for what should not.

# %%
from faceswap_lib.reenactment.changed_photo import PhotoChanger
from faceswap_lib.reenactment.config import FrameConfig
from faceswap_lib.reenactment.training import load_reenactment

networks = load_reenactment(workspace, RUN)[0] if RUN else None
last = people[-1]  # the eyes of the second portrait are easier to see
changer = PhotoChanger(last, networks, FrameConfig(fusion="photo"))
sliders = [("smile", 1.0), ("smile", -1.0), ("mouth_open", 0.5), ("brows", 1.0), ("brows", -1.0), ("eyes_open", -1.0)]
sliders += [("eyes_open", 1.0), ("gaze_x", 1.0), ("gaze_x", -1.0), ("gaze_y", 1.0), ("gaze_y", -1.0), ("jaw", 1.0)]
made = [changer.change(change_expression(last.shape, Expression(**{name: value}))).crop for name, value in sliders]
captions = [f"{name} {value:+.1f}" for name, value in sliders]
show.plot_images(made, captions=captions, columns=4, width=9)

# %% [markdown]
# ## 7. The expression of another photo
#
# The same with the expression of `SHOWS`, at two strengths, and with the photo tilted by 30 degrees before. Only the
# head changes: outside of it, the photo must be the same bit by bit.

# %%
write_image(workspace.root / "tilted.png", turn(person.image, 30))
leaning = read_photo(workspace.root / "tilted.png", detector, shape_detector, largest=True)
changer = PhotoChanger(person, networks, FrameConfig(fusion="photo"))
shown, captions = [shows.crop.image], [f"wanted: {shows.path.stem}"]
for strength in (0.5, 1.0):
    goal = transfer_expression(person.shape, shows.shape, strength=strength)
    shown.append(changer.change(goal).photo)
    captions.append(f"strength {strength}")
lean = PhotoChanger(leaning, networks, FrameConfig(fusion="photo"))
shown.append(lean.change(transfer_expression(leaning.shape, shows.shape)).photo)
captions.append("tilted before")
changed = np.abs(shown[-1].astype(int) - leaning.image).max(axis=2) > 0
print(f"{changed.mean():.0%} of the tilted photo's pixels changed; at its edges: {changed[[0, -1]].sum()}")
assert not changed[[0, -1]].any()
shown.append(np.where(changed, 255, 0).astype("uint8")[..., None].repeat(3, 2))
show.plot_images(shown, captions=[*captions, "what changed"], columns=5, width=11)

# %% [markdown]
# If the other photo shows the *same* person, both have one neutral face, and nothing must be guessed: set
# `same_person=True`. On pairs of real frames of six people, this makes the landmarks of the result much more exact; the
# page [docs/reenactment.md](../docs/reenactment.md) has the numbers.
#
# ## 8. Five files for each photo
#
# `express` does all of it for many photos: `source` (the level crop), `hf` (the texture), `target` (the wanted shape),
# `pred` (the new crop), and `cropped` (put back into the photo, tilted as before). The last one says where it comes
# from ([08](08_responsible_use.ipynb)).

# %%
from faceswap_lib.pipeline.expressing import IMAGES, express
from faceswap_lib.provenance.provenance import verify

out = workspace.root / "expressions"
report = express(
    [*photos, leaning.path], workspace, out, expression="smile", run=RUN, largest=True, overwrite=True, consent=CONSENT
)
shown = [read_image(out / f"{path.stem}_{name}.png") for path in (*photos, leaning.path) for name in IMAGES]
print(*verify(report.written[0]).summary, sep="\n")
show.plot_images(shown, captions=list(IMAGES) * (len(photos) + 1), columns=5, width=9)

# %% [markdown]
# The same from the command line: `faceswap express PHOTOS --expression smile --workspace W --out DIR --without-network
# --consent "..."`.
#
# ## 9. What fails
#
# - **A smile is more than a mouth.** Cheeks rise, and folds and wrinkles appear. A warp moves what is there; it draws
#   no new folds, so a strong smile looks polite.
# - **Closed eyes and closed mouths stay secrets.** Eyes that are closed in the photo are not opened without a network,
#   and the teeth of a smile are a plain white band, not the person's.
# - **A turned head** shows another half of the face. Expressions keep the **yaw**; [11](11_one_shot.ipynb) turns heads.
# - **The numbers come from few people.** The offsets of a smile are the mean of three people. For faces unlike theirs,
#   a smaller strength often looks better.
# - **An expression is a statement.** A smile that nobody smiled is a false statement about a person. Ask, label, and
#   keep the original.

# %% [markdown]
# ## Quiz

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("12_expressions")

# %% [markdown]
# ## Further reading
#
# - [Fast Bi-layer Neural Synthesis](https://arxiv.org/abs/2008.10174) (Zakharov et al., 2020): the two layers, with a
#   network that draws the low band. Their [code](https://github.com/saic-violet/bilayer-model) is public, and `faceswap
#   express --bilayer-weights FOLDER` runs their published weights.
# - [Facial Action Coding System](https://en.wikipedia.org/wiki/Facial_Action_Coding_System) (Ekman and Friesen, 1978):
#   all action units.
# - [Principal warps](https://doi.org/10.1109/34.24792) (Bookstein, 1989): the thin-plate spline.
# - [GrabCut in OpenCV](https://docs.opencv.org/4.x/d8/d83/tutorial_py_grabcut.html): the segmentation of the head.

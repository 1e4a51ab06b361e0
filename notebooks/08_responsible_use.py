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
# # Responsible use
#
# So far, the course explained how to make a swap. This notebook explains what else belongs to it: whom to ask, how a
# swap declares that it is a swap, and what such a declaration proves.
#
# We read what every output of this program contains: the recorded consent, the visible label, and the signed **Content
# Credentials**. We change one bit and see that this is detected. We encode the video again and see that everything
# except the label is lost. All three are our addition: faceswap-GAN v2.2 writes none of them.
#
# | | |
# |---|---|
# | **You will have at the end** | a swap with consent, label and credentials, and a verifier of your own |
# | **Time on two CPU cores** | 1 to 2 minutes after the other notebooks; alone about 5 more, for the training |
# | **Before** | [07 Is it any good?](07_evaluation.ipynb) |
# | **After** | [08b A detector of swaps](08b_deepfake_detector.ipynb) |

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

# %%
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()  # to be called before TensorFlow is imported

import logging

import numpy as np

from faceswap_lib import show
from faceswap_lib.demo.fixtures import make_clips, make_run
from faceswap_lib.faces import MTCNN
from faceswap_lib.faces.track_video import track_video
from faceswap_lib.media import read_frames

logging.getLogger("tensorflow").setLevel("ERROR")  # hides its warnings about images of new sizes
np.set_printoptions(precision=2, suppress=True)
workspace = make_run(WORKSPACE, run=RUN, preset=PRESET, steps=STEPS, batch_size=BATCH_SIZE, seconds=SECONDS, size=SIZE)
video_a, video_b = make_clips(workspace.root / "clips", seconds=SECONDS, size=SIZE)
finder = MTCNN()
tracks_a = track_video(video_a, finder)
folder = workspace.root / "responsible"  # for the files that this notebook writes
frames_a = list(read_frames(video_a))
some = np.linspace(0, len(frames_a) - 1, 6).astype(int)
show.plot_images([frames_a[index] for index in some], columns=6)

# %% [markdown]
# ## 1. A claim about a person
#
# A video of a face is understood as a claim: *this person was there, and did this.* A swap makes this claim about
# somebody who was not there. It affects two people, and both must be asked: the person whose video is changed (her
# words and movements continue under another face), and the person whose face is put in (she seems to do something that
# she never did).
#
# Being able to find a video is not consent. Consent to be filmed is not consent to be swapped, and consent to one use
# is not consent to another. Ask both people a concrete question: *may I make this swap, from these files, and show it
# there?*
#
# ## 2. Record the consent
#
# The program asks for *consent*. The next cell shows what the command line says if nobody was asked:

# %%
nobody = folder / "nobody_was_asked"
show.show_command("extract", video_a, "--workspace", nobody, "--person", "a")

# %% [markdown]
# The program read nothing and wrote nothing. With `--consent "who agreed to what"`, in your own words, it continues. It
# stores these words in the file `consent.yaml` beside the faces, with the time and the **fingerprints** of the videos.
#
# A fingerprint identifies a file exactly, even if the file is renamed. It is a **hash**: a function that computes 256
# bits from any number of bytes, in such a way that nobody knows how to find two files with the same result. The
# function used here is **SHA-256**, which is part of Python. The next cell changes one single bit of the video and
# compares the two hashes:

# %%
import hashlib

content = bytearray(video_a.read_bytes())
by_hand = hashlib.sha256(content).hexdigest()
content[-1000] ^= 1  # the lowest bit of one byte near the end
other = hashlib.sha256(content).hexdigest()
changed = (int(by_hand, 16) ^ int(other, 16)).bit_count()
print(f"original           {by_hand}\none bit changed    {other}\n{changed} of 256 bits differ")

# %% [markdown]
# About half of the bits differ, as if the two hashes were unrelated. No method is known to find a second file with the
# same hash. The library reads the file in chunks, because a video may be larger than the memory:

# %%
from faceswap_lib.atomic_io import file_digest

assert file_digest(video_a) == by_hand
show.show_source(file_digest)

# %% [markdown]
# Now we record a consent. Nobody asked the two people in these portraits. The portraits are official images in the
# public domain, animated for teaching, and every output says so. Therefore the demo needs no consent. This is not a
# general rule: the public domain decides who may copy an image. It does not decide what may be done with a person. The
# file should contain the truth:

# %%
from faceswap_lib.facesets import read_consent, record_consent

STATEMENT = "Nobody was asked: two portraits in the public domain, animated, to teach how swaps are made."
record_consent(workspace, STATEMENT, [video_a, video_b])
assert read_consent(workspace)[-1].videos[0].sha256 == by_hand
print((workspace.root / "consent.yaml").read_text())

# %% [markdown]
# The same statement for the same videos is stored only once, even if you run the cell several times. This is the code:

# %%
show.show_source(record_consent)

# %% [markdown]
# A statement is a record, not a proof. Nobody checks whether Anna exists, and as you see, the program also accepts
# "Nobody was asked". The statement has two purposes: you have asked yourself the question, and everyone who gets the
# file knows what you say. **It is written into every output, and everybody can read it. So are the names of the video
# files.** Do not name anyone who should not be named, in the statement or in a file name.
#
# **Exercise 1.** Suppose that `hopper.mp4` shows Anna. She and Ben allow you to swap Ben's face into it, for a birthday
# film that stays in the family. Write the statement into the workspace `folder / "birthday"`, only for `video_a`. Say
# who agreed, to what, and for which use. Do not write anything that a stranger should not read. Then print what
# `read_consent` returns.

# %%
from faceswap_lib.facesets import Workspace

birthday = Workspace(folder / "birthday")
statement = "..."

# %% tags=["solution"]
# @title Solution
birthday = Workspace(folder / "birthday")
statement = "Both people shown agreed on 3 May to this swap, for one family film that is not published."
record_consent(birthday, statement, [video_a])
for consent in read_consent(birthday):
    print(f"{consent.time}: {consent.statement} ({consent.videos[0].name})")

# %% [markdown]
# A statement without any names is allowed, and often better. What matters is that *you* know whom you asked.
#
# ## 3. A visible label
#
# This step draws the **visible label**. We convert A's clip. `latent_shift` is explained in [06b Conversion
# options](06b_conversion_options.ipynb); because it is given here, the search for the best latent map is skipped.

# %%
from faceswap_lib.conversion import ConvertConfig
from faceswap_lib.pipeline import convert

config = ConvertConfig(latent_shift=0.5)
swap = folder / "swap.mp4"
convert(video_a, workspace, swap, run=RUN, config=config, tracks=tracks_a, overwrite=True, progress=True)
frames_swap = list(read_frames(swap))
show.plot_images([frames_swap[index] for index in some[::2]], columns=3)

# %% [markdown]
# In the lower left corner of every frame, there is the text *AI face swap*, white on a dark plate. It is on by default,
# and you can switch it off. The plate is added by **alpha blending**. Where its opacity is $o$ and its gray value is
# $g$, a pixel becomes
#
# $$\text{new} = (1 - o) \cdot \text{old} + o \cdot g$$
#
# with $o = 0.62$ and $g = 16$, nearly black. The next cell computes this by hand, on one pixel of the plate without a
# letter:

# %%
from faceswap_lib.provenance import Label

label = Label(frames_a[0].shape[1], frames_a[0].shape[0])
left, top, right, bottom = label.box_xyxy
x, y = left + 2, (top + bottom) // 2
by_hand = (1 - 0.62) * frames_a[0][y, x] + 0.62 * 16
labeled = frames_a[0].copy()
label.draw(labeled)
assert np.abs(labeled[y, x] - by_hand).max() <= 1.5  # the library uses integers and rounds twice
print(f"old {frames_a[0][y, x]}, by hand {by_hand}, library {labeled[y, x]}")
show.show_source(Label.draw)

# %% [markdown]
# `_keep` is $1 - o$ (it also includes the letters), and `_add` is $o \cdot g$. Both are computed once for all frames.
#
# What does the label survive? The next cell shows the corner in three versions: as it was written; after the clip was
# encoded again at half size and low quality, as a messenger app might do it; and after somebody cut off the lowest part
# of the image.

# %%
from faceswap_lib.media.reencode import reencode

sent = folder / "sent.mp4"
reencode(swap, sent, crf=35, scale=0.5)
frames_sent = list(read_frames(sent))
height, width = frames_swap[0].shape[:2]
corner = frames_swap[0][height * 2 // 3 :, : width // 2]
corner_sent = frames_sent[0][height // 3 :, : width // 4]
cut = frames_swap[0][: label.box_xyxy[1]][-len(corner) :, : width // 2]
captions = ["as written", "sent on, half the size", "cut off"]
for wide, high in ((width, height), (1920, 1080)):
    lost = high - Label(wide, high).box_xyxy[1]
    print(f"{wide} x {high}: cutting the label off costs {lost} rows, {100 * lost / high:.0f} %")
show.plot_images([corner, corner_sent, cut], captions=captions)

# %% [markdown]
# The label survives what usually happens to videos. It does not survive somebody who wants to remove it: only few rows
# are lost, and this is a deliberate choice. A label across the face could not be cut off, but nobody would leave it on.
#
# ## 4. Content Credentials
#
# The label is for people. For programs, the file contains a **manifest** in the format of **C2PA**, a standard that
# cameras and image editors also use. The manifest states who made the file, from what, and how, and it is **signed**.
# A **digital signature** is computed from a hash with a *private key*, which never leaves this computer; everybody can
# check it with the *public key*, which is in the file's *certificate*. But this computer made the certificate itself,
# so nobody confirms who owns the key. (Where the package `c2pa-python` has no wheel, the same facts are stored in a
# **sidecar**, a small signed file beside the video.) The output shows the manifest of our swap:

# %%
show.show_credentials(swap)

# %% [markdown]
# Read it from top to bottom. *Intact* means that every byte of images and sound is the same as when the file was
# signed. The actions say that a video was opened and then edited. The source type is a term from a fixed list,
# *composite with trained algorithmic media*: a trained network generated a part of the image. `made from` identifies
# the input by the fingerprint that we computed by hand in section 2. Then follow the run, the options and the consent.

# %%
from faceswap_lib.provenance import verify

verdict = verify(swap)
assert verdict.intact and verdict.ours
assert verdict.facts["inputs"][0]["sha256"] == file_digest(video_a)

# %% [markdown]
# Now we change one bit near the end of the file, where the images are. No player would show a visible difference. On
# the command line, `faceswap verify` checks a file. Its exit code is the short answer: 0 means that the file is intact
# and was made here.

# %%
as_signed = swap.read_bytes()
content = bytearray(as_signed)
content[-1000] ^= 1
swap.write_bytes(content)
show.show_command("verify", swap)

# %% [markdown]
# The file was altered: the hash of images and sound is different from the one in the manifest. Without the key of this
# computer, nobody can rewrite the manifest so that it fits. (But anybody can remove the manifest and sign the file with
# another key. Then it is intact, and signed by an unknown computer.)
#
# **Exercise 2: write a verifier.** You have the bytes of a file, a claim about it, which is a JSON text like
# `{"sha256": "..."}`, and a signature. `signature_fits(claim, signature)` says whether the signature was made for
# exactly this claim. Return `"intact"`, `"altered"` or `"no credentials"`; the last one if the claim is `None`. The
# check tries an honest file and four that are not.

# %%
import json

from faceswap_lib.course.provenance_checks import check_verifier


def verify_file(content, claim, signature, signature_fits):
    return "intact"


print(check_verifier(verify_file))


# %% tags=["solution"]
# @title Solution
def verify_file(content, claim, signature, signature_fits):  # noqa: F811
    if claim is None:
        return "no credentials"
    if not signature_fits(claim, signature):  # otherwise anybody could write a new hash into the claim
        return "altered"
    return "intact" if json.loads(claim)["sha256"] == hashlib.sha256(content).hexdigest() else "altered"


assert check_verifier(verify_file) == "right"

# %% [markdown]
# Both halves are needed: the hash ties the claim to the file, the signature ties the claim to a key.
#
# We restore the bit, and the file is intact again. But credentials help only if everyone who passes the file on keeps
# them. The second file is the clip that was "sent on" in section 3, a new file with the same scene in smaller images:

# %%
from IPython.display import display

swap.write_bytes(as_signed)
display(show.show_command("verify", swap))
show.show_command("verify", sent)

# %% [markdown]
# *No credentials.* Nobody attacked the file, and nothing is broken. A program that writes a new video file leaves out
# all data that it does not know, and nearly every upload does this. So:
#
# | credentials are | this proves | this does not prove |
# |---|---|---|
# | intact; signed by this computer | no signed byte has changed since then | that what they state is true |
# | intact; signed by an unknown computer | the same | whose key it is, when it signed, whether anybody agreed |
# | altered | something changed after signing | what changed, or who changed it |
# | missing | nothing at all | that the video is genuine |
#
# They are useful for an honest author, and for people who trust this author. They do not stop a dishonest one.
#
# Some formats cannot store a manifest. They get the sidecar. Here is an example: the same images in a lossless format
# (FFV1 in Matroska), and the same facts about our swap.

# %%
from faceswap_lib.provenance import ProvenanceClaims, write_provenance

exact = folder / "swap.mkv"
reencode(swap, exact)
names = ("run", "run_id", "steps", "direction", "consent", "options")
facts = ProvenanceClaims(inputs=(video_a,), **{name: verdict.facts[name] for name in names})
print(write_provenance(exact, facts).sidecar.name)
show.show_credentials(exact)

# %% [markdown]
# The sidecar contains the same facts, the SHA-256 of the file, and a signature. It is lost as soon as the video is
# passed on without it.
#
# ## 5. Rules of hosts, and the law
#
# Computers of other owners have rules. Since May 2022, Google's hosted Colab has listed *creating deepfakes* among the
# activities that are not allowed there. Its [current rules](https://research.google.com/colaboratory/faq.html) apply.
# The same notebooks run in Jupyter on your own computer, or on a host whose rules allow it. Nothing here hides from a
# host what it does.
#
# Laws differ between countries, and they change. Many protect a person's likeness and data. Several require that
# synthetic media are labeled. Intimate swaps without consent, and swaps that are made to deceive or to harm, are crimes
# in many places. The person who makes and publishes a swap is responsible for it. This is no legal advice: if it is
# important, ask somebody who knows the law of your country. [docs/responsible-use.md](../docs/responsible-use.md)
# describes in detail what the files contain.
#
# ## What you know now
#
# - The program asks for consent, records it, and states it in every output. It is a record, not a proof.
# - A visible label is for people. It survives another encoding, but not somebody who cuts it off.
# - Credentials are for programs. They detect every changed bit, and are lost after an upload. Missing credentials say
#   nothing about a video.
#
# **What to try.** Read the credentials of a photo of your own camera or image editor with `faceswap verify`. Convert
# with `OutputConfig(label=False)`: which of the three declarations is left?
#
# Next: without a declaration, can a program still detect a swap? [08b A detector of
# swaps](08b_deepfake_detector.ipynb) trains one. It will be right every time, and this will be the first warning.

# %% [markdown]
# ## Quiz

# %%
from faceswap_lib.course.quiz import show_quiz

show_quiz("08_responsible_use")

# %% [markdown]
# ## Further reading
#
# - [C2PA, technical specification](https://c2pa.org/specifications/): what a manifest contains, and how it is signed.
# - [Content Credentials](https://contentcredentials.org/): shows the manifest of a file in the browser.
# - [Secure Hash Standard](https://csrc.nist.gov/pubs/fips/180-4/upd1/final), FIPS 180-4: SHA-256 itself.
# - [Digital source types of the IPTC](https://cv.iptc.org/newscodes/digitalsourcetype/): the fixed list from which the
#   source type is taken.
# - [Colab, questions and answers](https://research.google.com/colaboratory/faq.html): what its hosted machines must not
#   be used for.

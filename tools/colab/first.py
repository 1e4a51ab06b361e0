# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   # Imports are in the cells that first use them.
#   # ruff: noqa: E402
# ---

# %% [markdown]
# **Read this before you run anything on Google's machines.** Colab's rules have listed *creating deepfakes* among the
# activities that are not allowed on its hosted machines since May 2022. This notebook is part of a course on how a face
# swap works. Without changes it uses two animated public-domain portraits, but it does make a face swap. Read the
# [current rules](https://research.google.com/colaboratory/faq.html) first and follow them; an account that does not can
# lose its access. Nothing here hides from Google what it does.
#
# The same notebook runs without Google's machines: as `notebooks/$notebook.ipynb` in Jupyter on your own computer (two
# processor cores are enough), on a university's hub or any other host whose rules allow it, or from this page with
# *Connect > Connect to a local runtime*.

# %% [markdown]
# ## Preparing this machine
#
# You start here every time: on the first day, and after every disconnect. Google takes a machine back after some hours,
# or when nobody seems to use the page, and everything on it is lost. So your work is in two places: you work in a
# folder of this machine, which is fast, and Google Drive keeps a copy. *Runtime > Run all* mounts Drive, installs the
# package, fetches the results of an earlier session, and continues from there; the last cells save new results.
#
# Drive asks for your permission. If you refuse, or switch `USE_DRIVE` off, everything runs in the same way, but the
# copy is in a folder next to the workspace, which is lost together with the machine.

# %%
# @title Google Drive
import importlib.util
import os
import pathlib

USE_DRIVE = True  # @param {type:"boolean"}
DRIVE = "/content/drive"

if USE_DRIVE and importlib.util.find_spec("google") and importlib.util.find_spec("google.colab"):
    from google.colab import drive, errors

    try:
        drive.mount(DRIVE)
    except (errors.Error, ValueError, NotImplementedError) as refused:
        print(f"Drive: {refused}")
my_drive = pathlib.Path(DRIVE, "MyDrive")
has_drive = USE_DRIVE and os.path.isdir(my_drive)
print("copies go to Google Drive" if has_drive else "no Drive: what you do not download is lost with this machine")

# %% [markdown]
# Now the package. The versions of all installed packages are given to pip as *constraints*: pip may add packages, but
# if it would have to change one of Google's, it stops and prints the reason. Some packages are installed twice: a new
# copy, and an older copy of the system further back on Python's path. The first one is used: it is the one that Python
# imports and that pip considers installed.

# %%
# @title Installed packages
import importlib.metadata
import re

from packaging.version import VERSION_PATTERN


def list_packages():
    """Lists versions by normalized name, of the first copy on the path; and counts packages without a name."""
    found, nameless = {}, 0
    for package in importlib.metadata.distributions():
        if name := package.metadata.get("Name"):
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), package.metadata.get("Version") or "none")
        else:
            nameless += 1
    return found, nameless


before, nameless = list_packages()
before.pop("faceswap-lib", None)
pin = re.compile(rf"[a-z0-9]([a-z0-9-]*[a-z0-9])?=={VERSION_PATTERN}", re.VERBOSE | re.IGNORECASE)
fixed = [line for name, version in before.items() if pin.fullmatch(line := f"{name}=={version}")]
pathlib.Path("constraints.txt").write_text("\n".join(fixed))
broken = len(before) - len(fixed) + nameless
print(f"{len(fixed)} packages must stay as they are; {broken} have no name or version that pip can use")

# %% [markdown]
# `INSTALL_FROM` is an address or a file. Upload the file first: a zip of the project's folder, dropped into the folder
# view on the left, or, once for all sessions, into your Drive.

# %%
# @title Install
INSTALL_FROM = "$install_from"  # @param {type:"string"}
if "://" not in INSTALL_FROM:  # a zip of the project's folder, here or in Drive
    places = [pathlib.Path(INSTALL_FROM), my_drive / pathlib.Path(INSTALL_FROM).name]
    INSTALL_FROM = next((path for path in places if path.exists()), places[0]).absolute().as_uri()

# %pip install --constraint constraints.txt "faceswap_lib[colab] @ {INSTALL_FROM}"

importlib.invalidate_caches()
if not getattr(importlib.util.find_spec("faceswap_lib"), "origin", None):  # None for a folder that is no package
    raise RuntimeError(
        "faceswap_lib is not installed: read what pip says above, check INSTALL_FROM "
        f"(pip was given {INSTALL_FROM}), and run this cell again."
    )

# %% [markdown]
# What did the installation change? No version of an existing package should be different.

# %%
after, _ = list_packages()
moved = {name: (old, after.get(name)) for name, old in before.items() if after.get(name) != old}
print(f"{len(before)} packages were here, {len(moved)} of them moved", *moved.items(), sep="\n  ")
print("new:", ", ".join(f"{name} {after[name]}" for name in sorted(after.keys() - before.keys())) or "none")

# %% [markdown]
# Is there a GPU? Everything here also works without one, but slower. *Runtime > Change runtime type* offers one. An L4
# or A100 multiplies 16-bit numbers (*bfloat16*) faster than 32-bit numbers, and the library uses them for training. The
# T4 of the free tier does not support bfloat16; there the library trains with float32.

# %%
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import logging

from faceswap_lib.devices import list_devices

logging.getLogger("tensorflow").setLevel("ERROR")  # its advice about retracing is meant for training loops
for device in list_devices():
    print(device.name, device.description, "with bfloat16" if device.has_bfloat16 else "without bfloat16")
if device.is_cpu:
    print("no GPU: training takes as long as on a laptop")

# %% [markdown]
# How fast is this machine? Tick `BENCHMARK`: it measures training steps with and without compilation, a detection and a
# conversion, which takes about five minutes on a T4. If you ask somebody why it is slow, paste the table into the
# question.

# %%
# @title Benchmark this machine { display-mode: "form" }
BENCHMARK = False  # @param {type:"boolean"}
if BENCHMARK:
    print("This takes some minutes.")
    # !faceswap doctor --benchmark

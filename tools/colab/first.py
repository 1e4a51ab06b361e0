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
# **Rules first.** Colab's rules have listed *creating deepfakes* among the activities that are not allowed on its
# hosted machines since May 2022. Without changes this notebook uses two animated public-domain portraits, but the
# course makes face swaps. Read the [current rules](https://research.google.com/colaboratory/faq.html) and follow them;
# an account that does not can lose its access. Nothing here hides from Google what it does. The same notebook runs as
# `notebooks/$notebook.ipynb` in Jupyter on your own computer (two processor cores are enough), or from this page with
# *Connect > Connect to a local runtime*.
#
# **Setup.** *Runtime > Run all* prepares this machine and then runs the lesson. Do the same after every disconnect:
# what is on the machine is lost then. Tick `USE_DRIVE` (the demo notebook has it off) if the work shall be kept: then
# the copy in your Drive is fetched first. Without it, or if you refuse Drive, everything runs in the same way, but your
# work is lost with the machine, unless you download it at the end. `INSTALL_FROM` is an address, or a zip of the
# project's folder: drop it into the folder view on the left, or once for all sessions into your Drive. pip may add
# packages, but it may not change any of Google's.

# %% tags=["form"]
# @title Setup: Drive, installation, device { display-mode: "form" }
import importlib.metadata
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

USE_DRIVE = True  # @param {type:"boolean"}
INSTALL_FROM = "$install_from"  # @param {type:"string"}
BENCHMARK = False  # @param {type:"boolean"}
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


def list_packages():
    """Lists versions by normalized name, of the first copy on the path; and counts packages without a name."""
    found, nameless = {}, 0
    for package in importlib.metadata.distributions():
        if name := package.metadata.get("Name"):
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), package.metadata.get("Version") or "none")
        else:
            nameless += 1
    return found, nameless


def install(source):
    """Installs the project with every package of this machine as a constraint; stops if pip fails."""
    from packaging.version import VERSION_PATTERN

    if "://" not in source:  # a zip of the project's folder, here or in Drive
        places = [pathlib.Path(source), my_drive / pathlib.Path(source).name]
        file = next((path for path in places if path.exists()), None)
        if file is None:
            raise RuntimeError(
                f"{source} is not here: drop the zip of the project's folder into the folder view on the left, or put "
                "it into your Drive and tick USE_DRIVE; or give an address in INSTALL_FROM. Then run this cell again."
            )
        source = file.absolute().as_uri()
    before, nameless = list_packages()
    before.pop("faceswap-lib", None)
    pin = re.compile(rf"[a-z0-9]([a-z0-9-]*[a-z0-9])?=={VERSION_PATTERN}", re.VERBOSE | re.IGNORECASE)
    fixed = [line for name, version in before.items() if pin.fullmatch(line := f"{name}=={version}")]
    pathlib.Path("constraints.txt").write_text("\n".join(fixed))
    broken = len(before) - len(fixed) + nameless
    print(f"{len(fixed)} packages must stay as they are; {broken} have no name or version that pip can use")
    print("installing, which may take a minute or two", flush=True)
    asked = ["install", "--constraint", "constraints.txt", f"faceswap_lib[colab] @ {source}"]
    pip = subprocess.run(
        [sys.executable, "-m", "pip", *asked], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    importlib.invalidate_caches()
    if pip.returncode or not getattr(importlib.util.find_spec("faceswap_lib"), "origin", None):  # None: just a folder
        print(pip.stdout)
        raise RuntimeError(
            f"faceswap_lib is not installed, pip ended with {pip.returncode}: read the last lines of pip above, check "
            f"INSTALL_FROM (pip was given {source}), and run this cell again."
        )
    after, _ = list_packages()
    moved = {name: (old, after.get(name)) for name, old in before.items() if after.get(name) != old}
    print(f"{len(before)} packages were here, {len(moved)} of them moved", *moved.items(), sep="\n  ")
    print("new:", ", ".join(f"{name} {after[name]}" for name in sorted(after.keys() - before.keys())) or "none")


if globals().get("installed_from") != INSTALL_FROM:  # once per session
    install(INSTALL_FROM)
    installed_from = INSTALL_FROM

import logging

from faceswap_lib.devices import list_devices
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages

hide_tensorflow_messages()
logging.getLogger("tensorflow").setLevel("ERROR")  # its advice about retracing is meant for training loops
for device in list_devices():
    print(device.name, device.description, "with bfloat16" if device.has_bfloat16 else "without bfloat16")
if device.is_cpu:
    print("no GPU: training takes as long as on a laptop; Runtime > Change runtime type offers one")
if BENCHMARK:
    print("measuring this machine, which takes some minutes")
    # !faceswap doctor --benchmark

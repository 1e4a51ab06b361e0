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
# **Read this before you run anything on Google's machines.** Colab's rules have listed *creating deepfakes* among the
# activities that are not allowed on its hosted machines since May 2022. This notebook teaches how a face swap works, on
# two public-domain portraits, but a face swap it is. Read the
# [current rules](https://research.google.com/colaboratory/faq.html) first and stay within them; an account that does
# not can lose its access.
#
# The same notebook runs without Google's machines: as `notebooks/00_faceswap_demo.ipynb` in Jupyter on your own
# computer (two processor cores are enough), on a university's hub or any other host whose rules allow it, or from this
# page with *Connect > Connect to a local runtime*.

# %% [markdown]
# ## Getting this machine ready
#
# The next cell installs the package and leaves the packages that are already here as they are. `INSTALL_FROM` is what
# pip installs: an address, or a file. If it is a file, put it there first: open the folder symbol on the left and drop
# a zip of the project's folder there.

# %%
INSTALL_FROM = "$install_from"

# %pip install --quiet {INSTALL_FROM}

# %% [markdown]
# Is there a GPU? Everything here also works without one, only slower. *Runtime > Change runtime type* offers one.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras

devices = keras.distribution.list_devices()
print(devices, "" if any("gpu" in device for device in devices) else "- no GPU: training takes as long as on a laptop")

# %% [markdown] tags=["after-parameters"]
# ### Where the work is kept
#
# This machine forgets everything when it is taken back. With Google Drive, the faces and the training stay, and when
# you start again the training goes on from its last checkpoint. Without it (`USE_DRIVE = False`, or no Drive to be
# had) everything lies in a folder of this machine.

# %% tags=["after-parameters"]
import importlib.util
import pathlib

USE_DRIVE = True
DRIVE = "/content/drive"

if USE_DRIVE and importlib.util.find_spec("google.colab"):
    from google.colab import drive

    drive.mount(DRIVE)

my_drive = pathlib.Path(DRIVE) / "MyDrive"
if USE_DRIVE and my_drive.is_dir():
    WORKSPACE = str(my_drive / "faceswap-demo")
print("workspace:", WORKSPACE)

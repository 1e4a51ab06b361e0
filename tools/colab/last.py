# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   # Names that other cells of the notebook define.
#   # ruff: noqa: E402, F821
# ---

# %% [markdown]
# ## Save your work
#
# Before this machine is lost: this cell copies all new files; each faceset becomes one zip. If Drive is no longer
# connected, the cell says so; mount it again with the setup cell and run this cell again. Drive uploads in the
# background; before you disconnect yourself, call `drive.flush_and_unmount()`, which waits until the upload is
# finished.

# %% tags=["form"]
# @title Save { display-mode: "form" }
from faceswap_lib.pipeline import backup_workspace

print(f"{WORKSPACE} -> {KEEP}\n{backup_workspace(Workspace(WORKSPACE), KEEP).to_text()}")

# %% [markdown]
# To save on your own computer as well, tick `DOWNLOAD` for the videos and pages of the workspace. Without Drive, you
# also get everything that was saved, as one zip; unpack it into the same folder of another machine to use it like the
# copy in Drive.

# %% tags=["form"]
# @title Download { display-mode: "form" }
import shutil

from faceswap_lib.pipeline import list_results

DOWNLOAD = False  # @param {type:"boolean"}

results = [str(path) for path in list_results(Workspace(WORKSPACE))]
if DOWNLOAD:
    from google.colab import files

    everything = [] if has_drive else [shutil.make_archive(str(KEEP), "zip", KEEP)]
    for path in (*results, *everything):
        files.download(path)
print("results:", *(results or ["none yet"]), sep="\n  ")

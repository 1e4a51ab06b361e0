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
# ## Keep it
#
# Before this machine goes: what is new is copied, faces as one zip each. If Drive has gone away meanwhile, the cell
# says so; mount it again with the first cell and run this one once more. Drive uploads in the background; before you
# disconnect by hand, `drive.flush_and_unmount()` waits until it is done.

# %%
from faceswap_lib.pipeline.backup import backup_workspace

print(f"{WORKSPACE} -> {KEEP}\n{backup_workspace(Workspace(WORKSPACE), KEEP).to_text()}")

# %% [markdown]
# And to your own computer: tick `DOWNLOAD` for the videos and pages of the workspace. Without Drive it also brings you
# everything that was kept, as one zip; unpacked into the same folder of another machine it is fetched like Drive's.

# %%
# @title Download { display-mode: "form" }
import shutil

from faceswap_lib.pipeline.backup import list_results

DOWNLOAD = False  # @param {type:"boolean"}

results = [str(path) for path in list_results(Workspace(WORKSPACE))]
if DOWNLOAD:
    from google.colab import files

    everything = [] if has_drive else [shutil.make_archive(str(KEEP), "zip", KEEP)]
    for path in (*results, *everything):
        files.download(path)
print("results:", *(results or ["none yet"]), sep="\n  ")

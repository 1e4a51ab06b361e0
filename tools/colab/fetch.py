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
# ### Results of an earlier session
#
# All notebooks of the course share `WORKSPACE`, a folder of this machine, and its copy in Drive. Facesets are thousands
# of small files, which are slow in Drive, so each faceset is stored there as one zip. Only files that are missing here
# are fetched.

# %% tags=["form"]
# @title $fetch_title { display-mode: "form" }
from faceswap_lib.facesets import Workspace
from faceswap_lib.pipeline import restore_workspace

kept_name = WORKSPACE.strip("/").replace("/", "-")
KEEP = my_drive / kept_name if has_drive else pathlib.Path(f"{kept_name}-kept")
print(f"{KEEP} -> {WORKSPACE}\n{restore_workspace(KEEP, Workspace(WORKSPACE)).to_text()}")

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
# **Videos of your own?** Choose another `WORKSPACE` in the cell above. Tick `UPLOAD` below, and write in `STATEMENT`,
# in your words, what both people agreed to: it is saved with the faces, and stated in every swapped video. You are
# asked for each file once: first the video of A, which is changed, then the video of B, who gives the face. They are
# stored in the workspace, and this notebook and the next ones find them again. Large files are transferred faster
# through Drive: enter their paths instead.

# %% tags=["form"]
UPLOAD = False  # @param {type:"boolean"}
PATH_A = ""  # @param {type:"string"}
PATH_B = ""  # @param {type:"string"}
STATEMENT = ""  # @param {type:"string"}

from faceswap_lib.demo.own_files import choose_own_videos

paths = {"a": PATH_A or VIDEO_A or "", "b": PATH_B or VIDEO_B or ""}
own = choose_own_videos(
    Workspace(WORKSPACE), "ab", upload=UPLOAD, paths=paths, statement=STATEMENT or CONSENT, say=print
)
if own:
    VIDEO_A, VIDEO_B, CONSENT = str(own["a"]), str(own["b"]), STATEMENT or CONSENT
if UPLOAD and own:  # an upload may take long: it is saved at once
    from faceswap_lib.pipeline import backup_workspace

    print(backup_workspace(Workspace(WORKSPACE), KEEP).to_text())

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
# **A video of your own?** Choose another `WORKSPACE` in the cell above. Tick `UPLOAD` below, and write in `STATEMENT`,
# in your words, what the person in the video agreed to: it is saved with the faces, and stated in every swapped video.
# You are asked for each file once: it is stored in the workspace, and this notebook and the next ones find it again. A
# large file is transferred faster through Drive: enter its path instead.

# %% tags=["form"]
UPLOAD = False  # @param {type:"boolean"}
PATH = ""  # @param {type:"string"}
STATEMENT = ""  # @param {type:"string"}

from faceswap_lib.demo.own_files import choose_own_videos

person = {"src": "a", "dst": "b"}[globals().get("SIDE", "src")]
own = choose_own_videos(
    Workspace(WORKSPACE),
    person,
    upload=UPLOAD,
    paths={person: PATH or VIDEO or ""},
    statement=STATEMENT or CONSENT,
    is_extracted="SIDE" in globals(),
    say=print,
)
if own:
    VIDEO, CONSENT = str(own[person]), STATEMENT or CONSENT
if UPLOAD and own:  # an upload may take long: it is saved at once
    from faceswap_lib.pipeline import backup_workspace

    print(backup_workspace(Workspace(WORKSPACE), KEEP).to_text())

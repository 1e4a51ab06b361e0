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
# ### A video of your own
#
# Leave this as it is for the demo's video. Otherwise tick `UPLOAD` and choose a file, or write its path; a large one
# is transferred faster through Drive than through the browser. `STATEMENT` says who agreed to what: the person in the
# video, in your words. It is required once, saved with the faces, and stated in every swapped video. Videos that you
# uploaded before are in `videos` in the workspace.

# %%
# @title A video of your own { display-mode: "form" }
from faceswap_lib.facesets import require_consent

UPLOAD = False  # @param {type:"boolean"}
PATH = ""  # @param {type:"string"}
STATEMENT = ""  # @param {type:"string"}

own_videos = pathlib.Path(WORKSPACE, "videos")
if UPLOAD:
    from google.colab import files

    own_videos.mkdir(parents=True, exist_ok=True)
    for name in files.upload():
        PATH = str(pathlib.Path(name).replace(own_videos / name))
if PATH:
    VIDEO, CONSENT = PATH, STATEMENT or CONSENT
    require_consent(Workspace(WORKSPACE), CONSENT, [VIDEO])
print("video:", VIDEO or "the demo's", *[f"\nuploaded before: {path}" for path in own_videos.glob("*")])

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
# ### Videos of your own
#
# Leave this as it is for the demo's two portraits. Otherwise tick `UPLOAD` and choose first A's video, then B's, or
# write their paths; large ones are transferred faster through Drive than through the browser. `STATEMENT` says who
# agreed to what: both people, in your words. It is saved with the faces and stated in the swapped video.

# %%
# @title Videos of your own { display-mode: "form" }
from faceswap_lib.facesets import require_consent

UPLOAD = False  # @param {type:"boolean"}
PATH_A = ""  # @param {type:"string"}
PATH_B = ""  # @param {type:"string"}
STATEMENT = ""  # @param {type:"string"}

own_videos = pathlib.Path(WORKSPACE, "videos")
if UPLOAD:
    from google.colab import files

    own_videos.mkdir(parents=True, exist_ok=True)
    uploaded = [name for person in "AB" for name in files.upload()]
    PATH_A, PATH_B = (str(pathlib.Path(name).replace(own_videos / name)) for name in uploaded)
if PATH_A and PATH_B:
    VIDEO_A, VIDEO_B, CONSENT = PATH_A, PATH_B, STATEMENT or CONSENT
    require_consent(Workspace(WORKSPACE), CONSENT, [VIDEO_A, VIDEO_B])
print("videos:", VIDEO_A or "the demo's", VIDEO_B or "")

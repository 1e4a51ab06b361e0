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
# ### Photos of your own
#
# Leave this as it is for the two portraits. Otherwise tick `UPLOAD` and choose photos with one face each. `STATEMENT`
# says who agreed to what: everybody in the photos, in your words. It is required once, saved in the workspace, and
# stated in every image that is made. Photos that you uploaded before are in `own_photos` in the workspace.

# %%
# @title Photos of your own { display-mode: "form" }
from faceswap_lib.facesets import require_consent

UPLOAD = False  # @param {type:"boolean"}
STATEMENT = ""  # @param {type:"string"}

own_photos = pathlib.Path(WORKSPACE, "own_photos")
if UPLOAD:
    from google.colab import files

    own_photos.mkdir(parents=True, exist_ok=True)
    PHOTOS = [str(pathlib.Path(name).replace(own_photos / name)) for name in files.upload()]
if PHOTOS:
    CONSENT = STATEMENT or None
    require_consent(Workspace(WORKSPACE), CONSENT, [pathlib.Path(photo) for photo in PHOTOS])
print("photos:", PHOTOS or "the two portraits", *[f"\nuploaded before: {path}" for path in own_photos.glob("*")])

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
# **Photos of your own?** Tick `UPLOAD` below and choose photos with one face each. Write in `STATEMENT`, in your words,
# what everybody in the photos agreed to: it is saved in the workspace, and stated in every image that is made. You are
# asked once: the photos are stored in the workspace and found again. To use others, choose another `WORKSPACE` in the
# cell above.

# %% tags=["form"]
UPLOAD = False  # @param {type:"boolean"}
STATEMENT = ""  # @param {type:"string"}

from faceswap_lib.demo.own_files import choose_own_photos

if own := choose_own_photos(Workspace(WORKSPACE), PHOTOS or (), upload=UPLOAD, statement=STATEMENT, say=print):
    PHOTOS, CONSENT = own, STATEMENT or None
if UPLOAD and own:  # an upload may take long: it is saved at once
    from faceswap_lib.pipeline import backup_workspace

    print(backup_workspace(Workspace(WORKSPACE), KEEP).to_text())

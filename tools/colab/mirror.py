# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   # Names that other cells of the notebook define.
#   # ruff: noqa: F821
# ---

# %% [markdown]
# A training also copies every finished checkpoint to Drive while it goes on, and a new training goes on from the newest
# whole one. So a disconnect costs the steps since the last checkpoint and no more.

# %%
if has_drive:
    MIRROR = MIRROR or KEEP / "models"
print("checkpoints are copied to", MIRROR)

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
# A training also copies its newest checkpoint to Drive about every ten minutes, and a new training goes on from there.
# So a disconnect costs some twelve minutes at most.

# %%
if has_drive:
    MIRROR = MIRROR or KEEP / "models"
print("checkpoints are copied to", MIRROR)

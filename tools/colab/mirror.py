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
# A training also copies its newest checkpoint to Drive about every ten minutes, and a new training continues from
# there. So a disconnect costs at most about twelve minutes.

# %% tags=["form"]
if has_drive:
    MIRROR = MIRROR or KEEP / "models"
print("checkpoints are copied to", MIRROR)

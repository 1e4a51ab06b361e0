"""Training: augmentation, losses, schedule, the compiled step, checkpoints, previews."""

import lazy_loader

# Configurations are read by the command line's help, which should not have to wait for Keras.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["SCHEDULE", "Phase", "TrainConfig", "phase_at"],
        "history": ["read_history"],
        "trainer": ["TrainReport", "load_run", "train"],
    },
)

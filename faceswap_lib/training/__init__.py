"""Training: augmentation, losses, schedule, the compiled step, checkpoints, previews."""

import lazy_loader

# Configurations are read by the command line's help, which should not have to wait for Keras.
__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["TRAINING_PRESETS", "TrainConfig"],
        "history": ["read_history"],
        "run_config": ["LoopConfig"],
        "schedule": ["SCHEDULES", "Phase", "phase_at"],
        "trainer": ["TrainReport", "load_run", "train"],
    },
)

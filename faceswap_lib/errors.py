"""Errors that a user can cause or fix. Each message states what was expected, what was received and what to do."""


class FaceswapError(Exception):
    """Base class of the errors of this library; the command line prints the message and exits with `exit_code`."""

    exit_code = 1


class InputError(FaceswapError):
    """Input that cannot be used: a missing file, a video without a face, an option out of range."""

    exit_code = 2


class VideoError(InputError):
    """Video or image file that cannot be read or written as requested."""


class WorkspaceError(InputError):
    """Workspace in which something that the step needs is missing, damaged, in use, or made with other options."""


class CheckpointError(InputError):
    """Checkpoint that cannot be used: it is damaged, or belongs to another kind of network."""


class TrainingError(FaceswapError):
    """Training that cannot continue, for example because a loss is NaN or infinite."""

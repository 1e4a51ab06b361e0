"""The errors a user can cause or fix, each saying what was expected, what came and what to do next."""


class FaceswapError(Exception):
    """Something failed for a reason that the message explains; the command line exits with `exit_code`."""

    exit_code = 1


class InputError(FaceswapError):
    """What was given cannot be used: a missing file, a video without a face, an option out of range."""

    exit_code = 2


class VideoError(InputError):
    """A video or picture file cannot be read or written as asked."""


class WorkspaceError(InputError):
    """A workspace lacks what this step needs, or holds something another step made differently."""


class CheckpointError(InputError):
    """A checkpoint cannot be used: it is damaged, or belongs to another kind of network."""


class TrainingError(FaceswapError):
    """Training cannot go on, for example because a loss is no longer a number."""

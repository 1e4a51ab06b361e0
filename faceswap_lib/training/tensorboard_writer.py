"""Writes TensorBoard event files with the tensorboard package, independent of the Keras backend."""

import pathlib
import time

import cv2
import numpy as np

from faceswap_lib.errors import InputError


class TensorBoardWriter:
    """Writer of scalars and images for `tensorboard --logdir`.

    Args:
        folder: Folder of the event files; each session writes one file.
        step: Number of steps before this session; TensorBoard hides events of earlier sessions after this step.

    Raises:
        InputError: If the package tensorboard is not installed.
    """

    def __init__(self, folder: pathlib.Path, step: int):
        try:
            # tensorboard is optional and may be missing where types are checked.
            from tensorboard.compat.proto import event_pb2, summary_pb2  # pyright: ignore[reportMissingImports]
            from tensorboard.summary.writer.record_writer import RecordWriter  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise InputError(f"tensorboard: the package is missing ({error}); pip install tensorboard") from error
        self._events, self._summaries = event_pb2, summary_pb2
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f"events.out.tfevents.{time.time_ns()}").open("wb")
        self._writer = RecordWriter(self._file)
        self._write(file_version="brain.Event:2")
        self.go_back(step)

    def go_back(self, step: int) -> None:
        """Hides all events after a step."""
        session = self._events.SessionLog
        self._write(step=step + 1, session_log=session(status=session.START))
        self._file.flush()

    def add_terms(self, step: int, terms: dict[str, float]) -> None:
        """Adds the loss terms of a step."""
        value = self._summaries.Summary.Value
        values = [value(tag=name, simple_value=number) for name, number in terms.items()]
        self._write(step=step, summary=self._summaries.Summary(value=values))
        self._file.flush()

    def add_picture(self, step: int, picture: np.ndarray) -> None:
        """Adds the preview image of a step, (H, W, 3) uint8 RGB."""
        height, width = picture.shape[:2]
        _, encoded = cv2.imencode(".png", picture[..., ::-1])
        image = self._summaries.Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=encoded.tobytes()
        )
        value = self._summaries.Summary.Value(tag="preview", image=image)
        self._write(step=step, summary=self._summaries.Summary(value=[value]))
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _write(self, **fields: object) -> None:
        self._writer.write(self._events.Event(wall_time=time.time(), **fields).SerializeToString())

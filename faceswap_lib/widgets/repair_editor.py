"""Editor that repairs a faceset on a notebook page: a frame, five points to drag, and a box to draw."""

import pathlib
import typing

import numpy as np

from faceswap_lib.errors import FaceswapError, WorkspaceError
from faceswap_lib.faces import Face, FaceRefiner, align_face
from faceswap_lib.faces.alignment import template_points
from faceswap_lib.faces.drawn_face import face_from_landmarks
from faceswap_lib.faces.landmarks import LandmarkBackend
from faceswap_lib.facesets import Side, Workspace, read_manifest
from faceswap_lib.facesets.missed_faces import MissedFace, find_missed
from faceswap_lib.facesets.repair import FacesetRepair, RepairReport
from faceswap_lib.media import count_frames
from faceswap_lib.show.notebook import ipython_display
from faceswap_lib.widgets.drag_stage import StageChange
from faceswap_lib.widgets.lazy_detector import LazyDetector
from faceswap_lib.widgets.repair_page import RepairPage

POINT_NAMES = ("left eye", "right eye", "nose tip", "left mouth corner", "right mouth corner")
"""Names of the five points, left and right in the image."""

PREVIEW_SIZE = 192
"""Side of the preview of the crop in pixels."""

ZOOM = 1.6
"""Side of the part of the frame that is shown when zoomed, relative to the box of the face."""


class RepairEditor:
    """Editor that repairs one person's faceset; a notebook shows it when it is the last line of a cell.

    Drag the five points onto the face, or draw a box around it, in which the points are then proposed. "take" makes
    the crop. Nothing is deleted: a crop that is replaced is set aside, and every step can be undone.

    Attributes:
        frame: Index of the shown frame.
        points: (5, 2) x, y in pixels of the frame; None as long as nothing is drawn.
        replace: File name of the crop that "take" replaces; None if it adds one.
        is_zoomed: Whether only the surroundings of the face are shown.
        message: What happened last.
    """

    def __init__(
        self,
        workspace: Workspace,
        side: Side,
        video: pathlib.Path | str,
        *,
        frame: int | None = None,
        refiner: FaceRefiner | None = None,
        landmarks: LandmarkBackend = "auto",
        width: int = 640,
    ):
        """Opens a faceset and its video.

        Args:
            workspace: The workspace of the faceset.
            side: The person's side, `src` or `dst`.
            video: The video from which the faceset was extracted.
            frame: Index of the first frame to show; None for the first one with a missed face, or 0.
            refiner: Detector that proposes points in a box; None for MTCNN, which is loaded when it is first needed.
            landmarks: Name of the network that finds 68 landmarks in a crop.
            width: Largest width of the frame on the page in pixels.

        Raises:
            InputError: If the video is another one than that of the faceset.
            VideoError: If the video cannot be read.
            WorkspaceError: If there is no faceset.
            ImportError: If ipywidgets is missing.
        """
        self._workspace: Workspace = workspace
        self._side: Side = side
        self._repair = FacesetRepair(workspace, side, video, refiner=refiner or LazyDetector(), landmarks=landmarks)
        self.frame_count = count_frames(video)
        self._done: list[RepairReport] = []
        self._missed: list[MissedFace] | None = None
        self._why_none = "no frame with a missed face"
        self.points: np.ndarray | None = None
        self.replace: str | None = None
        self.is_zoomed = False
        self.message = ""
        self._zoomed_xyxy: np.ndarray | None = None
        self._view = RepairPage(self, width=width)
        missed = self.missed()
        self.show_frame(frame if frame is not None else missed[0].frame if missed else 0)

    def missed(self) -> list[MissedFace]:
        """Finds the frames in which a face may have been missed; none if the faceset has no tracks."""
        if self._missed is None:
            try:
                self._missed = find_missed(self._workspace, self._side)
            except WorkspaceError as error:
                self._missed, self._why_none = [], str(error)
        return self._missed

    def crops(self) -> list[str]:
        """Returns the file names of the crops of the shown frame."""
        records = read_manifest(self._workspace.faces(self._side))
        return [record.crop for record in records if record.frame == self.frame]

    @property
    def image(self) -> np.ndarray:
        """The shown frame, (H, W, 3) uint8 RGB."""
        return self._repair.read_frame(self.frame)

    @property
    def face(self) -> Face | None:
        """The face at the points; None if there are none, or they cannot be those of a face."""
        try:
            return None if self.points is None else face_from_landmarks(self.points, frame=self.image)
        except FaceswapError:
            return None

    @property
    def undoable(self) -> int:
        """Number of repairs that can be undone."""
        return len(self._done)

    @property
    def view_xyxy(self) -> np.ndarray | None:
        """The part of the frame that is shown, left, top, right, bottom in pixels; None for all of it."""
        return self._zoomed_xyxy if self.is_zoomed else None

    def set_zoom(self, is_zoomed: bool) -> None:
        """Shows only the surroundings of the face, or the whole frame."""
        self.is_zoomed = is_zoomed
        self._draw_face()

    def show_frame(self, frame: int) -> None:
        """Shows a frame, with the points of its crop, or of the face that may have been missed there.

        Args:
            frame: Index of the frame, limited to the existing ones.
        """
        self.frame = min(max(frame, 0), self.frame_count - 1)
        records = [record for record in read_manifest(self._workspace.faces(self._side)) if record.frame == self.frame]
        found = next((face for face in self.missed() if face.frame == self.frame), None)
        self.points = self.replace = None
        if found is not None:
            self.points = None if found.guess is None else np.array(found.guess.landmarks)
            self.message = f"frame {self.frame:,}: {found.reason}" + (
                "; check the points" if found.guess else "; draw a box"
            )
        elif records:
            self.points, self.replace = np.array(records[0].landmarks), records[0].crop
            self.message = f"frame {self.frame:,} has the crop {records[0].crop}"
        else:
            self.message = f"frame {self.frame:,} has no crop; draw a box around the face"
        self._draw_face()

    def show_next_missed(self) -> None:
        """Shows the next frame in which a face may have been missed; after the last one, the first."""
        missed = [face.frame for face in self.missed()]
        if missed:
            self.show_frame(next((frame for frame in missed if frame > self.frame), missed[0]))
        else:
            self.message = self._why_none
            self._view.draw()

    def set_points(self, points: np.ndarray) -> None:
        """Moves the five points, (5, 2) x, y in pixels of the frame."""
        self.points = np.array(points, np.float64).reshape(5, 2)
        self._view.draw()

    def propose(self, box_xyxy: np.ndarray) -> None:
        """Proposes the points of the face in a box.

        Args:
            box_xyxy: (4,) left, top, right, bottom in pixels of the frame.

        Raises:
            InputError: If the box is too small for a face or outside the frame.
        """
        face, is_detected = self._repair.propose(self.frame, box_xyxy)
        self.points = np.array(face.landmarks)
        self.message = "points found by the detector" if is_detected else "average face; drag the points"
        self._draw_face()

    def take(self) -> RepairReport:
        """Makes the crop of the face at the points.

        Raises:
            InputError: If there are no points, or they are not those of a face in the frame.
            WorkspaceError: If the faceset has changed.
        """
        report = self._repair.take(self.frame, self.points, replace=self.replace)
        self._done.append(report)
        self._missed = None
        replaced = f" in place of {report.replaced}" if report.replaced else ""
        points = 68 if report.record.landmarks_68 else 5
        self.message = f"made {report.record.crop}{replaced}, {points} landmarks"
        self.replace = report.record.crop
        self._view.draw()
        return report

    def undo(self) -> None:
        """Undoes the last repair, and shows its frame.

        Raises:
            WorkspaceError: If the crop is not in the faceset any more.
        """
        if not self._done:
            return
        report = self._done[-1]
        self._repair.undo(report)
        self._done.pop()
        self._missed = None
        self.show_frame(report.record.frame)
        self.message = f"{report.record.crop} is undone"
        self._view.draw()

    def draw_preview(self) -> np.ndarray | None:
        """Draws the crop that the points would make, with the positions of an average face; None without a face.

        Returns:
            (192, 192, 3) uint8 RGB.
        """
        face = self.face
        if face is None:
            return None
        image = align_face(self.image, face, PREVIEW_SIZE).image.copy()
        for x, y in np.round(template_points(PREVIEW_SIZE)).astype(int):
            image[y - 3 : y + 4, x] = image[y, x - 3 : x + 4] = (255, 225, 77)
        return image

    def handle_change(self, change: StageChange) -> None:
        """Handles what the user did on the frame."""
        if change.changed == "points" and len(change.points) == 5:
            self.set_points(change.points)
        elif change.changed == "box":
            self.try_action(lambda: self.propose(change.box_xyxy))

    def try_action(self, action: typing.Callable[[], object]) -> None:
        """Runs an action; shows its error, because a notebook shows no exception of a handler."""
        try:
            action()
        except FaceswapError as error:
            self.message = str(error)
            self._view.draw()

    def _draw_face(self) -> None:
        """Shows the frame, with the surroundings of the present face if it is zoomed."""
        face = self.face
        self._zoomed_xyxy = None
        if face is not None:
            middle, size = (face.box_xyxy[:2] + face.box_xyxy[2:]) / 2, face.box_xyxy[2:] - face.box_xyxy[:2]
            half = ZOOM * size.max() / 2
            self._zoomed_xyxy = np.concatenate([middle - half, middle + half])
        self._view.draw()

    def _ipython_display_(self) -> None:
        ipython_display().display(self._view.box)

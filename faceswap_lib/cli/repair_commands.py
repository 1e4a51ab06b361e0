"""Subcommand that repairs a faceset: lists missed faces, and makes the crop of one."""

import collections
import dataclasses
from typing import Annotated

import tyro

from faceswap_lib.cli.arguments import Project, Video, load_keras
from faceswap_lib.config_fields import Doc
from faceswap_lib.errors import InputError
from faceswap_lib.faces.landmarks import LandmarkBackend
from faceswap_lib.facesets.workspace import Person, Workspace, side_of

MOST_LISTED = 40
"""Number of missed faces that are listed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repair:
    """Repair a faceset: list the faces that have no crop, or make the crop of one face from points or a box."""

    video: Video
    workspace: Project
    person: Annotated[Person, Doc("person whose faceset is repaired: a or b")]
    frame: Annotated[int | None, Doc("index of the frame, from 0; by default missed faces are listed")] = None
    points: Annotated[
        tuple[str, ...],
        Doc(
            "x,y in pixels of the frame, five times: left eye, right eye, nose tip, left and right corner of the mouth"
        ),
        tyro.conf.arg(metavar="X,Y"),
    ] = ()
    box: Annotated[
        tuple[float, float, float, float] | None,
        Doc("instead of points, the box of the face in pixels of the frame: left, top, right, bottom"),
    ] = None
    replace: Annotated[str | None, Doc("file name of the crop that the new one replaces")] = None
    landmarks: Annotated[
        LandmarkBackend, Doc("landmark detector for the mask; auto takes the first that works on this computer")
    ] = "auto"

    def __call__(self) -> None:
        """Lists the missed faces or makes a crop, and prints what was done."""
        if self.frame is None:
            if self.points or self.box or self.replace:
                raise InputError("--frame: expected the index of the frame of this face, got none")
            self._list()
            return
        if bool(self.points) == (self.box is not None):
            raise InputError(f"expected --points or --box, got {'both' if self.points else 'neither'}")
        points = parse_points(self.points) if self.points else None
        from faceswap_lib.facesets.repair import repair_crop

        refiner = None
        if self.box is not None:
            load_keras()
            from faceswap_lib.faces import MTCNN
            from faceswap_lib.faces.drawn_face import PROPOSAL

            refiner = MTCNN(PROPOSAL)
        workspace, side = Workspace(self.workspace), side_of(self.person)
        report = repair_crop(
            *(workspace, side, self.video, self.frame, points),
            box_xyxy=self.box,
            replace=self.replace,
            refiner=refiner,
            landmark_backend=self.landmarks,
        )
        origin = "the given points" if points else "points found by the detector"
        if self.box is not None and not report.is_detected:
            origin = "the points of an average face, because the detector found none; look at the crop"
        replaced = f"; {report.replaced} is set aside" if report.replaced else ""
        print(f"{workspace.faces(side) / report.record.crop}: made from {origin}{replaced}")

    def _list(self) -> None:
        """Prints the missed faces."""
        from faceswap_lib.facesets.missed_faces import find_missed

        workspace, side = Workspace(self.workspace), side_of(self.person)
        missed = find_missed(workspace, side)
        reasons = collections.Counter(face.reason for face in missed)
        counts = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "none"
        print(f"{workspace.faces(side)}: faces without a crop: {counts}")
        for face in missed[:MOST_LISTED]:
            box = "" if face.guess is None else " ".join(f"{value:.0f}" for value in face.guess.box_xyxy)
            print(f"--frame {face.frame}{f' --box {box}' if box else ''}  ({face.reason})")
        if len(missed) > MOST_LISTED:
            more = len(missed) - MOST_LISTED
            print(f"and {more} more, up to frame {missed[-1].frame}; they are listed when some of these are repaired")


def parse_points(texts: tuple[str, ...]) -> list[tuple[float, float]]:
    """Parses five points.

    Raises:
        InputError: If there are not five, or one is not "x,y".
    """
    if len(texts) != 5:
        raise InputError(f"--points: expected five points x,y, got {len(texts)}")
    points = []
    for text in texts:
        x, comma, y = text.partition(",")
        try:
            points.append((float(x), float(y)))
        except ValueError as error:
            raise InputError(f"--points: expected x,y, got {text!r:.40}") from error
        if not comma:
            raise InputError(f"--points: expected x,y, got {text!r:.40}")
    return points

"""Messages that the subcommands of the pipeline print when they are done: the result, and what to do next."""

import logging
import pathlib
import typing

from faceswap_lib.training.config import TrainConfig

if typing.TYPE_CHECKING:
    from faceswap_lib.demo.reenactment_demo import ReenactmentDemo
    from faceswap_lib.pipeline import Conversion, RunReport
    from faceswap_lib.training import TrainReport

logger = logging.getLogger(__name__)


def print_schedule(config: TrainConfig, picture: pathlib.Path) -> None:
    """Prints the schedule of a training as a table and draws it as a chart."""
    from faceswap_lib.training.schedule_plot import draw_plan, plan_table, plan_training

    planned = plan_training(config)
    draw_plan(planned, picture)
    print(f"{plan_table(planned)}\nchart: {picture}")


def print_training(report: "TrainReport") -> None:
    """Prints how far a training is, how long it took, and in which folder it is."""
    before = f" ({report.resumed_at} of them before)" if report.resumed_at else ""
    rolled_back = f"; it diverged and was rolled back {report.rollbacks} times" if report.rollbacks else ""
    print(
        f"trained {report.step} of {report.steps} steps{before} in {report.seconds:.0f} s: {report.folder}{rolled_back}"
    )
    if report.step < report.steps:
        print(f"time limit reached at step {report.step} of {report.steps}; run the same command again to continue")


def print_conversion(conversion: "Conversion") -> None:
    """Prints what was written, whether it is a swap, and how many people the input shows."""
    report, check = conversion.report, conversion.check
    kept = f" ({report.resumed_at} of them before)" if report.resumed_at else ""
    print(f"{report.out}: {report.swapped} of {report.frames} frames have the new face{kept}; {check.to_text()}")
    if conversion.people is not None:
        print(f"in the input: {conversion.people.to_text()}")
    if check.trouble:
        logger.warning("this is no swap: %s", check.trouble)
    elif check.note:
        logger.warning("%s", check.note)
    if check.picture is not None:
        print(f"worst:     {check.picture} (input, result, and the wanted person in about this pose)")


def print_run(report: "RunReport") -> None:
    """Prints the results of a whole run and what to do next."""
    print_training(report.training)
    print_conversion(report.conversion)
    if report.side_by_side is not None:
        print(f"look at:   {report.side_by_side} (the input, the wanted face and the result beside each other)")
    print(f"report:    {report.page} (what was done and the results; opens in a browser)")
    trouble, steps = report.conversion.check.trouble, report.training.step
    if trouble is None or "train on" in trouble:
        print(
            f"not yet good enough? The same command with --steps {2 * steps} continues the training from step {steps}"
        )
    print(f"to see the credentials of the video: faceswap verify {report.conversion.report.out}")


def print_reenactment_demo(demo: "ReenactmentDemo") -> None:
    """Prints what a demo of a reenactment did, what to look at, and what to do next."""
    print_training(demo.training)
    workspace, video, run = demo.video.out.parent, demo.video, demo.training.folder.name
    print(f"{video.out}: Eileen Collins's portrait moves like Grace Hopper's clip, {video.frames} frames")
    print(f"look at:   {demo.beside} (the driver, the photo only warped, and the result beside each other)")
    print(f"           {demo.sheet} (the photo, and the frames in which the driver moves most)")
    print(
        f"next:      faceswap reenact PHOTO.jpg --driver VIDEO.mp4 --workspace {workspace} --run {run} --out moved.mp4"
    )
    print("           these networks know two people; to train on your own, see docs/reenactment.md")

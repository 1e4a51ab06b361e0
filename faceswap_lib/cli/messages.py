"""What the verbs that make say when they are done: in plain words, and what to do next."""

import logging
import pathlib
import typing

from faceswap_lib.training.config import TrainConfig

if typing.TYPE_CHECKING:
    from faceswap_lib.pipeline import Conversion, RunReport
    from faceswap_lib.training import TrainReport

logger = logging.getLogger(__name__)


def print_schedule(config: TrainConfig, picture: pathlib.Path) -> None:
    """Prints a training's schedule as a table, and draws it."""
    from faceswap_lib.training.schedule_plot import draw_plan, plan_table, plan_training

    planned = plan_training(config)
    draw_plan(planned, picture)
    print(f"{plan_table(planned)}\nchart: {picture}")


def print_training(report: "TrainReport") -> None:
    """Says how far a training is, how long it took, and where it lies."""
    before = f" ({report.resumed_at} of them before)" if report.resumed_at else ""
    went_back = f"; it broke down and went back {report.rollbacks} times" if report.rollbacks else ""
    print(
        f"trained {report.step} of {report.steps} steps{before} in {report.seconds:.0f} s: {report.folder}{went_back}"
    )
    if report.step < report.steps:
        print(f"its time was up at step {report.step} of {report.steps}; start the same command again to go on")


def print_conversion(conversion: "Conversion") -> None:
    """Says what was written, whether it is a swap, and how many people the input shows."""
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
    """Says what a whole run did, what that means, and what to do next."""
    print_training(report.training)
    print_conversion(report.conversion)
    if report.side_by_side is not None:
        print(f"look at:   {report.side_by_side} (the input, the wanted face and the result beside each other)")
    print(f"report:    {report.page} (what was done and how it came out; opens in a browser)")
    trouble, steps = report.conversion.check.trouble, report.training.step
    if trouble is None or "train on" in trouble:
        print(f"not yet good enough? The same command with --steps {2 * steps} goes on learning from step {steps}")
    print(f"to see what the video says of itself: faceswap verify {report.conversion.report.out}")

"""Command line: one subcommand per step of the work; each is a dataclass whose fields are its options."""

import contextlib
import dataclasses
import io
import itertools
import logging
import pathlib
import re
import signal
import sys
import typing
from typing import Annotated

import tyro

from faceswap_lib.cli.curation_commands import Audit, Sort
from faceswap_lib.cli.export_commands import Export
from faceswap_lib.cli.faceset_commands import Masks, SwapParts
from faceswap_lib.cli.judge_commands import Compare, Doctor, Evaluate, Verify
from faceswap_lib.cli.make_commands import Convert, Demo, Extract, Run, Train
from faceswap_lib.cli.mask_commands import Mask
from faceswap_lib.cli.old_options import upgrade_arguments
from faceswap_lib.cli.pack_commands import Pack, Unpack
from faceswap_lib.cli.reenactment_commands import EvaluateReenactment, Express, Reenact, TrainReenactment
from faceswap_lib.cli.repair_commands import Repair
from faceswap_lib.cli.streams import quiet_streams
from faceswap_lib.cli.weights import Weights
from faceswap_lib.cli.workspace_commands import Workspace as WorkspaceVerb
from faceswap_lib.errors import FaceswapError, InputError, WorkspaceError
from faceswap_lib.facesets import Workspace
from faceswap_lib.networks.config import Preset
from faceswap_lib.reenactment.config import ReenactmentTrainConfig
from faceswap_lib.reenactment.run_notes import USUAL_RUN, read_networks, read_training
from faceswap_lib.signals import Stopped, catch_signals
from faceswap_lib.tensorflow_messages import hide_tensorflow_messages
from faceswap_lib.training.config import TRAINING_PRESETS
from faceswap_lib.training.run_metadata import stored_training
from faceswap_lib.training.run_search import find_run

VERBS = (
    Demo,
    Run,
    Extract,
    Masks,
    Sort,
    Audit,
    Mask,
    Repair,
    Train,
    TrainReenactment,
    Convert,
    Reenact,
    Express,
    Export,
    Evaluate,
    EvaluateReenactment,
    Compare,
    Verify,
    SwapParts,
    Pack,
    Unpack,
    WorkspaceVerb,
    Weights,
    Doctor,
)

OF_REENACTMENT = {Train: ("--system", TrainReenactment), Evaluate: ("--workspace", EvaluateReenactment)}
"""Verbs that mean another subcommand if an option is given: the option, and the subcommand."""


def main(arguments: typing.Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        arguments: Command-line arguments without the program's name; None means those of the shell.

    Returns:
        Exit code: 0 for success, 1 if the work failed, 2 for wrong use or unusable input, 128 plus the signal's number
        if a signal stopped the work.

    Raises:
        SystemExit: After `--help`, with the code 0.
    """
    hide_tensorflow_messages()
    with quiet_streams() as finish_output:
        logging.basicConfig(format="%(message)s", level=logging.WARNING)
        logging.raiseExceptions = False  # a message that cannot be written must not stop the work
        logging.getLogger("faceswap_lib").setLevel(logging.INFO)
        try:
            code = _run(sys.argv[1:] if arguments is None else list(arguments))
        except SystemExit:  # after --help
            if finish_output() is None:
                raise
            code = 0
        if (failure := finish_output()) is not None:
            print(f"faceswap: the output could not be written completely: {failure.strerror}", file=sys.stderr)
            code = code or FaceswapError.exit_code
    return code


def _run(arguments: list[str]) -> int:
    """Runs the subcommand and turns expected errors into one line on standard error and an exit code."""
    try:
        with catch_signals():
            _parse(arguments)()
    except FaceswapError as error:
        print(f"faceswap: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(
            f"faceswap: {error.filename or 'file'}: {error.strerror}; check path, permissions and free space",
            file=sys.stderr,
        )
        return InputError.exit_code
    except Stopped as stop:
        print(f"faceswap: {stop}; run the same command again to continue", file=sys.stderr)
        return stop.exit_code
    except KeyboardInterrupt:  # main() was called in a thread, or by another program
        print("faceswap: stopped; run the same command again to continue", file=sys.stderr)
        return 128 + signal.SIGINT
    return 0


def _parse(arguments: list[str]) -> typing.Callable[[], None]:
    """Parses a command line into an instance of its subcommand's dataclass.

    Raises:
        InputError: If the command line is invalid.
        SystemExit: After `--help`.
    """
    for verb, (option, of_reenactment) in OF_REENACTMENT.items():
        if arguments[:1] == [name_of(verb)] and any(re.match(f"{option}(=|$)", word) for word in arguments):
            arguments = [name_of(of_reenactment), *arguments[1:]]
    if arguments and (verb := {name_of(verb): verb for verb in VERBS}.get(arguments[0])):
        arguments = [arguments[0], *upgrade_arguments(verb, arguments[1:])]
    verbs = tuple(Annotated[verb, _subcommand(verb, arguments)] for verb in VERBS)
    any_verb: typing.Any = typing.Union[verbs]  # noqa: UP007  (made from a tuple)
    messages = io.StringIO()
    try:
        with contextlib.redirect_stderr(messages):
            return tyro.cli(
                any_verb,
                args=arguments,
                prog="faceswap",
                description="Face swapping with two videos: try 'demo', then 'run', or one step at a time.",
                config=(tyro.conf.OmitSubcommandPrefixes,),
            )
    except SystemExit as stop:
        if stop.code in (0, None):
            raise
        raise InputError(_one_line(messages.getvalue())) from None


def name_of(verb: type) -> str:
    """Returns the name of a subcommand on the command line: SwapParts becomes swap-parts."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", verb.__name__).lower()


def _subcommand(verb: type, arguments: list[str]):
    """Builds tyro's subcommand; the preset or the existing run sets the defaults of the training options."""
    name = name_of(verb)
    if verb not in (Run, Train, TrainReenactment) or arguments[:1] != [name]:
        return tyro.conf.subcommand(name)
    words = [part for argument in arguments for part in argument.split("=", 1)]

    def given(option: str) -> str | None:
        return next((word for before, word in itertools.pairwise(words) if before == option), None)

    if verb is TrainReenactment:
        folder = given("--workspace")
        if folder is None:
            return tyro.conf.subcommand(name)
        workspace = Workspace(pathlib.Path(folder))
        run = workspace.run(given("--run") or USUAL_RUN)
        options, other = read_training(run), given("--init-from")
        if options is None and other is None:
            return tyro.conf.subcommand(name)
        try:
            networks = read_networks(run if options else find_run(workspace, other or "", usual=USUAL_RUN))
        except WorkspaceError:  # the subcommand reports it
            return tyro.conf.subcommand(name)
        stored = TrainReenactment(
            workspace=tyro.MISSING, networks=networks, training=options or ReenactmentTrainConfig()
        )
        return tyro.conf.subcommand(name, default=stored)
    training = TRAINING_PRESETS.get(typing.cast(Preset, given("--preset")))
    workspace = given("--workspace")
    if training is None and workspace:
        training = stored_training(Workspace(pathlib.Path(workspace)).run(given("--run") or "default"))
    if training is None:
        return tyro.conf.subcommand(name)
    required = [field.name for field in dataclasses.fields(verb) if field.default is dataclasses.MISSING]
    missing: dict[str, typing.Any] = dict.fromkeys(required, tyro.MISSING)
    return tyro.conf.subcommand(name, default=typing.cast(typing.Any, verb)(training=training, **missing))


def _one_line(boxed: str) -> str:
    """Joins a boxed error message of several lines into one line, without the help text that it repeats."""
    lines = [line.strip("│ ") for line in boxed.splitlines() if line.strip() and not re.match("[╭╰]", line)]
    blocks = " ".join("\n" if set(line) <= set("─-") else line for line in lines).split("\n")
    if "│" not in boxed:  # if the terminal cannot draw boxes, the title is a separate block
        blocks = blocks[1:]
    texts = [re.sub(r"\s+", " ", block).strip() for block in blocks]
    texts = [text for text in texts if text and not text.startswith(("For full helptext", "Argument helptext"))]
    texts = [re.sub(r"(Perhaps you meant: --[\w-]+).*", r"\1", text) for text in texts]
    return f"{'; '.join(texts[:2])} (see --help)" if texts else "invalid command line; see 'faceswap --help'"

"""Reads pickles of DeepFaceLab without running code; see `pickle_machine`."""

import typing

from faceswap_lib.facesets.deepfacelab.pickle_machine import PickleMachine
from faceswap_lib.facesets.deepfacelab.pickle_objects import RestrictedPickleError
from faceswap_lib.facesets.deepfacelab.pickle_opcodes import HANDLERS


def load_restricted(
    data: "bytes | bytearray | memoryview", *, on_item: typing.Callable[[object], object] | None = None
) -> object:
    """Reads one pickled value of protocol 2 to 5.

    Args:
        data: The pickle, and nothing after it.
        on_item: Replaces each item that is added to an outermost list, as soon as it is complete. So a list of many
            large items never exists in memory as a whole.

    Returns:
        None, bool, int, float, str, bytes, list, tuple, dict with str keys, or read-only numpy array of numbers.
        Members of enumerations are plain int.

    Raises:
        RestrictedPickleError: If the pickle is damaged or cut off, contains an opcode or a global that facesets do not
            need, refers to a list or dict twice, is nested too deeply, or is too long.
    """
    with memoryview(data) as view:
        machine = PickleMachine(view, on_item)
        try:
            return machine.run(HANDLERS)
        except IndexError as error:  # the stack or the marks are empty
            raise RestrictedPickleError(f"an opcode before byte {machine.at:,} finds no value") from error
        except UnicodeDecodeError as error:
            raise RestrictedPickleError(f"a text before byte {machine.at:,} is not UTF-8") from error
        finally:
            machine.release()

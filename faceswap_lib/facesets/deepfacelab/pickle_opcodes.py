"""The opcodes that pickles of DeepFaceLab may contain, and what each of them does."""

import pickle
import typing

from faceswap_lib.facesets.deepfacelab.pickle_machine import PickleMachine


def _with(method: typing.Callable[..., None], *arguments: object) -> typing.Callable[[PickleMachine], None]:
    """Binds the arguments of a method of the machine."""
    return lambda machine: method(machine, *arguments)


HANDLERS: dict[int, typing.Callable[[PickleMachine], None]] = {
    pickle.PROTO[0]: _with(PickleMachine.skip, 1),
    pickle.FRAME[0]: PickleMachine.enter_frame,
    pickle.MARK[0]: PickleMachine.push_mark,
    pickle.NONE[0]: _with(PickleMachine.push, None),
    pickle.NEWTRUE[0]: _with(PickleMachine.push, True),
    pickle.NEWFALSE[0]: _with(PickleMachine.push, False),
    pickle.BININT[0]: _with(PickleMachine.push_number, "<i"),
    pickle.BININT1[0]: _with(PickleMachine.push_number, "<B"),
    pickle.BININT2[0]: _with(PickleMachine.push_number, "<H"),
    pickle.LONG1[0]: PickleMachine.push_integer,
    pickle.BINFLOAT[0]: _with(PickleMachine.push_number, ">d"),
    pickle.SHORT_BINUNICODE[0]: _with(PickleMachine.push_text, "<B"),
    pickle.BINUNICODE[0]: _with(PickleMachine.push_text, "<I"),
    pickle.BINUNICODE8[0]: _with(PickleMachine.push_text, "<Q"),
    pickle.SHORT_BINBYTES[0]: _with(PickleMachine.push_bytes, "<B"),
    pickle.BINBYTES[0]: _with(PickleMachine.push_bytes, "<I"),
    pickle.BINBYTES8[0]: _with(PickleMachine.push_bytes, "<Q"),
    pickle.EMPTY_TUPLE[0]: _with(PickleMachine.push, ()),
    pickle.TUPLE[0]: PickleMachine.push_tuple,
    pickle.TUPLE1[0]: _with(PickleMachine.push_tuple, 1),
    pickle.TUPLE2[0]: _with(PickleMachine.push_tuple, 2),
    pickle.TUPLE3[0]: _with(PickleMachine.push_tuple, 3),
    pickle.EMPTY_LIST[0]: lambda machine: machine.push([]),
    pickle.APPEND[0]: PickleMachine.append,
    pickle.APPENDS[0]: PickleMachine.append_many,
    pickle.EMPTY_DICT[0]: lambda machine: machine.push({}),
    pickle.SETITEM[0]: PickleMachine.set_item,
    pickle.SETITEMS[0]: PickleMachine.set_items,
    pickle.GLOBAL[0]: PickleMachine.push_global,
    pickle.STACK_GLOBAL[0]: PickleMachine.push_stack_global,
    pickle.REDUCE[0]: PickleMachine.reduce,
    pickle.BUILD[0]: PickleMachine.build,
    pickle.MEMOIZE[0]: PickleMachine.memoize,
    pickle.BINPUT[0]: _with(PickleMachine.put, "<B"),
    pickle.LONG_BINPUT[0]: _with(PickleMachine.put, "<I"),
    pickle.BINGET[0]: _with(PickleMachine.get, "<B"),
    pickle.LONG_BINGET[0]: _with(PickleMachine.get, "<I"),
}
"""What each allowed opcode does."""

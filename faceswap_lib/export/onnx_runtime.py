"""Import of ONNX Runtime with its telemetry switched off; no other module imports it directly.

Official builds send telemetry to their maker from version 1.29 on, and keep a device id and an event store in the
user's cache. The environment variable is read when the module is loaded, so it must be set before the first import.
Calling `disable_telemetry_events` afterwards suppresses most events, but not the id, the store and the first event.

Source: ONNX Runtime, docs/Privacy.md, "Disabling Telemetry".
"""

import os
import types

TELEMETRY_SWITCH = "ORT_DISABLE_TELEMETRY"
"""Environment variable that switches the telemetry of ONNX Runtime off if it is "1"."""


def import_onnxruntime() -> types.ModuleType:
    """Imports ONNX Runtime with its telemetry switched off, even if the environment variable had another value.

    Returns:
        The module `onnxruntime`.

    Raises:
        ImportError: If ONNX Runtime is not installed or cannot be loaded.
    """
    os.environ[TELEMETRY_SWITCH] = "1"
    import onnxruntime

    # Another module may have imported it before the variable was set. The tracing of Windows ignores the variable.
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def runtime_errors() -> tuple[type[Exception], ...]:
    """Returns the exceptions that ONNX Runtime may raise for a model: it has one class per failure, without a base."""
    import_onnxruntime()
    # The module is compiled and has no type stub.
    from onnxruntime.capi import onnxruntime_pybind11_state as state  # pyright: ignore[reportAttributeAccessIssue]

    own = tuple(value for value in vars(state).values() if isinstance(value, type) and issubclass(value, Exception))
    return (*own, RuntimeError, ValueError, MemoryError)


def unavailable_reason() -> str | None:
    """Returns why ONNX models cannot be built and run on this machine and what to do; None if they can."""
    try:
        import onnx  # noqa: F401

        import_onnxruntime()
    except ImportError as error:
        return f"ONNX Runtime cannot be used ({error}); pip install 'faceswap_lib[export]'"
    return None

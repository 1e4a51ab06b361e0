"""The one place that imports ONNX Runtime: its telemetry is switched off before it starts.

Official builds report to their maker from version 1.29 on, and keep a device id and an event store in the user's
cache. The variable is read when the module is loaded, so it must be set before the first import. Calling
`disable_telemetry_events` afterwards suppresses most events, but not the id, the store and the first event.

Source: ONNX Runtime, docs/Privacy.md, "Disabling Telemetry".
"""

import os
import types

TELEMETRY_SWITCH = "ORT_DISABLE_TELEMETRY"
"""The environment variable that switches ONNX Runtime's telemetry off; "1" is off."""


def import_onnxruntime() -> types.ModuleType:
    """Imports ONNX Runtime with its telemetry off, whatever the environment said before.

    Returns:
        The module `onnxruntime`.

    Raises:
        ImportError: If it is not installed or cannot be loaded.
    """
    os.environ[TELEMETRY_SWITCH] = "1"
    import onnxruntime

    # Somebody else may have imported it before the variable was set; and Windows's own tracing ignores the variable.
    onnxruntime.disable_telemetry_events()
    return onnxruntime

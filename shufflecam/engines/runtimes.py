"""Imports of the runtimes, with their telemetry switched off."""

from __future__ import annotations

import os
import sys
from typing import Any


def import_openvino() -> Any:
    """The `openvino` module, without its telemetry.

    Importing it, and every conversion, sends an event over the network unless the user opted out, and
    writes an id into the user's home. It does neither where the package that sends cannot be imported.
    Where the program around us imported openvino before, its ways are that program's business.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # how Python spells "cannot be imported"
    import openvino

    return openvino


def import_onnxruntime() -> Any:
    """The `onnxruntime` module, without its telemetry.

    From 1.29 on the official builds report to their maker unless told not to before they are loaded, and
    leave an id in the user's cache folder; on Windows they write to the system's event tracing.
    """
    if "onnxruntime" not in sys.modules:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # its name in some builds
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime

"""Imports the runtimes with their telemetry disabled."""

from __future__ import annotations

import os
import sys
from typing import Any


def import_openvino() -> Any:
    """Import `openvino` with its telemetry disabled.

    Its import, and every conversion, sends an event over the network unless the user opted out, and writes an
    id to the user's home. It does neither if its telemetry package cannot be imported. If the calling program
    has already imported openvino, its configuration is left alone.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # makes its import fail
    import openvino

    return openvino


def import_onnxruntime() -> Any:
    """Import `onnxruntime` with its telemetry disabled.

    From 1.29 on the official builds send telemetry unless disabled before they are loaded, and store an id in
    the user's cache folder; on Windows they write to the system's event tracing.
    """
    if "onnxruntime" not in sys.modules:
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        os.environ["ORT_TELEMETRY_DISABLED"] = "1"  # the variable's name in some builds
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime

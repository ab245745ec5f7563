"""The names of the engines, for options, messages and tests; free of numpy and of every runtime."""

from __future__ import annotations

PACKAGES = {"torch": "torch", "openvino": "openvino", "onnx": "onnxruntime"}
"""Name of an engine -> the package that it needs. `engines.open` makes an engine of each."""

BACKENDS = tuple(PACKAGES)
"""What `--backend` takes besides "auto"."""

"""Reads torch checkpoints without executing any code in them.

A checkpoint (`.pth`, `.pt`) is a pickle: a list of instructions, one of which is "call this function".
Every file is read by `torch.load(weights_only=True)`, which calls only what is on an allow-list. Ours is
spelled out in this module, and stricter than necessary: apart from torch's own tensors each name on it is
mapped to an `Inert` class created here, never to the object of that name. A layer of ultralytics, a numpy
scalar or a tool's history becomes a passive holder of the values that were stored with it.

A name that is not on the list, such as `os.system`, causes the file to be rejected.
"""

from __future__ import annotations

import pickletools
import re
import sys
import threading
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import torch
from torch import Tensor

from shufflecam.core.errors import WeightsError
from shufflecam.core.reasons import reason

LEGACY_PICKLES = 5
"""torch's format before 1.6 is this many consecutive pickles (magic number, protocol, system, the object, the
storage keys), then the raw data."""

MAX_NAMES = 1000
"""Maximum number of distinct names in a checkpoint; real ones have about thirty."""

MAX_MODULES = 20_000
"""Maximum number of nested modules in a checkpoint; the largest detectors have about a thousand."""

# Resolved by torch itself, by its built-in allow-list; names that are not on it are rejected there.
_TORCHS_OWN = {
    "_codecs.encode",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.set",
    "collections.Counter",
    "collections.OrderedDict",
}

# Names of the standard library and of numpy that occur in checkpoints' metadata. Each becomes inert, so that
# even `getattr`, by which mmengine's history refers to its methods, has no effect.
_HARMLESS = {
    "argparse.Namespace",
    "builtins.dict",
    "builtins.frozenset",
    "builtins.getattr",
    "builtins.list",
    "builtins.object",
    "builtins.range",
    "builtins.slice",
    "builtins.tuple",
    "collections.defaultdict",
    "collections.deque",
    "copyreg._reconstructor",
    "datetime.date",
    "datetime.datetime",
    "datetime.timedelta",
    "datetime.timezone",
    "decimal.Decimal",
    "fractions.Fraction",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    *(
        f"{module}.{name}"
        for module in ("pathlib", "pathlib._local")  # the second: as Python 3.13 writes them
        for name in ("PosixPath", "PurePosixPath", "PureWindowsPath", "WindowsPath")
    ),
    "types.SimpleNamespace",
    "uuid.UUID",
}
_NUMPY_TYPES = re.compile(r"numpy\.(bool_?|str_|bytes_|u?int\d*|float\d+|complex\d+)|numpy\.dtypes\.\w+DType")
_LAYERS = re.compile(r"(torch\.nn\.modules|ultralytics)\.[\w.]+")
# Other packages: names spelled like a class, e.g. mmengine's HistoryBuffer, which holds metadata.
_LIKE_A_CLASS = re.compile(r"[A-Z]\w*")

_ALLOW_LIST = threading.Lock()
"""torch's allow-list is global to the process."""


class Inert:
    """The stored form of an object in a checkpoint: the `args` of its construction and its `state`."""

    args: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        """Store the arguments, whatever they are."""
        made = super().__new__(cls)
        made.args = args
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: `__new__` has stored the arguments."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute of the stored object."""
        return self.state.get(name, default) if isinstance(self.state, dict) else default

    # As a dictionary key an object equals only itself.
    __hash__ = object.__hash__
    __eq__ = object.__eq__


def _is_other_archive(path: Path) -> bool:
    """Whether it is an intact zip file that `torch.save` did not write."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            return not any(name.endswith("data.pkl") for name in names) and archive.testzip() is None
    except Exception:  # damaged files fail in many ways
        return False


def read_pickle(path: Path) -> Any:
    """Read the object in a torch checkpoint, on the CPU; everything but tensors and plain values is inert.

    Args:
        path: a file written by `torch.save`, in the zip format or the older one.

    Raises:
        WeightsError: not a checkpoint, truncated, or containing something that does not belong in weights.
    """
    if _is_other_archive(path):
        raise WeightsError(
            f"{path} is an archive with no checkpoint in it; unpack it, or give the checkpoint"
        )
    try:
        stand_ins = [
            _stand_in(module, name) for module, name in _names(path) if _needs_stand_in(path, module, name)
        ]
        with _only(stand_ins):
            return torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except UnpicklingError as error:
        # torch's own messages advise disabling the protection: do not pass that on.
        raise WeightsError(f"{path} is not plain weights and was refused: nothing in it was run") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {reason(error)}") from error
    except (RecursionError, MemoryError) as error:
        raise WeightsError(f"{path} is not weights: it is nested or sized beyond reason") from error
    except Exception as error:
        # A damaged file can fail in any way; all mean the same to the user.
        raise WeightsError(f"{path} is damaged or cut short; fetch or copy it again") from error


def _needs_stand_in(path: Path, module: str, name: str) -> bool:
    """Whether the name becomes inert (True) or is left to torch's allow-list (False); else reject it."""
    full = f"{module}.{name}"
    if full in _TORCHS_OWN:
        return False
    if full in _HARMLESS or _LAYERS.fullmatch(full) or _NUMPY_TYPES.fullmatch(full):
        return True
    top = module.partition(".")[0]
    if top == "torch":
        return False
    if top in sys.stdlib_module_names or top == "numpy" or not _LIKE_A_CLASS.fullmatch(name):
        raise WeightsError(
            f"{path} was refused: it asks to use {full}, which has no place in weights and could run code; "
            "nothing in it was run"
        )
    return True


def _stand_in(module: str, name: str) -> type[Inert]:
    """Create an inert class with the given qualified name, by which torch looks it up."""
    return type(name, (Inert,), {"__module__": module, "__qualname__": name})


@contextmanager
def _only(classes: list[Any]) -> Iterator[None]:
    """Allow torch to load these classes and its own, but none that other code in this process has allowed."""
    serialization = torch.serialization
    with _ALLOW_LIST:
        before = serialization.get_safe_globals()
        serialization.clear_safe_globals()
        serialization.add_safe_globals(classes)
        try:
            yield
        finally:
            serialization.clear_safe_globals()
            serialization.add_safe_globals(before)


def _names(path: Path) -> set[tuple[str, str]]:
    """Return (module, name) of every global that the checkpoint refers to, without executing it.

    This only decides what to allow. If torch found other names in a malformed file, they would not be on its
    list, and it would reject the file.
    """
    found: set[tuple[str, str]] = set()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _check_archive(path, archive)
            for member in archive.namelist():
                if member.endswith("/data.pkl"):
                    with archive.open(member) as stream:
                        found |= _names_in_pickle(path, stream)
        return found
    with path.open("rb") as stream:
        for _ in range(LEGACY_PICKLES):
            found |= _names_in_pickle(path, stream)
    return found


def _check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    members = archive.infolist()
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise WeightsError(f"{path} was refused: it is a TorchScript program and not only weights")
    # torch stores its members uncompressed: one that inflates to far more is a zip bomb.
    if sum(member.file_size for member in members) > 2 * path.stat().st_size + 2**20:
        raise WeightsError(f"{path} is not weights: it unpacks to far more than its own size")


def _names_in_pickle(path: Path, stream: IO[bytes]) -> set[tuple[str, str]]:
    found = set()
    for opcode, argument, _ in pickletools.genops(stream):
        if opcode.name in ("STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4"):
            raise WeightsError(
                f"{path} was refused: torch writes no {opcode.name} into weights; nothing in it was run"
            )
        if opcode.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            # As in torch: files from Python 2 use its names.
            if (module, name) in NAME_MAPPING:
                module, name = NAME_MAPPING[module, name]
            found.add((IMPORT_MAPPING.get(module, module), name))
            if len(found) > MAX_NAMES:
                raise WeightsError(
                    f"{path} is not weights: it asks for more than {MAX_NAMES} different things"
                )
    return found


def module_tensors(module: Inert) -> dict[str, Tensor]:
    """Return the `state_dict` of an inert `torch.nn.Module`: parameters and persistent buffers by name.

    Raises:
        WeightsError: the object is not structured like a module.
    """
    tensors: dict[str, Tensor] = {}
    pending: list[tuple[str, Any]] = [("", module)]
    for _ in range(MAX_MODULES):
        if not pending:
            return tensors
        prefix, node = pending.pop()
        transient = _dictionary(node, "_non_persistent_buffers_set")
        for kind in ("_parameters", "_buffers"):
            for name, value in _dictionary(node, kind).items():
                if isinstance(value, Tensor) and name not in transient:
                    tensors[f"{prefix}{name}"] = value.detach()
        children = _dictionary(node, "_modules").items()
        pending += [(f"{prefix}{name}.", child) for name, child in children if child is not None]
    raise WeightsError("what is stored there is no torch module, or one that contains itself")


def _dictionary(node: Any, name: str) -> dict[str, Any]:
    value = node.get(name) if isinstance(node, Inert) else None
    if isinstance(value, (set, frozenset)):
        return dict.fromkeys(value)
    return value if isinstance(value, dict) else {}

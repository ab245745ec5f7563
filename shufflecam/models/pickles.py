"""Reads torch checkpoints without running anything that is in them.

A checkpoint (`.pth`, `.pt`) is a pickle: a list of instructions, one of which is "call this function".
Every file goes through `torch.load(weights_only=True)`, which calls only what is on an allow-list. Ours is
written by name in this module, and stricter than it need be: beside torch's own tensors each name on it
leads to an `Inert` class made here, never to the object that bears the name. A layer of ultralytics, a
numpy scalar or some tool's history becomes a lifeless holder of the values that were stored with it.

A name that is not on the list, `os.system` for one, refuses the whole file.
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
"""torch's format before 1.6 is this many pickles in a row (magic number, protocol, system, the object, the
keys of the storages), then the numbers."""

MAX_NAMES = 1000
"""Different names in one checkpoint; real ones have some thirty."""

MAX_MODULES = 20_000
"""Modules inside one another in one checkpoint; the largest detectors have about a thousand."""

# Read by torch itself, from its own built-in allow-list; what is not on that is refused there.
_TORCHS_OWN = {
    "_codecs.encode",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.set",
    "collections.Counter",
    "collections.OrderedDict",
}

# Names of the standard library and of numpy that checkpoints hold in their notes. Each becomes inert, so
# that even `getattr`, with which mmengine's history names its methods, gets nothing.
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
# Of other packages: what is written like a class, a note-keeping one such as mmengine's HistoryBuffer.
_LIKE_A_CLASS = re.compile(r"[A-Z]\w*")

_ALLOW_LIST = threading.Lock()
"""torch's allow-list is one for the whole process."""


class Inert:
    """Holds what a checkpoint stored of an object: `args` of its creation and its `state`."""

    args: tuple[Any, ...] = ()
    state: Any = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        """Keep the arguments, whatever they are."""
        made = super().__new__(cls)
        made.args = args
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: `__new__` has kept the arguments."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute that the stored object had."""
        return self.state.get(name, default) if isinstance(self.state, dict) else default

    # As a key of a dictionary an object is itself and nothing else.
    __hash__ = object.__hash__
    __eq__ = object.__eq__


def _is_other_archive(path: Path) -> bool:
    """Whether it is a whole zip file, but none of `torch.save`: an intact other thing."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            return not any(name.endswith("data.pkl") for name in names) and archive.testzip() is None
    except Exception:  # a damaged one fails in many ways
        return False


def read_pickle(path: Path) -> Any:
    """The object in a torch checkpoint, on the CPU, all but tensors and plain values inert.

    Args:
        path: a file of `torch.save`, in the zip format or the older one.

    Raises:
        WeightsError: not a checkpoint, cut short, or with something in it that has no place in weights.
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
        # torch's own messages advise to switch the protection off: not ours to pass on.
        raise WeightsError(f"{path} is not plain weights and was refused: nothing in it was run") from error
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {reason(error)}") from error
    except (RecursionError, MemoryError) as error:
        raise WeightsError(f"{path} is not weights: it is nested or sized beyond reason") from error
    except Exception as error:
        # A damaged file fails in as many ways as there are bytes; all mean the same to a person.
        raise WeightsError(f"{path} is damaged or cut short; fetch or copy it again") from error


def _needs_stand_in(path: Path, module: str, name: str) -> bool:
    """Whether the name becomes inert (True) or is left to torch's own list (False); else refuse the file."""
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
    """An inert class that answers to the given name, under which torch looks it up."""
    return type(name, (Inert,), {"__module__": module, "__qualname__": name})


@contextmanager
def _only(classes: list[Any]) -> Iterator[None]:
    """Let torch load these beside its own, and nothing that others have allowed in this process."""
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
    """(module, name) of everything that the checkpoint's instructions ask for, read without following them.

    This only decides what to offer. If it and torch saw different things in a strange file, torch would
    find a name missing from its list and refuse.
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
    # torch stores its members as they are: what unpacks to far more was made to fill the memory.
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
            # As torch does: files from Python 2 use its names.
            if (module, name) in NAME_MAPPING:
                module, name = NAME_MAPPING[module, name]
            found.add((IMPORT_MAPPING.get(module, module), name))
            if len(found) > MAX_NAMES:
                raise WeightsError(
                    f"{path} is not weights: it asks for more than {MAX_NAMES} different things"
                )
    return found


def module_tensors(module: Inert) -> dict[str, Tensor]:
    """The `state_dict` of an inert `torch.nn.Module`: parameters and persistent buffers by dotted name.

    Raises:
        WeightsError: the object is not built like a module.
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

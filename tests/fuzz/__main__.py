"""Runs targets with atheris; see the package's docstring."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

CRASHES = Path(__file__).parent / "crashes"


def main() -> int:
    """0: nothing broke; 1: something did, and lies in `crashes`."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--corpus", type=Path, default=Path.home() / ".cache" / "shufflecam-fuzz")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        fuzz(options.target, options.corpus, options.seconds)
        return 0
    names = list(TARGETS) if options.target == "all" else [options.target]
    return max(fuzz_apart(name, options.corpus, options.seconds) for name in names)


def fuzz_apart(name: str, corpus: Path, seconds: int) -> int:
    """One target in a process of its own: what a decoder does to its memory ends with it."""
    command = [sys.executable, "-m", "tests.fuzz", name, "--inside", "--corpus", str(corpus)]
    done = subprocess.run([*command, "--seconds", str(seconds)], stderr=subprocess.PIPE, text=True)
    tail = [
        line for line in done.stderr.splitlines() if line.startswith(("Done", "stat::", "SUMMARY", "===="))
    ]
    print(f"{name}: exit {done.returncode}", *tail[-6:], sep="\n  ", flush=True)
    if done.returncode:
        print(done.stderr[-3000:], flush=True)
    return int(done.returncode != 0)


def fuzz(name: str, corpus: Path, seconds: int) -> None:
    """Does not come back: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["shufflecam"]):
        import shufflecam.detect.given
        import shufflecam.evaluate.annotations
        import shufflecam.evaluate.mpii
        import shufflecam.models.load
        import shufflecam.models.pickles
        import shufflecam.sources.pictures.picture
        import shufflecam.sources.video.reader  # noqa: F401
    from tests.fuzz.targets import TARGETS, run

    target = TARGETS[name]
    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    (CRASHES / name).mkdir(parents=True, exist_ok=True)
    atheris.Setup(
        [
            sys.argv[0], str(folder), f"-max_total_time={seconds}", "-timeout=30", "-rss_limit_mb=4000",
            "-max_len=20000", f"-artifact_prefix={CRASHES / name}/", "-print_final_stats=1", "-verbosity=0",
        ],
        lambda data: run(target, data),
    )  # fmt: skip
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())

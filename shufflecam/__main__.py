"""`python -m shufflecam` and the `shufflecam` command."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line; never returns."""
    # Read when cv2 is imported: without it Windows' cameras take half a minute to open (opencv #17687).
    os.environ.setdefault("OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS", "0")
    from shufflecam.cli.main import run

    run()


if __name__ == "__main__":
    main()

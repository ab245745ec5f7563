"""`python -m shufflecam` and the `shufflecam` command."""

from __future__ import annotations


def main() -> None:
    """Run the command line; never returns."""
    from shufflecam.cli.main import run

    run()


if __name__ == "__main__":
    main()

"""Report the repairs to a source's timestamps as one sentence."""

from __future__ import annotations


class Mended:
    """Collects the faults in a file's timestamps, and where they begin."""

    def __init__(self) -> None:
        self.leading = 0
        """Number of pictures without a timestamp at the beginning."""
        self._runs = 0
        self._first_run = ""
        self._not_rising = 0
        self._not_rising_s = 0.0
        self._untold = 0
        self._untold_s = 0.0

    def note_run(self, at_s: float, by_s: float) -> None:
        """Record that the clock jumps by `by_s` after the picture at `at_s`."""
        self._runs += 1
        if self._runs == 1:
            how = "falls back" if by_s <= 0 else "leaps ahead"
            self._first_run = f"its clock {how} by {_span(abs(by_s))} at {at_s:.2f} s"

    def note_not_rising(self, at_s: float) -> None:
        """Record that the picture after the one at `at_s` is not later than it."""
        self._not_rising += 1
        if self._not_rising == 1:
            self._not_rising_s = at_s

    def note_untold(self, at_s: float) -> None:
        """Record that the picture after the one at `at_s` has no timestamp."""
        self._untold += 1
        if self._untold == 1:
            self._untold_s = at_s

    def sentence(self, no_times: str | None = None) -> str | None:
        """Return the repairs as a predicate, without a subject; None without repairs.

        Args:
            no_times: the clause for a container without any timestamps.
        """
        parts = [no_times] if no_times else []
        if self._runs:
            often = f", the first of {self._runs} such places" if self._runs > 1 else ""
            parts.append(f"{self._first_run}{often}; the times go on from there, sound with them")
        if self.leading:
            its = "its first picture has" if self.leading == 1 else f"its first {_pictures(self.leading)}"
            parts.append(f"{its} no time; counted back from the first that has one")
        if self._untold and not no_times:
            parts.append(
                f"{_pictures(self._untold)} no time (from {self._untold_s:.2f} s on); put evenly behind the "
                "one before"
            )
        if self._not_rising:
            parts.append(
                f"{_pictures(self._not_rising)} no later time than the one before (from "
                f"{self._not_rising_s:.2f} s on); put between or behind its neighbours"
            )
        return "; ".join(parts) or None


def _pictures(count: int) -> str:
    return "one picture has" if count == 1 else f"{count} pictures have"


def _span(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds / 3600:.2f} h"

"""A bounded queue between two threads that also carries errors and the end of the stream."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from shufflecam.core.picture import WAITING_BYTES

T = TypeVar("T")


class Channel(Generic[T]):
    """A bounded queue between two threads that can be finished (by its writer) or closed (by any thread).

    After `finish` the reader still receives every item that was put, then the end or the writer's error.
    After `close` no item is accepted or returned, and all waiting threads wake up.
    """

    def __init__(self, depth: int, weigh: Callable[[T], int] = lambda item: 0) -> None:
        """Allow `depth` queued items, or fewer once their sizes in bytes (`weigh`) reach `WAITING_BYTES`."""
        self._items: deque[T] = deque()
        self._depth = depth
        self._weigh = weigh
        self._changed = threading.Condition()
        self._finished = False
        self._closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Wait for room and add `item`; return False if the channel was closed: stop producing."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_room())
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def _has_room(self) -> bool:
        return len(self._items) < self._depth and sum(map(self._weigh, self._items)) < WAITING_BYTES

    def finish(self, error: BaseException | None = None) -> None:
        """Mark the end of the stream; `error` is raised at the reader after the last item."""
        with self._changed:
            self._finished = True
            self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Discard the queued items and wake all waiting threads."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()

    def get(self, timeout_s: float | None = None) -> T:
        """Return the next item.

        Raises:
            TimeoutError: no item arrived within `timeout_s`.
            EOFError: there are no more items.
            BaseException: the error passed to `finish`, after the last item.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._finished or self._items, timeout_s):
                raise TimeoutError
            if self._items and not self._closed:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None and not self._closed:
                raise self._error
            raise EOFError

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                item = self.get()
            except EOFError:
                return
            yield item


def pump(items: Iterable[T], channel: Channel[T]) -> None:
    """Move all items into the channel: the body of every thread here.

    An error of any kind is passed to the reader after the items that preceded it.
    """
    error: BaseException | None = None
    try:
        for item in items:
            if not channel.put(item):
                break
    except BaseException as raised:  # only the reader can handle it
        error = raised
    finally:
        channel.finish(error)

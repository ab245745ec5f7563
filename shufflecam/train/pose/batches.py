"""Which samples make a batch, so that a resumed run goes on with the same ones."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import Sampler

from shufflecam.train.pose.data import Order
from shufflecam.train.pose.recipe import Recipe


class Draws(Sampler[list[tuple[int, int, int, int, int]]]):
    """Yields the batches from a step on; a draw is (person, epoch, position, input width, input height)."""

    def __init__(self, order: Order, recipe: Recipe, first: int, steps: int) -> None:
        self._order, self._recipe, self._first, self._steps = order, recipe, first, steps

    def __len__(self) -> int:
        return self._steps - self._first

    def __iter__(self) -> Iterator[list[tuple[int, int, int, int, int]]]:
        length = self._order.epoch_length
        epoch, people = -1, [0]
        for step in range(self._first, self._steps):
            width, height = self._recipe.size_at(step / self._steps)
            batch = []
            for draw in range(step * self._recipe.batch, (step + 1) * self._recipe.batch):
                if draw // length != epoch:
                    epoch = draw // length
                    people = self._order.epoch(epoch)
                batch.append((people[draw % length], epoch, draw % length, width, height))
            yield batch

"""Which track is which pose: the pairs with the largest sum of similarities."""

from __future__ import annotations

import numpy as np

from shufflecam.core.types import FloatArray


def assign(similarity: FloatArray) -> list[tuple[int, int]]:
    """(T, N) similarities >= 0 -> the pairs (row, column) with the largest sum; 0 is never paired.

    Each connected group of rows and columns (linked by a similarity above 0) is solved separately: in a crowd
    each person is near a few others only, and the cost grows with the cube of the group.
    """
    pairs: list[tuple[int, int]] = []
    for rows, columns in _groups(similarity > 0):
        if len(rows) == 1 or len(columns) == 1:
            block = similarity[np.ix_(rows, columns)]
            best, other = divmod(int(block.argmax()), block.shape[1])
            pairs.append((rows[best], columns[other]))
            continue
        block = similarity[np.ix_(rows, columns)].astype(np.float64)
        turned = len(rows) > len(columns)
        chosen = _kuhn_munkres(-(block.T if turned else block))
        for short, long in enumerate(chosen):
            row, column = (long, short) if turned else (short, long)
            if block[row, column] > 0:
                pairs.append((rows[row], columns[column]))
    return sorted(pairs)


def _kuhn_munkres(cost: np.ndarray) -> list[int]:
    """Return the column of each row of (n, m), n <= m, that minimises the sum of the costs.

    Shortest augmenting paths with potentials, O(n^2 m); Kuhn 1955, Munkres 1957, in the form of
    Jonker & Volgenant 1987.
    """
    n, m = cost.shape
    row_of = np.full(m + 1, -1)  # row of each column; the last column is the one that starts a path
    row_potential, column_potential = np.zeros(n), np.zeros(m + 1)
    for row in range(n):
        row_of[m] = row
        column: int = m
        distance, before = np.full(m, np.inf), np.full(m, m)
        done = np.zeros(m + 1, bool)
        while row_of[column] != -1:
            done[column] = True
            here = int(row_of[column])
            reduced = cost[here] - row_potential[here] - column_potential[:m]
            better = ~done[:m] & (reduced < distance)
            distance[better], before[better] = reduced[better], column
            following = int(np.where(done[:m], np.inf, distance).argmin())
            step = distance[following]
            row_potential[row_of[done]] += step
            column_potential[done] -= step
            distance[~done[:m]] -= step
            column = following
        while column != m:
            previous = int(before[column])
            row_of[column] = row_of[previous]
            column = previous
    column_of = [0] * n
    for j in range(m):
        if row_of[j] != -1:
            column_of[row_of[j]] = j
    return column_of


def _groups(linked: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """Return the connected groups of the (T, N) table as rows and columns; none is empty."""
    free = set(np.flatnonzero(linked.any(axis=1)).tolist())
    groups = []
    while free:
        rows, columns, ahead = set[int](), set[int](), {min(free)}
        while ahead:
            rows |= ahead
            columns |= set(np.flatnonzero(linked[sorted(ahead)].any(axis=0)).tolist())
            ahead = set(np.flatnonzero(linked[:, sorted(columns)].any(axis=1)).tolist()) - rows
        free -= rows
        groups.append((sorted(rows), sorted(columns)))
    return groups

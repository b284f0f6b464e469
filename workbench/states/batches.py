"""Batching of sentences, decided before the run so that it is reproducible."""

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.core.errors import InputError


@dataclass(frozen=True)
class Shard:
    """A stretch of work that is saved as a whole: some batches of sentence numbers."""

    batches: tuple[tuple[int, ...], ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """Sentence numbers in the order they are run."""
        return tuple(row for batch in self.batches for row in batch)


def plan_batches(
    lengths: Sequence[int], batch_tokens: int, in_length_order: bool = True
) -> list[tuple[int, ...]]:
    """Group sentences so that a padded batch holds at most `batch_tokens` tokens.

    In length order little is padded; the order of the results is that of the text all the same.

    >>> plan_batches([5, 2, 3], batch_tokens=6)
    [(1, 2), (0,)]
    """
    if batch_tokens < 1:
        raise InputError(f"batch_tokens must be at least 1, not {batch_tokens}")
    order = range(len(lengths))
    batches: list[tuple[int, ...]] = []
    batch: list[int] = []
    widest = 0
    for row in sorted(order, key=lambda i: lengths[i]) if in_length_order else order:
        width = max(widest, lengths[row])
        if batch and width * (len(batch) + 1) > batch_tokens:
            batches.append(tuple(batch))
            batch, width = [], lengths[row]
        batch.append(row)
        widest = width
    return [*batches, tuple(batch)] if batch else batches


def plan_shards(lengths: Sequence[int], batches: Sequence[tuple[int, ...]], shard_tokens: int) -> list[Shard]:
    """Group batches into shards of about `shard_tokens` tokens."""
    shards: list[Shard] = []
    current: list[tuple[int, ...]] = []
    held = 0
    for batch in batches:
        current.append(batch)
        held += sum(lengths[row] for row in batch)
        if held >= shard_tokens:
            shards.append(Shard(tuple(current)))
            current, held = [], 0
    return [*shards, Shard(tuple(current))] if current else shards


def padded_tokens(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> int:
    """Tokens the model is shown, padding included."""
    return sum(max(lengths[row] for row in batch) * len(batch) for batch in batches)

"""The layer table: what ``summary()`` shows."""

from __future__ import annotations

from collections.abc import Callable

from .autoencoder import LinearPath
from .layers import Halves, Step

Shape = tuple[int, ...]


class LayerTable(str):
    """A table that was printed already: at a prompt it is not shown a second time."""

    __slots__ = ()

    def __repr__(self) -> str:
        return ""


def layer_table(halves: Halves, linear: LinearPath | None, shape: Shape, view: Callable[[Shape], Shape]) -> LayerTable:
    """Name, output shape (in the caller's order of axes), parameters and size formula of every layer."""
    steps = [Step("samples", shape), *halves.encoder_steps, *halves.decoder_steps]
    if linear is not None:
        n_features, n_components = linear.encoder.in_features, linear.encoder.out_features
        steps += [
            Step("linear path, encoder", (n_components,), f"{n_features} -> {n_components}", linear.encoder),
            Step("linear path, decoder", shape, f"{n_components} -> {n_features}", linear.decoder),
        ]
    rows = [(step.name, shown(view(step.shape)), f"{step.n_parameters:,}", step.formula) for step in steps]
    rows.insert(0, ("layer", "output shape", "parameters", "size"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{name:<{widths[0]}}  {size:<{widths[1]}}  {count:>{widths[2]}}  {formula}".rstrip()
        for name, size, count, formula in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    lines.append(f"{sum(step.n_parameters for step in steps):,} parameters")
    return LayerTable("\n".join(lines))


def shown(shape: Shape) -> str:
    """A shape as Python writes it."""
    return str(tuple(int(size) for size in shape))

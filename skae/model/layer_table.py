"""The layer table of ``summary()``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from .autoencoder import LinearPath
from .layers import EncoderDecoder, Step

Shape = tuple[int, ...]
Row = tuple[str, str, str, str]
HEADER: Row = ("layer", "output shape", "parameters", "size")


class LayerRow(NamedTuple):
    """One layer; ``shape`` is that of its output, channels first, without the batch axis."""

    name: str
    shape: Shape
    n_parameters: int
    formula: str


class LayerTable(str):
    """A table that was printed; its ``repr`` is empty, so that a prompt does not show it a second time.

    ``rows`` are its cells, and ``notes`` its last lines. Notebooks show it as HTML.
    """

    __slots__ = ("notes", "rows")
    rows: Sequence[Row]
    notes: Sequence[str]

    def __new__(cls, rows: Sequence[Row], notes: Sequence[str]) -> LayerTable:
        table = super().__new__(cls, to_text(rows, notes))
        table.rows, table.notes = rows, notes
        return table

    def __getnewargs__(self) -> tuple[Sequence[Row], Sequence[str]]:  # type: ignore[override]
        return self.rows, self.notes

    def __repr__(self) -> str:
        return ""

    def _repr_html_(self) -> str:
        lines = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows]
        head = "".join(f"<th>{name}</th>" for name in HEADER)
        notes = "<br>".join(map(escape, self.notes))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table><p>{notes}</p>"


def layer_rows(encoder_decoder: EncoderDecoder, linear: LinearPath | None, shape: Shape) -> list[LayerRow]:
    """The rows of the layer table, in order."""
    steps = [Step("samples", shape), *encoder_decoder.encoder_steps, *encoder_decoder.decoder_steps]
    if linear is not None:
        n_features, n_components = linear.encoder.in_features, linear.encoder.out_features
        steps += [
            Step("linear path, encoder", (n_components,), f"{n_features} -> {n_components}", linear.encoder),
            Step("linear path, decoder", shape, f"{n_components} -> {n_features}", linear.decoder),
        ]
    return [LayerRow(step.name, step.shape, step.n_parameters, step.formula) for step in steps]


def layer_table(layers: Sequence[LayerRow], view: Callable[[Shape], Shape], notes: Sequence[str]) -> LayerTable:
    """The table, with ``notes`` as its last lines; ``view`` maps a shape, channels first, to the one shown."""
    rows = []
    for layer in layers:
        shape = tuple(int(size) for size in view(layer.shape))
        rows.append((layer.name, str(shape), f"{layer.n_parameters:,}", layer.formula))
    return LayerTable(rows, [f"{sum(layer.n_parameters for layer in layers):,} parameters", *notes])


def to_text(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """The table as text, in columns of equal width."""
    rows = [HEADER, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{name:<{widths[0]}}  {size:<{widths[1]}}  {count:>{widths[2]}}  {formula}".rstrip()
        for name, size, count, formula in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join([*lines, *notes])

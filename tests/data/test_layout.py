"""Sample layout: axes inferred from shapes, the network's order of axes and its inverse."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skae.data import Moments, SampleLayout, Scaling, infer_axes


def layout_of(sample_shape, axes, X, kind="global", flattened=False):
    slices = [torch.from_numpy(X.reshape(len(X), -1))]
    scaling = Scaling.of(Moments.of(slices), kind, is_table=not axes)
    return SampleLayout(sample_shape, tuple(axes.split()), flattened, scaling, np.dtype(np.float32))


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((28, 28), "h w"),
        ((16, 28), "h w"),
        ((28, 28, 1), "h w c"),
        ((32, 32, 3), "h w c"),
        ((32, 32, 4), "h w c"),
        ((3, 32, 32), "c h w"),
        ((1, 28, 28), "c h w"),
        ((1, 500), "c t"),
        ((500, 1), "t c"),
        ((500,), "t"),
        ((10, 32, 32, 3), "t h w c"),
        ((10, 16, 16, 1), "t h w c"),
    ],
)
def test_axes_are_inferred_from_unambiguous_shapes(shape, axes):
    assert infer_axes(shape, None) == tuple(axes.split())


@pytest.mark.parametrize("shape", [(16, 28, 28), (2, 500), (500, 2), (3, 4, 3), (3, 32, 3), (10, 32, 32, 8)])
def test_ambiguous_shapes_list_their_readings_and_accept_each(shape):
    with pytest.raises(ValueError, match="can be read in") as caught:
        infer_axes(shape, None)
    named = [part.split("'")[1] for part in str(caught.value).split("axes=")[1:]]
    assert len(named) > 1
    for axes in named:
        assert infer_axes(shape, axes) == tuple(axes.split())


@given(st.permutations(["c", "t", "h", "w"]), st.integers(1, 4), st.data())
@settings(max_examples=60, deadline=None)
def test_layout_transposes_as_numpy_does_and_inverts(names, n_axes, data):
    axes = names[:n_axes]
    if axes == ["c"]:
        return
    shape = tuple(data.draw(st.integers(1, 5)) for _ in axes)
    X = np.random.RandomState(0).standard_normal((6, *shape))
    layout = layout_of(shape, " ".join(axes), X)
    x = layout.to_network(torch.from_numpy(X))
    order = [axes.index(name) for name in ("c", "t", "d", "h", "w") if name in axes]
    expected = ((X - X.mean(0)) / np.sqrt(X.var(0).mean())).transpose(0, *(i + 1 for i in order))
    np.testing.assert_allclose(x.numpy(), expected.reshape(x.shape), atol=1e-5)
    assert tuple(x.shape[1:]) == layout.network_shape
    np.testing.assert_allclose(layout.to_caller(x), X, atol=1e-5)


def test_flattened_samples_are_returned_flattened():
    X = np.random.RandomState(0).standard_normal((5, 12))
    layout = layout_of((2, 2, 3), "h w c", X, flattened=True)
    x = layout.to_network(torch.from_numpy(X))
    assert x.shape == (5, 3, 2, 2)
    assert layout.to_caller(x).shape == (5, 12)
    np.testing.assert_allclose(layout.to_caller(x), X, atol=1e-5)


def test_layer_shapes_are_shown_in_the_order_of_the_input_axes():
    layout = layout_of((8, 6, 3), "h w c", np.zeros((2, 8, 6, 3)))
    assert layout.caller_view((16, 4, 3)) == (4, 3, 16)
    assert layout.caller_view((16,)) == (16,)

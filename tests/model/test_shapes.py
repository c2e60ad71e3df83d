"""Convolution arithmetic against torch, for every size."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skae.model import Convolutional
from skae.model.shapes import axis_step, convolved_size, pyramid


def transposed_size(size, kernel, stride, padding, output_padding):
    return (size - 1) * stride - 2 * padding + kernel + output_padding


@given(st.integers(1, 70), st.integers(1, 9), st.integers(1, 4), st.integers(0, 4))
@settings(max_examples=200, deadline=None)
def test_sizes_equal_those_of_torch(size, kernel, stride, padding):
    expected = convolved_size(size, kernel, stride, padding)
    back = transposed_size(expected, kernel, stride, padding, 0)
    if expected < 1 or back < 1:
        return
    x = nn.Conv1d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, size))
    assert x.shape[-1] == expected
    assert nn.ConvTranspose1d(1, 1, kernel, stride, padding)(x).shape[-1] == back


@pytest.mark.parametrize("kernel", range(1, 10))
@pytest.mark.parametrize("stride", range(1, 5))
def test_transposed_convolution_restores_every_size(kernel, stride):
    for size in range(max(4, kernel), 80):
        step = axis_step(size, kernel, stride)
        assert transposed_size(step.size_out, step.kernel, step.stride, step.padding, step.output_padding) == size


@pytest.mark.parametrize("size", range(4, 70))
def test_stride_two_halves_the_size_rounded_up(size):
    assert axis_step(size, 3, 2).size_out == -(-size // 2)


def test_formulas_are_written_out():
    step = axis_step(256, 3, 2)
    assert step.formula == "floor((256 + 2*1 - 3) / 2) + 1 = 128"
    assert step.transposed_formula == "(128 - 1)*2 - 2*1 + 3 + 1 = 256"


def test_kernel_of_sixteen_at_stride_one_does_not_halve():
    assert convolved_size(256, 16, 1, 0) == 241


def test_too_many_layers_name_the_layer_and_its_shape():
    with pytest.raises(ValueError, match=r"layer 4 .* shape \(8, 1\)"):
        pyramid(1, (4,), (8,) * 4, (8,) * 4, (1,) * 4)


SHAPES = [(1, 4, 4), (1, 5, 7), (3, 28, 28), (2, 31, 17), (1, 4, 64), (1, 9), (2, 500), (1, 4, 5, 6), (3, 8, 16, 9)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("n_components", [1, 5])
def test_convolutional_takes_samples_to_codes_and_back(shape, n_components):
    built = Convolutional().build(shape, n_components)
    x = torch.zeros(3, *shape)
    latent = built.encoder(x)
    assert latent.shape == (3, n_components)
    assert built.decoder(latent).shape == x.shape


@given(st.lists(st.integers(4, 24), min_size=1, max_size=3), st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_every_size_from_four_on_is_restored(sizes, channels, kernel, stride):
    shape = (channels, *sizes)
    built = Convolutional((4, 6), kernel_size=kernel, stride=stride).build(shape, 2)
    assert built.decoder(built.encoder(torch.zeros(2, *shape))).shape == (2, *shape)


def test_every_row_of_the_table_has_the_shape_its_module_gives():
    built = Convolutional((4, 6), stride=(2, 1)).build((3, 9, 12), 2)
    x = torch.zeros(2, 3, 9, 12)
    for step in (*built.encoder_steps, *built.decoder_steps):
        x = step.module(x)
        assert tuple(x.shape[1:]) == step.shape


def test_dense_layers_between_map_and_code():
    def weights(hidden_sizes, shape=(1, 28, 28)):
        built = Convolutional(hidden_sizes=hidden_sizes).build(shape, 3)
        return sum(p.numel() for module in (built.encoder, built.decoder) for p in module.parameters())

    assert weights(()) < weights((20,)) < weights((20, 30)) < weights("auto")
    assert weights("auto", (1, 32, 32, 32)) < 10_000_000
    names = [step.name for step in Convolutional(hidden_sizes=(20, 30)).build((1, 28, 28), 3).encoder_steps]
    assert names[-3:] == ["encoder dense 1", "encoder dense 2", "encoder dense"]

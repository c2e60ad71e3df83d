"""Bad input raises its error before training starts and changes nothing; unusual valid input works."""

import contextlib
import copy
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.random_projection import GaussianRandomProjection

from bad_inputs import CASES
from bad_inputs.case import FRAME, NO_VALUE, PICTURES, SMALL, Case, X, fitted_on
from bad_inputs.parameters import NO_CUDA, NO_MPS
from skae import AutoencoderTransformer
from unchanged import bits, soon, state, unchanged_globals


@pytest.fixture(scope="module", autouse=True)
def imported():
    """Modules that torch imports in the first training are imported before the first case."""
    fitted_on("rows")


def contains_value(message: str, value) -> bool:
    """Whether a message contains the value as the given one, not as the end of a range."""
    return re.search(rf"(Got |of |=){re.escape(repr(value))}(?!\w|\.\d)", message) is not None


@pytest.mark.bad_input(92)
@pytest.mark.parametrize(
    ("case", "kind"), [pytest.param(case, kind, id=f"{case}-{kind}") for case in CASES for kind in case.on]
)
def test_bad_input_raises_its_error_and_changes_nothing(case: Case, kind):
    # A copy, which the case may change.
    estimator = copy.deepcopy(fitted_on(case.fitted_on)) if kind == "fitted" else AutoencoderTransformer(**SMALL)
    estimator = case.start(estimator.set_params(**case.params))
    # Modules that are passed are not trained in place; a random stream that is passed advances.
    passed = [X, PICTURES, FRAME, case.given, {**case.params, "random_state": None}]
    before, data = state(estimator), bits(passed)
    match = case.fitted_match if kind == "fitted" and case.fitted_match else case.match
    expected = contextlib.nullcontext() if case.error is None else pytest.raises(case.error, match=f"(?s){match}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with soon(), unchanged_globals(), expected as error:
            case.call(estimator)
    assert bits(passed) == data
    if case.warning is None:
        assert [str(w.message) for w in caught] == []
    else:
        assert [w.category for w in caught] == [case.warning[0]]
        assert case.warning[1] in str(caught[0].message)
        assert caught[0].filename.endswith(case.warned_in or case.call.__code__.co_filename)
    if case.error is not None or case.reads:
        assert state(estimator) == before
    if case.error is None:
        return
    assert case.parameter in str(error.value)
    assert case.value is NO_VALUE or contains_value(str(error.value), case.value)
    if "_result" not in before:
        with pytest.raises(NotFittedError):
            estimator.transform(X)


def test_every_error_names_the_parameter_and_its_value():
    cases = [case for case in CASES if case.number < 50 and case.error is not None]
    assert [str(case) for case in cases if not case.parameter] == []
    without_value = {case.number for case in cases if case.value is NO_VALUE}
    # Unknown names have no value; the other messages are those of Python, scikit-learn, pickle and the system.
    assert without_value == {37, 38, 43, 46, 49}


@pytest.mark.parametrize("forgotten", ["layout", "codes", "layers", "n_components", "history", "schema", "spec"])
def test_state_compares_private_attributes(forgotten):
    """The cases rely on this comparison."""
    estimator = copy.deepcopy(fitted_on("frame"))
    before = state(estimator)
    assert state(estimator) == before
    estimator._result = replace(estimator._result, **{forgotten: None})
    assert state(estimator) != before


def test_state_compares_weights_and_optimizer_moments():
    estimator = AutoencoderTransformer(**SMALL).partial_fit(X)
    moments = [part for entry in estimator.net_.optimizer_.state.values() for part in entry.values()]
    assert moments
    for part in (*moments, *estimator.net_.module_.parameters(), estimator._result.codes):
        before = state(estimator)
        with torch.no_grad():
            part += 1
        assert state(estimator) != before


@pytest.mark.bad_input(64, 77)
def test_codes_are_bitwise_equal_for_every_memory_order():
    plain = AutoencoderTransformer(**SMALL).fit(X)
    wide = np.zeros((120, 16))
    wide[::2, ::2] = X
    for same in (np.asfortranarray(X), wide[::2, ::2], X.astype(">f8"), torch.from_numpy(X), pd.DataFrame(X)):
        other = AutoencoderTransformer(**SMALL).fit(same)
        np.testing.assert_array_equal(np.asarray(other.transform(same)), plain.transform(X))


def test_random_state_instances_advance_with_each_fit():
    """Two fits differ; a clone copies the stream, as clones of scikit-learn's estimators do."""
    own = AutoencoderTransformer(**{**SMALL, "early_stopping": False, "random_state": np.random.RandomState(0)})
    theirs = GaussianRandomProjection(2, random_state=np.random.RandomState(0))
    for estimator in (own, theirs):
        first = estimator.fit_transform(X)
        copied = clone(estimator)
        assert copied.random_state is not estimator.random_state
        second = estimator.fit_transform(X)
        assert not np.array_equal(second, first)
        np.testing.assert_array_equal(copied.fit_transform(X), second)
        assert not np.array_equal(copied.fit_transform(X), second)


def test_failed_first_fit_leaves_nothing_learned():
    estimator = AutoencoderTransformer(**SMALL)
    with pytest.raises(ValueError, match="missing"):
        estimator.fit(np.full((9, 3), np.nan))
    assert "_result" not in vars(estimator)


CELLS = {np.inf: "infinity", -np.inf: "infinity", 1e39: "too large for dtype"}


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 59), st.integers(0, 7)), st.sampled_from([0.0, -1e6, 1e-40, np.nan, *CELLS])
    )
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_one_bad_cell_anywhere_raises(cells):
    """Without a bad cell the call works; with one it raises the error of one of them and changes nothing."""
    rows = X.copy()
    for place, value in cells.items():
        rows[place] = value
    messages = {CELLS[value] for value in cells.values() if value in CELLS}
    estimator = AutoencoderTransformer(**SMALL)
    for call in (estimator.fit, estimator.partial_fit):
        if not messages:
            assert np.isfinite(call(rows).transform(rows)).all()
            continue
        with pytest.raises(ValueError, match="|".join(messages)):
            call(rows)
        assert "_result" not in vars(estimator)


def test_every_row_of_the_table_has_a_test():
    """Rows that need a process, a thread, a file or a search have tests elsewhere, marked by their numbers."""
    marks = [
        re.findall(r"mark\.bad_input\(([\d, ]+)\)", path.read_text())
        for path in Path(__file__).parents[1].rglob("*.py")
    ]
    elsewhere = {int(number) for mark in marks for numbers in mark for number in numbers.split(",")}
    # Rows for a missing GPU are cases only on machines without one.
    missing = (set() if NO_CUDA else {21, 22}) | (set() if NO_MPS else {24})
    assert elsewhere | {case.number for case in CASES} == set(range(1, 135)) - missing

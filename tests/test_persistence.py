"""Model files: what was saved comes back to the bit, and no other file is taken for one."""

import contextlib
import copy
import errno
import functools
import io
import json
import math
import multiprocessing
import operator
import os
import pickle
import random
import shutil
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from torch import nn

import skae
from skae import AutoencoderTransformer, Convolutional, Custom, Dense, ModelFileError, load, save
from skae._model import EncoderDecoder
from skae._persistence.saving import in_bytes
from skae._serialization import container
from skae.text import CharacterEncoder
from skae.variants import VARIANTS, Denoising, Nested, Regularized, Variant, Variational

FILES = Path(__file__).parent / "files"
sys.path.insert(0, str(FILES))
import release_files  # noqa: E402

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((60, 6)) @ RANDOM.standard_normal((6, 6))
PICTURES = RANDOM.uniform(size=(40, 8, 8))
TOKENS = RANDOM.randint(0, 5, (60, 7))
FRAME = pd.DataFrame(X, columns=list("abcdef")).astype({"a": "Float64", "b": "float32"}).assign(c=np.arange(60))
SMALL = Dense((4,))
OWN = {"encoder": nn.Linear(6, 2), "decoder": nn.Linear(2, 6)}
QUICK = {"max_epochs": 2, "random_state": 0}
CASES = {
    "dense": ({}, X),
    "conv": ({"architecture": Convolutional(channels=(4,)), "optimizer": "sgd"}, PICTURES),
    "conv in one axis": ({"architecture": Convolutional(channels=(4,)), "axes": "t"}, X),
    "sequence": ({"architecture": skae.Sequence(4, hidden_sizes=(4,)), "loss": "cross_entropy"}, TOKENS),
    "tokens, dense": ({"architecture": SMALL, "axes": "n"}, TOKENS),
    "custom": ({"architecture": Custom(*OWN.values())}, X),
    "custom with a linear path": ({"architecture": Custom(*OWN.values(), linear_path=True)}, X),
    "a share of the variance": ({"n_components": 0.9, "architecture": SMALL}, X),
    "wrapped": ({"variant": Nested(Denoising("swap", variant=Variational(free_bits=0.1))), "architecture": SMALL}, X),
    "spectral": ({"variant": Regularized("spectral"), "architecture": SMALL}, X),
    "spectral without a linear path": (
        {"variant": Regularized("spectral"), "architecture": Dense((4,), linear_path=False)},
        X,
    ),
    **{f"variant {name}": ({"variant": name, "architecture": SMALL}, X) for name in VARIANTS},
    "bce": ({"loss": "bce", "architecture": SMALL}, PICTURES),
    "pandas": ({"architecture": SMALL}, FRAME),
    "polars": ({"architecture": SMALL}, pl.DataFrame(X, schema=list("abcdef"))),
    "numbered columns": ({"architecture": SMALL}, pd.DataFrame(X)),
    "sparse": ({"architecture": SMALL}, sparse.random_array((60, 9), density=0.3, rng=RANDOM, format="csr")),
    "float64 that needs it": ({"architecture": SMALL, "scaling": "columns"}, X * 1e-3 + 1.7e9),
    "sample_shape": ({"architecture": SMALL, "sample_shape": (2, 3), "axes": "h w"}, X),
    "batch normalization": ({"architecture": Dense((4,), normalization="batch", dropout=0.1)}, X),
    "settings of every kind": (
        {
            "architecture": Dense(np.array([4, 3])),
            "sample_shape": [6],
            "device": torch.device("cpu"),
            "optimizer": "adam",
            "lr": np.float32(0.01),
            "net_params": {"optimizer__betas": (0.8, 0.99)},
        },
        X,
    ),
}


def fitted(given, data):
    estimator = AutoencoderTransformer(**{"n_components": 2, **QUICK, **given})
    return estimator.set_output(transform="default").fit(data)


def half_squares(output, target):
    """A loss of the caller's own."""
    return 0.5 * (output - target).square().flatten(1).mean(1)


@pytest.fixture(scope="module")
def small():
    return fitted({"architecture": SMALL}, X)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skae"


@pytest.fixture
def saved(small, path):
    save(small, path)
    return path


def again(estimator, path, **kwargs):
    save(estimator, path)
    return load(path, **kwargs)


@pytest.mark.parametrize("name", CASES)
def test_what_is_saved_comes_back_to_the_bit(name, path):
    given, data = CASES[name]
    estimator = fitted(given, data)
    loaded = again(estimator, path, custom_modules=OWN if "custom" in name else None)
    codes = estimator.transform(data)
    np.testing.assert_array_equal(loaded.transform(data), codes)
    np.testing.assert_array_equal(loaded.reconstruct(data), estimator.reconstruct(data))
    np.testing.assert_array_equal(loaded.inverse_transform(codes), estimator.inverse_transform(codes))
    np.testing.assert_array_equal(loaded.score_samples(data), estimator.score_samples(data))
    assert loaded.score(data) == estimator.score(data)
    np.testing.assert_array_equal(loaded._codes, estimator._codes)
    assert str(loaded.summary()) == str(estimator.summary())
    for attribute in vars(estimator):
        if attribute.endswith("_") and attribute not in ("net_", "architecture_", "variant_"):
            np.testing.assert_equal(getattr(loaded, attribute), getattr(estimator, attribute))
    if name != "settings of every kind":
        assert repr(loaded) == repr(estimator)
    assert repr(loaded._frame) == repr(estimator._frame)
    assert set(vars(loaded)) == set(vars(estimator))


def test_numbers_of_numpy_come_back_as_those_of_python(path):
    given, data = CASES["settings of every kind"]
    loaded = again(fitted(given, data), path)
    assert loaded.architecture.hidden_sizes == (4, 3)
    assert type(loaded.lr) is float
    assert loaded.net_params == given["net_params"]
    assert loaded.device == torch.device("cpu")


@pytest.mark.parametrize("name", ["dense", "custom", "spectral", "variant vector_quantized", "sequence", "polars"])
def test_training_goes_on_as_it_would_have(name, path):
    given, data = CASES[name]
    estimator = fitted({**given, "architecture": given.get("architecture", SMALL)}, data)
    for call in ("partial_fit", "partial_fit", "fit"):
        loaded = again(estimator, path, custom_modules=OWN)
        for each in (estimator, loaded):
            getattr(each.set_params(warm_start=True), call)(data)
        np.testing.assert_array_equal(loaded.transform(data), estimator.transform(data))
        assert [row["epoch"] for row in loaded.history_] == [row["epoch"] for row in estimator.history_]
    assert loaded.fit(data).n_iter_ > estimator.n_iter_


def test_a_random_state_goes_on_where_it_was(path):
    estimator = AutoencoderTransformer(2, architecture=SMALL, max_epochs=1, random_state=np.random.RandomState(3))
    loaded = again(estimator.fit(X), path)
    np.testing.assert_array_equal(loaded.fit(X).transform(X), estimator.fit(X).transform(X))


@pytest.mark.parametrize("variant", ["plain", "variational", "vector_quantized", "nested", "hyperspherical"])
def test_new_samples_are_drawn_as_before(variant, path):
    estimator = fitted({"variant": variant, "architecture": SMALL}, X)
    loaded = again(estimator, path)
    np.testing.assert_array_equal(loaded.sample(5, random_state=0), estimator.sample(5, random_state=0))
    np.testing.assert_array_equal(loaded.interpolate(X[:2], X[2:4], 3), estimator.interpolate(X[:2], X[2:4], 3))


def test_codes_cut_short_stay_so(path):
    short = fitted({"n_components": 4, "variant": "nested", "architecture": SMALL}, X).shortened(3)
    loaded = again(short, path)
    assert loaded.transform(X).shape == (60, 3)
    np.testing.assert_array_equal(loaded.transform(X), short.transform(X))
    np.testing.assert_array_equal(loaded.shortened(1).transform(X), short.shortened(1).transform(X))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_come_back_as_frames(library, path):
    data = FRAME if library == "pandas" else pl.DataFrame({"a": np.arange(60), "b": np.linspace(0, 1, 60)})
    estimator = fitted({"architecture": SMALL}, data).set_output(transform=library)
    loaded = again(estimator, path)
    assert loaded.transform(data).equals(estimator.transform(data))
    assert loaded.reconstruct(data).equals(estimator.reconstruct(data))
    assert list(loaded.reconstruct(data).dtypes) == list(data.dtypes)


def test_an_estimator_saved_twice_gives_the_same_bytes(small, tmp_path):
    save(small, tmp_path / "a")
    save(load(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_saving_and_loading_leave_the_random_streams_alone(small, path):
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    again(small, path)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_loads_whatever_the_default_dtype_is(saved, small):
    torch.set_default_dtype(torch.float64)
    try:
        np.testing.assert_array_equal(load(saved).transform(X), small.transform(X))
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.bad_input(121)
@pytest.mark.parametrize("path", sorted(FILES.glob("* *.skae")), ids=lambda path: path.stem)
def test_every_kind_of_every_release_is_loaded(path):
    _, X = release_files.models()[path.stem.partition(" ")[2]]
    loaded, found = load(path), np.load(path.with_suffix(".npy"))
    # Distances are as exact as reconstructions, which float32 rounds in another way on other processors.
    share = 1e-4 if "novelty" in path.name else 1e-6
    np.testing.assert_allclose(
        release_files.results(loaded, X), found, rtol=0, atol=share * max(1, np.abs(found).max())
    )
    if "going on" in path.name:
        assert loaded.partial_fit(X).n_iter_ == 3
    assert path.stat().st_size < 100_000


def test_every_kind_has_a_file_of_this_release():
    assert {path.stem.partition(" ")[2] for path in FILES.glob(f"{skae.__version__} *.skae")} == set(
        release_files.models()
    )


class TestOwnCode:
    @pytest.mark.bad_input(127)
    def test_is_asked_for_by_name(self, path):
        save(fitted({"architecture": Custom(*OWN.values())}, X), path)
        for modules in (None, {}, {"decoder": OWN["decoder"]}):
            with pytest.raises(ModelFileError, match=r"encoder is code of your own \(Linear\).*custom_modules"):
                load(path, custom_modules=modules)

    def test_may_be_a_function(self, path):
        given = {"encoder": lambda sample_shape, n_components: nn.Linear(*sample_shape, n_components)}
        given["decoder"] = lambda: nn.Linear(2, 6)
        estimator = fitted({"architecture": Custom(**given)}, X)
        loaded = again(estimator, path, custom_modules=given)
        np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))

    def test_of_other_shapes_is_refused(self, path):
        save(fitted({"architecture": Custom(*OWN.values())}, X), path)
        with pytest.raises(ModelFileError, match=r"array .module/encoder"):
            load(path, custom_modules={**OWN, "encoder": nn.Sequential(nn.Linear(6, 2))})

    def test_that_computes_something_else_is_refused(self, path):
        given = {"encoder": nn.Sequential(nn.Linear(6, 2), nn.Tanh()), "decoder": nn.Linear(2, 6)}
        save(fitted({"architecture": Custom(**given)}, X), path)
        with pytest.raises(ModelFileError, match=r"does not compute what the one saved did.*skae 0\."):
            load(path, custom_modules={**given, "encoder": nn.Sequential(nn.Linear(6, 2), nn.ReLU())})

    def test_buffers_that_are_not_stored_stay_those_of_the_module(self, path):
        class Rates(nn.Linear):
            def __init__(self):
                super().__init__(6, 2)
                self.register_buffer("rate", torch.full((2,), 3.0), persistent=False)

            def forward(self, x):
                return super().forward(x) * self.rate

        modules = {"encoder": Rates, "decoder": nn.LazyLinear(6)}
        estimator = fitted({"architecture": Custom(**modules)}, X)
        loaded = again(estimator, path, custom_modules=modules)
        np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))

    def test_architectures_and_variants(self, path):
        class Lines(BaseEstimator):
            linear_path, is_custom = False, True

            def check(self):
                pass

            def build(self, shape, n_components):
                return EncoderDecoder(nn.Linear(6, n_components), nn.Linear(n_components, 6))

        class Quiet(Variant):
            pass

        estimator = fitted({"architecture": Lines(), "variant": Denoising(variant=Quiet())}, X)
        save(estimator, path)
        with pytest.raises(ModelFileError, match=r"architecture.*\(Lines\)"):
            load(path)
        with pytest.raises(ModelFileError, match=r"variant.*\(Quiet\)"):
            load(path, custom_modules={"architecture": Lines()})
        loaded = load(path, custom_modules={"architecture": Lines(), "variant": Quiet()})
        np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))


class TestCallableLosses:
    def test_come_back_as_custom_modules(self, path):
        estimator = fitted({"architecture": SMALL, "loss": half_squares}, X)
        save(estimator, path)
        with pytest.raises(ModelFileError, match=r"loss is code of your own \(half_squares\).*custom_modules"):
            load(path)
        with pytest.raises(ModelFileError, match="'loss' parameter"):
            load(path, custom_modules={"loss": 3})
        loaded = load(path, custom_modules={"loss": half_squares})
        assert loaded.loss is loaded.net_.criterion__loss is half_squares
        np.testing.assert_array_equal(loaded.transform(X), estimator.transform(X))
        np.testing.assert_array_equal(clone(loaded).fit(X).transform(X), clone(estimator).fit(X).transform(X))

    def test_in_pipelines(self, path):
        pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(2, max_epochs=1, loss=half_squares)).fit(X)
        save(pipeline, path)
        loaded = load(path, custom_modules={"loss": half_squares})
        np.testing.assert_array_equal(loaded.transform(X), pipeline.transform(X))

    def test_auto_stays_auto(self, path):
        save(fitted({"architecture": SMALL, "loss": "auto"}, X), path)
        assert (load(path).loss, load(path).net_.criterion__loss) == ("auto", "mse")

    def test_pickles_name_the_parameter(self):
        by_name = fitted({"architecture": SMALL, "loss": half_squares}, X)
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(by_name)).transform(X), by_name.transform(X))
        local = fitted({"architecture": SMALL, "loss": lambda output, target: half_squares(output, target)}, X)
        with pytest.raises(pickle.PicklingError, match=r"'loss' parameter.*importable at module level"):
            pickle.dumps(local)
        np.testing.assert_array_equal(copy.deepcopy(local).transform(X), by_name.transform(X))


class TestSaving:
    def test_of_something_else_is_refused(self, small, path):
        for other in (GridSearchCV(small, {}), AutoencoderTransformer, None):
            with pytest.raises(TypeError, match=r"AutoencoderTransformer,.* or a Pipeline.*best_estimator_"):
                save(other, path)
        assert not path.exists()

    @pytest.mark.bad_input(133)
    def test_of_what_is_not_fitted_is_refused(self, path):
        with pytest.raises(NotFittedError):
            save(AutoencoderTransformer(), path)
        assert not path.exists()

    def test_leaves_out_what_no_file_can_hold_and_says_so(self, path):
        callbacks = {"callbacks": [], "optimizer__weight_decay": 0.1}
        estimator = fitted({"architecture": SMALL, "net_params": callbacks}, X)
        estimator.history_[0]["score"] = object()
        with pytest.warns(UserWarning, match=r"net_params\['callbacks'\], history_\['score'\]: left out"):
            save(estimator, path)
        assert load(path).net_params == {"optimizer__weight_decay": 0.1}

    def test_keeps_numbers_that_are_not_finite(self, small, path):
        estimator = copy.deepcopy(small)
        estimator.history_[0] |= {"a": math.nan, "b": -math.inf, "c": None}
        row = again(estimator, path).history_[0]
        assert math.isnan(row["a"])
        assert (row["b"], row["c"]) == (-math.inf, None)

    def test_refuses_parameters_that_fit_refuses(self, small, path):
        with pytest.raises(ValueError, match="'lr'"):
            save(copy.deepcopy(small).set_params(lr=-1), path)

    @pytest.mark.bad_input(128)
    @pytest.mark.parametrize("n_faults", [30, pytest.param(200, marks=pytest.mark.soak)])
    def test_that_fails_at_any_step_leaves_a_whole_file(self, n_faults, small, saved, monkeypatch, record_property):
        """The earlier one; and the new one, without an error, where only its folder could not be synchronized."""
        draw, seen = random.Random(n_faults), set()
        for number in range(n_faults):
            other = copy.deepcopy(small).set_params(lr=1 / (number + 1))
            before, new = saved.read_bytes(), in_bytes(other)
            fault = Fault(draw.randrange(1, 8), draw.choice(ERRORS), draw.random())
            with monkeypatch.context() as patched:
                fault.install(patched)
                last = fault.at == 7
                with contextlib.nullcontext() if last else pytest.raises(OSError, match=os.strerror(fault.error)):
                    save(other, saved)
            assert saved.read_bytes() == (new if last else before)
            assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]
            np.testing.assert_array_equal(load(saved).transform(X), small.transform(X))
            seen.add(fault.done[fault.at - 1])
        assert len(seen) == 7
        record_property("times", n_faults)

    @pytest.mark.bad_input(128)
    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts are those of Linux")
    def test_on_a_disk_that_is_full_leaves_the_earlier_file(self, tmp_path):
        command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=200k tmpfs "$0" && exec "$@"', str(tmp_path)]
        try:
            subprocess.run([*command, "true"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("may not mount here")
        ran = [*command, sys.executable, "-c", FULL_DISK, str(tmp_path)]
        assert subprocess.run(ran, capture_output=True, text=True).stdout == "whole\n"

    def test_that_runs_out_of_space_leaves_the_earlier_file(self, small, saved):
        resource = pytest.importorskip("resource")
        before, limits = saved.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                save(copy.deepcopy(small).set_params(lr=0.5), saved)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert saved.read_bytes() == before
        assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]

    def test_keeps_links_and_the_permissions_of_the_file(self, small, saved, tmp_path):
        saved.chmod(0o600)
        link = tmp_path / "link"
        link.symlink_to(saved)
        save(small, link)
        assert link.is_symlink()
        assert saved.stat().st_mode & 0o777 == 0o600

    @pytest.mark.bad_input(129)
    def test_does_not_replace_what_is_no_model(self, small, path):
        path.write_bytes(b"a letter")
        with pytest.raises(FileExistsError, match="overwrite=True"):
            save(small, path)
        assert path.read_bytes() == b"a letter"
        save(small, path, overwrite=True)
        path.write_bytes(path.read_bytes()[:100])
        save(small, path)  # a damaged model may be replaced
        assert load(path).n_components_ == 2

    def test_into_a_folder_or_a_pipe(self, small, tmp_path):
        with pytest.raises(IsADirectoryError, match=tmp_path.name):
            save(small, tmp_path, overwrite=True)
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(FileExistsError, match="no regular file"):
            save(small, tmp_path / "pipe", overwrite=True)
        assert [entry.name for entry in tmp_path.iterdir()] == ["pipe"]

    @pytest.mark.bad_input(134)
    @pytest.mark.parametrize("name", ["a model", "größe.skae", "模" * 85])
    def test_under_any_name(self, name, small, tmp_path):
        for path in (tmp_path / name, str(tmp_path / name), os.fsencode(tmp_path / name)):
            np.testing.assert_array_equal(again(small, path).transform(X), small.transform(X))

    @pytest.mark.bad_input(134)
    def test_to_a_file_object(self, small, tmp_path):
        with open(tmp_path / "file", "w+b") as file:
            save(small, file)
            file.seek(0)
            np.testing.assert_array_equal(load(file).transform(X), small.transform(X))
            with pytest.raises(ModelFileError, match="not a skae model"):
                load(file)

    @pytest.mark.bad_input(132)
    def test_a_loaded_model_needs_its_file_no_more(self, small, saved):
        loaded = load(saved)
        os.truncate(saved, 10)
        np.testing.assert_array_equal(loaded.transform(X), small.transform(X))

    @pytest.mark.bad_input(130, 131)
    def test_writers_and_readers_of_one_file_at_once(self, small, saved):
        """Whoever reads finds one of the models, whole."""
        writers = [copy.deepcopy(small).set_params(lr=lr) for lr in (0.1, 0.2)]

        def write(estimator):
            for _ in range(20):
                save(estimator, saved)

        processes = [multiprocessing.get_context("fork").Process(target=write, args=(each,)) for each in writers]
        for process in processes:
            process.start()
        found = {load(saved).lr for _ in range(20)}
        for process in processes:
            process.join(60)
            assert process.exitcode == 0
        assert found <= {"auto", 0.1, 0.2}
        assert load(saved).lr in (0.1, 0.2)
        assert [entry.name for entry in saved.parent.iterdir()] == [saved.name]

    def test_into_a_missing_folder(self, small, tmp_path):
        with pytest.raises(FileNotFoundError):
            save(small, tmp_path / "none" / "model.skae")


ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES)


class Fault:
    """Lets one step of the writing of a file fail.

    Parameters
    ----------
    at : int
        Which step.
    error : int
        Its errno.
    share : float
        How much of the file is written before, where writing it fails.
    """

    def __init__(self, at, error, share):
        self.at, self.error, self.share, self.done = at, error, share, []

    def step(self, name, function):
        self.done.append(name)
        if len(self.done) == self.at:
            raise OSError(self.error, os.strerror(self.error))
        return function()

    def install(self, patched):
        real = open, shutil.copymode, os.fsync, os.replace

        def opened(path, mode):
            if mode != "xb":
                return real[0](path, mode)
            file = self.step("open", lambda: real[0](path, mode))
            return Written(file, self)

        def fsync(handle):
            what = "folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "file"
            return self.step(f"fsync of {what}", lambda: real[2](handle))

        patched.setattr(container, "open", opened, raising=False)
        patched.setattr(shutil, "copymode", lambda *args: self.step("copymode", lambda: real[1](*args)))
        patched.setattr(os, "fsync", fsync)
        patched.setattr(os, "replace", lambda *args: self.step("replace", lambda: real[3](*args)))


class Written:
    """A file whose writing may fail."""

    def __init__(self, file, fault):
        self.file, self.fault, self.fileno = file, fault, file.fileno

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, content):
        self.file.write(content[: int(self.fault.share * len(content))])
        self.fault.step("write", lambda: self.file.write(content[int(self.fault.share * len(content)) :]))

    def flush(self):
        self.fault.step("flush", self.file.flush)


FULL_DISK = """
import sys, numpy as np, torch, skae
from pathlib import Path
from skae._training import checkpoints
checkpoints.PATIENCE = 0
folder = Path(sys.argv[1])
X = np.random.RandomState(0).standard_normal((60, 6))
small, large = (skae.AutoencoderTransformer(2, architecture=skae.Dense((n,)), max_epochs=1).fit(X) for n in (4, 4000))
skae.save(small, folder / "model")
for save in (lambda: skae.save(large, folder / "model"), lambda: large.set_params(checkpoint_dir=folder / "c").fit(X)):
    weights = large.net_
    try:
        save()
    except OSError as error:
        assert "No space left" in str(error), error
        assert large.net_ is weights
        assert (skae.load(folder / "model").transform(X) == small.transform(X)).all()
        assert not [path for path in folder.rglob("*") if path.name.endswith(".tmp")]
    else:
        raise SystemExit("there was room")
print("whole")
"""


def taken_apart(file):
    """The JSON, the table of arrays and their bytes."""
    raw = file.read_bytes()
    _, _, n_text, _, _ = container.HEAD.unpack(raw[: container.HEAD.size])
    text, data = raw[container.HEAD.size :][:n_text], raw[container.HEAD.size + n_text :]
    n_head = int.from_bytes(data[:8], "little")
    return json.loads(text), json.loads(data[8 : 8 + n_head]), data[8 + n_head :]


def put_together(file, content, table, numbers, number=container.FORMAT):
    """A file of any parts, its checksum right; parts that are bytes already stay as they are."""
    text, head = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (content, table))
    file.write_bytes(container.sealed(number, text, len(head).to_bytes(8, "little") + head + numbers))


class Unpickled:
    """Tells where it is unpickled."""

    def __reduce__(self):
        return pytest.fail, ("a file was unpickled",)


def assert_refused(file, match=None):
    with bounded(), pytest.raises(ModelFileError, match=match):
        load(file)


class TestDamage:
    @pytest.mark.bad_input(117)
    def test_a_file_cut_anywhere_is_refused(self, saved, record_property):
        name = str(saved)
        record_property("times", saved.stat().st_size)
        for length in reversed(range(saved.stat().st_size)):
            os.truncate(name, length)
            with pytest.raises(ModelFileError) as caught:
                load(name)
            told = str(caught.value)
            assert name in told
            assert f"{length:,} bytes" in told or length == 0
            assert "truncated or damaged" in told or length < len(container.MAGIC)

    @pytest.mark.bad_input(118)
    @pytest.mark.parametrize("n_flips", [300, pytest.param(1000, marks=pytest.mark.soak)])
    def test_a_flipped_bit_is_noticed(self, n_flips, saved, record_property):
        raw, draw = saved.read_bytes(), random.Random(n_flips)
        places = [*range(container.HEAD.size * 8), *(draw.randrange(len(raw) * 8) for _ in range(n_flips))]
        for place in places:
            flipped = bytearray(raw)
            flipped[place // 8] ^= 1 << place % 8
            saved.write_bytes(flipped)
            assert_refused(saved, "checksum|not a skae model")
        record_property("times", len(places))

    def test_bytes_after_the_end_are_noticed(self, saved):
        saved.write_bytes(saved.read_bytes() + b"\0")
        assert_refused(saved, "bytes")

    @pytest.mark.bad_input(119)
    def test_other_files_are_refused(self, path):
        archive = io.BytesIO()
        np.savez(archive, a=np.zeros(3))
        for content in (b"", b"\x93", archive.getvalue(), b"\x89PNG\r\n\x1a\n", pickle.dumps(Unpickled()), bytes(1000)):
            path.write_bytes(content)
            assert_refused(path, "not a skae model|truncated")

    @pytest.mark.bad_input(120)
    def test_a_newer_format_asks_for_an_upgrade(self, saved):
        content, table, numbers = taken_apart(saved)
        content["versions"]["skae"] = "7.5"
        put_together(saved, content, table, numbers, container.FORMAT + 1)
        assert_refused(saved, rf"by skae 7\.5 \(format 2\); this is skae {skae.__version__} .*up to format 1.*upgrade")
        put_together(saved, {"other": 1}, table, numbers, container.FORMAT + 1)
        assert_refused(saved, "by skae of a newer version.*upgrade")

    def test_lengths_beyond_the_file_take_no_memory(self, saved):
        head = container.HEAD.pack(container.MAGIC, 1, 2**20, 2**62, bytes(32))
        saved.write_bytes(head)
        assert_refused(saved, "bytes")

    def test_what_is_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            load(tmp_path / "none")
        assert_refused(tmp_path, "not a skae model")
        (tmp_path / "file").touch()
        assert_refused(tmp_path / "file" / "model", "directory")
        os.mkfifo(tmp_path / "pipe")
        assert_refused(tmp_path / "pipe", "regular")
        with pytest.raises(TypeError):
            load(7)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_a_missing_permission(self, saved):
        saved.chmod(0)
        with pytest.raises(PermissionError):
            load(saved)

    def test_a_device_that_is_not_there(self, saved):
        with pytest.raises(ValueError, match="device"):
            load(saved, device="tpu")


NEST = b'{"parameters":' * 100_000
HOSTILE = [
    None,
    True,
    -1,
    0,
    10**39,
    1e308,
    "os.system",
    "__class__",
    "",
    [],
    {},
    [[]],
    {"object": ["os.system", {}]},
    {"object": ["Dense", {"hidden_sizes": [10**12]}]},
    {"object": ["Convolutional", {"depth": 10**12}]},
    {"object": ["VectorQuantized", {"codebook_size": 10**15}]},
    {"object": ["Nested", {"variant": {"object": ["VectorQuantized", {"codebook_size": 10**15}]}}]},
    {"object": ["Custom", {}]},
    {"own": ["encoder", "x"]},
    {"device": "cuda:99999999999"},
    {"number": "huge"},
    {"random_state": [[1], 2, 3, 4.0]},
    {"tuple": {"a": 1}},
    {"dict": []},
    {"no such": 1},
    {"a": 1, "b": 2},
    "x" * 10**6,
    [0] * 10**5,
    {"tuple": [{}] * 10**5},
    {"dict": {str(number): number for number in range(10**4)}},
]
# Put anywhere into the text.
PIECES = [
    b"",
    b'"',
    b"{",
    b"]",
    b",",
    b"\\",
    b"\xff",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"9" * 10**5,
    b"1e99999",
    b"-",
    b"NaN",
    b'"a":1,"a":2,',
    b'"' + b"\\u0000" * 10**5 + b'"',
    b"[]," * 300_000,
]


def places(value, path=()):
    """Every place within a JSON value."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in entries:
        yield from places(part, (*path, key))


def with_value(value, path, new):
    """A copy with another value at a place."""
    changed = copy.deepcopy(value)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = new
    return changed


class TestTampering:
    @pytest.mark.bad_input(123)
    @pytest.mark.parametrize(
        ("content", "match"),
        [
            (NEST, "nested"),
            (b"[" * 100_000, "nested"),
            (b"[]", "no object"),
            (b"{", "cannot be loaded"),
            (b'{"a":NaN}', "NaN"),
            (b'{"a":-Infinity}', "Infinity"),
            (b'{"a":1e999}', "1e999"),
            (b'{"a":' + b"9" * 5000 + b"}", "999"),
            (b'{"a":1,"a":2}', "twice"),
            (b"[" + b"{}," * 2**18 + b"{}]", "too much"),
            (b'{"a":"\xff"}', "cannot be loaded"),
            (b"{}", "lacks"),
            (b'{"\\"[[": 1}', "not known"),
        ],
    )
    def test_strict_json(self, content, match, saved):
        _, table, numbers = taken_apart(saved)
        put_together(saved, content, table, numbers)
        assert_refused(saved, match)

    @pytest.mark.bad_input(123, 124, 126)
    @pytest.mark.parametrize(
        ("place", "value", "match"),
        [
            (("parameters", "loss"), "os.system", "loss"),
            (("parameters", "no_such"), 1, "no_such"),
            (("no_such",), 1, "'no_such', which is not known"),
            (("net", "no_such"), 1, "'no_such', which is not known in its net"),
            (("layout", "no_such"), 1, "'no_such', which is not known in its layout"),
            (("parameters", "net_params"), {"dict": {"callbacks": ["os.system"]}}, "callbacks"),
            (("parameters", "net_params"), {"dict": {"module": 1}}, "module"),
            (("net", "loss"), "eval", "loss"),
            (("net", "optimizer"), "os.system", "optimizer"),
            (("net", "settings"), {"optimizer__no_such": 1}, "no_such"),
            (("net", "settings"), {"torch_load_kwargs": 1}, "torch_load_kwargs"),
            (("net", "precision"), "float8", "precision"),
            (("layout", "dtype"), "O", "dtype"),
            (("layout", "sample_shape"), [-6], "shape"),
            (("layout", "sample_shape"), [10**30], "cannot be loaded"),
            (("layout", "sample_shape"), [7], "scaling"),
            (("layout", "n_tokens"), 3, "tokens"),
            (("layout", "axes"), ["q"], "axes"),
            (("module", "n_components"), -1, "components"),
            (("module", "n_components"), 10**12, "components"),
            (("module", "kept"), 1, "keeps"),
            (("module", "linear_path"), False, "linear"),
            (("architecture",), {"object": ["Variational", {}]}, "architecture"),
            (("architecture",), {"object": ["system", {}]}, "unknown class 'system'"),
            (("architecture",), {"object": ["Dense", {"no_such": 1}]}, "no_such"),
            (("architecture",), {"object": ["Dense", {"hidden_sizes": [4] * 2000}]}, "layers"),
            (("architecture",), {"object": ["Dense", {"hidden_sizes": [4, 4]}]}, "array"),
            (("architecture",), {"object": ["Dense", {"hidden_sizes": {"tuple": [10**9]}}]}, "array"),
            (("architecture",), {"own": ["os", "system"]}, "custom_modules"),
            (("variant",), {"object": ["Dense", {}]}, "variant"),
            (("frame",), {"library": "os", "columns": [["a", "float64"]]}, "library"),
            (("frame",), {"library": "pandas", "columns": [["a", "period[M]"]]}, "type of columns"),
            (("feature_names",), ["a"], "features"),
            (("output",), "system", "output"),
            (("history",), [{}], "lacks"),
            (("versions",), 3, "versions"),
        ],
    )
    def test_names_sizes_and_types(self, place, value, match, saved):
        content, table, numbers = taken_apart(saved)
        put_together(saved, with_value(content, place, value), table, numbers)
        assert_refused(saved, match)

    @pytest.mark.bad_input(125)
    def test_arrays(self, saved):
        content, table, numbers = taken_apart(saved)
        name = "module/encoder.0.weight"
        entry = table[name]
        end = len(numbers)
        empty = {"dtype": "F32", "shape": [0], "data_offsets": [end, end]}
        turned = {**entry, "shape": entry["shape"][::-1]}
        for changed in (
            {**table, "module/more": empty},
            {**table, "optimizer/none/step": empty},
            {**table, "codes": empty},
            {**table, "module/decoder.0.direction": empty},
            {**table, "__metadata__": {"a": "b"}},
            {key: value for key, value in table.items() if key != name},
            {**table, name: turned},
            {**table, name: {**entry, "dtype": "I32"}},
            {**table, name: {**entry, "dtype": "F128"}},
            {**table, name: {**entry, "dtype": ["F32"]}},
            {**table, name: {**entry, "shape": [-4, -6]}},
            {**table, name: {**entry, "shape": [10**18, 10**18]}},
            {**table, name: {**entry, "shape": [4, 6.0]}},
            {**table, name: {**entry, "data_offsets": [-96, 0]}},
            {**table, name: {**entry, "data_offsets": [0, 10**18]}},
            {**table, name: {**entry, "data_offsets": table["module/linear.encoder.weight"]["data_offsets"]}},
            {**table, name: 3},
            {},
            [],
        ):
            put_together(saved, content, changed, numbers)
            assert_refused(saved)
        twice = json.dumps(table)[:-1] + f', "{name}": {json.dumps(entry)}}}'
        put_together(saved, content, twice.encode(), numbers)
        assert_refused(saved, "twice")
        for changed in (numbers[:-8], numbers + bytes(8), b""):
            put_together(saved, content, table, changed)
            assert_refused(saved)
        saved.write_bytes(container.sealed(1, json.dumps(content).encode(), (2**60).to_bytes(8, "little")))
        assert_refused(saved, "safetensors")

    @pytest.mark.parametrize("name", ["module/encoder.0.weight", "module/latent_scale", "scaling/mean", "codes"])
    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_numbers_that_are_not_finite(self, name, value, saved):
        stored = container.read(str(saved))
        arrays = stored.arrays()
        arrays[name].view(-1)[0] = value
        saved.write_bytes(container.packed(stored.content, arrays))
        assert_refused(saved, f"{name}.*not finite")

    def test_settings_that_compute_something_else_are_noticed(self, path):
        save(fitted({"architecture": SMALL, "early_stopping": False}, X), path)
        content, table, numbers = taken_apart(path)
        content["architecture"]["object"][1]["activation"] = "tanh"
        put_together(path, content, table, numbers)
        assert_refused(path, "does not compute")

    @pytest.mark.parametrize("rounds", [300, pytest.param(10_000, marks=pytest.mark.soak)])
    def test_anything_anywhere_is_refused_or_harmless(self, rounds, saved, record_property):
        parts, draw, refused = taken_apart(saved), random.Random(rounds), 0
        load(saved)
        for _ in range(rounds):
            put_together(saved, *tampered(draw, *parts))
            with bounded(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    load(saved)
                except ModelFileError:
                    refused += 1
        assert refused > rounds / 3
        record_property("times", rounds)

    @pytest.mark.parametrize("rounds", [150, pytest.param(5_000, marks=pytest.mark.soak)])
    def test_anything_anywhere_in_a_pipeline_is_refused_or_harmless(self, rounds, path, record_property):
        steps = PCA(4, random_state=np.random.RandomState(0)), MinMaxScaler(), AutoencoderTransformer(2, **QUICK)
        save(make_pipeline(*steps).fit(X), path)
        with zipfile.ZipFile(io.BytesIO(container.read(str(path)).arrays()["pipeline"].numpy().tobytes())) as archive:
            entries = {name: archive.read(name) for name in archive.namelist()}
        draw, refused, made = random.Random(rounds), 0, None
        load(path)
        for _ in range(rounds):
            data = io.BytesIO()
            with zipfile.ZipFile(data, "w") as archive:
                for name, content in tampered_archive(draw, entries).items():
                    archive.writestr(name, content)
            array = torch.from_numpy(np.frombuffer(data.getvalue(), dtype=np.uint8).copy())
            path.write_bytes(container.packed({"kind": "pipeline"}, {"pipeline": array}))
            with bounded(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    made = load(path)
                except ModelFileError:
                    refused += 1
            if made is not None:
                # It may be of no use, but does not take the process down.
                with contextlib.suppress(Exception):
                    pickle.dumps(made)
                made = None
        assert refused > rounds / 3
        record_property("times", rounds)


LOADERS = ("ObjectNode", "TypeNode", "FunctionNode", "MethodNode", "PartialNode", "DTypeNode", "TreeNode", "no such")
NAMES = ("os", "system", "builtins", "eval", "Tree", "sklearn.tree._tree", "numpy.random", "seed", "skae", "load")


def tampered_archive(draw, entries):
    """The entries of a pipeline's archive with something in them changed."""
    schema = json.loads(entries["schema.json"])
    kind = draw.random()
    if kind < 0.7:
        for _ in range(draw.choice((1, 1, 2, 4))):
            with contextlib.suppress(KeyError, IndexError, TypeError):
                where = draw.choice(list(places(schema))[1:])
                # A part from elsewhere fits more often than a word.
                other = draw.choice(list(places(schema))[1:])
                new = draw.choice((*HOSTILE, *LOADERS, *NAMES, functools.reduce(operator.getitem, other, schema)))
                schema = with_value(schema, where, new)
        return {**entries, "schema.json": json.dumps(schema)}
    name = draw.choice(list(entries))
    content = entries[name]
    if kind < 0.8:
        other = draw.choice(("0.npy", "0.npz", "0.dat", "../0.npy", draw.choice(list(entries))))
        return {(other if key == name else key): value for key, value in entries.items()}
    place, gap = draw.randrange(len(content)), draw.choice((0, 0, 1, 50))
    piece = draw.choice((*PIECES, b"(10000000000,)", bytes(8)))
    return {**entries, name: content[:place] + piece + content[place + gap :]}


def tampered(draw, content, table, numbers):
    """The parts of a file with something in them changed, as ``put_together`` takes them."""
    kind = draw.random()
    if kind < 0.6:
        for _ in range(draw.choice((1, 1, 2))):
            # Another change may have taken the place away.
            with contextlib.suppress(KeyError, IndexError, TypeError):
                content = with_value(content, draw.choice(list(places(content))[1:]), draw.choice(HOSTILE))
        return content, table, numbers
    if kind < 0.8:
        new = draw.choice((*HOSTILE, draw.randrange(2**10), 2**63, "F64", [2**62, 4], {"dtype": "F32"}))
        return content, with_value(table, draw.choice(list(places(table))[1:]), new), numbers
    if kind < 0.95:
        part = draw.randrange(2)
        text = json.dumps((content, table)[part]).encode()
        place, gap = draw.randrange(len(text)), draw.choice((0, 0, 1, 50))
        text = text[:place] + draw.choice(PIECES) + text[place + gap :]
        return (text, table, numbers) if part == 0 else (content, text, numbers)
    return content, table, draw.choice((numbers[: draw.randrange(len(numbers))], numbers * 2, bytes(len(numbers))))


def resident_now():
    """Bytes of memory of this process; the most is counted from here on."""
    if not sys.platform.startswith("linux"):
        return 0
    Path("/proc/self/clear_refs").write_text("5")
    return status("VmRSS")


def resident_most():
    """The most bytes since then."""
    return status("VmHWM") if sys.platform.startswith("linux") else 0


def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


FORBIDDEN = ("pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "socket.connect", "ctypes.dlopen", "exec")
WATCHING = []


def watch(event, arguments):
    """Note what a file should not bring about."""
    # A module of an installed package may be imported late; its code stands in a file.
    late = event == "exec" and os.path.exists(arguments[0].co_filename)
    if WATCHING and event in FORBIDDEN and not late:
        WATCHING.append((event, str(arguments)))


sys.addaudithook(watch)


@contextlib.contextmanager
def bounded():
    """Less than a second of work and 50 MB, and nothing is run or waited for."""
    memory, began, started = resident_now(), time.process_time(), time.monotonic()
    WATCHING[:] = ["on"]
    try:
        yield
    finally:
        events, WATCHING[:] = WATCHING[1:], []
    assert not events, events
    assert time.process_time() - began < 1
    assert time.monotonic() - started < 30
    assert resident_most() - memory < 50 * 2**20


def local_class():
    """A class that cannot be imported."""

    class EncoderDecoder(nn.Linear):
        pass

    return EncoderDecoder(6, 2)


class TestPickle:
    def test_comes_back(self, small):
        loaded = pickle.loads(pickle.dumps(small))
        np.testing.assert_array_equal(loaded.transform(X), small.transform(X))
        assert "_skae_version" not in vars(loaded)

    @pytest.mark.bad_input(122)
    def test_of_another_version_warns(self, small, monkeypatch):
        dumped = pickle.dumps(small)
        monkeypatch.setattr("skae._estimator.transformer.__version__", "99.0")
        with pytest.warns(InconsistentVersionWarning, match=r"skae 0\..* with skae 99\.0"):
            pickle.loads(dumped)

    @pytest.mark.bad_input(107)
    @pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps"])
    @pytest.mark.parametrize("through", ["pickle", "joblib"])
    def test_works_on_the_cpu_where_its_device_is_missing(self, device, through, small, tmp_path, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
        made = copy.deepcopy(small).partial_fit(X)
        codes, made.net_.device = made.transform(X), device
        joblib.dump(made, tmp_path / "model")
        dumped = pickle.dumps(made)
        with pytest.warns(UserWarning, match=f"device='{device}'.*device='cpu'") as caught:
            moved = pickle.loads(dumped) if through == "pickle" else joblib.load(tmp_path / "model")
        assert len(caught) == 1
        np.testing.assert_array_equal(moved.transform(X), codes)
        assert moved.partial_fit(X).net_.device == "cpu"

    def test_holds_every_weight_once_and_no_pickle_inside(self, small):
        made = AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(X)
        weights = sum(value.nbytes for value in made.net_.module_.state_dict().values())
        assert len(pickle.dumps(made)) < weights + 20_000
        assert not [name for name, value in made.net_.__getstate__().items() if isinstance(value, bytes)]

    @pytest.mark.bad_input(43)
    @pytest.mark.parametrize("encoder", [lambda: nn.Linear(6, 2), nn.Sequential(local_class())])
    def test_of_code_that_has_no_name_says_what_to_do(self, encoder):
        made = fitted({"architecture": Custom(encoder, nn.Linear(2, 6))}, X)
        with pytest.raises(pickle.PicklingError, match=r"'encoder' parameter.*<lo|<la.*importable at module level"):
            pickle.dumps(made)
        np.testing.assert_array_equal(copy.deepcopy(made).transform(X), made.transform(X))
        with joblib.parallel_config("loky", n_jobs=2):
            (codes,) = joblib.Parallel()([joblib.delayed(made.transform)(X)])
        np.testing.assert_allclose(codes, made.transform(X), atol=1e-6)

    def test_goes_on_as_the_one_pickled(self, small):
        made = copy.deepcopy(small).partial_fit(X)
        restored = pickle.loads(pickle.dumps(made))
        np.testing.assert_array_equal(restored.partial_fit(X).transform(X), made.partial_fit(X).transform(X))


class TestPipelines:
    @pytest.fixture
    def pipeline(self):
        """From digits to their labels."""
        X, y = load_digits(return_X_y=True)
        autoencoder = skae.AutoencoderTransformer(4, variant="variational", max_epochs=2, random_state=0)
        return make_pipeline(MinMaxScaler(), autoencoder, LogisticRegression(max_iter=2000)).fit(X, y)

    def test_comes_back_whole(self, pipeline, tmp_path):
        X, _ = load_digits(return_X_y=True)
        skae.save(pipeline, tmp_path / "pipeline.skae")
        loaded = skae.load(tmp_path / "pipeline.skae")
        np.testing.assert_array_equal(loaded.predict_proba(X), pipeline.predict_proba(X))
        assert b"pickle" not in (tmp_path / "pipeline.skae").read_bytes()

    def test_words_and_pipelines_inside(self, tmp_path):
        words = ["mean", "median", "mode", "norm"] * 10
        inner = make_pipeline(skae.AutoencoderTransformer(3, architecture="sequence", max_epochs=2, random_state=0))
        fitted = make_pipeline(CharacterEncoder(), inner).fit(words)
        skae.save(fitted, tmp_path / "pipeline.skae")
        np.testing.assert_array_equal(skae.load(tmp_path / "pipeline.skae").transform(words), fitted.transform(words))

    def test_steps_with_code_of_their_own_are_refused(self, tmp_path):
        X, _ = load_digits(return_X_y=True)
        fitted = make_pipeline(FunctionTransformer(scaled_down), skae.AutoencoderTransformer(2, max_epochs=1)).fit(X)
        with pytest.raises(TypeError, match=r"this one holds .*scaled_down"):
            skae.save(fitted, tmp_path / "pipeline.skae")
        assert list(tmp_path.iterdir()) == []

    def test_tampered_ones_are_refused(self, tmp_path):
        import skops.io

        path = tmp_path / "pipeline.skae"
        for data in (b"PK", skops.io.dumps({"a": scaled_down}), skops.io.dumps(MinMaxScaler())):
            array = torch.from_numpy(np.frombuffer(data, dtype=np.uint8).copy())
            path.write_bytes(container.packed({"kind": "pipeline"}, {"pipeline": array}))
            with pytest.raises(skae.ModelFileError):
                skae.load(path)

    def test_nothing_is_in_them_that_is_not_known(self, pipeline, tmp_path):
        path = tmp_path / "pipeline.skae"
        skae.save(pipeline, path)
        file = container.read(path)
        assert set(file.content["versions"]) == {"skae", "torch", "numpy", "scikit-learn"}
        for more, arrays in (({"x": 1}, {}), ({}, {"x": torch.zeros(1)})):
            path.write_bytes(container.packed({**file.content, **more}, {**file.arrays(), **arrays}))
            with pytest.raises(skae.ModelFileError, match="it holds 'x', which is not known"):
                skae.load(path)


def scaled_down(X):
    """A step with code of its own."""
    return X / 16

"""The fitted network as torch modules and as ONNX files: equal to the estimator, for everything that it can be."""

import copy
import importlib.util
import io
import os
import pickle
import sys

import numpy as np
import pytest
import torch
from estimator.sample_kinds import KINDS, samples
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import Freezer

import skae
from skae import AutoencoderTransformer, BottleneckSearchCV, Custom
from skae.modules import graph
from skae.variants import VARIANTS, Nested, Supervised

PARTS = ("encoder", "decoder", "autoencoder")
ALL_PARTS = ("variant plain", "variant vector_quantized", "gray pictures flattened", "far from zero", "tokens")
digits, y = load_digits(return_X_y=True)
digits, y = digits[:80], y[:80]
tokens = np.random.RandomState(0).randint(7, size=(40, 5))


def fit(X, n_components=3, **settings):
    settings = {"max_epochs": 1, "early_stopping": False, "random_state": 0, **settings}
    return AutoencoderTransformer(n_components, **settings).fit(X, y if len(X) == len(y) else None)


def kind(name, flattened=False):
    shape, axes, architecture = KINDS[name]
    X = samples(shape, n=20)
    shape = shape if flattened else None
    return (X.reshape(len(X), -1) if flattened else X), {
        "axes": axes,
        "architecture": architecture,
        "sample_shape": shape,
    }


CASES = {
    **{f"variant {name}": (digits, {"variant": name}) for name in VARIANTS},
    "supervised": (digits, {"variant": Supervised()}),
    "nested adversarial": (digits, {"variant": Nested(variant="adversarial")}),
    **{f"{name}{' flattened' * flat}": kind(name, flat) for name in KINDS for flat in (False, True)},
    "tokens": (tokens, {"architecture": "sequence"}),
    "tokens, squared error": (tokens, {"architecture": "sequence", "loss": "mse"}),
    "bce": (digits, {"loss": "bce"}),
    "whitened": (digits, {"whiten": True, "early_stopping": True, "max_epochs": 2}),
    "columns": (digits, {"scaling": "columns"}),
    "no scaling": (digits, {"scaling": None}),
    "a share of the variance": (digits, {"n_components": 0.37}),
    "far from zero": (digits + 1e8, {}),
    "far from zero, columns": (digits * np.logspace(0, 3, 64) + 1e6, {}),
    "far from zero, float32": ((digits + 1e5).astype(np.float32), {}),
    "tiny units": (digits * 1e-60, {}),
    "uint8": (digits.astype(np.uint8), {}),
    "large integers": (digits.astype(np.int64) + 2**45, {}),
    "bool": (digits > 4, {}),
    "projected": (np.random.RandomState(0).standard_normal((80, 1100)), {"architecture": "dense"}),
    "missing values": (np.where(np.random.RandomState(0).uniform(size=digits.shape) < 0.1, np.nan, digits), {}),
    "float16": (digits.astype(np.float16), {}),
}


@pytest.fixture(scope="module")
def fitted():
    """The fitted estimator of a case, fitted once."""
    cache = {}

    def get(case):
        X, settings = CASES[case]
        if case not in cache:
            cache[case] = fit(X, **settings)
        return cache[case], X

    return get


def assert_equal_samples(estimator, output, expected):
    """Equal within 1e-5 of the scale of each feature; or equal ids of tokens."""
    if hasattr(output, "ids"):
        assert torch.equal(output.ids, output.logits.argmax(1))
        np.testing.assert_array_equal(output.ids, expected)
        return
    n, scale = len(expected), estimator._result.layout.feature_scale
    difference = output.detach().double().numpy().reshape(n, -1) - expected.reshape(n, -1).astype(np.float64)
    assert np.abs(difference / scale).max() < 1e-5


@pytest.mark.parametrize("case", CASES)
class TestEveryModule:
    def test_equals_the_estimator(self, fitted, case):
        estimator, X = fitted(case)
        Z = estimator.transform(X)
        codes = estimator.encoder_(torch.from_numpy(X))
        assert codes.dtype is torch.float32
        np.testing.assert_allclose(codes.detach(), Z, rtol=0, atol=1e-5 * np.abs(Z).max())
        decoded = estimator.decoder_(torch.from_numpy(Z))
        assert_equal_samples(estimator, decoded, estimator.inverse_transform(Z))
        reconstructed = estimator.autoencoder_(torch.from_numpy(X))
        assert_equal_samples(estimator, reconstructed, estimator.reconstruct(X))
        if not hasattr(decoded, "ids"):
            assert decoded.shape == (len(X), *estimator.sample_shape_)
            assert reconstructed.shape == X.shape

    def test_passes_gradients_to_all_its_weights(self, fitted, case):
        estimator, X = fitted(case)
        encoder, decoder = estimator.encoder_, estimator.decoder_
        output = decoder(encoder(torch.from_numpy(X)))
        (output.logits if hasattr(output, "ids") else output).sum().backward()
        weights = [*encoder.named_parameters(), *decoder.named_parameters()]
        assert len(weights) > 4
        assert [name for name, weight in weights if weight.grad is None and weight.requires_grad] == []

    @pytest.mark.slow
    def test_torch_export_gives_the_same_for_any_number_of_rows(self, fitted, case):
        estimator, X = fitted(case)
        module, X = estimator.autoencoder_, torch.from_numpy(X)
        program = torch.export.export(module, (X[:4],), dynamic_shapes=({0: torch.export.Dim("n")},))
        for n in (1, 9):
            got, expected = tuple(program.module()(X[:n])), tuple(module(X[:n]))
            # Missing values are filled in batches of other sizes, in float32.
            tolerance = {"rtol": 1e-4, "atol": 1e-5} if case == "missing values" else {}
            torch.testing.assert_close(got, expected, **tolerance)

    @pytest.mark.slow
    def test_onnx_gives_the_same(self, fitted, case):
        onnxruntime = pytest.importorskip("onnxruntime")
        estimator, X = fitted(case)
        # The graph of the autoencoder holds those of the encoder and the decoder.
        for part in PARTS if case in ALL_PARTS else ["autoencoder"]:
            file = io.BytesIO()
            skae.to_onnx(estimator, file, part)
            session = onnxruntime.InferenceSession(file.getvalue())
            Z = estimator.transform(X)
            for n in (1, len(X)):
                outputs = session.run(None, {"X": Z[:n] if part == "decoder" else X[:n]})
                if part == "encoder":
                    np.testing.assert_allclose(outputs[0], Z[:n], rtol=0, atol=1e-4 * np.abs(Z).max())
                elif case.startswith("tokens"):
                    np.testing.assert_array_equal(outputs[1], estimator.reconstruct(X[:n]))
                else:
                    expected = estimator.reconstruct(X[:n])
                    assert outputs[0].shape == expected.shape
                    # Float32 values far from zero are apart by more than the tolerance.
                    difference = np.abs(outputs[0].astype(np.float64) - expected) - np.spacing(np.abs(expected))
                    assert (difference.reshape(n, -1) / estimator._result.layout.feature_scale).max() < 1e-3


class TestModules:
    def test_are_copies_with_evaluation_mode_and_trainable_weights(self):
        estimator = fit(digits, architecture="dense")
        before = estimator.transform(digits)
        network = torch.nn.Sequential(estimator.encoder_, torch.nn.Linear(3, 10))
        assert not network[0].training
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        torch.nn.functional.cross_entropy(network(torch.from_numpy(digits)), torch.from_numpy(y)).backward()
        optimizer.step()
        assert not np.allclose(network[0](torch.from_numpy(digits)).detach(), before, atol=1e-4)
        np.testing.assert_array_equal(estimator.transform(digits), before)
        np.testing.assert_array_equal(estimator.encoder_(torch.from_numpy(digits)).detach(), before)

    def test_are_frozen_by_requires_grad(self):
        encoder = fit(digits).encoder_.requires_grad_(False)
        X = torch.from_numpy(digits).requires_grad_()
        encoder(X).sum().backward()
        assert X.grad.abs().sum() > 0
        assert all(weight.grad is None for weight in encoder.parameters())

    def test_have_batch_statistics_and_dropout_in_training_mode_only(self):
        encoder = fit(digits, architecture=skae.Dense((8,), dropout=0.5)).encoder_
        X = torch.from_numpy(digits)
        assert torch.equal(encoder(X), encoder(X))
        assert not torch.equal(encoder.train()(X), encoder(X))

    def test_are_copied_pickled_and_restored_from_a_state_dict(self):
        estimator = fit(digits)
        module, X = estimator.autoencoder_, torch.from_numpy(digits)
        file = io.BytesIO()
        torch.save(module.state_dict(), file)
        other = fit(digits + 5, random_state=1).autoencoder_
        assert not torch.equal(other(X), module(X))
        file.seek(0)
        other.load_state_dict(torch.load(file, weights_only=True))
        for same in (other, copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
            assert torch.equal(same(X), module(X))

    def test_of_a_loaded_estimator_are_trainable(self):
        file = io.BytesIO()
        estimator = fit(digits)
        skae.save(estimator, file)
        file.seek(0)
        encoder = skae.load(file).encoder_
        encoder(torch.from_numpy(digits)).sum().backward()
        np.testing.assert_array_equal(encoder(torch.from_numpy(digits)).detach(), estimator.transform(digits))

    def test_of_a_fit_with_frozen_weights_are_trainable(self):
        estimator = fit(digits, net_params={"callbacks": [Freezer("*encoder*")]})
        assert all(weight.requires_grad for weight in estimator.autoencoder_.parameters())

    def test_made_in_inference_mode_are_trainable(self):
        estimator = fit(digits)
        with torch.inference_mode():
            encoder = estimator.encoder_
        encoder(torch.from_numpy(digits)).sum().backward()

    @pytest.mark.parametrize("cast", ["half", "bfloat16", "float", "double"])
    def test_keep_the_digits_of_far_means_in_a_network_that_is_cast(self, cast):
        estimator = fit(digits + 1e8)
        network = getattr(torch.nn.Sequential(estimator.encoder_), cast)()
        Z = estimator.transform(digits + 1e8)
        codes = network(torch.from_numpy(digits + 1e8)).detach().double().numpy()
        np.testing.assert_allclose(codes, Z, rtol=0, atol=np.abs(Z).max() * (1e-5 if cast[0] in "fd" else 0.05))

    def test_can_be_moved_to_a_device_without_memory(self):
        codes = fit(digits).encoder_.to("meta")(torch.empty(5, 64, device="meta"))
        assert codes.shape == (5, 3)

    @pytest.mark.gpu
    def test_give_the_same_on_cuda(self):
        for X, settings in (CASES["far from zero"], CASES["gray pictures"], CASES["tokens"]):
            estimator = fit(X, device="cpu", **settings)
            cpu, cuda = estimator.autoencoder_, estimator.autoencoder_.cuda()
            codes = cuda.encoder(torch.from_numpy(X).cuda())
            assert codes.is_cuda
            torch.testing.assert_close(codes.cpu(), cpu.encoder(torch.from_numpy(X)), rtol=1e-3, atol=1e-3)

    def test_decode_the_first_nested_coordinates(self):
        estimator = fit(digits, variant="nested")
        Z = estimator.transform(digits)[:, :2]
        decoded = estimator.decoder_(torch.from_numpy(Z))
        assert_equal_samples(estimator, decoded, estimator.inverse_transform(Z))
        short = estimator.shortened(2)
        np.testing.assert_array_equal(short.encoder_(torch.from_numpy(digits)).detach(), short.transform(digits))

    def test_accept_samples_in_their_shape_where_rows_were_flattened(self):
        estimator = fit(digits, sample_shape=(8, 8))
        pictures = torch.from_numpy(digits).view(-1, 8, 8)
        assert torch.equal(estimator.encoder_(pictures), estimator.encoder_(pictures.flatten(1)))
        assert estimator.autoencoder_(pictures).shape == pictures.shape
        assert estimator.autoencoder_(pictures.flatten(1)).shape == (80, 64)

    def test_run_custom_modules(self):
        estimator = fit(digits, architecture=Custom(torch.nn.Linear(64, 3), torch.nn.Linear(3, 64)))
        codes = estimator.encoder_(torch.from_numpy(digits))
        np.testing.assert_allclose(codes.detach(), estimator.transform(digits), rtol=1e-4, atol=1e-4)

    def test_are_not_defined_for_tables_with_categories(self):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame({"kind": pd.Categorical(list("abcd") * 20), "size": y * 1.0, "age": digits[:, 20]})
        estimator = AutoencoderTransformer(2, max_epochs=1, early_stopping=False, random_state=0).fit(frame)
        with pytest.raises(AttributeError, match="OneHotEncoder"):
            estimator.encoder_  # noqa: B018
        with pytest.raises(TypeError, match="OneHotEncoder"):
            skae.to_onnx(estimator, io.BytesIO())

    def test_refuse_other_shapes_and_types(self):
        estimator = fit(digits)
        with pytest.raises(ValueError, match=r"X must have shape \(n, 64\)\. Got a tensor of shape \(80, 63\)"):
            estimator.encoder_(torch.from_numpy(digits[:, 1:]))
        with pytest.raises(ValueError, match=r"Z must have shape \(n, 3\)"):
            estimator.decoder_(torch.zeros(2, 2))
        with pytest.raises(TypeError, match="real numbers"):
            estimator.encoder_(torch.zeros(2, 64, dtype=torch.complex64))
        with pytest.raises(TypeError, match=r"Tokens must be integers from 0 to 6, got X of dtype torch\.float32"):
            fit(tokens, architecture="sequence").encoder_(torch.zeros(2, 5))
        with pytest.raises(AttributeError, match="before fit"):
            AutoencoderTransformer().encoder_  # noqa: B018


PACKAGES = ("onnx", "onnxruntime", "onnxscript", "skl2onnx")
needs_onnx = pytest.mark.skipif(not all(map(importlib.util.find_spec, PACKAGES)), reason="needs the extra onnx")


@needs_onnx
class TestToOnnx:
    def test_writes_one_file_with_names_and_metadata(self, tmp_path):
        import onnx
        import onnxruntime

        estimator = fit(digits)
        skae.to_onnx(estimator, tmp_path / "encoder.onnx")
        assert os.listdir(tmp_path) == ["encoder.onnx"]
        session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx")
        assert [(i.name, i.shape, i.type) for i in session.get_inputs()] == [("X", ["n_samples", 64], "tensor(double)")]
        assert [(o.name, o.shape) for o in session.get_outputs()] == [("codes", ["n_samples", 3])]
        properties = session.get_modelmeta().custom_metadata_map
        assert properties["skae_version"] == skae.__version__
        assert (properties["part"], properties["sample_shape"], properties["n_components"]) == ("encoder", "[64]", "3")
        (codes,) = session.run(None, {"X": digits})
        np.testing.assert_allclose(codes, estimator.transform(digits), rtol=0, atol=1e-4 * np.abs(codes).max())
        text = str(onnx.load(tmp_path / "encoder.onnx"))
        assert os.path.dirname(skae.__file__) not in text
        onnx.checker.check_model(str(tmp_path / "encoder.onnx"), full_check=True)

    @pytest.mark.slow
    def test_takes_a_type_of_input(self):
        import onnxruntime

        file = io.BytesIO()
        skae.to_onnx(fit(digits), file, dtype="float32")
        session = onnxruntime.InferenceSession(file.getvalue())
        assert session.get_inputs()[0].type == "tensor(float)"

    def test_writes_nothing_if_outputs_differ(self, tmp_path, monkeypatch):
        monkeypatch.setattr(graph, "export", lambda *arguments: importlib.import_module("onnx").ModelProto())
        monkeypatch.setattr(graph, "onnx_outputs", lambda model, X: [np.ones((len(X), 3), np.float32)])
        with pytest.raises(ValueError, match="does not compute what the estimator does: its codes differ"):
            skae.to_onnx(fit(digits), tmp_path / "encoder.onnx")
        assert os.listdir(tmp_path) == []

    def test_skl2onnx_converts_whole_pipelines(self):
        import onnxruntime
        import skl2onnx

        autoencoder = AutoencoderTransformer(3, max_epochs=1, random_state=0)
        pipeline = make_pipeline(StandardScaler(), autoencoder, LogisticRegression()).fit(digits, y)
        model = skl2onnx.to_onnx(pipeline, digits[:1].astype(np.float32), options={"zipmap": False})
        session = onnxruntime.InferenceSession(model.SerializeToString())
        label, probabilities = session.run(None, {"X": digits.astype(np.float32)})
        np.testing.assert_array_equal(label, pipeline.predict(digits))
        np.testing.assert_allclose(probabilities, pipeline.predict_proba(digits), atol=1e-4)

    @pytest.mark.slow
    @pytest.mark.filterwarnings("ignore:n_components=2 was chosen")
    def test_converts_pipelines_and_searches(self):
        import onnxruntime

        autoencoder = AutoencoderTransformer(3, max_epochs=1, random_state=0)
        classifier = make_pipeline(StandardScaler(), autoencoder, LogisticRegression()).fit(digits, y)
        pictures = digits.reshape(-1, 8, 8).astype(np.uint8)
        conv = AutoencoderTransformer(3, architecture="conv", max_epochs=1, random_state=0)
        pipeline = make_pipeline(conv, LogisticRegression(max_iter=5000)).fit(pictures, y)
        table = make_pipeline(StandardScaler(), AutoencoderTransformer(3, max_epochs=1, random_state=0)).fit(digits)
        search = BottleneckSearchCV(AutoencoderTransformer(max_epochs=1, random_state=0), (1, 2), cv=2).fit(digits)
        for estimator, X, method in (
            (classifier, digits, classifier.predict),
            (pipeline, pictures, pipeline.predict),
            (table, digits, table.transform),
            (search, digits, search.best_estimator_.transform),
        ):
            file = io.BytesIO()
            skae.to_onnx(estimator, file)
            output = onnxruntime.InferenceSession(file.getvalue()).run(None, {"X": X})[0]
            np.testing.assert_allclose(output, method(X), rtol=0, atol=1e-4 * max(1, np.abs(output).max()))

    @pytest.mark.slow
    def test_skl2onnx_converts_an_autoencoder_of_some_columns_of_a_frame(self):
        import onnxruntime
        import skl2onnx

        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(digits[:, 20:26], columns=list("abcdef"))
        transformer = make_column_transformer(
            (AutoencoderTransformer(2, max_epochs=1, random_state=0), ["b", "d", "e"]), ("passthrough", ["a"])
        ).fit(frame)
        model = skl2onnx.to_onnx(transformer, frame[:1])
        session = onnxruntime.InferenceSession(model.SerializeToString())
        outputs = session.run(None, {name: frame[[name]].to_numpy() for name in frame})
        np.testing.assert_allclose(outputs[0], transformer.transform(frame), rtol=0, atol=1e-3)

    def test_names_what_a_pipeline_needs(self, tmp_path):
        autoencoder = AutoencoderTransformer(2, max_epochs=1, random_state=0)
        one_way = make_pipeline(FunctionTransformer(np.sqrt), autoencoder).fit(digits)
        with pytest.raises(ValueError, match=r"\(NoInverse\) have no inverse_transform. Pass some samples"):
            skae.to_onnx(make_pipeline(NoInverse(), autoencoder).fit(digits), tmp_path / "model.onnx")
        with pytest.raises(ValueError, match="skl2onnx cannot convert a step"):
            skae.to_onnx(one_way, tmp_path / "model.onnx", X=digits)
        with pytest.raises(ValueError, match=r"to_onnx\(pipeline\[1\], path, 'decoder'\)"):
            skae.to_onnx(one_way, tmp_path / "model.onnx", "decoder")
        with pytest.raises(TypeError, match="with an AutoencoderTransformer as a step"):
            skae.to_onnx(make_pipeline(StandardScaler()).fit(digits), tmp_path / "model.onnx")
        assert os.listdir(tmp_path) == []

    def test_refuses_other_estimators_and_parts(self, tmp_path):
        with pytest.raises(TypeError, match="Got StandardScaler instead"):
            skae.to_onnx(StandardScaler().fit(digits), tmp_path / "model.onnx")
        with pytest.raises(ValueError, match="Did you mean 'decoder'"):
            skae.to_onnx(fit(digits), tmp_path / "model.onnx", "decode")
        with pytest.raises(NotFittedError):
            skae.to_onnx(AutoencoderTransformer(), tmp_path / "model.onnx")


class NoInverse(StandardScaler):
    inverse_transform = property()


def test_to_onnx_without_its_packages_names_the_extra(monkeypatch):
    estimator = fit(digits)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r'pip install "skae\[onnx\]"'):
        skae.to_onnx(estimator, io.BytesIO())

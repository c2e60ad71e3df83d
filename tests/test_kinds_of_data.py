"""Text, speech, video, sparse rows and tables: in and out in the form they came."""

import re
from pydoc_data.topics import topics

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits, load_sample_image
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

import skae
from skae import AutoencoderTransformer, Sequence
from skae.text import PADDING, CharacterEncoder

QUICK = {"max_epochs": 2, "random_state": 0}
WORDS = sorted(set(re.findall(r"[a-z]{3,10}", " ".join(topics.values()).lower())))
PARAGRAPHS = [part for topic in topics.values() for part in topic.split("\n\n") if len(part) > 200]


@pytest.fixture(scope="module")
def documents():
    """Term weights of paragraphs, CSR (n, about 3000)."""
    return TfidfVectorizer().fit_transform(PARAGRAPHS[:800])


class TestSparse:
    def test_is_what_dense_rows_are(self):
        X = sparse.random_array((120, 30), density=0.2, rng=np.random.default_rng(0), format="csr")
        by_sparse = AutoencoderTransformer(3, scaling="global", **QUICK).fit(X)
        by_dense = AutoencoderTransformer(3, scaling="global", **QUICK).fit(X.toarray())
        np.testing.assert_allclose(by_sparse.mean_, by_dense.mean_, atol=1e-12)
        shared = by_dense.transform(X.toarray())
        np.testing.assert_allclose(by_dense.transform(X), shared, atol=1e-5)
        np.testing.assert_allclose(by_sparse.score(X), by_dense.score(X.toarray()), atol=0.02)
        assert isinstance(by_sparse.inverse_transform(shared), np.ndarray)

    def test_documents_are_explained_at_least_as_well_as_by_truncated_svd(self, documents):
        train, test = train_test_split(documents, test_size=0.25, random_state=0)
        autoencoder = AutoencoderTransformer(10, max_epochs=4, random_state=0).fit(train)
        mean = train.toarray().mean(0)
        svd = TruncatedSVD(10, random_state=0).fit(train)
        error = ((test.toarray() - svd.inverse_transform(svd.transform(test))) ** 2).sum()
        assert autoencoder.score(test) >= 1 - error / ((test.toarray() - mean) ** 2).sum() - 0.002

    def test_in_a_pipeline_from_strings(self):
        pipeline = make_pipeline(TfidfVectorizer(max_features=200), AutoencoderTransformer(4, **QUICK))
        assert pipeline.fit_transform(PARAGRAPHS[:60]).shape == (60, 4)


class TestCharacterEncoder:
    @given(st.lists(st.text(alphabet="abcdé ß中", max_size=8), min_size=1, max_size=20).filter(any))
    @settings(max_examples=50, deadline=None)
    def test_what_was_fitted_comes_back(self, texts):
        encoder = CharacterEncoder().fit(texts)
        assert encoder.inverse_transform(encoder.transform(texts)) == texts

    def test_unknown_characters_and_long_strings(self):
        encoder = CharacterEncoder(max_length=3).fit(["abc"])
        assert encoder.inverse_transform(encoder.transform(["axcd", ""])) == ["a\ufffdc", ""]
        assert (encoder.transform([""]) == PADDING).all()

    @pytest.mark.parametrize(
        ("given_texts", "error", "match"),
        [
            ("one string", TypeError, r"one string: 'one string'\. Write"),
            ([], ValueError, "0 samples"),
            (["", ""], ValueError, "empty strings only"),
            (["a", 3], TypeError, "got 3 of type int at index 1"),
        ],
    )
    def test_bad_input(self, given_texts, error, match):
        with pytest.raises(error, match=match):
            CharacterEncoder().fit(given_texts)

    @pytest.mark.parametrize("length", [0, 2.5, True])
    def test_bad_length(self, length):
        with pytest.raises(ValueError, match="max_length"):
            CharacterEncoder(max_length=length).fit(["a"])

    def test_ids_that_are_none(self):
        encoder = CharacterEncoder().fit(["abc"])
        with pytest.raises(ValueError, match="from 0 to 4, got 0 to 5"):
            encoder.inverse_transform([[0, 5]])
        with pytest.raises(ValueError, match="integers"):
            encoder.inverse_transform([[0.5]])


class TestTokens:
    @pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
    def test_unseen_words_come_back_better_than_by_pca_of_one_hot_characters(self, loss):
        encoder = CharacterEncoder().fit(WORDS)
        train, test = train_test_split(encoder.transform(WORDS), test_size=0.25, random_state=0)
        autoencoder = AutoencoderTransformer(16, architecture="sequence", loss=loss, random_state=0).fit(train)
        restored = autoencoder.inverse_transform(autoencoder.transform(test))
        assert restored.dtype == np.int64
        assert restored.shape == test.shape
        np.testing.assert_array_equal(restored, autoencoder.reconstruct(test))
        n_tokens = train.max() + 1
        flat_train, flat_test = (np.eye(n_tokens)[ids].reshape(len(ids), -1) for ids in (train, test))
        pca = PCA(16).fit(flat_train)
        by_pca = pca.inverse_transform(pca.transform(flat_test)).reshape(*test.shape, n_tokens).argmax(-1)
        right, right_by_pca = ((ids == test)[test != PADDING].mean() for ids in (restored, by_pca))
        assert right > right_by_pca + 0.1

    def test_default_loss_is_cross_entropy(self):
        ids = CharacterEncoder().fit_transform(WORDS[:50])
        by_default = AutoencoderTransformer(2, axes="n", **QUICK).fit(ids)
        assert (by_default.loss, by_default.net_.criterion__loss) == ("auto", "cross_entropy")
        assert AutoencoderTransformer(2, **QUICK).fit(ids).net_.criterion__loss == "mse"

    @pytest.mark.slow
    def test_default_loss_reconstructs_more_unseen_strings_exactly(self):
        dates = [str(date.date()) for date in pd.date_range("1950", "2000", periods=1500)]
        train, test = train_test_split(CharacterEncoder().fit_transform(dates), test_size=300, random_state=0)
        exact = {}
        for loss in ("auto", "mse"):
            fitted = AutoencoderTransformer(8, architecture="sequence", loss=loss, random_state=0).fit(train)
            exact[loss] = (fitted.reconstruct(test) == test).all(1).mean()
        assert exact["auto"] > max(0.8, exact["mse"] + 0.3)

    @pytest.mark.parametrize("architecture", ["auto", "dense", "sequence", Sequence(4, linear_path=False)])
    def test_every_architecture_reads_tokens(self, architecture):
        ids = CharacterEncoder().fit_transform(WORDS[:200])
        autoencoder = AutoencoderTransformer(3, architecture=architecture, axes="n", max_epochs=8, random_state=0).fit(
            ids
        )
        assert autoencoder.transform(ids).shape == (200, 3)
        assert autoencoder.mean_.shape == (ids.max() + 1, ids.shape[1])
        assert autoencoder.sample_shape_ == (ids.shape[1],)
        assert autoencoder.score(ids) > 0

    def test_strings_in_and_out_of_a_pipeline(self):
        autoencoder = AutoencoderTransformer(40, architecture="sequence", random_state=0)
        pipeline = make_pipeline(CharacterEncoder(), autoencoder)
        codes = pipeline.fit_transform(WORDS[:400])
        restored = pipeline.inverse_transform(codes)
        assert np.mean([a == b for a, b in zip(restored, WORDS[:400], strict=True)]) > 0.5

    def test_bad_tokens(self):
        ids = CharacterEncoder().fit_transform(WORDS[:50])
        autoencoder = AutoencoderTransformer(2, architecture="sequence", **QUICK)
        with pytest.raises(TypeError, match="Tokens must be integers"):
            autoencoder.fit(ids.astype(float))
        with pytest.raises(ValueError, match="got -1"):
            autoencoder.fit(ids - 1)
        autoencoder.fit(ids)
        with pytest.raises(ValueError, match="token 999, but those fitted go up to"):
            autoencoder.transform(np.full_like(ids, 999))
        with pytest.raises(ValueError, match="loss='cross_entropy' needs rows of integer tokens"):
            AutoencoderTransformer(2, loss="cross_entropy").fit(ids)
        with pytest.raises(ValueError, match="architecture='sequence' needs rows of integer tokens"):
            AutoencoderTransformer(2, architecture="sequence").fit(np.zeros((9, 4, 4)))


NAMES = ["acetone", "benzene", "butane", "ethanol"]


class TestColumnsOfStrings:
    """A column of strings is its strings, whatever holds it."""

    @pytest.mark.parametrize(
        "column",
        [
            tuple(NAMES),
            [[name] for name in NAMES],
            np.array(NAMES),
            np.array(NAMES)[:, None],
            np.array(NAMES, dtype=object)[:, None],
            pd.Series(NAMES),
            pd.Series(NAMES, dtype="category"),
            pd.DataFrame(NAMES),
            pd.DataFrame({"name": NAMES}, index=[3, 1, 0, 2]),
            pl.Series("name", NAMES),
            pl.DataFrame({"name": NAMES}),
        ],
    )
    def test_of_every_kind(self, column):
        encoder = CharacterEncoder()
        expected = CharacterEncoder().fit_transform(NAMES)
        np.testing.assert_array_equal(encoder.fit_transform(column), expected)
        assert encoder.inverse_transform(encoder.transform(column)) == NAMES
        prefix = "name" if getattr(encoder, "feature_names_in_", None) is not None else "x0"
        assert list(encoder.get_feature_names_out()) == [f"{prefix}_{place}" for place in range(7)]

    def test_of_pyarrow(self):
        pa = pytest.importorskip("pyarrow")
        for column in (pa.array(NAMES), pa.table({"name": NAMES}), pd.Series(NAMES, dtype="string[pyarrow]")):
            assert CharacterEncoder().fit(column).alphabet_ == CharacterEncoder().fit(NAMES).alphabet_

    @pytest.mark.parametrize(
        ("column", "error", "message"),
        [
            (pd.DataFrame({"a": NAMES, "b": NAMES}), ValueError, r"one column of strings, X has 2: \['a', 'b'\]"),
            (pd.DataFrame(index=range(3)), ValueError, "X has 0"),
            (np.array([NAMES, NAMES]), ValueError, r"Got X of shape \(2, 4\)"),
            (np.array("abc"), ValueError, r"Got X of shape \(\)"),
            (pd.Series([*NAMES, None]), TypeError, "at index 4. Write .* or '' for a missing one"),
            (pl.Series([*NAMES, None]), TypeError, "got None .* at index 4"),
            ({"a": "b"}, TypeError, "got dict"),
        ],
    )
    def test_what_is_no_column_of_strings(self, column, error, message):
        with pytest.raises(error, match=message):
            CharacterEncoder().fit(column)

    @pytest.mark.parametrize("library", ["pandas", "polars"])
    @pytest.mark.parametrize("column", ["name", ["name"]])
    def test_beside_numbers(self, library, column):
        table = pd.DataFrame({"name": NAMES * 10, "mass": np.arange(40.0)}, index=np.arange(40) + 7)
        text = make_pipeline(CharacterEncoder(), AutoencoderTransformer(2, architecture="sequence", **QUICK))
        transformer = make_column_transformer((text, column), ("passthrough", ["mass"])).set_output(transform=library)
        out = transformer.fit_transform(table)
        assert list(out.columns) == list(transformer.get_feature_names_out())
        assert out.shape == (40, 3)
        if library == "pandas":
            assert out.index.equals(table.index)

    def test_frames_of_ids_have_the_names_of_the_column(self):
        table = pd.DataFrame({"name": NAMES}, index=list("abcd"))
        encoder = CharacterEncoder(max_length=3).set_output(transform="pandas")
        ids = encoder.fit_transform(table)
        assert list(ids.columns) == ["name_0", "name_1", "name_2"]
        assert list(ids.index) == list("abcd")
        assert encoder.inverse_transform(ids) == [name[:3] for name in NAMES]
        assert list(encoder.fit(NAMES).get_feature_names_out(["word"])) == ["word_0", "word_1", "word_2"]
        for names, fitted in ((["a", "b"], NAMES), (["other"], table)):
            with pytest.raises(ValueError, match="input_features must be"):
                encoder.fit(fitted).get_feature_names_out(names)


class TestFramesComeBack:
    TABLE = pd.DataFrame(
        {"income": np.linspace(1e4, 9e4, 60), "children": np.arange(60) % 4, "owner": np.arange(60) % 2 == 0}
    )

    def test_pandas(self):
        autoencoder = AutoencoderTransformer(3, **QUICK).set_output(transform="pandas").fit(self.TABLE)
        codes = autoencoder.transform(self.TABLE)
        restored = autoencoder.inverse_transform(codes)
        assert list(restored.columns) == list(self.TABLE.columns)
        assert list(restored.dtypes) == list(self.TABLE.dtypes)
        pd.testing.assert_frame_equal(restored, self.TABLE, rtol=1e-3)
        assert isinstance(autoencoder.set_output(transform="default").inverse_transform(codes), np.ndarray)

    def test_polars(self):
        table = pl.from_pandas(self.TABLE)
        autoencoder = AutoencoderTransformer(3, **QUICK).set_output(transform="polars").fit(table)
        restored = autoencoder.reconstruct(table)
        assert restored.schema == table.schema
        assert restored["children"].to_list() == table["children"].to_list()

    @pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
    def test_nullable_types(self, backend):
        pytest.importorskip("pyarrow")
        small = pd.Series(np.arange(60) % 7, dtype="uint8[pyarrow]" if backend == "pyarrow" else "UInt8")
        table = self.TABLE.convert_dtypes(dtype_backend=backend).assign(small=small)
        autoencoder = AutoencoderTransformer(4, **QUICK).set_output(transform="pandas").fit(table)
        restored = autoencoder.inverse_transform(autoencoder.transform(table))
        pd.testing.assert_series_equal(restored.dtypes, table.dtypes)
        assert (restored["children"] == table["children"]).all()
        far = autoencoder.inverse_transform(1e4 * np.asarray(autoencoder.transform(table)))
        assert int(far["small"].max()) <= 255

    @pytest.mark.parametrize("decimal", [pl.Decimal(20, 2), pl.Categorical])
    def test_other_types_are_plain_numbers(self, decimal):
        numbers = (np.arange(60) % 5).astype(str) if decimal is pl.Categorical else np.arange(60) % 5
        table = pl.DataFrame({"a": pl.Series(numbers).cast(decimal), "b": np.linspace(0, 1, 60)})
        restored = AutoencoderTransformer(2, **QUICK).set_output(transform="polars").fit(table).reconstruct(table)
        assert restored.dtypes == [pl.Float64, pl.Float64]

    @pytest.mark.parametrize(
        "columns",
        [
            pd.MultiIndex.from_product([["left", "right"], ["x", "y"]], names=["side", None]),
            pd.MultiIndex.from_product([["left", "right"], [0, 1]]),
            pd.Index(list("abcd"), name="letter"),
            pd.Index([("a", 1), ("a", 2), ("b", 1), ("b", 2)], tupleize_cols=False),
            pd.Index([2020, 2021, 2022, 2023], name="year"),
        ],
    )
    def test_names_of_columns(self, columns, tmp_path):
        X = pd.DataFrame(np.random.RandomState(0).standard_normal((40, 4)), columns=columns)
        autoencoder = AutoencoderTransformer(2, **QUICK).set_output(transform="pandas").fit(X)
        codes = autoencoder.transform(X)
        pd.testing.assert_index_equal(autoencoder.inverse_transform(codes).columns, columns)
        skae.save(autoencoder, tmp_path / "model.skae")
        loaded = skae.load(tmp_path / "model.skae")
        pd.testing.assert_index_equal(loaded.inverse_transform(codes).columns, columns)

    @pytest.mark.parametrize("kind", [list, tuple, pl.DataFrame, np.asarray])
    def test_index_comes_from_pandas_only(self, kind):
        autoencoder = AutoencoderTransformer(2, **QUICK).set_output(transform="pandas").fit(self.TABLE)
        codes = np.asarray(autoencoder.transform(self.TABLE))[:5]
        restored = autoencoder.inverse_transform(kind(codes.tolist() if kind is not pl.DataFrame else codes))
        assert restored.shape == (5, 3)
        assert list(restored.index) == list(range(5))

    @pytest.mark.parametrize("asked", [pd, pl])
    @pytest.mark.parametrize("given", [pd, pl])
    def test_library_is_the_one_asked_for(self, asked, given):
        table = self.TABLE if given is pd else pl.from_pandas(self.TABLE)
        autoencoder = AutoencoderTransformer(3, **QUICK).set_output(transform=asked.__name__).fit(table)
        codes = autoencoder.transform(table)
        for frame in (codes, autoencoder.inverse_transform(codes), autoencoder.reconstruct(table)):
            assert isinstance(frame, asked.DataFrame)
        expected = ["int64", "bool"] if asked is pd else ["Int64", "Boolean"]
        assert [str(dtype) for dtype in autoencoder.reconstruct(table).dtypes][1:] == expected


def test_moving_window_over_a_photograph_as_video():
    gray = load_sample_image("china.jpg").mean(2)[::8, ::8]
    corners = [(y, x) for y in range(30) for x in range(0, 60, 3)]
    videos = np.stack([[gray[y : y + 12, x + t : x + t + 12] for t in range(4)] for y, x in corners])
    autoencoder = AutoencoderTransformer(8, axes="t h w", architecture="conv", max_epochs=5, random_state=0).fit(videos)
    assert autoencoder.reconstruct(videos).shape == videos.shape
    pca = PCA(8).fit(videos.reshape(len(videos), -1))
    assert autoencoder.score(videos) >= pca.explained_variance_ratio_.sum() - 0.002


def test_silence_and_one_frame():
    silence = AutoencoderTransformer(2, axes="t", architecture="conv", **QUICK).fit(np.zeros((30, 64)))
    assert np.abs(silence.reconstruct(np.zeros((5, 64)))).max() < 1e-3
    one_frame = np.random.RandomState(0).standard_normal((30, 1, 8, 8))
    autoencoder = AutoencoderTransformer(2, axes="t h w", architecture="conv", **QUICK).fit(one_frame)
    assert autoencoder.reconstruct(one_frame).shape == one_frame.shape


def test_pictures_of_different_sizes_in_a_list_say_so():
    with pytest.raises(ValueError, match="inhomogeneous shape"):
        AutoencoderTransformer(2).fit([np.zeros((8, 8)), np.zeros((9, 8))])


def test_frames_of_small_whole_numbers_come_back():
    digits = load_digits().data[:200].astype(np.uint8)
    flags = digits[:, 20:24] > 8
    for library in (pd, pl):
        frame = library.DataFrame({**{f"p{i}": digits[:, i] for i in range(8, 20)}, "flag": flags[:, 0]})
        fitted = AutoencoderTransformer(2, **QUICK).set_output(transform=library.__name__).fit(frame)
        restored = fitted.inverse_transform(fitted.transform(frame) * 9)
        assert list(restored.dtypes) == list(frame.dtypes)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((15, 40), "Dense"), ((16, 16), "Convolutional"), ((16, 17, 3), "Convolutional"), ((3, 8, 64), "Dense")],
)
def test_pictures_large_enough_go_through_convolutions(shape, expected):
    pictures = np.random.RandomState(0).rand(12, *shape)
    axes = "c h w" if shape[0] == 3 else "h w c" if len(shape) == 3 else "h w"
    fitted = AutoencoderTransformer(2, axes=axes, max_epochs=1, random_state=0).fit(pictures)
    assert type(fitted.architecture_).__name__ == expected


class TestWindowsReadAsPictures:
    """Windows of sensors are the commonest wrong guess: a warning names axes."""

    @staticmethod
    def windows(height, width):
        random = np.random.RandomState(0)
        time = np.linspace(0, 6, height)[:, None] + random.uniform(0, 6, (100, 1, width))
        return np.sin(time) * 10.0 ** random.uniform(-2, 3, width) + 0.01 * random.standard_normal((100, height, width))

    @pytest.mark.parametrize("shape", [(30, 9), (60, 20), (24, 24), (12, 8)])
    def test_they_get_a_warning(self, shape):
        X = self.windows(*shape)
        for rows, axes in ((X, "t c"), (X.transpose(0, 2, 1), "c t")):
            with pytest.warns(UserWarning, match=f"read as gray pictures.*axes='{axes}'"):
                AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(rows)

    def test_pictures_and_named_axes_do_not(self, digits):
        pictures = digits.reshape(-1, 8, 8)[:200]
        noise = np.random.RandomState(0).standard_normal((60, 9, 12))
        for X in (pictures, pictures / 16, pictures.astype(np.uint8), (pictures > 7) * 1.0, noise):
            AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(X)
        named = AutoencoderTransformer(2, axes="t c", max_epochs=1, random_state=0).fit(self.windows(30, 9))
        assert named.scaling_ == "channels"
        assert named.scale_.shape == (1, 9)


def test_colors_of_8_bits_share_one_scale(digits):
    red = np.stack([digits.reshape(-1, 8, 8)[:100] * share for share in (15, 1, 0.2)], axis=-1)
    settings = {"max_epochs": 1, "random_state": 0}
    assert AutoencoderTransformer(2, **settings).fit(red.astype(np.uint8)).scaling_ == "global"
    assert AutoencoderTransformer(2, **settings).fit(red).scaling_ == "channels"

"""The size of the bottleneck: ordered codes, BottleneckSearchCV, and the searches of scikit-learn."""

import warnings

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import NMF, PCA, KernelPCA
from sklearn.exceptions import FitFailedWarning
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV, ShuffleSplit, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense
from skae.metrics import explained_share, explained_share_scorer, neg_reconstruction_error_scorer, reconstruction_error
from skae.variants import Denoising, Ordered, Variational

X, y = load_digits(return_X_y=True)
X, y = X[:500], y[:500]
QUICK = {"max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def ordered():
    """Ordered codes of 8 coordinates, fitted on digits."""
    return AutoencoderTransformer(8, variant="ordered", max_epochs=10, random_state=0).fit(X)


class TestOrderedCodes:
    def test_shares_add_up_to_the_score(self, ordered):
        shares = ordered.explained_variance_ratio_
        assert shares.shape == (8,)
        assert abs(shares.sum() - ordered.score(X)) < 0.02
        assert (shares > -0.01).all()
        assert shares[:4].sum() > shares[4:].sum()

    def test_first_coordinates_are_a_code(self, ordered):
        Z, pca = ordered.transform(X), PCA(8).fit(X)
        by_pca = pca.explained_variance_ratio_.cumsum()
        for k in range(1, 9):
            restored = ordered.inverse_transform(Z[:, :k])
            assert explained_share(X, restored) > by_pca[k - 1] - 0.002
            short = ordered.shortened(k)
            np.testing.assert_array_equal(short.transform(X), Z[:, :k])
            np.testing.assert_array_equal(short.reconstruct(X), restored)

    def test_a_share_of_the_variance_as_in_pca(self):
        fitted = AutoencoderTransformer(0.7, max_epochs=10, random_state=0).fit(X)
        shares = fitted.explained_variance_ratio_
        assert fitted.n_components_ == len(shares) == fitted.transform(X).shape[1] <= PCA(0.7).fit(X).n_components_
        assert shares.sum() >= 0.7 > shares[:-1].sum()
        assert len(fitted.get_feature_names_out()) == fitted.n_components_

    def test_wraps_a_variant(self):
        fitted = AutoencoderTransformer(4, variant=Ordered(Variational()), **QUICK).fit(X)
        assert fitted.inverse_transform(fitted.transform(X)[:, :2]).shape == X.shape
        assert "train_divergence" in fitted.history_[0]

    def test_codes_of_others_are_not_cut(self):
        fitted = AutoencoderTransformer(4, **QUICK).fit(X)
        assert not hasattr(fitted, "explained_variance_ratio_")
        with pytest.raises(ValueError, match="not ordered, so they cannot be cut"):
            fitted.shortened(2)
        with pytest.raises(ValueError, match="X has 2 columns, but n_components is 4"):
            fitted.inverse_transform(fitted.transform(X)[:, :2])

    @pytest.mark.parametrize("share", [0.0, 1.0, 1.5, -0.5, float("nan")])
    def test_shares_outside_of_their_range(self, share):
        with pytest.raises(ValueError, match=r"int in the range \[1, inf\) or a float in the range \(0.0, 1.0\)"):
            AutoencoderTransformer(share).fit(X)

    @pytest.mark.parametrize("variant", ["vector_quantised", "hyperspherical", Denoising(variant="vector_quantised")])
    def test_a_share_of_what_cannot_be_ordered(self, variant):
        with pytest.raises(ValueError, match="Ordered cannot wrap"):
            AutoencoderTransformer(0.9, variant=variant, **QUICK).fit(X)

    @pytest.mark.parametrize("size", [0, -1, 2.0, "2", True])
    def test_sizes_that_cannot_be(self, ordered, size):
        with pytest.raises(ValueError, match="'n_components' parameter"):
            ordered.shortened(size)

    def test_training_goes_on_with_a_shortened_one(self, ordered):
        short = ordered.shortened(3)
        assert short.partial_fit(X).transform(X).shape == (500, 3)
        assert ordered.transform(X).shape == (500, 8)

    def test_a_share_goes_with_fit_only(self):
        with pytest.raises(ValueError, match="partial_fit needs an int"):
            AutoencoderTransformer(0.9).partial_fit(X)
        with pytest.raises(ValueError, match="warm_start=True needs an int"):
            AutoencoderTransformer(0.9, warm_start=True).fit(X)


class TestBottleneckSearchCV:
    def test_results_have_the_form_of_a_grid_search(self):
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (4, 1, 2, 2), cv=3).fit(X)
        grid = GridSearchCV(AutoencoderTransformer(**QUICK), {"n_components": [1, 2, 4]}, cv=3).fit(X)
        ours, theirs = search.cv_results_, grid.cv_results_
        assert set(theirs) <= set(ours)
        for name, value in theirs.items():
            assert np.shape(ours[name]) == np.shape(value)
        assert ours["params"] == theirs["params"]
        assert search.best_params_ == {"n_components": search.n_components_}
        assert search.best_estimator_.n_components_ == search.n_components_
        best = AutoencoderTransformer(search.n_components_, **QUICK).fit(X)
        np.testing.assert_array_equal(search.transform(X), best.transform(X))
        assert search.score(X) == best.score(X)

    def test_one_standard_error_takes_a_size_no_larger(self):
        sizes = (1, 2, 4, 8, 13)
        wine = load_wine().data
        best = BottleneckSearchCV(AutoencoderTransformer(**QUICK), sizes, cv=3, rule="best").fit(wine)
        small = BottleneckSearchCV(AutoencoderTransformer(**QUICK), sizes, cv=3).fit(wine)
        assert small.n_components_ <= best.n_components_
        np.testing.assert_array_equal(
            small.cv_results_["mean_test_score"], best.cv_results_["mean_test_score"], strict=True
        )
        mean, error = (best.cv_results_[f"{name}_test_score"] for name in ("mean", "standard_error"))
        within = mean >= mean.max() - error[mean.argmax()]
        assert small.best_index_ == np.flatnonzero(within)[0]

    @pytest.mark.parametrize("frames", [False, True])
    def test_in_a_pipeline_with_a_classifier(self, frames):
        pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(**QUICK))
        if frames:
            pipeline.set_output(transform="pandas")
        search = BottleneckSearchCV(pipeline, (2, 8), classifier=LogisticRegression(max_iter=2000), cv=2).fit(X, y)
        assert search.n_components_ == 8
        assert search.score(X, y) > 0.7
        assert search.predict(X).shape == y.shape
        assert list(search.classes_) == list(range(10))
        assert not hasattr(search, "transform")

    def test_steps_after_the_autoencoder(self):
        pipeline = Pipeline(
            [("autoencoder", AutoencoderTransformer(**QUICK)), ("classifier", LogisticRegression(max_iter=2000))]
        )
        search = BottleneckSearchCV(pipeline, (2, 8), cv=2, scoring="accuracy").fit(X, y)
        assert search.best_params_ == {"autoencoder__n_components": 8}

    def test_two_jobs_give_the_same(self):
        one, two = (
            BottleneckSearchCV(AutoencoderTransformer(**QUICK), (1, 4), cv=2, n_jobs=n_jobs).fit(X) for n_jobs in (1, 2)
        )
        np.testing.assert_allclose(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"], atol=1e-6)

    @pytest.mark.parametrize(
        ("sizes", "match"),
        [
            ((), "is empty"),
            ((0, 2), "Got 0 at index 0"),
            ((2, -1), "Got -1 at index 1"),
            ((2.0,), "Got 2.0 at index 0"),
            ((True,), "Got True at index 0"),
            (4, "sequence of ints"),
            ("48", "sequence of ints"),
        ],
    )
    def test_bad_sizes(self, sizes, match):
        with pytest.raises(ValueError, match=match):
            BottleneckSearchCV(AutoencoderTransformer(), sizes).fit(X)

    @pytest.mark.parametrize("estimator", [PCA(), make_pipeline(StandardScaler(), PCA())])
    def test_needs_an_autoencoder(self, estimator):
        with pytest.raises(ValueError, match="Pipeline with one among its steps"):
            BottleneckSearchCV(estimator).fit(X)

    def test_a_classifier_without_labels(self):
        with pytest.raises(ValueError, match=r"Write fit\(X, y\)"):
            BottleneckSearchCV(AutoencoderTransformer(), classifier=LogisticRegression()).fit(X)

    def test_sizes_above_the_features_warn(self):
        with pytest.warns(UserWarning, match="over-complete: n_components=6"):
            BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 6), cv=2, refit=False).fit(X[:, 20:24])

    def test_fewer_rows_than_components(self):
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 30), cv=2).fit(X[:40])
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()

    def test_failing_folds_score_nan_and_all_failing_raises(self):
        search = BottleneckSearchCV(AutoencoderTransformer(lr=1e30, **QUICK), (1, 2), cv=2)
        with (
            pytest.warns(FitFailedWarning, match="non-finite"),
            pytest.raises(ValueError, match="No size has a score on each of the 2 folds"),
        ):
            search.fit(X)
        assert not hasattr(search, "cv_results_")

    @pytest.mark.parametrize(
        ("wrong", "match"),
        [
            ({"variant": "vector_quantised"}, "Ordered cannot wrap"),
            ({"variant": "none"}, "'variant' parameter"),
            ({"lr": -1}, "'lr' parameter"),
        ],
    )
    def test_wrong_settings_are_found_before_training(self, wrong, match):
        with pytest.raises(ValueError, match=match):
            BottleneckSearchCV(AutoencoderTransformer(**wrong)).fit(X)

    @pytest.mark.parametrize(
        ("wrong", "match"),
        [({"scoring": ["r2"]}, "one score"), ({"error_score": "nan"}, "'raise' or a number"), ({"refit": 1}, "refit")],
    )
    def test_wrong_settings_of_its_own(self, wrong, match):
        with pytest.raises(ValueError, match=match):
            BottleneckSearchCV(AutoencoderTransformer(), **wrong).fit(X)

    def test_is_a_classifier_where_its_last_step_is_one(self):
        search = BottleneckSearchCV(
            AutoencoderTransformer(**QUICK), (2, 4), cv=2, classifier=LogisticRegression(max_iter=2000)
        )
        assert is_classifier(search)
        order = y.argsort(kind="stable")
        assert cross_val_score(search, X[order], y[order], cv=2).min() > 0.3
        assert not is_classifier(BottleneckSearchCV(AutoencoderTransformer()))

    def test_a_classifier_that_fails_on_a_fold(self):
        one_class = [(np.flatnonzero(y == 0), np.flatnonzero(y > 0)), (np.arange(250), np.arange(250, 500))]
        search = BottleneckSearchCV(
            AutoencoderTransformer(**QUICK),
            (2, 4),
            cv=one_class,
            classifier=LogisticRegression(max_iter=2000),
            error_score=0.0,
        )
        with pytest.warns(FitFailedWarning) as caught:
            search.fit(X, y)
        told = [str(warning.message) for warning in caught]
        assert any(text.startswith("n_components=2 scores 0.0") for text in told)
        assert search.cv_results_["split0_test_score"].tolist() == [0.0, 0.0]

    def test_nothing_of_an_earlier_fit_stays(self):
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (1,), cv=2).fit(X)
        search.set_params(refit=False).fit(X)
        assert not hasattr(search, "best_estimator_")


class TestSearchesOfScikitLearn:
    def test_halving_by_epochs_and_by_rows(self):
        for settings in ({"resource": "max_epochs", "max_resources": 4, "min_resources": 2}, {}):
            search = HalvingGridSearchCV(
                AutoencoderTransformer(**QUICK), {"n_components": [1, 8]}, factor=2, cv=2, random_state=0, **settings
            ).fit(X)
            assert search.best_params_["n_components"] == 8

    def test_random_search_over_all_kinds_of_parameters(self):
        space = {
            "codes__n_components": [2, 4],
            "codes__architecture__hidden_sizes": [(32,), (64, 32)],
            "codes__variant__beta": [0.1, 1.0],
            "codes__lr": [1e-3, 1e-2],
        }
        pipeline = Pipeline(
            [
                ("codes", AutoencoderTransformer(architecture=Dense(), variant=Variational(), **QUICK)),
                ("classifier", LogisticRegression(max_iter=2000)),
            ]
        )
        search = RandomizedSearchCV(pipeline, space, n_iter=4, cv=2, random_state=0).fit(X, y)
        assert search.best_score_ > 0.3

    def test_pictures_and_memmaps(self, tmp_path):
        pictures = np.memmap(tmp_path / "digits", dtype=np.uint8, mode="w+", shape=(500, 8, 8))
        pictures[:] = X.reshape(-1, 8, 8)
        search = GridSearchCV(AutoencoderTransformer(**QUICK), {"n_components": [1, 4]}, cv=2, n_jobs=2).fit(pictures)
        assert search.best_params_ == {"n_components": 4}

    @pytest.mark.bad_input(114)
    def test_a_diverging_candidate_scores_nan(self):
        search = GridSearchCV(AutoencoderTransformer(4, **QUICK), {"lr": [1e-2, 1e30]}, cv=2)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One or more of the test scores are non-finite")
            with pytest.warns(FitFailedWarning):
                search.fit(X[:100])
        alone = GridSearchCV(AutoencoderTransformer(4, **QUICK), {"lr": [1e-2]}, cv=2).fit(X[:100])
        assert search.cv_results_["mean_test_score"][0] == alone.best_score_
        assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]
        assert search.best_params_ == {"lr": 1e-2}

    def test_kinds_compete_in_one_search(self):
        pipeline = Pipeline([("scale", MinMaxScaler()), ("reduce", PCA(4))])
        rivals = [PCA(4), NMF(4, max_iter=1000), KernelPCA(4, fit_inverse_transform=True), AutoencoderTransformer(4)]
        rivals[-1].set_params(max_epochs=15, random_state=0)
        for scoring in (explained_share_scorer, neg_reconstruction_error_scorer):
            search = GridSearchCV(pipeline, {"reduce": rivals}, scoring=scoring, cv=ShuffleSplit(2, random_state=0))
            assert isinstance(search.fit(X).best_params_["reduce"], AutoencoderTransformer)


class TestMetrics:
    def test_agree_with_pca_and_by_hand(self):
        pca = PCA(5).fit(X)
        restored = pca.inverse_transform(pca.transform(X))
        assert explained_share(X, restored) == pytest.approx(pca.explained_variance_ratio_.sum())
        assert reconstruction_error(X, restored) == pytest.approx(np.mean((X - restored) ** 2))
        assert reconstruction_error(X, restored, metric="mae") == pytest.approx(np.abs(X - restored).mean())
        pictures = X.reshape(-1, 8, 8), restored.reshape(-1, 8, 8)
        assert explained_share(*pictures) == pytest.approx(explained_share(X, restored))
        assert explained_share(X, np.broadcast_to(X.mean(0), X.shape)) == pytest.approx(0)

    @pytest.mark.parametrize("metric", [explained_share, reconstruction_error])
    def test_numbers_must_be_finite(self, metric):
        with pytest.raises(ValueError, match="NaN"):
            metric([[1, np.nan], [3, 4]], [[1, 2], [3, 4]])

    def test_shapes_must_match(self):
        with pytest.raises(ValueError, match=r"\(500, 64\) and \(500, 63\)"):
            explained_share(X, X[:, 1:])

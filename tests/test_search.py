"""The size of the bottleneck: nested codes, BottleneckSearchCV, and the searches of scikit-learn."""

import importlib.util
import re
import warnings
from typing import ClassVar

import numpy as np
import pytest
from sklearn import config_context, get_config
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import NMF, PCA, KernelPCA
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer, r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    RandomizedSearchCV,
    ShuffleSplit,
    StratifiedGroupKFold,
    cross_val_score,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense
from skae.metrics import (
    explained_variance,
    explained_variance_scorer,
    neg_reconstruction_error_scorer,
    reconstruction_error,
)
from skae.variants import Denoising, Nested, Variational

X, y = load_digits(return_X_y=True)
X, y = X[:500], y[:500]
QUICK = {"max_epochs": 3, "random_state": 0}
HAS_CALLBACKS = importlib.util.find_spec("sklearn.callback") is not None
# Sizes here are few; that warning has tests of its own.
pytestmark = pytest.mark.filterwarnings("ignore:n_components=.* was chosen, the largest size")


@pytest.fixture(scope="module")
def nested():
    """Ordered codes of 8 coordinates, fitted on digits."""
    return AutoencoderTransformer(8, variant="nested", max_epochs=10, random_state=0).fit(X)


class TestOrderedCodes:
    def test_shares_add_up_to_the_score(self, nested):
        shares = nested.explained_variance_ratio_
        assert shares.shape == (8,)
        assert abs(shares.sum() - nested.score(X)) < 0.02
        assert (shares > -0.01).all()
        assert shares[:4].sum() > shares[4:].sum()

    def test_first_coordinates_are_a_code(self, nested):
        Z, pca = nested.transform(X), PCA(8).fit(X)
        by_pca = pca.explained_variance_ratio_.cumsum()
        for k in range(1, 9):
            restored = nested.inverse_transform(Z[:, :k])
            assert explained_variance(X, restored) > by_pca[k - 1] - 0.002
            short = nested.shortened(k)
            np.testing.assert_array_equal(short.transform(X), Z[:, :k])
            np.testing.assert_array_equal(short.reconstruct(X), restored)

    def test_a_share_of_the_variance_as_in_pca(self):
        fitted = AutoencoderTransformer(0.7, max_epochs=10, random_state=0).fit(X)
        shares = fitted.explained_variance_ratio_
        assert fitted.n_components_ == len(shares) == fitted.transform(X).shape[1] <= PCA(0.7).fit(X).n_components_
        assert shares.sum() >= 0.7 > shares[:-1].sum()
        assert len(fitted.get_feature_names_out()) == fitted.n_components_

    def test_wraps_a_variant(self):
        fitted = AutoencoderTransformer(4, variant=Nested(Variational()), **QUICK).fit(X)
        assert fitted.inverse_transform(fitted.transform(X)[:, :2]).shape == X.shape
        assert "train_kl_divergence" in fitted.history_[0]

    def test_codes_of_others_are_not_cut(self):
        fitted = AutoencoderTransformer(4, **QUICK).fit(X)
        assert not hasattr(fitted, "explained_variance_ratio_")
        with pytest.raises(ValueError, match="not nested, so they cannot be cut"):
            fitted.shortened(2)
        with pytest.raises(ValueError, match="X has 2 columns, but n_components is 4"):
            fitted.inverse_transform(fitted.transform(X)[:, :2])

    @pytest.mark.parametrize("share", [0.0, 1.0, 1.5, -0.5, float("nan")])
    def test_shares_outside_of_their_range(self, share):
        with pytest.raises(ValueError, match=r"int in the range \[1, inf\) or a float in the range \(0.0, 1.0\)"):
            AutoencoderTransformer(share).fit(X)

    @pytest.mark.parametrize("variant", ["vector_quantized", "hyperspherical", Denoising(variant="vector_quantized")])
    def test_a_share_of_what_cannot_be_ordered(self, variant):
        with pytest.raises(ValueError, match="Nested cannot wrap"):
            AutoencoderTransformer(0.9, variant=variant, **QUICK).fit(X)

    @pytest.mark.parametrize("size", [0, -1, 2.0, "2", True])
    def test_sizes_that_cannot_be(self, nested, size):
        with pytest.raises(ValueError, match="'n_components' parameter"):
            nested.shortened(size)

    def test_training_goes_on_with_a_shortened_one(self, nested):
        short = nested.shortened(3)
        assert short.partial_fit(X).transform(X).shape == (500, 3)
        assert nested.transform(X).shape == (500, 8)

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
            ({"variant": "vector_quantized"}, "Nested cannot wrap"),
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
        baselines = [PCA(4), NMF(4, max_iter=1000), KernelPCA(4, fit_inverse_transform=True), AutoencoderTransformer(4)]
        baselines[-1].set_params(max_epochs=15, random_state=0)
        for scoring in (explained_variance_scorer, neg_reconstruction_error_scorer):
            search = GridSearchCV(pipeline, {"reduce": baselines}, scoring=scoring, cv=ShuffleSplit(2, random_state=0))
            assert isinstance(search.fit(X).best_params_["reduce"], AutoencoderTransformer)


class TestMetrics:
    def test_agree_with_pca_and_by_hand(self):
        pca = PCA(5).fit(X)
        restored = pca.inverse_transform(pca.transform(X))
        assert explained_variance(X, restored) == pytest.approx(pca.explained_variance_ratio_.sum())
        assert reconstruction_error(X, restored) == pytest.approx(np.mean((X - restored) ** 2))
        assert reconstruction_error(X, restored, metric="mae") == pytest.approx(np.abs(X - restored).mean())
        pictures = X.reshape(-1, 8, 8), restored.reshape(-1, 8, 8)
        assert explained_variance(*pictures) == pytest.approx(explained_variance(X, restored))
        assert explained_variance(X, np.broadcast_to(X.mean(0), X.shape)) == pytest.approx(0)

    def test_the_average_over_features_is_the_same_in_every_unit(self):
        restored = X + np.random.RandomState(0).standard_normal(X.shape)
        varying = X.std(0) > 0
        uniform = explained_variance(X[:, varying], restored[:, varying], multioutput="uniform_average")
        assert uniform == pytest.approx(r2_score(X[:, varying], restored[:, varying]))
        units = 10.0 ** np.random.RandomState(1).uniform(-9, 9, X.shape[1])
        assert explained_variance(X * units, restored * units, multioutput="uniform_average") == pytest.approx(uniform)

    @pytest.mark.parametrize("metric", [explained_variance, reconstruction_error])
    def test_numbers_must_be_finite(self, metric):
        with pytest.raises(ValueError, match="NaN"):
            metric([[1, np.nan], [3, 4]], [[1, 2], [3, 4]])

    def test_shapes_must_match(self):
        with pytest.raises(ValueError, match=r"\(500, 64\) and \(500, 63\)"):
            explained_variance(X, X[:, 1:])


def leave_out(splitter, X, y, groups):
    """Folds as a splitter gives them, each checked to keep groups together."""
    folds = list(splitter.split(X, y, groups))
    assert all(not set(groups[train]) & set(groups[test]) for train, test in folds)
    return folds


class Weighed(LogisticRegression):
    """A classifier that remembers the weights its fits got."""

    seen: ClassVar = []

    def fit(self, X, y, sample_weight=None):
        self.seen.append(None if sample_weight is None else np.asarray(sample_weight))
        return super().fit(X, y, sample_weight)


class Doubling(BaseEstimator):
    """A sampler of imbalanced-learn's kind that gives every row twice."""

    def fit(self, X, y):
        return self

    def fit_resample(self, X, y):
        return np.concatenate([X, X]), np.concatenate([y, y])


class TestMetadata:
    GROUPS = np.repeat(np.arange(25), 20)
    WEIGHTS = np.linspace(0.5, 1.5, 500)

    @staticmethod
    def search(sizes=(2, 4), **settings):
        settings = {"classifier": LogisticRegression(max_iter=2000), "cv": 3, **settings}
        autoencoder = AutoencoderTransformer(**QUICK)
        if get_config()["enable_metadata_routing"]:
            autoencoder.set_fit_request(groups=True)
        return BottleneckSearchCV(autoencoder, sizes, **settings)

    @pytest.mark.parametrize("routing", [False, True])
    @pytest.mark.parametrize(("cv", "splitter"), [(GroupKFold(3), GroupKFold(3)), (3, StratifiedGroupKFold(3))])
    def test_groups_go_to_the_splitter_and_the_autoencoder(self, cv, splitter, routing):
        with config_context(enable_metadata_routing=routing):
            search = self.search(cv=cv).fit(X, y, groups=self.GROUPS)
        by_hand = self.search(cv=leave_out(splitter, X, y, self.GROUPS)).fit(X, y, autoencoder__groups=self.GROUPS)
        for number in range(3):
            name = f"split{number}_test_score"
            np.testing.assert_array_equal(search.cv_results_[name], by_hand.cv_results_[name])

    def test_folds_of_an_int_keep_groups_together_without_labels(self):
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 4), cv=3, refit=False)
        by_hand = clone(search).set_params(cv=leave_out(GroupKFold(3), X, None, self.GROUPS))
        search.fit(X, groups=self.GROUPS)
        by_hand.fit(X, groups=self.GROUPS)
        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], by_hand.cv_results_["mean_test_score"])

    @pytest.mark.parametrize("routing", [False, True])
    def test_weights_go_to_the_classifier_row_by_row(self, routing):
        Weighed.seen.clear()
        classifier = Weighed(max_iter=2000)
        with config_context(enable_metadata_routing=routing):
            if routing:
                classifier.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
            params = {"sample_weight" if routing else "classifier__sample_weight": self.WEIGHTS}
            self.search(classifier=classifier, cv=KFold(2)).fit(X, y, **params)
        first, second = self.WEIGHTS[250:], self.WEIGHTS[:250]
        expected = [first, first, second, second, self.WEIGHTS]
        assert len(Weighed.seen) == len(expected)
        for got, wanted in zip(Weighed.seen, expected, strict=True):
            np.testing.assert_array_equal(got, wanted)

    def test_weights_go_to_the_scorer(self):
        scorer = make_scorer(accuracy_score)
        with config_context(enable_metadata_routing=True):
            scorer.set_score_request(sample_weight=True)
            weights = np.zeros(500)
            weights[0] = weights[250] = 1.0
            classifier = LogisticRegression(max_iter=2000).set_fit_request(sample_weight=False)
            search = self.search(cv=KFold(2), scoring=scorer, classifier=classifier)
            search.fit(X, y, sample_weight=weights)
            assert set(search.cv_results_["split0_test_score"]) <= {0.0, 1.0}
            assert search.score(X, y, sample_weight=weights) in (0.0, 0.5, 1.0)
        with pytest.raises(TypeError, match="needs metadata routing"):
            search.score(X, y, sample_weight=weights)

    def test_what_nobody_takes_is_refused(self):
        with pytest.raises(TypeError, match=r"got 'sample_weight', which is for no step. Write step__sample_weight"):
            self.search().fit(X, y, sample_weight=self.WEIGHTS)
        with (
            config_context(enable_metadata_routing=True),
            pytest.raises(UnsetMetadataPassedError, match="sample_weight"),
        ):
            self.search().fit(X, y, sample_weight=self.WEIGHTS)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            self.search().fit(X, y, groups=self.GROUPS[:-1])

    def test_parameters_of_the_autoencoder(self):
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 4), cv=2).fit(X, X_val=X[:60])
        assert "valid_loss" in search.best_estimator_.history_[0]
        in_pipeline = BottleneckSearchCV(make_pipeline(AutoencoderTransformer(**QUICK)), (2, 4), cv=2)
        in_pipeline.fit(X, autoencodertransformer__X_val=X[:60])
        assert in_pipeline.n_components_ == search.n_components_

    def test_cross_validation_around_it_routes_groups(self):
        with config_context(enable_metadata_routing=True):
            scores = cross_val_score(
                self.search(cv=GroupKFold(2)), X, y, cv=GroupKFold(2), params={"groups": self.GROUPS}
            )
        assert np.isfinite(scores).all()


class TestAsGridSearchCV:
    def test_methods_of_classifiers(self):
        by_margin = BottleneckSearchCV(
            AutoencoderTransformer(**QUICK), (2, 4), classifier=LinearSVC(max_iter=10_000), cv=2
        )
        assert hasattr(by_margin, "decision_function")
        assert not hasattr(by_margin, "predict_proba")
        scores = cross_val_score(by_margin, X, y == 3, cv=2, scoring="roc_auc", error_score="raise")
        assert scores.min() > 0.5
        by_odds = clone(by_margin).set_params(classifier=LogisticRegression(max_iter=2000)).fit(X, y)
        np.testing.assert_allclose(by_odds.predict_log_proba(X), np.log(by_odds.predict_proba(X)))
        assert by_odds.decision_function(X).shape == (500, 10)

    @pytest.mark.parametrize("place", ["before", "after"])
    def test_samplers_of_imbalanced_learn_run_in_fit_only(self, place):
        imblearn = pytest.importorskip("imblearn.pipeline")
        steps = [("reduce", AutoencoderTransformer(**QUICK)), ("classify", LogisticRegression(max_iter=2000))]
        steps.insert(0 if place == "before" else 1, ("double", Doubling()))
        search = BottleneckSearchCV(imblearn.Pipeline(steps), (2, 4), cv=2, scoring="accuracy", error_score="raise")
        search.fit(X, y)
        assert type(search.best_estimator_) is imblearn.Pipeline
        assert search.predict(X).shape == y.shape
        appended = BottleneckSearchCV(
            imblearn.Pipeline(steps[:2]), (2, 4), classifier=LogisticRegression(max_iter=2000), cv=2
        ).fit(X, y)
        assert type(appended.best_estimator_) is imblearn.Pipeline

    def test_smote_balances_the_codes(self):
        over_sampling = pytest.importorskip("imblearn.over_sampling")
        imblearn = pytest.importorskip("imblearn.pipeline")
        pipeline = imblearn.make_pipeline(
            AutoencoderTransformer(**QUICK), over_sampling.SMOTE(random_state=0), LogisticRegression(max_iter=2000)
        )
        search = BottleneckSearchCV(pipeline, (2, 4), cv=2, scoring="roc_auc", error_score="raise").fit(X, y == 3)
        assert search.best_score_ > 0.5

    def test_steps_are_fitted_once_per_fold_before_the_autoencoder(self):
        fits = []

        class Counting(StandardScaler):
            def fit(self, X, y=None, sample_weight=None):
                fits.append(len(X))
                return super().fit(X, y, sample_weight)

        pipeline = Pipeline([("scale", Counting()), ("reduce", AutoencoderTransformer(**QUICK))])
        BottleneckSearchCV(pipeline, (1, 2, 4), cv=2).fit(X)
        assert fits == [250, 250, 500]

    def test_caches_of_pipelines_are_used(self, tmp_path):
        pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(**QUICK), memory=str(tmp_path))
        search = BottleneckSearchCV(pipeline, (2, 4), cv=2, classifier=LogisticRegression(max_iter=2000)).fit(X, y)
        assert search.best_estimator_.memory == str(tmp_path)
        assert list(tmp_path.iterdir())

    def test_verbose(self, capsys):
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 4), cv=2, refit=False)
        search.fit(X)
        assert capsys.readouterr().out == ""
        search.set_params(verbose=1).fit(X)
        assert capsys.readouterr().out == "Fitting 2 folds once for all of 2 sizes: n_components=[2, 4]\n"
        search.set_params(verbose=2).fit(X)
        assert re.search(r"\[CV 2/2\] 2: 0\.\d{3}, 4: 0\.\d{3}; total time=", capsys.readouterr().out)

    def test_names_of_features(self):
        frame = load_wine(as_frame=True).data
        search = BottleneckSearchCV(AutoencoderTransformer(**QUICK), (1, 13), cv=2).fit(frame)
        assert list(search.feature_names_in_) == list(frame.columns)
        assert not hasattr(search.fit(frame.to_numpy()), "feature_names_in_")

    @pytest.mark.skipif(not HAS_CALLBACKS, reason="sklearn.callback came with scikit-learn 1.9")
    @pytest.mark.parametrize("n_jobs", [None, 2])
    def test_callbacks_hear_of_folds_and_epochs(self, n_jobs, capsys):
        from sklearn.callback import ProgressBar

        pipeline = make_pipeline(StandardScaler(), AutoencoderTransformer(**QUICK))
        for estimator, classifier in (
            (AutoencoderTransformer(**QUICK), None),
            (pipeline, LogisticRegression(max_iter=2000)),
        ):
            search = BottleneckSearchCV(estimator, (2, 4), classifier=classifier, cv=2, n_jobs=n_jobs)
            search.set_callbacks(ProgressBar()).fit(X, y)
            shown = capsys.readouterr().out
            assert "fold" in shown
            assert "refit-with-best-params" in shown
        assert not hasattr(estimator, "_skl_callbacks")


class TestEdgeOfTheSearch:
    def test_warns_where_the_largest_size_is_chosen(self):
        with pytest.warns(UserWarning, match=r"n_components=4 was chosen, the largest size offered.*\(2, 4, 8\)"):
            BottleneckSearchCV(AutoencoderTransformer(**QUICK), (2, 4), cv=2, refit=False).fit(X)

    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize(("sizes", "n_features"), [((4,), 64), ((1, 6), 6), ((1, 2, 40), 41)])
    def test_does_not_where_there_is_nothing_larger(self, sizes, n_features):
        rank_two = X[:, 20:22] @ np.random.RandomState(0).standard_normal((2, n_features))
        BottleneckSearchCV(AutoencoderTransformer(**QUICK), sizes, cv=2, refit=False).fit(rank_two)

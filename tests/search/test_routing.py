"""Metadata goes through BottleneckSearchCV to the steps that request it."""

from typing import ClassVar

import numpy as np
import pytest
import sklearn
from sklearn import config_context, get_config
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.fixes import parse_version

from skae import AutoencoderTransformer, BottleneckSearchCV, Dense

X, y = load_digits(return_X_y=True)
X, y = X[:300, 8:32], y[:300] % 3
QUICK = {"architecture": Dense((8,)), "max_epochs": 1, "random_state": 0}
# The few sizes here would warn; that warning has its own tests.
pytestmark = pytest.mark.filterwarnings("ignore:n_components=.* was chosen, the largest size")


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


class TestMetadata:
    GROUPS = np.repeat(np.arange(15), 20)
    WEIGHTS = np.linspace(0.5, 1.5, 300)

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
        if routing and parse_version(sklearn.__version__) < parse_version("1.8"):
            pytest.skip("scikit-learn before 1.8 routes no weights to Pipeline.score")
        Weighed.seen.clear()
        classifier = Weighed(max_iter=2000)
        with config_context(enable_metadata_routing=routing):
            if routing:
                classifier.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
            params = {"sample_weight" if routing else "classifier__sample_weight": self.WEIGHTS}
            self.search(classifier=classifier, cv=KFold(2)).fit(X, y, **params)
        first, second = self.WEIGHTS[150:], self.WEIGHTS[:150]
        expected = [first, first, second, second, self.WEIGHTS]
        assert len(Weighed.seen) == len(expected)
        for got, wanted in zip(Weighed.seen, expected, strict=True):
            np.testing.assert_array_equal(got, wanted)

    def test_weights_go_to_the_scorer(self):
        scorer = make_scorer(accuracy_score)
        with config_context(enable_metadata_routing=True):
            scorer.set_score_request(sample_weight=True)
            weights = np.zeros(300)
            weights[0] = weights[150] = 1.0
            classifier = LogisticRegression(max_iter=2000).set_fit_request(sample_weight=False)
            search = self.search(cv=KFold(2), scoring=scorer, classifier=classifier)
            search.fit(X, y, sample_weight=weights)
            assert set(search.cv_results_["split0_test_score"]) <= {0.0, 1.0}
            assert search.score(X, y, sample_weight=weights) in (0.0, 0.5, 1.0)
        with pytest.raises(TypeError, match="needs metadata routing"):
            search.score(X, y, sample_weight=weights)

    def test_metadata_without_a_consumer_is_refused(self):
        with pytest.raises(TypeError, match=r"got 'sample_weight', which is for no step. Write step__sample_weight"):
            self.search().fit(X, y, sample_weight=self.WEIGHTS)
        with (
            config_context(enable_metadata_routing=True),
            pytest.raises(UnsetMetadataPassedError, match="sample_weight"),
        ):
            self.search().fit(X, y, sample_weight=self.WEIGHTS)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            self.search().fit(X, y, groups=self.GROUPS[:-1])

    def test_fit_parameters_go_to_the_autoencoder(self):
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

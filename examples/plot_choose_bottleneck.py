"""
Choice of the number of components
==================================

``BottleneckSearchCV`` scores all sizes with one fit per fold: codes are nested, so that the first k components are
a code of size k. Here it trains 2 autoencoders. It is compared with ``GridSearchCV``, which trains one per size and
fold, 10 in all, and with PCA, on the handwritten digits of scikit-learn.
"""

# %%
# Three searches over the same sizes and folds
# --------------------------------------------
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, train_test_split

from skae import AutoencoderTransformer, BottleneckSearchCV
from skae.inspection import BottleneckCurveDisplay
from skae.metrics import explained_variance_scorer

X, X_test, y, y_test = train_test_split(*load_digits(return_X_y=True), test_size=0.3, random_state=0)
sizes = [1, 2, 4, 8, 16]
# Without early stopping, no further fits compare the network with PCA: this example is about the sizes.
autoencoder = AutoencoderTransformer(max_epochs=10, early_stopping=False, random_state=0)
common = {"cv": KFold(2, shuffle=True, random_state=0), "scoring": explained_variance_scorer, "refit": False}
searches = {
    "BottleneckSearchCV": BottleneckSearchCV(autoencoder, sizes, **common),
    "GridSearchCV": GridSearchCV(autoencoder, {"n_components": sizes}, **common),
    "PCA": GridSearchCV(PCA(random_state=0), {"n_components": sizes}, **common),
}
for name, search in searches.items():
    scores = search.fit(X).cv_results_["mean_test_score"]
    print(f"{name:<20}" + "".join(f"{score:7.3f}" for score in scores))

# %%
# By the accuracy of a classifier
# -------------------------------
# With ``classifier=``, the score is that of a classifier on the codes, and the smallest size within one standard
# error of the best is chosen.
by_accuracy = BottleneckSearchCV(autoencoder, sizes, classifier=LogisticRegression(max_iter=5000), cv=2).fit(X, y)
accuracy = by_accuracy.score(X_test, y_test)
print(f"{by_accuracy.n_components_} components; accuracy {accuracy:.3f} on the test set")

# %%
# Curves
# ------
# The scores of ``BottleneckSearchCV`` are lower than those of ``GridSearchCV``, as documented, and not below those
# of PCA.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained")
BottleneckCurveDisplay.from_results(searches, score_name="explained variance", ax=left)
left.set_title("explained variance")
BottleneckCurveDisplay.from_results(by_accuracy, "classifier on codes", score_name="accuracy", ax=right)
right.set_title(f"test accuracy {accuracy:.3f}")
for ax in (left, right):
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)
plt.show()

# sphinx_gallery_start_ignore
scores = {name: search.cv_results_["mean_test_score"] for name, search in searches.items()}
assert (scores["BottleneckSearchCV"] >= scores["PCA"] - 0.01).all()
# sphinx_gallery_end_ignore

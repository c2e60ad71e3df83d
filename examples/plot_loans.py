"""
When not to use it: features of a credit score
==============================================

Do codes of a few components predict repayment better than all columns? They do not: on this table, logistic
regression on all columns is best, and PCA is as good as the autoencoder and much faster. Reduce the dimensions of a
table to draw it, to generate rows or to find unusual ones, not to help a classifier that copes with all columns.

The loans are synthetic: three latent variables (earning power, thrift, stage of life) determine all columns and the
repayment, with noise, by nonlinear functions.
"""

# %%
# Synthetic loans
# ---------------
import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer

random = np.random.RandomState(0)
power, thrift, stage, *noise = random.randn(9, 4000)
columns = [
    30e3 * np.exp(0.45 * power - 0.15 * stage**2 + 0.1 * noise[0]),  # income
    300 + 550 * expit(0.8 + 0.3 * power + thrift + 0.4 * stage + 0.3 * noise[1]),  # credit history
    20e3 * np.exp(0.4 * power - 0.5 * thrift - 0.3 * stage**2 + 0.2 * noise[2]),  # debt
    25e3 * np.exp(0.5 * power + 0.6 * thrift + 0.6 * stage + 0.2 * noise[3]),  # assets
    6e3 + 30e3 * np.exp(0.45 * power) * expit(1 - thrift) * np.exp(0.1 * noise[4]),  # expenses
    40 + 12 * stage + 4 * noise[5],  # age
]
chance = expit(1.5 + 2.5 * np.tanh(thrift + power) - 1.5 * np.abs(stage) + thrift * stage)
X, y = np.stack(columns, axis=1), random.uniform(size=4000) < chance
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)

# %%
# Three pipelines
# ---------------
classifier = LogisticRegression(max_iter=1000)
models = {
    "all 6 columns": make_pipeline(StandardScaler(), classifier),
    "PCA, 3 components": make_pipeline(StandardScaler(), PCA(3), StandardScaler(), classifier),
    "autoencoder, 3 components": make_pipeline(AutoencoderTransformer(3, random_state=0), StandardScaler(), classifier),
}
figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
areas = {}
for name, model in models.items():
    start = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    areas[name] = roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])
    print(f"{name:<28} ROC AUC {areas[name]:.3f}, fit in {seconds:.2f} s")
    RocCurveDisplay.from_estimator(model, X_test, y_test, name=name, ax=axis)
axis.set_title("Repayment of test loans")
plt.show()

# sphinx_gallery_start_ignore
assert areas["all 6 columns"] > areas["autoencoder, 3 components"] - 0.005
# sphinx_gallery_end_ignore

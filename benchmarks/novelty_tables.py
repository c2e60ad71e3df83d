"""Self-made tables with few, skewed, binary and mixed columns, and anomalies of four kinds (Han et al., 2022)."""

import copy

import numpy as np
from sklearn.mixture import GaussianMixture


def clusters(n_columns, n_clusters, seed):
    """A function that draws rows of a Gaussian mixture."""
    random = np.random.RandomState(seed)
    centers = 2.5 * random.standard_normal((n_clusters, n_columns))
    mixing = 0.7 * random.standard_normal((n_clusters, n_columns, n_columns))

    def draw(n, random):
        cluster = random.randint(n_clusters, size=n)
        return centers[cluster] + np.einsum("nij,nj->ni", mixing[cluster], random.standard_normal((n, n_columns)))

    return draw


def factors(n_columns, n_factors, seed):
    """A function that draws rows near a plane."""
    loadings = np.random.RandomState(seed).standard_normal((n_factors, n_columns)) / np.sqrt(n_factors)
    return lambda n, random: (
        random.standard_normal((n, n_factors)) @ loadings + 0.4 * random.standard_normal((n, n_columns))
    )


def surface(n_columns, n_factors, seed):
    """A function that draws rows near a curved surface."""
    random = np.random.RandomState(seed)
    bends, loadings = random.standard_normal((n_factors, 20)), random.standard_normal((20, n_columns)) / 4
    return lambda n, random: (
        np.tanh(random.standard_normal((n, n_factors)) @ bends) @ loadings
        + 0.1 * random.standard_normal((n, n_columns))
    )


def moons(n, random):
    angle, upper = np.pi * random.random_sample(n), random.randint(2, size=(n, 1)) == 1
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    return np.where(upper, circle, [1, 0.5] - circle) + 0.08 * random.standard_normal((n, 2))


def lognormal(z):
    return np.exp(1.2 * z)


def exponential(z):
    return np.logaddexp(0, 3 * z) ** 2


def counts(z):
    return np.floor(np.exp(1.2 * z + 0.5))


def flags(z):
    return (z > 0.5).astype(float)


def categories(z):
    return np.clip(np.floor(z + 2), 0, 3)


def mixed(z):
    kinds = (lambda z: z, lognormal, exponential, counts, flags, flags, categories, categories)
    return np.column_stack([kind(column) for kind, column in zip(kinds, z.T, strict=True)])


# By group and name: rows of latent numbers, columns of them, number of last columns that are one-hot encoded.
TABLES = {
    "few columns": {
        "moons, 2": (moons, None, 0),
        "clusters, 3": (clusters(3, 3, 1), None, 0),
        "lognormal, 2": (factors(2, 1, 2), lognormal, 0),
        "exponential, 4": (factors(4, 2, 4), exponential, 0),
    },
    "skewed columns": {
        "lognormal, 12": (factors(12, 3, 5), lognormal, 0),
        "exponential, 8": (surface(8, 3, 6), exponential, 0),
        "counts, 20": (factors(20, 4, 7), counts, 0),
    },
    "binary columns": {
        "flags, 6": (factors(6, 2, 8), flags, 0),
        "flags, 20": (factors(20, 4, 9), flags, 0),
        "one-hot, 3 x 4": (factors(3, 1, 10), categories, 3),
        "one-hot, 6 x 4": (factors(6, 2, 11), categories, 6),
    },
    "other columns": {
        "mixed, 8": (factors(8, 3, 12), mixed, 2),
        "surface, 10": (surface(10, 3, 14), None, 0),
        "clusters, 15": (clusters(15, 4, 17), None, 0),
    },
}


def encode(columns, n_hot):
    """One-hot encode the last columns, of four categories each."""
    first = columns.shape[1] - n_hot
    return np.hstack([columns[:, :first], *(np.eye(4)[column.astype(int)] for column in columns.T[first:])])


def make_table(draw, to_columns, n_hot, n=400):
    """Training rows, test rows (one half are anomalies), and whether each test row is an anomaly.

    Local anomalies are drawn from the clusters of the rows with five times their covariance, clusters of anomalies far
    from the rows, global anomalies uniformly, and dependency anomalies from each column alone.
    """
    random = np.random.RandomState(0)
    quarter = n // 8
    to_columns = to_columns or (lambda z: z)
    latent = draw(n + n // 2, random)
    columns = to_columns(latent)
    fits = (GaussianMixture(k, random_state=0, reg_covar=1e-4).fit(latent) for k in (1, 2, 3, 5))
    local = min(fits, key=lambda fit: fit.bic(latent))
    cluster = copy.copy(local)
    local.covariances_ = 5 * local.covariances_
    cluster.covariances_ = local.covariances_ / 5
    away = np.sign(random.standard_normal(latent.shape[1])) * latent.std(0)
    cluster.means_ = latent.mean(0) + 3 * (local.means_ - latent.mean(0) + away)
    low, high = columns.min(0), columns.max(0)
    is_whole = (columns == np.floor(columns)).all(0)
    uniform = low + (high - low) * (1.2 * random.random_sample((quarter, len(low))) - 0.1)
    anomalies = [
        to_columns(local.sample(quarter)[0]),
        np.where(is_whole, np.clip(np.round(uniform), low, high), uniform),
        to_columns(cluster.sample(quarter)[0]),
        np.column_stack([random.permutation(column)[:quarter] for column in columns.T]),
    ]
    test = np.vstack([encode(part, n_hot) for part in (columns[n:], *anomalies)])
    return encode(columns[:n], n_hot), test, np.arange(len(test)) >= n // 2


def made():
    """Name of the group, training rows, test rows, labels."""
    for group, tables in TABLES.items():
        for table in tables.values():
            yield group, *make_table(*table)

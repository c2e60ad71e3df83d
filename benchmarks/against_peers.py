"""How long do other packages take to train the same network for the same epochs, and how good is the result?

A 64-32-8-32-64 network with ReLU, ten epochs on 20,000 gray 8 x 8 patches of scikit-learn's photographs, batches of
128 and of 1,024. Each package uses its own learning rate. The minimum time of several runs counts. The packages are
the extra ``bench``; missing ones are skipped.

With ``--wide``: 913 documents of 2,000 hashed words, 50 components, defaults, seconds of the processor in all threads.
"""

import contextlib
import importlib.util
import os
import tempfile
import time
import warnings

os.environ.setdefault("KERAS_BACKEND", "torch")

import numpy as np
import skorch
import torch
from report import make_parser, write
from sklearn.datasets import load_sample_image
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_extraction.image import extract_patches_2d
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from torch import nn
from wide import N_COMPONENTS, N_DOCUMENTS, cpu_seconds, hashed

from skae import AutoencoderTransformer, Dense

EPOCHS = 10
N_FOLDS = 5
RATE = 1e-3
WIDE_COLUMNS = 2_000
# Device of skae; the others choose their device or use the CPU.
SETTINGS = {"device": "cpu"}


def patches(n_each=12_500):
    """Gray patches (25000, 64), centered and scaled."""
    photographs = [load_sample_image(name).mean(2) for name in ("china.jpg", "flower.jpg")]
    X = np.concatenate([extract_patches_2d(p, (8, 8), max_patches=n_each, random_state=0) for p in photographs])
    X = X.reshape(len(X), 64)
    return ((X - X.mean(0)) / X.std()).astype(np.float32)


class Network(nn.Sequential):
    def __init__(self):
        widths = (64, 32, 8, 32, 64)
        layers = [nn.Linear(*widths[i : i + 2]) for i in range(4)]
        super().__init__(layers[0], nn.ReLU(), layers[1], layers[2], nn.ReLU(), layers[3])


def by_skae(X, batch_size, **settings):
    autoencoder = AutoencoderTransformer(
        8, batch_size=batch_size, max_epochs=EPOCHS, random_state=0, early_stopping=False, **SETTINGS, **settings
    ).fit(X)
    return autoencoder.reconstruct


def same_network(X, batch_size):
    architecture = Dense((32,), activation="relu", normalization=None, linear_path=False)
    return by_skae(X, batch_size, architecture=architecture)


def with_linear_path(X, batch_size):
    return by_skae(X, batch_size, architecture=Dense((32,), activation="relu", normalization=None))


def by_skorch(X, batch_size):
    net = skorch.NeuralNet(
        Network,
        nn.MSELoss,
        optimizer=torch.optim.Adam,
        lr=RATE,
        batch_size=batch_size,
        max_epochs=EPOCHS,
        train_split=None,
        verbose=0,
    )
    return net.fit(X, X).predict


def by_scikit_learn(X, batch_size):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ConvergenceWarning after ten epochs
        return (
            MLPRegressor(hidden_layer_sizes=(32, 8, 32), batch_size=batch_size, max_iter=EPOCHS, random_state=0)
            .fit(X, X)
            .predict
        )


def by_pyod(X, batch_size):
    from pyod.models.auto_encoder import AutoEncoder

    detector = AutoEncoder(
        hidden_neuron_list=[32, 8],
        batch_norm=False,
        dropout_rate=0.0,
        preprocessing=False,
        epoch_num=EPOCHS,
        batch_size=batch_size,
        device=torch.device("cpu"),
        verbose=0,
    ).fit(X)

    def reconstruct(rows):
        with torch.no_grad():
            return detector.model(torch.from_numpy(rows)).numpy()

    return reconstruct


def by_keras(X, batch_size):
    import keras

    layers = [keras.layers.Dense(n, activation=a) for n, a in ((32, "relu"), (8, None), (32, "relu"), (64, None))]
    model = keras.Sequential(layers)
    model.compile(optimizer=keras.optimizers.Adam(RATE), loss="mse")
    model.fit(X, X, batch_size=batch_size, epochs=EPOCHS, verbose=0)
    return lambda rows: model.predict(rows, verbose=0)


def by_pythae(X, batch_size):
    from pythae.models import AE, AEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*list(Network())[:3])

        def forward(self, x):
            return ModelOutput(embedding=self.layers(x))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*list(Network())[3:])

        def forward(self, z):
            return ModelOutput(reconstruction=self.layers(z))

    with tempfile.TemporaryDirectory() as folder:
        training = BaseTrainerConfig(
            output_dir=folder,
            num_epochs=EPOCHS,
            per_device_train_batch_size=batch_size,
            learning_rate=RATE,
            no_cuda=True,
        )
        model = AE(AEConfig(input_dim=(64,), latent_dim=8), encoder=Encoder(), decoder=Decoder())
        TrainingPipeline(model=model, training_config=training)(torch.from_numpy(X))

    def reconstruct(rows):
        with torch.no_grad():
            return model.decoder(model.encoder(torch.from_numpy(rows)).embedding).reconstruction.numpy()

    return reconstruct


def by_hypertools(X, batch_size):
    from hypertools.reduce.autoencoders import DeepAutoencoder

    reducer = DeepAutoencoder(
        n_components=8, hidden_dims=[32], epochs=EPOCHS, batch_size=batch_size, lr=RATE, device="cpu"
    ).fit(X)
    return lambda rows: reducer.inverse_transform(reducer.transform(rows))


PEERS = {
    "skae, the same network": (same_network, "skae"),
    "skae, with its linear path": (with_linear_path, "skae"),
    "skorch": (by_skorch, "skorch"),
    "scikit-learn MLPRegressor": (by_scikit_learn, "sklearn"),
    "PyOD AutoEncoder": (by_pyod, "pyod"),
    "Keras on torch": (by_keras, "keras"),
    "pythae AE": (by_pythae, "pythae"),
    "hypertools DeepAutoencoder": (by_hypertools, "hypertools"),
}


def wide_rows(device):
    """Seconds and explained variance, of the rows of fit, of each library on hashed documents."""
    X = hashed(N_DOCUMENTS, WIDE_COLUMNS)
    dense = X.toarray() - X.mean(0)

    def by_network():
        sizes = (256, 128, N_COMPONENTS, 128, 256)
        network = MLPRegressor(hidden_layer_sizes=sizes, batch_size=16, max_iter=25, random_state=0)
        return network.fit(dense, dense).predict(dense)

    def by_autoencoder():
        autoencoder = AutoencoderTransformer(N_COMPONENTS, device=device, random_state=0)
        return autoencoder.fit(X).reconstruct(X) - X.mean(0)

    def by_decomposition(decomposition):
        return decomposition.inverse_transform(decomposition.fit_transform(X)) - X.mean(0)

    libraries = {
        "scikit-learn TruncatedSVD": lambda: by_decomposition(TruncatedSVD(N_COMPONENTS, random_state=0)),
        "scikit-learn PCA": lambda: by_decomposition(PCA(N_COMPONENTS, svd_solver="arpack", random_state=0)),
        "skae": by_autoencoder,
        "scikit-learn MLPRegressor": by_network,
    }
    AutoencoderTransformer(2, max_epochs=1).fit(np.random.RandomState(0).standard_normal((50, 5)))  # imports of torch
    table = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, reconstruct in libraries.items():
            seconds, reconstructed = cpu_seconds(reconstruct)
            table.append([name, seconds, explained_variance(dense, reconstructed)])
            print(*table[-1], flush=True)
    write("against_peers_wide", ["library", "seconds", "explained variance"], table, device=device)
    seconds = {name: taken for name, taken, _ in table}
    explained = {name: share for name, _, share in table}
    assert seconds["skae"] < seconds["scikit-learn MLPRegressor"]
    assert explained["skae"] > explained["scikit-learn PCA"] - 0.001


def train_timed(train_by, X, batch_size):
    """Seconds of training without output, and the function that reconstructs rows."""
    with open(os.devnull, "w") as out, contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        began = time.perf_counter()
        reconstruct = train_by(X, batch_size)
        return time.perf_counter() - began, reconstruct


def explained_variance(X, X_reconstructed):
    return float(1 - ((X - X_reconstructed) ** 2).sum() / (X**2).sum())


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--wide", action="store_true", help="compare on wide sparse rows instead")
    options = parser.parse_args()
    SETTINGS["device"] = options.device
    if options.wide:
        wide_rows(options.device)
        return
    train, test = train_test_split(patches(), test_size=0.2, random_state=0)
    pca = PCA(8).fit(train)
    table = [["PCA", "-", "-", "-", explained_variance(test, pca.inverse_transform(pca.transform(test)))]]
    peers = {name: by for name, (by, package) in PEERS.items() if importlib.util.find_spec(package)}
    for name in PEERS.keys() - peers.keys():
        print(f"{name} is not installed")
    for batch_size in (128, 1024):
        for train_by in peers.values():
            train_timed(train_by, train[:2000], batch_size)
        seconds, shares = [], {}
        for _ in range(N_FOLDS):
            row = []
            for name, train_by in peers.items():
                taken, reconstruct = train_timed(train_by, train, batch_size)
                row.append(taken)
                shares[name] = explained_variance(test, np.asarray(reconstruct(test)))
            seconds.append(row)
        best = np.min(seconds, axis=0)
        table += [
            [name, batch_size, float(taken), float(taken / best[0]), shares[name]]
            for name, taken in zip(peers, best, strict=True)
        ]
    columns = ["library", "batch", "seconds", "times skae's", "held-out share"]
    write("against_peers", columns, table, epochs=EPOCHS, **SETTINGS)
    for name, batch_size, _, times, _ in table[1:]:
        assert times > 1 or name.startswith("skae"), f"{name} at batch {batch_size} took {times:.2f} of skae's time"
        assert name != "skorch" or batch_size != 1024 or times >= 5, f"skorch took only {times:.2f} times as long"


if __name__ == "__main__":
    main()

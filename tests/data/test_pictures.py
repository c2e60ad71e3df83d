"""Pictures, videos and signals."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_sample_image
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer

QUICK = {"max_epochs": 2, "random_state": 0}


@pytest.mark.slow
def test_videos_are_explained_at_least_as_well_as_by_pca():
    gray = load_sample_image("china.jpg").mean(2)[::8, ::8]
    corners = [(y, x) for y in range(30) for x in range(0, 60, 3)]
    videos = np.stack([[gray[y : y + 12, x + t : x + t + 12] for t in range(4)] for y, x in corners])
    autoencoder = AutoencoderTransformer(8, axes="t h w", architecture="conv", max_epochs=5, random_state=0).fit(videos)
    assert autoencoder.reconstruct(videos).shape == videos.shape
    pca = PCA(8).fit(videos.reshape(len(videos), -1))
    assert autoencoder.score(videos) >= pca.explained_variance_ratio_.sum() - 0.002


def test_constant_signals_and_videos_of_one_frame_are_reconstructed():
    silence = AutoencoderTransformer(2, axes="t", architecture="conv", **QUICK).fit(np.zeros((30, 64)))
    assert np.abs(silence.reconstruct(np.zeros((5, 64)))).max() < 1e-3
    one_frame = np.random.RandomState(0).standard_normal((30, 1, 8, 8))
    autoencoder = AutoencoderTransformer(2, axes="t h w", architecture="conv", **QUICK).fit(one_frame)
    assert autoencoder.reconstruct(one_frame).shape == one_frame.shape


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((15, 40), "Dense"), ((16, 16), "Convolutional"), ((16, 17, 3), "Convolutional"), ((3, 8, 64), "Dense")],
)
def test_auto_architecture_is_convolutional_for_pictures_of_16_pixels_and_more(shape, expected):
    pictures = np.random.RandomState(0).rand(12, *shape)
    axes = "c h w" if shape[0] == 3 else "h w c" if len(shape) == 3 else "h w"
    fitted = AutoencoderTransformer(2, axes=axes, max_epochs=1, random_state=0).fit(pictures)
    assert type(fitted.architecture_).__name__ == expected


class TestWindowsReadAsPictures:
    """Windows of sensors can be misread as pictures; a warning names the axes."""

    @staticmethod
    def windows(height, width):
        random = np.random.RandomState(0)
        time = np.linspace(0, 6, height)[:, None] + random.uniform(0, 6, (100, 1, width))
        return np.sin(time) * 10.0 ** random.uniform(-2, 3, width) + 0.01 * random.standard_normal((100, height, width))

    @pytest.mark.parametrize("shape", [(30, 9), (60, 20), (24, 24), (12, 8)])
    def test_windows_without_named_axes_warn(self, shape):
        X = self.windows(*shape)
        for rows, axes in ((X, "t c"), (X.transpose(0, 2, 1), "c t")):
            with pytest.warns(UserWarning, match=f"read as gray pictures.*axes='{axes}'"):
                AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(rows)

    @pytest.mark.parametrize("label", range(10))
    def test_pictures_of_one_class_do_not_warn(self, label):
        digits = load_digits()
        X = digits.images[digits.target == label][:90]
        AutoencoderTransformer(2, max_epochs=1, early_stopping=False, random_state=0).fit(X)

    def test_windows_of_counts_warn(self):
        rates = np.array([0.1, 5.0, 0.3, 4.0, 0.2, 6.0])
        X = np.random.RandomState(0).poisson(rates, (100, 24, 6)) * 10.0 ** np.arange(6)
        with pytest.warns(UserWarning, match="read as gray pictures.*axes='t c'"):
            AutoencoderTransformer(2, max_epochs=1, random_state=0).fit(X)

    def test_pictures_and_windows_with_named_axes_do_not_warn(self, digits):
        pictures = digits.reshape(-1, 8, 8)[:200]
        noise = np.random.RandomState(0).standard_normal((60, 9, 12))
        for X in (pictures, pictures / 16, pictures.astype(np.uint8), (pictures > 7) * 1.0, noise):
            AutoencoderTransformer(2, max_epochs=1, early_stopping=False, random_state=0).fit(X)
        named = AutoencoderTransformer(2, axes="t c", max_epochs=1, random_state=0).fit(self.windows(30, 9))
        assert named.scaling_ == "channels"
        assert named.scale_.shape == (1, 9)


def test_colors_of_8_bits_share_one_scale(digits):
    red = np.stack([digits.reshape(-1, 8, 8)[:100] * share for share in (15, 1, 0.2)], axis=-1)
    settings = {"max_epochs": 1, "random_state": 0}
    assert AutoencoderTransformer(2, **settings).fit(red.astype(np.uint8)).scaling_ == "global"
    assert AutoencoderTransformer(2, **settings).fit(red).scaling_ == "channels"

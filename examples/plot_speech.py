"""
Compression of speech to a sixteenth of its samples
===================================================

How high is the signal-to-noise ratio after compression? No speech ships with scikit-learn, so the recordings are
synthetic vowels: pulses of gliding pitch through three resonances. The baseline is PCA with the same number of
components, 16 per frame of 256 samples.
"""

# %%
# Synthetic vowels
# ----------------
import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import iirpeak, lfilter, windows
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer

rate = 8000  # samples per second
formants = np.array([[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240]])
random = np.random.RandomState(0)
recordings = np.zeros((300, 4096))
for recording in recordings:
    pitch = random.uniform(90, 220) * (1 + random.uniform(-0.2, 0.2) * np.linspace(0, 1, 4096))
    pulses = np.diff(np.cumsum(pitch / rate) // 1, prepend=0) * np.sin(np.pi * np.arange(4096) / 4096)
    for formant in formants[random.randint(5)] * random.uniform(0.9, 1.1, 3):
        recording += 500 / formant * lfilter(*iirpeak(formant, formant / 90, fs=rate), pulses)
recordings /= recordings.std(axis=1, keepdims=True)  # equal loudness

# %%
# Frames
# ------
# Recordings are cut into frames of 256 samples under a cosine window, each of which shares half of its samples with
# the next. Frames are encoded one by one, decoded, overlapped and added. The squares of overlapping windows add up
# to 1.
window = windows.cosine(256)


def split(recordings):
    """Split recordings (n, length) into frames (n * n_frames, 256)."""
    halves = np.pad(recordings, ((0, 0), (128, 128))).reshape(len(recordings), -1, 128)
    return (np.concatenate([halves[:, :-1], halves[:, 1:]], axis=2) * window).reshape(-1, 256)


def join(frames, n):
    """Join frames to n recordings."""
    first, second = np.split((frames * window).reshape(n, -1, 256), 2, axis=2)
    return (first[:, 1:] + second[:, :-1]).reshape(n, -1)


# %%
# Fit and compare
# ---------------
# The frames of one recording are dependent, so they share a group: the validation set consists of whole recordings.
train, test = recordings[50:], recordings[:50]
frames = split(train)
autoencoder = AutoencoderTransformer(16, axes="t", max_epochs=15, random_state=0)
autoencoder.fit(frames, groups=np.arange(len(frames)) // 33)
pca = PCA(16).fit(frames)
sounds, ratios = {"original": test}, {}
for name, model in {"autoencoder": autoencoder, "PCA": pca}.items():
    sounds[name] = join(model.inverse_transform(model.transform(split(test))), len(test))
    ratios[name] = 10 * np.log10((test**2).sum(1) / ((test - sounds[name]) ** 2).sum(1))
    print(f"{name:<12} signal-to-noise ratio {ratios[name].mean():.1f} dB, mean of {len(test)} test recordings")

# %%
# One test recording
# ------------------
# The recording is the one with the median ratio. Rows: a tenth of a second of the waveform, and the spectrogram.
shown = np.argsort(ratios["autoencoder"])[len(test) // 2]
figure, axes = plt.subplots(2, 3, figsize=(11, 5), layout="constrained", sharey="row")
for (above, below), (name, sound) in zip(axes.T, sounds.items(), strict=True):
    above.plot(np.arange(800) / rate, sound[shown, 1600:2400], linewidth=0.8)
    above.set(title=name if name == "original" else f"{name}: {ratios[name][shown]:.1f} dB", xlabel="seconds")
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(split(sound[shown : shown + 1]))) + 0.1).T
    below.imshow(spectrum, origin="lower", aspect="auto", extent=(0, 4096 / rate, 0, rate / 2), vmin=-20, vmax=40)
    below.set_xlabel("seconds")
axes[0, 0].set_ylabel("amplitude")
axes[1, 0].set_ylabel("frequency (Hz)")
plt.show()

# sphinx_gallery_start_ignore
assert ratios["autoencoder"].mean() > ratios["PCA"].mean()
# sphinx_gallery_end_ignore

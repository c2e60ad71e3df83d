"""Compression of speech to a sixteenth and an eighth of its samples.

Question: how high is the signal-to-noise ratio after compression?

Data: frames of 256 samples at 8 kHz under a cosine window, each sharing half of its samples with the next; they are
encoded one by one, decoded, overlapped and added. No speech ships with scikit-learn: without ``--data`` the
recordings are synthetic vowels, pulses of gliding pitch through three resonances. Takes 0 to 4 are the test set.

Baseline: PCA of the frames. Ratios are means with standard errors.

Result: 6.3 dB with 8 components per frame (PCA 2.0) and 8.4 dB with 16 (PCA 4.4).
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from scipy.io import wavfile
from scipy.signal import iirpeak, lfilter, windows
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer

matplotlib.use("agg")
import matplotlib.pyplot as plt

RATE, HALF = 8000, 128
WINDOW = windows.cosine(2 * HALF)  # applied before encoding and after decoding: its overlapping squares add up to 1
VOWELS = np.array([[730, 1090, 2440], [530, 1840, 2480], [270, 2290, 3010], [570, 840, 2410], [300, 870, 2240]])


def vowels(n=900, length=4096):
    random, recordings = np.random.RandomState(0), np.zeros((n, length))
    for recording, size in zip(recordings, random.randint(1600, length + 1, n), strict=True):
        pitch = random.uniform(90, 220) * (1 + random.uniform(-0.2, 0.2) * np.linspace(0, 1, size))
        pulses = np.diff(np.cumsum(pitch / RATE) // 1, prepend=0) * np.sqrt(np.sin(np.pi * np.arange(size) / size))
        for formant in VOWELS[random.randint(5)] * random.uniform(0.9, 1.1, 3):
            recording[:size] += 500 / formant * lfilter(*iirpeak(formant, formant / 90, fs=RATE), pulses)
    return {"X": recordings, "take": np.arange(n) % 30}


def split_frames(recordings):
    halves = np.pad(recordings, ((0, 0), (HALF, HALF))).reshape(len(recordings), -1, HALF)
    return (np.concatenate([halves[:, :-1], halves[:, 1:]], axis=2) * WINDOW).reshape(-1, 2 * HALF)


def join_frames(frames, recordings):
    first, second = np.split((frames * WINDOW).reshape(len(recordings), -1, 2 * HALF), 2, axis=2)
    sounds = (first[:, 1:] + second[:, :-1]).reshape(recordings.shape)
    return sounds, 10 * np.log10((recordings**2).sum(1) / ((recordings - sounds) ** 2).sum(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture and the sound")
    parser.add_argument("--data", type=Path, help=".npz with X (n, a multiple of 128) at 8 kHz, and take (n,)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    data, kind = (np.load(arguments.data), "recorded speech") if arguments.data else (vowels(), "synthetic vowels")
    recordings = data["X"] / np.std(data["X"], axis=1, keepdims=True)  # equal loudness
    original, train = recordings[data["take"] < 5], split_frames(recordings[data["take"] >= 5])
    train, test = np.random.RandomState(0).permutation(train[train.any(1)])[:15000], split_frames(original)
    print(f"signal-to-noise ratio of {len(original)} test recordings ({kind}), dB\n k     autoencoder             PCA")
    for k in (8, 16):
        autoencoder, pca = AutoencoderTransformer(k, axes="t", random_state=0).fit(train), PCA(k).fit(train)
        reconstructed = autoencoder.reconstruct(test), pca.inverse_transform(pca.transform(test))
        sounds, ratios = zip(*(join_frames(X, original) for X in reconstructed), strict=True)
        print(f"{k:>2}", *(f"{r.mean():9.2f} ± {r.std() / len(r) ** 0.5:.2f}" for r in ratios), flush=True)
        assert ratios[0].mean() > ratios[1].mean()
    shown = np.argsort(ratios[0])[len(original) // 2]  # the median recording
    titles = "original", *(f"{who}: {r[shown]:.1f} dB" for who, r in zip(("autoencoder", "PCA"), ratios, strict=True))
    figure, grid = plt.subplots(2, 3, figsize=(12, 5), layout="constrained", sharex=True, sharey="row")
    figure.suptitle(
        f"One test recording ({kind}), {k} components per frame of {2 * HALF} samples: waveform and spectrogram (Hz)"
    )
    for (above, below), title, sound in zip(grid.T, titles, np.float32([original, *sounds])[:, shown], strict=True):
        wavfile.write(arguments.out / f"speech_{title.split(':')[0]}.wav", RATE, 0.9 * sound / np.abs(sound).max())
        above.plot(np.arange(len(sound)) / RATE, sound, linewidth=0.5)
        above.set_title(title)
        spectrum = 20 * np.log10(np.abs(np.fft.rfft(split_frames(sound[None]))) + 0.1).T
        below.imshow(spectrum, origin="lower", aspect="auto", extent=(0, len(sound) / RATE, 0, RATE / 2), vmax=40)
        below.set_xlabel("seconds")
    figure.savefig(arguments.out / "plot_speech.png", dpi=110)


if __name__ == "__main__":
    main()

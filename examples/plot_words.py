"""Words as a few numbers each, character by character, compared with PCA of one-hot characters.

Words are the distinct words of three to twelve letters of Python's own reference, ``pydoc_data.topics``; a quarter is
held out. PCA's numbers become characters by argmax at every place. Counted is the share of characters that are right,
over places up to the end of the true word or of what came back, whichever is longer; padding is never counted as right.
"""

import argparse
import re
from pathlib import Path
from pydoc_data.topics import topics

import matplotlib
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skae import AutoencoderTransformer
from skae.text import CharacterEncoder

matplotlib.use("agg")
import matplotlib.pyplot as plt

SIZES, LENGTH = (8, 16, 32), 12
N_TOKENS = 28  # letters, padding and unknown characters
SHOWN, N_WORDS = 16, 12  # the picture's bottleneck, and words of its table


def share_right(restored, words):
    pairs = list(zip(restored, words, strict=True))
    return sum(a == b for pair in pairs for a, b in zip(*pair, strict=False)) / sum(max(map(len, p)) for p in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    words = sorted(set(re.findall(rf"\b[a-z]{{3,{LENGTH}}}\b", " ".join(topics.values()).lower())))
    train, test = train_test_split(words, test_size=0.25, random_state=0)
    print(f"{len(train)} words to learn from, {len(test)} unseen")
    print("share of characters right in unseen words\n k   autoencoder    PCA")
    one_hot = FunctionTransformer(
        lambda ids: np.eye(N_TOKENS)[ids].reshape(len(ids), -1),
        inverse_func=lambda flat: flat.reshape(len(flat), LENGTH, N_TOKENS).argmax(-1),
    )
    shares, shown = {"autoencoder": [], "PCA": []}, {"original": test}
    for k in SIZES:
        autoencoder = AutoencoderTransformer(k, architecture="sequence", random_state=0)
        for who, steps in {"autoencoder": [autoencoder], "PCA": [one_hot, PCA(k, random_state=0)]}.items():
            pipeline = make_pipeline(CharacterEncoder(max_length=LENGTH), *steps).fit(train)
            restored = pipeline.inverse_transform(pipeline.transform(test))
            shares[who].append(share_right(restored, test))
            shown |= {who: restored} if k == SHOWN else {}
        print(f"{k:>2}   {shares['autoencoder'][-1]:11.3f}  {shares['PCA'][-1]:5.3f}", flush=True)

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", width_ratios=(1, 1.2))
    for (who, share), color in zip(shares.items(), ("tab:blue", "tab:orange"), strict=True):
        left.plot(SIZES, 100 * np.array(share), "o-", color=color, label=who)
    left.set(xscale="log", xticks=SIZES, xticklabels=SIZES, xlabel="numbers a word", ylim=(0, 100))
    left.set(ylabel="characters right, %", title=f"{len(test)} unseen words")
    left.minorticks_off()
    left.legend(frameon=False, loc="lower right")
    left.spines[["top", "right"]].set_visible(False)
    right.set(title=f"Unseen words through {SHOWN} numbers (wrong characters red)", xlim=(0, 42), ylim=(N_WORDS, -1))
    right.axis("off")
    for column, (who, versions) in enumerate(shown.items()):
        right.text(14 * column + 0.5, -0.4, who, weight="bold", va="center")
        for row, (word, version) in enumerate(zip(test[:N_WORDS], versions, strict=False)):
            for place, character in enumerate(version.ljust(len(word), "·")):
                style = {"color": "black" if word[place : place + 1] == character else "red", "family": "monospace"}
                right.text(14 * column + 1 + place, row + 0.5, character, **style, size=12, ha="center", va="center")
    figure.savefig(out / "plot_words.png", dpi=110)
    assert all(a > b for a, b in zip(shares["autoencoder"], shares["PCA"], strict=True))


if __name__ == "__main__":
    main()

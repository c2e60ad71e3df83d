"""Compress documents, as sparse term weights, and compare with TruncatedSVD at the same bottleneck.

Documents are the paragraphs of at least twenty words of Python's own reference, ``pydoc_data.topics``. Their weights
stay in a CSR matrix. Prints the explained share on held-out paragraphs, in one measure for both: 1 - squared error /
squared deviation from the training mean.
"""

import argparse
from pathlib import Path
from pydoc_data.topics import topics

import matplotlib
import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split

from skae import AutoencoderTransformer

matplotlib.use("agg")
import matplotlib.pyplot as plt

SIZES = (4, 8, 16, 32)
SHOWN, N_TERMS = 8, 12  # the picture's bottleneck, and terms of one paragraph


def explained(restored, X, mean):
    return 1 - ((X - restored) ** 2).sum() / ((X - mean) ** 2).sum()


def draw(terms, original, restored, shares, out):
    """The curve of explained share, and one paragraph's heaviest terms as they come back."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained", width_ratios=(1, 1.2))
    for (who, share), color in zip(shares.items(), ("tab:blue", "tab:orange"), strict=True):
        left.plot(SIZES, 100 * np.array(share), "o-", color=color, label=who)
    left.set(xscale="log", xticks=SIZES, xticklabels=SIZES, xlabel="numbers a paragraph", ylim=(0, None))
    left.set(ylabel="explained share, %", title="Held-out paragraphs")
    left.minorticks_off()
    left.legend(frameon=False)
    heaviest = original.argsort()[-N_TERMS:]
    rows = {"original": original, **restored}
    for number, (who, color) in enumerate(zip(rows, ("0.75", "tab:blue", "tab:orange"), strict=True)):
        right.barh(np.arange(N_TERMS) + 0.27 * (1 - number), rows[who][heaviest], 0.27, color=color, label=who)
    right.set(yticks=range(N_TERMS), yticklabels=terms[heaviest], xlabel="weight")
    right.set(title=f"One held-out paragraph through {SHOWN} numbers")
    right.legend(frameon=False, loc="lower right")
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(out / "plot_documents.png", dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("pictures"), help="folder for the picture")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    paragraphs = [part for topic in topics.values() for part in topic.split("\n\n") if len(part.split()) >= 20]
    train_texts, test_texts = train_test_split(paragraphs, test_size=0.25, random_state=0)
    vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english", min_df=3)
    train, test = vectorizer.fit_transform(train_texts), vectorizer.transform(test_texts)
    print(f"{train.shape[0]} paragraphs to learn from, {test.shape[0]} held out; {train.shape[1]} terms, sparse")
    print("explained share on held-out paragraphs\n k   autoencoder   TruncatedSVD")
    mean, dense, restored = np.asarray(train.mean(0)), test.toarray(), {}
    for k in SIZES:
        autoencoder = AutoencoderTransformer(k, random_state=0).fit(train)
        svd = TruncatedSVD(k, random_state=0).fit(train)
        restored[k] = autoencoder.reconstruct(test), svd.inverse_transform(svd.transform(test))
        print(f"{k:>2}   {explained(restored[k][0], dense, mean):11.3f}", end="   ")
        print(f"{explained(restored[k][1], dense, mean):12.3f}", flush=True)
    ours, theirs = ([explained(restored[k][who], dense, mean) for k in SIZES] for who in (0, 1))
    which = ((restored[SHOWN][0] * dense).sum(1)).argmax()
    shown = {"autoencoder": restored[SHOWN][0][which], "TruncatedSVD": restored[SHOWN][1][which]}
    terms = vectorizer.get_feature_names_out()
    draw(terms, dense[which], shown, {"autoencoder": ours, "TruncatedSVD": theirs}, out)
    print(f"The picture is {(out / 'plot_documents.png').resolve()}.")
    assert all(a >= b - 0.002 for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    main()

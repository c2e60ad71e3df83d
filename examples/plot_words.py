"""
Compression of words, character by character
============================================

How many characters of an unseen word are correct after compression to 16 numbers? The data are the distinct words
of three to twelve letters of Python's reference. The baseline is PCA of one-hot characters, decoded by argmax at
every position.
"""

# %%
# Words
# -----
import re
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skae import AutoencoderTransformer
from skae.text import CharacterEncoder

words = sorted(set(re.findall(r"\b[a-z]{3,12}\b", " ".join(topics.values()).lower())))
train, test = train_test_split(words, test_size=0.25, random_state=0)
print(f"{len(train)} training words, {len(test)} test words")

# %%
# Two pipelines
# -------------
# There are 28 tokens: 26 letters, padding and unknown characters.


def to_one_hot(ids):
    return np.eye(28)[ids].reshape(len(ids), -1)


def from_one_hot(flat):
    return flat.reshape(len(flat), -1, 28).argmax(-1)


one_hot = FunctionTransformer(to_one_hot, inverse_func=from_one_hot)
encoder = CharacterEncoder(max_length=12)
pipelines = {
    "autoencoder": make_pipeline(encoder, AutoencoderTransformer(16, architecture="sequence", random_state=0)),
    "PCA": make_pipeline(encoder, one_hot, PCA(16)),
}
reconstructed, accuracy = {}, {}
for name, pipeline in pipelines.items():
    reconstructed[name] = pipeline.inverse_transform(pipeline.fit(train).transform(test))
    # All positions up to the end of the longer word count; padding is an error.
    hits = sum(a == b for pair in zip(reconstructed[name], test, strict=True) for a, b in zip(*pair, strict=False))
    accuracy[name] = hits / sum(max(map(len, pair)) for pair in zip(reconstructed[name], test, strict=True))
    print(f"{name:<12} {accuracy[name]:.2f} of the characters are correct")

# %%
# Some test words
# ---------------
# Errors are red.
figure, axis = plt.subplots(figsize=(9, 4.4), layout="constrained")
axis.set(xlim=(0, 42), ylim=(12, -1))
axis.axis("off")
for column, (name, versions) in enumerate({"original": test, **reconstructed}.items()):
    title = name if name == "original" else f"{name}: {accuracy[name]:.2f} correct"
    axis.text(14 * column + 0.5, -0.4, title, weight="bold", va="center")
    for row, (word, version) in enumerate(zip(test[:12], versions, strict=False)):
        for place, character in enumerate(version.ljust(len(word), "·")):
            color = "black" if word[place : place + 1] == character else "red"
            axis.text(
                14 * column + 1 + place, row + 0.5, character, color=color, family="monospace", ha="center", va="center"
            )
plt.show()

# sphinx_gallery_start_ignore
assert accuracy["autoencoder"] > accuracy["PCA"]
# sphinx_gallery_end_ignore

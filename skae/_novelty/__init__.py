"""Novelty detection by several autoencoders."""

from .novelty import AutoencoderNovelty

__all__ = ["AutoencoderNovelty"]

"""Model files: a fitted estimator as JSON and plain arrays, which a file of another author cannot make run code."""

from .loading import load
from .saving import save

__all__ = ["load", "save"]

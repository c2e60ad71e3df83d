"""The search over bottleneck sizes."""

from .search import BottleneckSearchCV

__all__ = ["BottleneckSearchCV"]

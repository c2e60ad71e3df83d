"""The version: read by the build, and kept in model files and pickles."""

__version__ = "0.1.0"

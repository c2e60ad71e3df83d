"""Input of estimators: containers, data frames, validation, and preparation of ``fit``."""

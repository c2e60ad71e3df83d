"""The container of model files and checkpoints."""

"""The file format of models and checkpoints."""

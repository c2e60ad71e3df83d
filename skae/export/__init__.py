"""Fitted estimators for other programs: ONNX files, and repositories of the Hugging Face Hub."""

from .hub import from_pretrained, push_to_hub, save_pretrained
from .onnx import to_onnx

__all__ = ["from_pretrained", "push_to_hub", "save_pretrained", "to_onnx"]

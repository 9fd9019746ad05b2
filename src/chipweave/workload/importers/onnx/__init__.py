"""ONNX files as models. No weights are needed, none are read, and external data is never opened."""

from chipweave.workload.importers.onnx.isolated import import_onnx

__all__ = ["import_onnx"]

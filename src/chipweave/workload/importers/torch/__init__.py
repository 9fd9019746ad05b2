"""Models from PyTorch modules, by torch.export on tensors without values: weights are not read, nothing is computed."""

from chipweave.workload.importers.torch.build import from_torch, import_factory

__all__ = ["from_torch", "import_factory"]

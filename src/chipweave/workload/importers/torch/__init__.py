"""Models from PyTorch modules, by torch.export on tensors without values: no weights are needed, nothing is computed."""

from chipweave.workload.importers.torch.build import from_torch, import_factory

__all__ = ["from_torch", "import_factory"]

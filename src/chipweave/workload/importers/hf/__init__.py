"""Language models from the configuration that Hugging Face's `transformers` writes: no weights, no network needed."""

from chipweave.workload.importers.hf.network import import_hf

__all__ = ["import_hf"]

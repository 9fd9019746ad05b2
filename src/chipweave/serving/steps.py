"""The steps of a configuration, as models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chipweave.files.hf_config import import_config
from chipweave.workload.model import Model


@dataclass(frozen=True)
class Steps:
    """All of so many sequences; `how`: what else the import is told."""

    config: str | Path | Mapping[str, Any]
    batch: int
    how: Mapping[str, Any]

    def prefill(self, prompt: int) -> Model:
        return import_config(self.config, phase="prefill", prompt=prompt, batch=self.batch, **self.how).model

    def decode(self, context: int) -> Model:
        return import_config(self.config, phase="decode", context=context, batch=self.batch, **self.how).model

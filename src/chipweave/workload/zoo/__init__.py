"""Built-in networks and scenarios."""

from chipweave.workload.zoo.catalog import MODELS, build_model
from chipweave.workload.zoo.scenarios import SCENARIOS, build_scenario

__all__ = ["MODELS", "SCENARIOS", "build_model", "build_scenario"]

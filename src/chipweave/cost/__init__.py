"""Cost models: what a layer costs on a chiplet."""

DEFAULT = "loopnest"
"""The cost model of schedules where none is named."""

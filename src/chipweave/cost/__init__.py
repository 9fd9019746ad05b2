"""Cost models: what a layer costs on a chiplet."""

DEFAULT = "loopnest"
"""The cost model where none is named."""

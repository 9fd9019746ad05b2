"""What data says, as a short text that changes when the data does."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def content_hash(data: Any) -> str:
    """`sha256:` and the digest of JSON-able data; the order of keys does not matter.

    Raises:
        ValueError: a number that is not finite.
    """
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()

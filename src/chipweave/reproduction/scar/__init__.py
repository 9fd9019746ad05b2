"""SCAR (arXiv 2405.00790v2, MICRO 2024): its tables, its figures, and what it says of them."""

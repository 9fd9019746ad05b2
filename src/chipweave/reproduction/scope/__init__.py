"""Scope (arXiv 2602.14393): what its abstract says, asked of our reconstruction."""

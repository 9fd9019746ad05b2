"""Reports as pages: one file that needs no network. Their drawings serve notebooks too."""

from chipweave.report.html.comparison import comparison_page
from chipweave.report.html.result_page import page
from chipweave.report.html.sweep import sweep_page

__all__ = ["comparison_page", "page", "sweep_page"]

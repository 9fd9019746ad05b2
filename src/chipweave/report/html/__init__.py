"""Reports as pages: one file that needs no network. Their drawings serve notebooks too."""

from chipweave.report.html.comparison import comparison_page
from chipweave.report.html.result_page import page

__all__ = ["comparison_page", "page"]

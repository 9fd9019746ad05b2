"""The report as a page: one file that needs no network. Its drawings serve notebooks too."""

from chipweave.report.html.page import page

__all__ = ["page"]

"""Reports that explain themselves: one HTML file for one series or many. Needs jinja2.

A report computes nothing of its own: it shows what :class:`skfrap.analysis.SeriesAnalysis` and
:mod:`skfrap.replicates` say.
"""

from skfrap.report._page import Report, read_report, write_report

__all__ = ["Report", "read_report", "write_report"]

"""What was found, from the table of all cases: tables, figures and one page that holds them."""

from seganypet.evaluation.report.report import write_report
from seganypet.evaluation.report.results import worst_targets
from seganypet.evaluation.report.worst_cases import View, WorstCase

__all__ = ["View", "WorstCase", "worst_targets", "write_report"]

"""Cohorts of simulated scans on disk, with their manifest."""

from seganypet.phantom.cohort.bodies import names_path, read_anatomy, read_tissue_table
from seganypet.phantom.cohort.config import CohortConfig, LabelQuality
from seganypet.phantom.cohort.run import simulate_cohort

__all__ = [
    "CohortConfig",
    "LabelQuality",
    "names_path",
    "read_anatomy",
    "read_tissue_table",
    "simulate_cohort",
]

"""What an experiment will tell, before it is done: expected errors, and settings to choose from."""

from skfrap.design._errors import ExpectedErrors, expected_errors
from skfrap.design._plan import SETTINGS, ExperimentPlan, Setting, plan

__all__ = ["SETTINGS", "ExpectedErrors", "ExperimentPlan", "Setting", "expected_errors", "plan"]

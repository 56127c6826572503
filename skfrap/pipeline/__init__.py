"""A pipeline from image stacks to estimates that holds the protocol for all of its steps."""

from skfrap.pipeline._pipeline import FRAPPipeline, make_frap_pipeline

__all__ = ["FRAPPipeline", "make_frap_pipeline"]

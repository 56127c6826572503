# What `skfrap.__getattr__` looks up, for editors and type checkers, which do not run it.

from skfrap import analysis as analysis
from skfrap import app as app
from skfrap import calibration as calibration
from skfrap import cells as cells
from skfrap import comparison as comparison
from skfrap import datasets as datasets
from skfrap import design as design
from skfrap import estimators as estimators
from skfrap import experiment as experiment
from skfrap import io as io
from skfrap import judging as judging
from skfrap import metrics as metrics
from skfrap import models as models
from skfrap import parameters as parameters
from skfrap import persistence as persistence
from skfrap import pipeline as pipeline
from skfrap import plotting as plotting
from skfrap import preprocessing as preprocessing
from skfrap import pretrained as pretrained
from skfrap import replicates as replicates
from skfrap import report as report
from skfrap import results as results
from skfrap import scaling as scaling
from skfrap import simulator as simulator
from skfrap.estimators import BayesianFRAP as BayesianFRAP
from skfrap.estimators import JointFRAP as JointFRAP
from skfrap.estimators import LeastSquaresFRAP as LeastSquaresFRAP
from skfrap.estimators import MeasuredStartFRAP as MeasuredStartFRAP
from skfrap.estimators import NeuralFRAP as NeuralFRAP
from skfrap.experiment import Circle as Circle
from skfrap.experiment import Compartment as Compartment
from skfrap.experiment import Ellipse as Ellipse
from skfrap.experiment import FRAPProtocol as FRAPProtocol
from skfrap.experiment import Mask as Mask
from skfrap.experiment import Polygon as Polygon
from skfrap.experiment import Rectangle as Rectangle
from skfrap.io import Recording as Recording
from skfrap.pipeline import FRAPPipeline as FRAPPipeline
from skfrap.pipeline import make_frap_pipeline as make_frap_pipeline
from skfrap.pretrained import load_pretrained as load_pretrained
from skfrap.simulator import FRAPSimulator as FRAPSimulator

__version__: str
__all__: list[str]

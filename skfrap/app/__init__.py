"""A page in the browser in which a file becomes a D: frames, regions, fits, batches, reports.

It runs on this machine only, and computes nothing of its own: what it shows is what
:mod:`skfrap.analysis` finds. Needs starlette and uvicorn: ``pip install 'skfrap[app]'``.
"""

from skfrap.app._routes import make_app
from skfrap.app._serve import serve

__all__ = ["make_app", "serve"]

"""Programs that measure skfrap against the figures it promises; run them as `python -m`."""

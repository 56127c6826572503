"""From curves to parameters: fits, posteriors and networks, behind the estimators' faces."""

__all__: list[str] = []

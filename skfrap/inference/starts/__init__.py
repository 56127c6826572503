"""D where what bleaching left is an unknown: linear ones are integrated out."""

__all__: list[str] = []

"""Networks that learn to estimate: what they see, what is trained, and how."""

__all__: list[str] = []

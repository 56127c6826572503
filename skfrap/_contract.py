"""Checks of what others write for skfrap to use."""


def must(holds, message):
    """Raise an AssertionError with a message unless something holds."""
    if not holds:
        raise AssertionError(f"{message}.")

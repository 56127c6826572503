"""What the page is told when something does not work."""

from typing import Any


class AppError(Exception):
    """Say to the page what is wrong, and at which settings.

    Parameters
    ----------
    words : str
        For people.
    status : int, default=400
        Of HTTP.
    fields : sequence of str, default=()
        Names of settings that the words speak of.
    """

    def __init__(self, words: str, status: int = 400, fields: Any = ()):
        super().__init__(words)
        self.words, self.status, self.fields = words, status, tuple(fields)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for the page.

        Returns
        -------
        dict
        """
        return {"error": self.words, "fields": [*self.fields]}


def unexpected(error: BaseException) -> AppError:
    """Say that something went wrong that nobody foresaw.

    Parameters
    ----------
    error : BaseException
        What went wrong.

    Returns
    -------
    AppError
    """
    words = f"something unexpected went wrong ({type(error).__name__}); try it again"
    return AppError(words, 500)

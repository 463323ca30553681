"""How the child says no: a code of `errors.py` and a reason, raised there and put into words by the parent."""


class Refusal(Exception):
    """This file will not do. `code` is one of `uploader.errors`, `why` a finer reason."""

    def __init__(self, code: str, why: str = "", detail: str = "") -> None:
        super().__init__(detail or why or code)
        self.code = code
        self.why = why

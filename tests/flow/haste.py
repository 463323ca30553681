"""Patience that is short for a while, so that a test of silence need not wait half a minute."""

from uploader.engine.rate import REPLY, SILENCE, Pace


class Haste(Pace):
    """As patient as any until the host has acknowledged its first `chunk` bytes; then it bears `silence` seconds.

    So nothing but the silence that a test makes after that chunk can be too long, however slow everything else is.
    """

    def __init__(self, chunk: int, silence: float) -> None:
        super().__init__(chunk=chunk)
        self._haste: float | None = silence

    def acknowledged(self, length: int, seconds: float) -> None:
        """The line's speed is taken in; patience ends here."""
        super().acknowledged(length, seconds)
        if self._haste is not None:
            self.silence = self.reply = self._haste
            self.seconds = 0.0

    def calm(self) -> None:
        """From now on as patient as any."""
        self._haste = None
        self.silence, self.reply = SILENCE, REPLY

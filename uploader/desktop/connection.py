"""Tells the engine what the system says of this computer's network."""

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QNetworkInformation

from uploader.engine.surroundings import Surroundings

Feature, Reachability = QNetworkInformation.Feature, QNetworkInformation.Reachability
WANTED = Feature.Reachability | Feature.Metered | Feature.CaptivePortal


class Connection(QObject):
    """`moved`: the computer is on another network, or on one again. `found` carries what is known of the one it is on.

    Where the system does not say, nothing is ever told, and no network counts as metered.
    """

    moved = Signal()
    found = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._losses = 0
        self.here = Surroundings()
        load = QNetworkInformation.loadBackendByFeatures
        if not load(WANTED) and not load(Feature.Reachability):
            return
        self._system = QNetworkInformation.instance()
        self._system.reachabilityChanged.connect(self._reached)
        self._system.transportMediumChanged.connect(self._changed)
        self._system.isMeteredChanged.connect(self._look)
        self._system.isBehindCaptivePortalChanged.connect(self._changed)
        self._look()

    def _reached(self, reachability: QNetworkInformation.Reachability) -> None:
        if reachability is Reachability.Disconnected:
            self._losses += 1
        self._changed()

    def _changed(self) -> None:
        self._look()
        self.moved.emit()

    def _look(self) -> None:
        system = self._system
        here = Surroundings(
            metered=system.isMetered(),
            captive=system.isBehindCaptivePortal(),
            name=f"{system.transportMedium().name} {self._losses}",
        )
        if here != self.here:
            self.here = here
            self.found.emit(here)

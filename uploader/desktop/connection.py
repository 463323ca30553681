"""Tells the engine when this computer's network changes, as the system says it."""

from collections.abc import Callable

from PySide6.QtNetwork import QNetworkInformation


def on_network_change(tell: Callable[[], object]) -> bool:
    """Call `tell` whenever reachability, kind of line or captive portal change. False where the system cannot say."""
    if not QNetworkInformation.loadBackendByFeatures(QNetworkInformation.Feature.Reachability):
        return False
    information = QNetworkInformation.instance()
    information.reachabilityChanged.connect(lambda _: tell())
    information.transportMediumChanged.connect(lambda _: tell())
    information.isBehindCaptivePortalChanged.connect(lambda _: tell())
    return True

"""Light and dark: our own palettes, applied live when the system or the person changes their mind."""

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from uploader.desktop import tokens
from uploader.desktop.stylesheet import stylesheet
from uploader.desktop.tokens import Colours


class Theme(QObject):
    """Which palette is worn. Widgets that paint themselves read `colours` and repaint on `changed`."""

    changed = Signal()

    def __init__(self, application: QApplication, appearance: str = "system") -> None:
        super().__init__(application)
        self._application = application
        self._appearance = appearance
        self.colours: Colours = tokens.LIGHT
        application.setStyle("Fusion")
        application.setFont(font(tokens.BODY))
        self._hints = QGuiApplication.styleHints()
        self._accessibility = self._hints.accessibility()
        self._hints.colorSchemeChanged.connect(self.apply)
        self._accessibility.contrastPreferenceChanged.connect(self.apply)
        self.apply()

    @property
    def appearance(self) -> str:
        """`system`, `light` or `dark`: what the person chose."""
        return self._appearance

    def choose(self, appearance: str) -> None:
        """Wear this from now on."""
        self._appearance = appearance
        self.apply()

    def apply(self) -> None:
        """Work out the palette and put it on everything."""
        dark = self._appearance == "dark" or (
            self._appearance == "system" and self._hints.colorScheme() == Qt.ColorScheme.Dark
        )
        colours = tokens.DARK if dark else tokens.LIGHT
        if self._accessibility.contrastPreference() == Qt.ContrastPreference.HighContrast:
            colours = tokens.contrasted(colours)
        self.colours = colours
        self._application.setPalette(palette(colours))
        self._application.setStyleSheet(stylesheet(colours))
        self.changed.emit()


def palette(colours: Colours) -> QPalette:
    """Qt's palette of ours, for everything the stylesheet does not reach."""
    worn = QPalette()
    role = QPalette.ColorRole
    for where, colour in {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.surface,
        role.AlternateBase: colours.hover,
        role.ToolTipBase: colours.text,
        role.ToolTipText: colours.surface,
        role.PlaceholderText: colours.secondary,
        role.Text: colours.text,
        role.Button: colours.surface,
        role.ButtonText: colours.text,
        role.BrightText: colours.bad,
        role.Light: colours.surface,
        role.Midlight: colours.hover,
        role.Mid: colours.line,
        role.Dark: colours.edge,
        role.Shadow: colours.edge,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent,
        role.Accent: colours.accent,
        role.Link: colours.accent,
        role.LinkVisited: colours.accent,
    }.items():
        worn.setColor(where, QColor(colour))
    for where in (role.WindowText, role.Text, role.ButtonText):
        worn.setColor(QPalette.ColorGroup.Disabled, where, QColor(colours.secondary))
    return worn


def font(pixels: int, *, semibold: bool = False, figures: bool = False) -> QFont:
    """The system's font at a size; `figures` lines digits up, for numbers that change."""
    wanted = QFontDatabase.systemFont(QFontDatabase.SystemFont.GeneralFont)
    wanted.setPixelSize(pixels)
    if semibold:
        wanted.setWeight(QFont.Weight.DemiBold)
    if figures:
        wanted.setFeature(QFont.Tag("tnum"), 1)
    return wanted

"""The bar at the top: add videos, the line, the account."""

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QAction, QActionGroup, QIcon
from PySide6.QtWidgets import QFrame, QMenu, QWidget

from uploader.desktop import amounts, tokens
from uploader.desktop.describe import SEPARATOR
from uploader.desktop.icons import icon
from uploader.desktop.pieces import Dot, IconButton, button, initial, label, row
from uploader.desktop.theme import Theme
from uploader.engine.facts import Account, AccountState, Network
from uploader.wire import SIGN_OUT_EVERYWHERE

APPEARANCES = {"system": "Like the system", "light": "Light", "dark": "Dark"}


class Header(QFrame):
    """Says whether the line is up and who is signed in; its menus hold what concerns the whole window."""

    sign_in_wanted = Signal()
    sign_out_wanted = Signal()
    sign_out_everywhere_wanted = Signal()
    server_wanted = Signal()
    appearance_chosen = Signal(str)

    def __init__(self, theme: Theme, add: QAction, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "header")
        self.setFixedHeight(tokens.HEADER)
        self._theme = theme
        self._account = Account()
        self.add_button = button("Add videos", "primary")
        self.add_button.clicked.connect(add.trigger)
        self.add_button.setToolTip(f"{add.text()} ({add.shortcut().toString()})")
        self.dot = Dot(theme)
        self.line = label("Connecting…", "secondary")
        self.account_button = button("", "plain", name="Account")
        self.account_button.setIconSize(QSize(tokens.XL, tokens.XL))
        self.account_menu = QMenu("Account", self)
        self.account_button.setMenu(self.account_menu)
        self.menu_button = IconButton("more", "Menu", theme)
        self._fill_account_menu()

        bar = row(tokens.S, (tokens.L, 0, tokens.M, 0), self)
        bar.addWidget(label("Reelferry", "title"))
        bar.addSpacing(tokens.L)
        bar.addWidget(self.add_button)
        bar.addStretch(1)
        bar.addWidget(self.dot)
        bar.addWidget(self.line)
        bar.addSpacing(tokens.L)
        bar.addWidget(self.account_button)
        bar.addWidget(self.menu_button)
        theme.changed.connect(self._draw)
        self._draw()

    def show_account(self, account: Account) -> None:
        """Who is signed in now."""
        self._account = account
        self._draw()

    def show_network(self, network: Network) -> None:
        """Whether the server can be reached, whether files may be sent, and how fast bytes leave."""
        words = ["Online" if network.online else "Offline"]
        if network.online and network.held:
            words.append("uploads paused")
        if network.online and network.rate > 0:
            words.append(amounts.line_rate(network.rate))
        self.line.setText(SEPARATOR.join(words))
        self.line.setAccessibleName(f"Connection: {words[0]}")
        self.dot.paint_as("good" if network.online and not network.held else "warn")

    def show_appearance(self, appearance: str) -> None:
        """Tick what the person chose."""
        for action in self._appearances.actions():
            action.setChecked(action.data() == appearance)

    def show_server(self, words: str) -> None:
        """Name the server in the account menu."""
        self._server.setText(f"Server: {words}…")

    def _fill_account_menu(self) -> None:
        menu = self.account_menu
        self._sign_in = menu.addAction("Sign in", self.sign_in_wanted.emit)
        self._sign_out = menu.addAction("Sign out", self.sign_out_wanted.emit)
        self._everywhere = menu.addAction("Sign out everywhere…", self.sign_out_everywhere_wanted.emit)
        self._server = menu.addAction("Server…", self.server_wanted.emit)
        menu.addSeparator()
        appearance = menu.addMenu("Appearance")
        self._appearances = QActionGroup(self)
        for name, words in APPEARANCES.items():
            choice = appearance.addAction(words)
            choice.setCheckable(True)
            choice.setData(name)
            self._appearances.addAction(choice)
        self._appearances.triggered.connect(lambda action: self.appearance_chosen.emit(action.data()))

    def _draw(self) -> None:
        colours = self._theme.colours
        self.add_button.setIcon(icon("add", colours.on_accent))
        me = self._account.me
        signed_in = self._account.state is AccountState.SIGNED_IN
        if me:
            self.account_button.setText(f" {me.name} ▾")
            self.account_button.setIcon(QIcon(initial(me.name, self._theme, self.devicePixelRatioF())))
            self.account_button.setAccessibleName(f"Account: {me.name}")
        else:
            self.account_button.setText(" Account ▾")
            self.account_button.setIcon(icon("account", colours.text))
            self.account_button.setAccessibleName("Account: not signed in")
        self._sign_in.setVisible(not signed_in)
        self._sign_out.setVisible(me is not None)
        config = self._account.config
        can = config is not None and SIGN_OUT_EVERYWHERE in config.capabilities
        self._everywhere.setVisible(me is not None and signed_in and can)

"""The preferences of the network: which proxy, whose certificates, and what a metered network means."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QIntValidator
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QWidget

from uploader.desktop import tokens
from uploader.desktop.pieces import Choice, Elided, Tick, button, column, label, named, row, set_role
from uploader.desktop.theme import Theme
from uploader.engine.proxies import NONE, PORTS, SYSTEM, Proxy
from uploader.settings import Settings

KINDS = {SYSTEM: "Like the system", NONE: "None", "http": "HTTP", "https": "HTTPS", "socks5": "SOCKS5"}
KEPT = "Kept in your password safe"
NAME = tokens.CHOICE - tokens.XXL
CERTIFICATES = "Certificates (*.pem *.crt *.cer);;All files (*)"


class NetworkPage(QWidget):
    """Shows what is chosen, and says what a person wants otherwise.

    `proxy_chosen` carries the choice as settings have it and a new password, "" to keep the one there is;
    `certificates_chosen` a path or None; `pause_chosen` whether to pause on metered networks.
    """

    proxy_chosen = Signal(str, str)
    certificates_chosen = Signal(object)
    pause_chosen = Signal(bool)
    test_wanted = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.kind = named(Choice(theme), "Proxy")
        for kind, words in KINDS.items():
            self.kind.addItem(words, kind)
        self.kind.activated.connect(self._kind_picked)
        self.host = named(QLineEdit(placeholderText="proxy.example"), "Address of the proxy")
        self.port = named(QLineEdit(), "Port of the proxy")
        self.port.setValidator(QIntValidator(1, 65535, self.port))
        self.port.setFixedWidth(tokens.PORT)
        self.user = named(QLineEdit(placeholderText="If the proxy wants one"), "User name for the proxy")
        self.password = named(QLineEdit(echoMode=QLineEdit.EchoMode.Password), "Password for the proxy")
        self.about = label(
            "What the environment says (https_proxy, no_proxy), and on Windows and macOS the system’s settings.",
            "secondary",
            wrap=True,
        )
        self.use_button = button("Use this proxy")
        self.use_button.clicked.connect(self._use)
        self.test_button = button("Test the connection")
        self.test_button.clicked.connect(self.test_wanted)
        self.outcome = label("", "secondary", wrap=True)
        self.file = Elided()
        self.choose_button = button("Choose a file…", name="Choose a file of certificates")
        self.choose_button.clicked.connect(self._ask_file)
        self.remove_button = button("Remove", name="Trust the system’s certificates only")
        self.remove_button.clicked.connect(lambda: self.certificates_chosen.emit(None))
        self.file_trouble = label("", "bad", wrap=True)
        self.pause = Tick("Pause uploads on metered networks", theme)
        self.pause.clicked.connect(self.pause_chosen)
        for field in (self.host, self.port, self.user, self.password):
            field.returnPressed.connect(self._use)
        self._lay_out()
        self.show_settings(Settings())

    def show_settings(self, chosen: Settings) -> None:
        """What is chosen now."""
        by_hand = None if chosen.proxy in {SYSTEM, NONE} else Proxy.parse(chosen.proxy)
        self.kind.setCurrentIndex(self.kind.findData(by_hand.scheme if by_hand else chosen.proxy))
        self._show_fields()
        if by_hand:
            self.host.setText(by_hand.host)
            self.port.setText(str(by_hand.port))
            self.user.setText(by_hand.user)
        self.password.clear()
        self.password.setPlaceholderText(KEPT if by_hand and by_hand.user else "")
        self.file.setText(chosen.certificates or "Those of the system")
        self.remove_button.setVisible(chosen.certificates is not None)
        self.say_of_file("")
        self.pause.setChecked(chosen.pause_when_metered)

    def say(self, words: str, role: str = "secondary") -> None:
        """What came of a choice or a test."""
        set_role(self.outcome, role)
        self.outcome.setText(words)
        self.outcome.setVisible(bool(words))

    def say_of_file(self, words: str) -> None:
        """Why a file was not taken."""
        self.file_trouble.setText(words)
        self.file_trouble.setVisible(bool(words))

    def _kind_picked(self) -> None:
        kind = self.kind.currentData()
        self._show_fields()
        self.say("")
        if kind not in PORTS:
            self.proxy_chosen.emit(kind, "")
            return
        if self.port.text() in {"", *map(str, PORTS.values())}:
            self.port.setText(str(PORTS[kind]))
        self.host.setFocus()

    def _show_fields(self) -> None:
        by_hand = self.kind.currentData() in PORTS
        self._fields.setVisible(by_hand)
        self.use_button.setVisible(by_hand)
        self.about.setVisible(self.kind.currentData() == SYSTEM)

    def _use(self) -> None:
        kind, host = self.kind.currentData(), self.host.text().strip()
        try:
            typed = Proxy.parse(f"{kind}://[{host}]" if host.count(":") > 1 else f"{kind}://{host}")
        except ValueError:
            self.say("Type the name or the address of the proxy.", "bad")
            self.host.setFocus()
            return
        port = typed.port if host.count(":") == 1 else int(self.port.text() or PORTS[kind])
        chosen = Proxy(kind, typed.host, port, self.user.text().strip() or typed.user)
        self.proxy_chosen.emit(chosen.address, self.password.text())

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Choose a file of certificates", "", CERTIFICATES)
        if name:
            self.certificates_chosen.emit(Path(name))

    def _lay_out(self) -> None:
        page = column(tokens.S, (tokens.XL, tokens.L, tokens.XL, tokens.S), self)
        self.kind.setMinimumWidth(tokens.CHOICE)
        page.addLayout(_line("Proxy", self.kind, stretched=False))
        self._fields = QWidget()
        fields = column(tokens.S, within=self._fields)
        address = _line("Address", self.host)
        address.addWidget(label("Port"))
        address.addWidget(self.port)
        fields.addLayout(address)
        fields.addLayout(_line("User name", self.user))
        fields.addLayout(_line("Password", self.password))
        page.addWidget(self._fields)
        page.addWidget(self.about)
        acts = row(tokens.S, (NAME + tokens.M, 0, 0, 0))
        acts.addWidget(self.use_button)
        acts.addWidget(self.test_button)
        acts.addStretch(1)
        page.addLayout(acts)
        page.addWidget(self.outcome)
        page.addSpacing(tokens.M)
        page.addWidget(label("Certificates", "title"))
        certificates = row(tokens.S)
        certificates.addWidget(self.file, 1)
        certificates.addWidget(self.choose_button)
        certificates.addWidget(self.remove_button)
        page.addLayout(certificates)
        page.addWidget(self.file_trouble)
        page.addWidget(
            label(
                "A file is trusted beside the system’s: for a company or a server with an authority of its own.",
                "secondary",
                wrap=True,
            )
        )
        page.addSpacing(tokens.M)
        page.addWidget(label("Metered networks", "title"))
        page.addWidget(self.pause)
        page.addStretch(1)


def _line(words: str, field: QWidget, *, stretched: bool = True) -> QHBoxLayout:
    name = label(words)
    name.setFixedWidth(NAME)
    made = row(tokens.M)
    made.addWidget(name)
    made.addWidget(field, int(stretched))
    if not stretched:
        made.addStretch(1)
    return made

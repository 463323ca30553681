"""The stylesheet of Qt's own widgets, written from the tokens. Roles are the dynamic property `role`."""

from uploader.desktop import tokens
from uploader.desktop.tokens import Colours


def stylesheet(colours: Colours) -> str:
    """Everything the palette alone cannot say."""
    c, t = colours, tokens
    return f"""
QToolTip {{
    background: {c.text}; color: {c.surface}; border: 0; padding: {t.XS}px {t.S}px; font-size: {t.SMALL}px;
}}
QLabel {{ background: transparent; }}
QLabel[role="secondary"] {{ color: {c.secondary}; font-size: {t.SMALL}px; }}
QLabel[role="bad"] {{ color: {c.bad}; font-size: {t.SMALL}px; }}
QLabel[role="warn"] {{ color: {c.warn}; font-size: {t.SMALL}px; }}
QLabel[role="good"] {{ color: {c.good}; font-size: {t.SMALL}px; }}
QLabel[role="title"] {{ font-size: {t.TITLE}px; font-weight: 600; }}
QLabel[role="strong"] {{ font-weight: 600; }}
QLabel[role="heading"] {{ font-size: {t.HEADING}px; font-weight: 600; }}
QLabel:disabled {{ color: {c.secondary}; }}

QFrame[role="header"], QFrame[role="status"] {{ background: {c.surface}; border: 0; }}
QFrame[role="header"] {{ border-bottom: 1px solid {c.line}; }}
QFrame[role="status"] {{ border-top: 1px solid {c.line}; }}
QFrame[role="side"] {{ background: {c.surface}; border: 0; border-left: 1px solid {c.line}; }}
QFrame[role="page"] {{ background: {c.surface}; border: 0; }}
QFrame[role="card"] {{ background: {c.surface}; border: 1px solid {c.line}; border-radius: {t.RADIUS_CARD}px; }}
QFrame[role="banner"] {{
    background: {c.surface}; border: 1px solid {c.warn}; border-radius: {t.RADIUS_CARD}px;
}}
QFrame[role="toast"] {{ background: {c.text}; border: 0; border-radius: {t.RADIUS_CARD}px; }}
QFrame[role="toast"] QLabel {{ color: {c.surface}; }}
QFrame[role="toast"] QPushButton {{ color: {c.surface}; background: transparent; border: 1px solid {c.surface}; }}
QFrame[role="toast"] QPushButton:hover {{ color: {c.text}; background: {c.surface}; }}

QPushButton, QToolButton {{
    background: {c.surface}; color: {c.text}; border: 1px solid {c.edge}; border-radius: {t.RADIUS_BUTTON}px;
    padding: 0 {t.M}px; min-height: {t.CONTROL - 2}px;
}}
QPushButton:hover, QToolButton:hover {{ background: {c.hover}; }}
QPushButton:pressed, QToolButton:pressed {{ background: {c.line}; }}
QPushButton:disabled, QToolButton:disabled {{ color: {c.secondary}; border-color: {c.line}; background: {c.window}; }}
QPushButton[role="primary"] {{
    background: {c.accent}; color: {c.on_accent}; border-color: {c.accent}; font-weight: 600;
}}
QPushButton[role="primary"]:hover, QPushButton[role="primary"]:pressed {{
    background: {c.pressed}; border-color: {c.pressed};
}}
QPushButton[role="primary"]:disabled {{
    background: {c.hover}; color: {c.secondary}; border-color: {c.line};
}}
QPushButton[role="plain"], QToolButton[role="plain"] {{ background: transparent; border-color: transparent; }}
QPushButton[role="plain"]:hover, QToolButton[role="plain"]:hover {{ background: {c.hover}; }}
QPushButton[role="status"] {{
    background: transparent; border-color: transparent; color: {c.secondary}; font-size: {t.SMALL}px;
    padding: 0 {t.S}px; min-height: {t.HOUR - 2}px;
}}
QPushButton[role="status"]:hover, QPushButton[role="status"]:open {{ background: {c.hover}; color: {c.text}; }}
QPushButton[role="link"] {{
    background: transparent; border: 0; color: {c.accent}; padding: 0 {t.XS}px; text-decoration: underline;
}}
QToolButton::menu-indicator {{ image: none; }}
QPushButton::menu-indicator {{ image: none; }}

QLineEdit, QPlainTextEdit, QComboBox, QDateTimeEdit {{
    background: {c.surface}; color: {c.text}; border: 1px solid {c.edge}; border-radius: {t.RADIUS_CARD}px;
    selection-background-color: {c.accent}; selection-color: {c.on_accent};
}}
QLineEdit, QComboBox, QDateTimeEdit {{ padding: 0 {t.S}px; min-height: {t.CONTROL - 2}px; }}
QPlainTextEdit {{ padding: {t.XS}px; }}
QLineEdit:read-only, QPlainTextEdit:read-only {{ background: {c.window}; border-color: {c.line}; }}
QLineEdit:disabled, QPlainTextEdit:disabled, QComboBox:disabled, QDateTimeEdit:disabled {{
    background: {c.window}; color: {c.secondary}; border-color: {c.line};
}}
QComboBox::drop-down, QDateTimeEdit::drop-down {{ border: 0; width: {t.XXL}px; }}
QComboBox::down-arrow, QDateTimeEdit::down-arrow {{ image: none; }}
QCalendarWidget QWidget#qt_calendar_navigationbar {{ background: {c.surface}; }}
QCalendarWidget QToolButton {{ border: 0; background: transparent; }}
QCalendarWidget QToolButton:hover {{ background: {c.hover}; }}
QCalendarWidget QAbstractItemView {{
    background: {c.surface}; color: {c.text}; selection-background-color: {c.accent};
    selection-color: {c.on_accent}; outline: 0;
}}
QCalendarWidget QAbstractItemView:disabled {{ color: {c.secondary}; }}
QLineEdit > QToolButton {{ background: transparent; border: 0; padding: 0; min-height: 0; }}
QComboBox QAbstractItemView {{
    background: {c.surface}; border: 1px solid {c.line}; padding: {t.XS}px; outline: 0;
}}

QProgressBar {{ background: {c.line}; border: 0; border-radius: {t.PROGRESS // 2}px; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: {t.PROGRESS // 2}px; }}

QMenu {{
    background: {c.surface}; color: {c.text}; border: 1px solid {c.edge}; padding: {t.XS}px;
}}
QMenu::item {{ padding: 6px {t.XL}px 6px {t.S}px; border-radius: {t.XS}px; }}
QMenu::icon {{ padding-left: {t.S}px; }}
QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
QMenu::item:disabled {{ color: {c.secondary}; }}
QMenu::separator {{ height: 1px; background: {c.line}; margin: {t.XS}px {t.S}px; }}

QTabWidget::pane {{ border: 0; border-top: 1px solid {c.line}; background: {c.window}; }}
QTabBar {{ background: {c.surface}; }}
QTabBar::tab {{
    background: transparent; color: {c.secondary}; border: 0; border-bottom: {t.RING}px solid transparent;
    padding: {t.M}px {t.L}px; font-weight: 600;
}}
QTabBar::tab:hover {{ color: {c.text}; }}
QTabBar::tab:selected {{ color: {c.text}; border-bottom-color: {c.accent}; }}

QListView {{ background: {c.window}; border: 0; outline: 0; }}
QTableView {{ background: transparent; border: 0; outline: 0; }}
QHeaderView, QHeaderView::section, QTableCornerButton::section {{
    background: transparent; color: {c.secondary}; border: 0; font-size: {t.SMALL}px;
}}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: 0; }}
QScrollBar:vertical {{ background: transparent; width: {t.M}px; margin: 0; }}
QScrollBar::handle:vertical {{
    background: {c.edge}; border-radius: 3px; min-height: {t.XXL}px; margin: 2px 3px;
}}
QScrollBar::handle:vertical:hover {{ background: {c.secondary}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ height: 0; width: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
"""

"""The composer: the post of the chosen video, written while it uploads."""

from datetime import UTC, datetime
from itertools import pairwise

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from uploader.desktop import describe, tokens
from uploader.desktop.describe import APPROVALS, Action
from uploader.desktop.drafts import Drafts, Value
from uploader.desktop.picture import Picture
from uploader.desktop.pieces import IconButton, Tick, button, column, frame, label, row, set_role
from uploader.desktop.promises import state
from uploader.desktop.quality import Quality
from uploader.desktop.theme import Theme
from uploader.desktop.thumbnails import Thumbnails
from uploader.desktop.when import When
from uploader.desktop.writing import Writing
from uploader.engine.job import Job, Status, Step
from uploader.wire import Community


class PostForm(QWidget):
    """Shows one job's post and edits it. Facts never take the cursor or what was typed away."""

    acted = Signal(object, object)
    community_chosen = Signal(object)
    back = Signal()

    def __init__(self, theme: Theme, thumbnails: Thumbnails, drafts: Drafts, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._drafts = theme, drafts
        self._job: Job | None = None
        self._build(thumbnails)
        self.show_jobs([])

    @property
    def job(self) -> Job | None:
        """The job whose post is shown."""
        return self._job

    def set_communities(self, communities: tuple[Community, ...], limit: int | None) -> None:
        """What the server offers, and how long a text it takes."""
        self._writing.offer(communities, limit)
        if self._job:
            self._writing.show_community(self._drafts.of(self._job).community_id)

    def offer_heights(self, heights: tuple[int, ...]) -> None:
        """What the server can wait for."""
        self.quality.offer(heights)
        self._show_state()

    def show_narrow(self, narrow: bool) -> None:
        """As a page over the list it has a way back."""
        self.back_button.setVisible(narrow)

    def show_jobs(self, jobs: list[Job]) -> None:
        """What is chosen in the list: nothing, one, or several."""
        self._drafts.save()
        self._job = jobs[0] if len(jobs) == 1 else None
        self._scroll.setVisible(self._job is not None)
        self._deciding.setVisible(self._job is not None)
        self._nothing.setVisible(self._job is None)
        self._nothing.setText(
            f"{len(jobs)} videos chosen.\nChoose one to write its post."
            if jobs
            else "Choose a video to write its post.\nYou can write while it uploads."
        )
        if self._job:
            self._fill(self._job)

    def take(self, job: Job) -> None:
        """The queue said something new about the shown job."""
        self._drafts.heard(job)
        if not self._job or job.id != self._job.id:
            return
        self._job = job
        written = self._drafts.of(job)
        if not self.title.hasFocus() and self.title.text() != written.title:
            self.title.setText(written.title)
        if (job.sealed or not self.text.hasFocus()) and self.text.toPlainText() != written.text:
            self._writing.show_text(written.text)
        if not self.community.hasFocus():
            self._writing.show_community(written.community_id)
        if not self.when.is_edited():
            self.when.show_time(written.publish_at)
        self.picture.show_job(job)
        self._show_state()

    def edit_title(self) -> None:
        """Put the cursor into the title, all of it marked."""
        if self._job and not self.title.isReadOnly():
            self.title.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self.title.selectAll()

    def post(self) -> None:
        """The person's word: post it when it is ready. Nothing happens where that is not possible."""
        if not self._job or not self.post_button.isEnabled():
            return
        for action in APPROVALS & describe.allowed(self._job):
            self._act(action)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802  (Qt's name)
        """Qt asks."""
        super().resizeEvent(event)
        self._fit_picture()

    def _fit_picture(self) -> None:
        """The picture takes what the text can spare."""
        chosen = 0 if self.quality.isHidden() else self.quality.sizeHint().height() + tokens.S
        spare = min(tokens.PICTURE, self.height() - tokens.WRITING - chosen)
        self.picture.setVisible(spare >= tokens.PICTURE_LEAST)
        if spare >= tokens.PICTURE_LEAST:
            self.picture.fit(self.width() - 2 * tokens.L - tokens.BORDER, spare)

    def _build(self, thumbnails: Thumbnails) -> None:
        self.back_button = IconButton("back", "Back to the list", self._theme)
        self.back_button.clicked.connect(self.back)
        self.picture = Picture(self._theme, thumbnails)
        self._writing = Writing(self._theme, titled=True)
        self.title, self.text = self._writing.title, self._writing.text
        self.counter, self.community = self._writing.counter, self._writing.community
        self._writing.title_edited.connect(lambda text: self._edit("title", text))
        self._writing.text_edited.connect(self._text_edited)
        self._writing.community_picked.connect(self._community_picked)
        self.at_once = Tick("Post as soon as it is ready", self._theme)
        self.at_once.setChecked(True)
        self.at_once.toggled.connect(self._at_once_toggled)
        self.when = When(self._theme)
        self.when.changed.connect(self._time_set)
        self.quality = Quality(self._theme)
        self.quality.changed.connect(self._height_set)
        self.quality.arranged.connect(self._fit_picture)
        self.state = label("", "secondary", wrap=True)
        self.post_button = button("Post when ready", "primary")
        self.post_button.clicked.connect(self.post)
        self.hold_button = button(Action.HOLD)
        self.hold_button.clicked.connect(lambda: self._act(Action.HOLD))
        self.open_button = button("Open post", "primary")
        self.open_button.clicked.connect(lambda: self._act(Action.OPEN))
        self.copy_button = button(Action.COPY_LINK)
        self.copy_button.clicked.connect(lambda: self._act(Action.COPY_LINK))
        self._nothing = label("", "secondary")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lay_out()

    def _lay_out(self) -> None:
        heading = row(tokens.S, (tokens.XS, 0, tokens.XS, 0))
        heading.addWidget(self.back_button)
        heading.addWidget(label("Post", "title"), 1)

        buttons = row(tokens.S)
        buttons.addStretch(1)
        for one in (self.hold_button, self.copy_button, self.open_button, self.post_button):
            buttons.addWidget(one)

        self._deciding = QWidget()
        deciding = column(tokens.S, (tokens.XS,) * 4, self._deciding)
        deciding.addWidget(self.at_once)
        deciding.addWidget(self.when)
        deciding.addWidget(self.quality)
        deciding.addWidget(self.state)
        deciding.addLayout(buttons)

        inside = QWidget()
        form = column(tokens.S, within=inside)
        seen = column(0, (tokens.XS, tokens.XS, tokens.XS, 0))
        seen.addWidget(self.picture)
        form.addLayout(seen)
        form.addWidget(self._writing, 1)
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setWidget(inside)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)

        surface = frame("side")
        whole = column(tokens.M, (tokens.M,) * 4, surface)
        whole.addLayout(heading)
        whole.addWidget(self._scroll, 1)
        whole.addWidget(self._deciding)
        whole.addWidget(self._nothing, 1)
        column(within=self).addWidget(surface)
        for before, after in pairwise(
            (self.back_button, self.title, self.text, self.community, self.at_once, self.when.tick, self.when.field,
             self.quality.choice, self.hold_button, self.copy_button, self.open_button, self.post_button)
        ):  # fmt: skip
            QWidget.setTabOrder(before, after)
        self.show_narrow(narrow=False)

    def _fill(self, job: Job) -> None:
        written = self._drafts.of(job)
        self.title.setText(written.title)
        self.title.setCursorPosition(0)
        self._writing.show_text(written.text, to_end=True)
        with QSignalBlocker(self.at_once):
            self.at_once.setChecked(True)
        self._writing.show_community(written.community_id)
        self.when.show_time(written.publish_at)
        self.picture.show_job(job)
        self._show_state()

    def _edit(self, field: str, value: Value) -> None:
        if self._job and not self._job.sealed:
            self._drafts.edit(self._job.id, field, value)

    def _text_edited(self, text: str) -> None:
        self._edit("text", text)
        self._show_state()

    def _community_picked(self, community_id: str | None) -> None:
        self._edit("community_id", community_id)
        self.community_chosen.emit(community_id)

    def _time_set(self, moment: datetime | None) -> None:
        self._edit("publish_at", moment)
        self._show_state()

    def _height_set(self, height: int | None) -> None:
        self._edit("min_height", height)
        self._show_state()

    def _at_once_toggled(self, on: bool) -> None:
        if not on and self._job and self._job.draft.approved:
            self._act(Action.HOLD)
        self._show_state()

    def _act(self, action: Action) -> None:
        if self._job:
            self._drafts.save()
            self.acted.emit(action, [self._job])

    def _show_state(self) -> None:
        job = self._job
        if not job:
            return
        fits = self._writing.count() >= 0
        posted = job.status is Status.FINISHED
        open_ = bool(describe.POSTING & describe.allowed(job))
        approved = job.draft.approved
        ready = job.step is Step.POST
        self._writing.let_edit(open_)
        timed = self.when.time is not None
        self.at_once.setVisible(open_ and not ready and not timed)
        self.when.setVisible(open_ or timed)
        self.when.setEnabled(open_)
        self.quality.show_height(job.height, self._drafts.of(job).min_height, open_=open_)
        if approved:
            with QSignalBlocker(self.at_once):
                self.at_once.setChecked(True)
        self.hold_button.setVisible(open_ and approved)
        self.open_button.setVisible(posted and bool(job.watch_url))
        self.copy_button.setVisible(posted and bool(job.watch_url))
        self.post_button.setVisible(open_ and not approved)
        now_or_when_ready = Action.POST_NOW if ready or not self.at_once.isChecked() else Action.POST
        self.post_button.setText(Action.POST_THEN if timed else now_or_when_ready)
        self.post_button.setAccessibleName(self.post_button.text())
        self.post_button.setEnabled(fits and (ready or timed or self.at_once.isChecked()))
        by_hand = not ready and not timed and not self.at_once.isChecked()
        words, role = state(job, datetime.now(UTC), fits=fits, by_hand=by_hand)
        self.state.setText(words)
        self.state.setVisible(bool(words))
        set_role(self.state, role)

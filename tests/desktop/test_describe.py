"""What a row says, for every step, status and trouble."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.desktop.jobs import GB, NOW, a_job, failed, handed, posted, processing, uploading
from uploader.desktop import amounts, describe, promises
from uploader.desktop.describe import Action, Group, Tone
from uploader.engine.job import Draft, Job, Processing, Status, Step, Trouble
from uploader.wire import ChunkRules, Ticket

OFFLINE = Trouble("offline", "Waiting for the network", "Nothing is lost.")
APPROVED = Draft("words", None, approved=True)
HIGH = replace(APPROVED, min_height=720)
TIMED = replace(APPROVED, publish_at=NOW + timedelta(days=2))
OVER = replace(APPROVED, publish_at=NOW - timedelta(days=2))
TAKEN_BACK = replace(APPROVED, approved=False)
THEN = amounts.date(NOW + timedelta(days=2), NOW)


@pytest.mark.parametrize(
    ("job", "words", "tone"),
    [
        (a_job(), "Waiting for its turn", Tone.QUIET),
        (a_job(status=Status.RUNNING), "Checking", Tone.ACTIVE),
        (a_job(step=Step.TRANSFER), "Waiting for its turn", Tone.QUIET),
        (a_job(step=Step.TRANSFER, trouble=OFFLINE), "Waiting for the network", Tone.WARN),
        (uploading(), "Uploading · 18 MB/s · about 1 min", Tone.ACTIVE),
        (uploading(rate=0.0), "Uploading", Tone.ACTIVE),
        (uploading(sent=4 * GB), "Verifying", Tone.ACTIVE),
        (uploading(status=Status.PAUSED), "Paused · 2.4 GB of 4.0 GB is on the server", Tone.QUIET),
        (uploading(status=Status.PAUSED, confirmed=0), "Paused", Tone.QUIET),
        (processing(processing=None), "Processing", Tone.ACTIVE),
        (processing(), "Processing (step 2 of 3, 40 %)", Tone.ACTIVE),
        (processing(processing=Processing("queued", None, 1)), "Processing (next in line)", Tone.ACTIVE),
        (processing(processing=Processing("queued", None, 4)), "Processing (4 in line)", Tone.ACTIVE),
        (processing(processing=Processing("publishing")), "Processing (step 3 of 3)", Tone.ACTIVE),
        (
            processing(processing=Processing("waiting_for_space")),
            "Processing waits: the server has no space left",
            Tone.ACTIVE,
        ),
        (processing(processing=Processing("something new", 7.9)), "Processing (7 %)", Tone.ACTIVE),
        (processing(status=Status.WAITING), "Processing", Tone.ACTIVE),
        (processing(status=Status.PAUSED), "Paused · the server has the whole file", Tone.QUIET),
        (a_job(step=Step.POST), "Ready · not posted yet", Tone.GOOD),
        (a_job(step=Step.POST, draft=APPROVED), "Ready · about to be posted", Tone.GOOD),
        (a_job(step=Step.POST, draft=TIMED), f"Ready · to be posted {THEN}", Tone.GOOD),
        (a_job(step=Step.POST, draft=TIMED, status=Status.RUNNING), f"Ready · to be posted {THEN}", Tone.GOOD),
        (
            handed(a_job(step=Step.POST, draft=TIMED, status=Status.RUNNING)),
            f"Ready · will be posted {THEN}",
            Tone.GOOD,
        ),
        (
            handed(a_job(step=Step.POST, draft=HIGH, status=Status.RUNNING), waits_for="rendition"),
            "Ready · will be posted once it plays in 720p",
            Tone.GOOD,
        ),
        (handed(a_job(step=Step.POST, draft=HIGH, status=Status.RUNNING)), "Posting", Tone.ACTIVE),
        (
            a_job(step=Step.POST, draft=replace(TIMED, approved=False)),
            "Ready · not posted yet",
            Tone.GOOD,
        ),
        (a_job(step=Step.POST, draft=APPROVED, status=Status.RUNNING), "Posting", Tone.ACTIVE),
        (a_job(step=Step.POST, status=Status.PAUSED), "Paused · ready, not posted", Tone.QUIET),
        (posted(finished_at=None), "Posted", Tone.GOOD),
        (failed(), "The file changed on disk", Tone.BAD),
        (a_job(status=Status.FAILED), "It stopped", Tone.BAD),
        (uploading(status=Status.CANCELLED), "Cancelled", Tone.QUIET),
    ],
)
def test_the_line_of_truth_names_the_stage(job: Job, words: str, tone: Tone):
    row = describe.describe(job, NOW)
    assert (row.words, row.tone) == (words, tone)


@pytest.mark.parametrize(
    ("protocol", "resume", "words"),
    [
        ("form", {"sent": "perhaps"}, "Paused · starts again from the beginning"),
        ("form", {}, "Paused"),
        ("tus", {"any": "thing"}, "Paused"),
    ],
)
def test_a_pause_that_costs_what_has_left_says_so(protocol: str, resume: dict[str, str], words: str):
    ticket = Ticket(
        video_id="v1",
        upload_url="https://upload.example.test/1",
        provider="local",
        expires_at=NOW,
        protocol=protocol,
        chunk=ChunkRules(default=1),
        max_bytes=GB,
    )
    job = uploading(status=Status.PAUSED, sent=0, confirmed=0, ticket=ticket, resume=resume)
    assert describe.describe(job, NOW).words == words


def test_a_wait_says_when_it_ends():
    soon = a_job(trouble=Trouble("server_busy", "The server is busy", retry_at=NOW + timedelta(seconds=30)))
    later = a_job(trouble=Trouble("server_busy", "The server is busy", retry_at=NOW + timedelta(minutes=5)))
    assert describe.describe(soon, NOW).words == "The server is busy · tries again in a moment"
    assert describe.describe(later, NOW).words.startswith("The server is busy · tries again at ")


def test_trouble_brings_its_hint():
    assert describe.describe(failed(), NOW).hint.startswith("Upload the new version")
    assert describe.describe(a_job(trouble=OFFLINE), NOW).hint == "Nothing is lost."


@pytest.mark.parametrize(("step", "status"), list(itertools.product(Step, Status)))
@pytest.mark.parametrize("trouble", [None, OFFLINE])
@pytest.mark.parametrize("draft", [Draft(), APPROVED])
def test_every_state_has_words_and_offers_only_what_it_allows(
    step: Step, status: Status, trouble: Trouble | None, draft: Draft
):
    job = a_job(step=step, status=status, trouble=trouble, draft=draft, confirmed=GB, sent=2 * GB, rate=1e6)
    row = describe.describe(job, NOW)
    assert row.words
    assert row.words[0].isupper()
    assert row.primary is None or row.primary in describe.allowed(job)
    assert describe.spoken(job, NOW)
    assert isinstance(describe.group(job), Group)
    assert not {Action.PAUSE, Action.RESUME} <= describe.allowed(job)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (a_job(), Action.PAUSE),
        (uploading(), Action.PAUSE),
        (uploading(status=Status.PAUSED), Action.RESUME),
        (a_job(trouble=Trouble("server_busy", "busy", retry_at=NOW)), Action.RETRY),
        (failed(), Action.RESTART),
        (failed(trouble=Trouble("refused", "The server refused this")), Action.RETRY),
        (processing(), None),
        (a_job(step=Step.POST), Action.POST_NOW),
        (a_job(step=Step.POST, status=Status.PAUSED), Action.RESUME),
        (a_job(step=Step.POST, draft=APPROVED), None),
        (posted(), Action.OPEN),
        (posted(watch_url=None), None),
        (a_job(status=Status.CANCELLED), None),
    ],
)
def test_the_one_button_of_a_row(job: Job, expected: Action | None):
    assert describe.primary(job) is expected


ALWAYS = {Action.SHOW_FILE}
OPEN = ALWAYS | {Action.CANCEL, Action.MOVE_UP, Action.MOVE_DOWN, Action.RENAME}


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (a_job(), OPEN | {Action.PAUSE, Action.POST}),
        (uploading(draft=APPROVED), OPEN | {Action.PAUSE, Action.HOLD}),
        (uploading(status=Status.PAUSED), OPEN | {Action.RESUME, Action.POST}),
        (processing(), OPEN | {Action.POST}),
        (a_job(step=Step.POST), OPEN | {Action.POST_NOW}),
        (a_job(step=Step.POST, draft=APPROVED), OPEN | {Action.HOLD}),
        (a_job(draft=replace(TIMED, approved=False)), OPEN | {Action.PAUSE, Action.POST_THEN}),
        (handed(processing(draft=APPROVED)), OPEN | {Action.HOLD}),
        (failed(), OPEN | {Action.RETRY, Action.RESTART, Action.POST}),
        (a_job(step=Step.POST, status=Status.RUNNING, sealed=True), OPEN - {Action.RENAME}),
        (posted(), ALWAYS | {Action.OPEN, Action.COPY_LINK, Action.REMOVE}),
        (a_job(status=Status.CANCELLED), ALWAYS | {Action.REMOVE}),
    ],
)
def test_what_may_be_done_now(job: Job, expected: set[Action]):
    assert describe.allowed(job) == expected


def test_nobody_is_told_100_percent_before_the_server_has_everything():
    almost = describe.describe(uploading(sent=4 * GB, confirmed=4 * GB - 1), NOW).progress
    done = describe.describe(uploading(sent=4 * GB, confirmed=4 * GB), NOW).progress
    assert almost is not None
    assert almost.percent == 99
    assert almost.sure < 1000 == almost.sent
    assert done is not None
    assert done.percent == 100


def test_standing_still_only_what_is_confirmed_counts():
    progress = describe.describe(uploading(status=Status.PAUSED), NOW).progress
    assert progress is not None
    assert (progress.sure, progress.sent, progress.percent) == (600, 600, 60)


def test_progress_survives_numbers_beyond_32_bits():
    progress = describe.describe(uploading(size=8_000 * GB, sent=5_000 * GB, confirmed=4_000 * GB), NOW).progress
    assert progress is not None
    assert (progress.sure, progress.sent, progress.percent) == (500, 625, 62)


def test_a_screen_reader_hears_steps_of_25_percent_and_no_speed():
    assert describe.spoken(uploading(), NOW) == "Uploading. 50 %"
    assert describe.spoken(uploading(sent=2_900_000_000), NOW) == "Uploading. 50 %"
    assert describe.spoken(uploading(draft=APPROVED), NOW).endswith("Posts when ready")


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (a_job(), Group.WAITING),
        (uploading(), Group.UPLOADING),
        (uploading(status=Status.PAUSED), Group.PAUSED),
        (processing(), Group.PROCESSING),
        (a_job(step=Step.POST), Group.READY),
        (a_job(step=Step.POST, draft=APPROVED, status=Status.RUNNING), Group.PROCESSING),
        (handed(a_job(step=Step.POST, draft=TIMED, status=Status.RUNNING)), Group.PLANNED),
        (failed(), Group.ATTENTION),
        (posted(), Group.DONE),
        (a_job(status=Status.CANCELLED), Group.CANCELLED),
    ],
)
def test_where_a_job_is_counted(job: Job, expected: Group):
    assert describe.group(job) is expected


@pytest.mark.parametrize(
    ("job", "sentence"),
    [
        (processing(draft=APPROVED), ""),
        (handed(processing(draft=APPROVED), state=None), ""),
        (handed(processing(draft=APPROVED)), "Safe on the server. Posts when ready, computer on or off."),
        (handed(processing(draft=TIMED)), f"Safe on the server. Posts {THEN}, computer on or off."),
        (handed(processing(draft=HIGH)), "Safe on the server. Posts once it plays in 720p, computer on or off."),
        (handed(processing(draft=OVER)), "Safe on the server. Posts when ready, computer on or off."),
        (handed(a_job(step=Step.POST, draft=TIMED)), "Safe on the server, which posts it, computer on or off."),
        (handed(processing(draft=TAKEN_BACK), state="draft"), ""),
        (handed(processing(draft=APPROVED), told=OVER), "The server still has the earlier version."),
        (handed(processing(draft=TAKEN_BACK), told=APPROVED), "Not taken back yet: the server may still post it."),
        (handed(posted(draft=APPROVED), state="published"), ""),
        (
            handed(posted(draft=TAKEN_BACK), told=APPROVED, state="published"),
            "It was posted before your last change reached the server.",
        ),
        (
            handed(a_job(status=Status.CANCELLED, draft=APPROVED)),
            "If it was posted before that, the post stays.",
        ),
        (
            a_job(step=Step.POST, status=Status.RUNNING, draft=TIMED),
            "This server does not post by itself: keep Reelferry running.",
        ),
    ],
)
def test_a_row_promises_what_the_server_has_said_and_no_more(job: Job, sentence: str):
    assert promises.promise(job, NOW) == sentence
    row = describe.describe(job, NOW)
    assert row.hint == sentence
    assert not (row.hint and row.progress), "there is room for one of them"


def test_what_the_server_may_still_do_comes_before_what_goes_on_by_itself():
    offline = handed(processing(draft=TAKEN_BACK, status=Status.WAITING, trouble=OFFLINE), told=APPROVED)
    row = describe.describe(offline, NOW)
    assert (row.words, row.hint) == ("Waiting for the network", "Not taken back yet: the server may still post it.")


def test_what_the_server_has_cannot_be_held_here():
    assert describe.can_be_held(processing())
    assert not describe.can_be_held(handed(processing(draft=APPROVED)))

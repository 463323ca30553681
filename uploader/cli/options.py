"""Options and arguments that several commands have."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, errors as well.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID…", help="As in `list`; the beginning is enough.")]
Text = Annotated[str | None, typer.Option("--text", help="What the post says. Posts as soon as the video is ready.")]
Community = Annotated[str | None, typer.Option("--community", help="Where it appears: a name or an id.")]
Anyway = Annotated[bool, typer.Option("--anyway", help="Also on a network that is metered or seems to want a sign-in.")]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="When to post: 18:00, 2026-11-24 18:00, or now: as soon as it is ready."),
]
MinHeight = Annotated[
    str | None,
    typer.Option(
        "--min-height",
        metavar="PIXELS",
        help="Post once it plays at least so high: 720, 1080 …, or any. Where the server can wait for that.",
    ),
]
Title = Annotated[str | None, typer.Option("--title", help="The video's title; the file's name if not given.")]

"""Posts that the server holds, from a terminal: shown, changed and cancelled, wherever they were written."""

from typing import Annotated, Any

import typer

from uploader.cli import reach
from uploader.cli.ending import talking
from uploader.cli.height import awaited
from uploader.cli.moment import planned
from uploader.cli.options import At, Community, Json, MinHeight
from uploader.paths import Paths

STOPPED = "Stopped. `reelferry posts` shows what the server holds."
CANCELLED = "Cancelled. The server will not publish it; its video stays there."

app = typer.Typer(invoke_without_command=True)

PostIds = Annotated[list[str], typer.Argument(metavar="ID…", help="As in `posts`; the beginning is enough.")]
PostId = Annotated[str, typer.Argument(metavar="ID", help="As in `posts`; the beginning is enough.")]


@app.callback()
def posts(context: typer.Context, as_json: Json = False) -> None:
    """Show the posts that the server holds: drafts, those that wait for their time or video, those that failed."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise typer.BadParameter(f"--json stands behind `{context.invoked_subcommand}`.")
        return
    with talking(as_json, stopped=STOPPED) as tell, reach.engine(Paths.of_user(), run=False, online=True) as engine:
        held = list(engine.ask({"do": "posts"}))
        for post in held:
            tell.message(post)
        if not held:
            tell.say("The server holds no posts: nothing is scheduled, held back or waiting for its video.")


@app.command()
def cancel(ids: PostIds, as_json: Json = False) -> None:
    """Never publish these posts. That cannot be undone; their videos stay on the server."""
    with talking(as_json, stopped=STOPPED) as tell, reach.engine(Paths.of_user(), run=False, online=True) as engine:
        for reply in engine.ask({"do": "cancel_posts", "ids": ids}):
            tell.message(reply)
            tell.say(CANCELLED)


@app.command()
def edit(
    post: PostId,
    *,
    text: Annotated[str | None, typer.Option("--text", help="What the post says.")] = None,
    community: Community = None,
    no_community: Annotated[bool, typer.Option("--no-community", help="Not in a community any more.")] = False,
    at: At = None,
    min_height: MinHeight = None,
    draft: Annotated[
        bool | None,
        typer.Option(
            "--draft/--publish",
            help="Hold it back, or let it go: also one that was not published, once the reason is gone. "
            "With --at it is let go.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change a post before it is out. What is not given stays as it is."""
    change = changed(text, community, at, min_height, draft=draft, no_community=no_community)
    with talking(as_json, stopped=STOPPED) as tell, reach.engine(Paths.of_user(), run=False, online=True) as engine:
        for reply in engine.ask({"do": "edit_post", "ids": [post], **change}):
            tell.message(reply)


def changed(
    text: str | None,
    community: str | None,
    at: str | None,
    min_height: str | None,
    *,
    draft: bool | None,
    no_community: bool,
) -> dict[str, Any]:
    """What `edit` is to change, as part of a command. BadParameter where that is nothing, or contradicts itself."""
    if community is not None and no_community:
        raise typer.BadParameter("--community and --no-community contradict each other.")
    change: dict[str, Any] = {**planned(at), **awaited(min_height)}
    if text is not None:
        change["text"] = text
    if community is not None or no_community:
        change["community"] = community
    if draft is not None or at is not None:
        change["publish"] = "draft" if draft else "when_ready"
    if not change:
        raise typer.BadParameter("Say what to change: --text, --community, --at, --min-height, --draft or --publish.")
    return change

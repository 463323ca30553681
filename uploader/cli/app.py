"""The command `reelferry`: the same engine and queue as the window, without the window."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from uploader import __version__, log
from uploader.cli import limits, network, posts, reach, sign_in
from uploader.cli.ending import Exit, talking
from uploader.cli.giving import Outcome, asks_the_server, give
from uploader.cli.height import awaited
from uploader.cli.moment import planned
from uploader.cli.options import Anyway, At, Community, Ids, Json, MinHeight, Text, Title
from uploader.paths import Paths
from uploader.uplink import MOST_SLOTS

NOTES = """
`reelferry window [FILE…]` opens the window (so does `reelferry` alone, where there is a display); `reelferry server …`
runs a server.

Exit codes: 0 done · 1 something failed or was refused · 2 wrong usage · 3 sign in first · 130 interrupted.
"""

app = typer.Typer(
    name="reelferry",
    help="Uploads videos and posts them when they are ready. Everything survives Ctrl+C, a crash and a lost network.",
    epilog=NOTES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(posts.app, name="posts")


def main(argv: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    try:
        app(args=list(argv), prog_name="reelferry")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.FAILED
    return Exit.DONE


def _say_version(on: bool) -> None:
    if on:
        typer.echo(f"reelferry {__version__}")
        raise typer.Exit


@app.callback()
def _begin(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show what happens inside.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    log.set_up(Paths.of_user().make().logs, name="command", verbose=verbose)


@app.command()
def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Video files, or folders with videos in them.")],
    *,
    text: Text = None,
    community: Community = None,
    title: Title = None,
    at: At = None,
    min_height: MinHeight = None,
    wait: Annotated[bool, typer.Option("--wait", help="Upload now, and end when it is done.")] = False,
    anyway: Anyway = False,
    as_json: Json = False,
) -> None:
    """Put files in the queue. With --text, --at or --min-height they are posted when ready, else `post` does that."""
    if title is not None and len(files) > 1:
        raise typer.BadParameter("--title names one video; add them one by one.")
    command = {
        "do": "add",
        "paths": [str(file.absolute()) for file in files],
        "text": text,
        "community": community,
        "title": title,
        "anyway": anyway,
        "approved": any(given is not None for given in (text, at, min_height)),
        **planned(at),
        **awaited(min_height),
    }
    reached = reach.engine(Paths.of_user(), run=wait, online=asks_the_server(command))
    with talking(as_json, moving=wait) as tell, reached as engine:
        outcome = Outcome(tell)
        outcome.follow(engine.ask(command))
        if outcome.jobs and wait:
            outcome.follow(engine.ask({"do": "wait", "ids": list(outcome.jobs)}))
        elif outcome.jobs and engine.elsewhere:
            tell.say("Added. The Reelferry that is open uploads it.")
        elif outcome.jobs:
            tell.say("Added. Uploads when Reelferry runs: `reelferry wait`, or open the window.")
    outcome.end()


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Show the queue."""
    give({"do": "list"}, as_json)


@app.command()
def wait(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Only these; all if none is named.")] = None,
    *,
    anyway: Anyway = False,
    as_json: Json = False,
) -> None:
    """Upload what is in the queue, and end when it is done."""
    give({"do": "wait", "ids": ids or [], "anyway": anyway}, as_json, run=True)


@app.command()
def pause(ids: Ids, as_json: Json = False) -> None:
    """Stop uploads where they are. Nothing the server has is lost."""
    give({"do": "pause", "ids": ids}, as_json)


@app.command()
def resume(ids: Ids, as_json: Json = False) -> None:
    """Let paused uploads go on."""
    give({"do": "resume", "ids": ids}, as_json)


@app.command()
def retry(ids: Ids, as_json: Json = False) -> None:
    """Try failed uploads again, or waiting ones now."""
    give({"do": "retry", "ids": ids}, as_json)


@app.command()
def restart(ids: Ids, as_json: Json = False) -> None:
    """Upload files as they are now, from the start: the way on for one that changed on disk. Their posts are kept."""
    give({"do": "restart", "ids": ids}, as_json)


@app.command()
def move(
    upload: Annotated[str, typer.Argument(metavar="ID", help="As in `list`; the beginning is enough.")],
    place: Annotated[int, typer.Argument(min=1, help="Where it is to stand in the list: 1 is the first.")],
    as_json: Json = False,
) -> None:
    """Change the order. It holds at once: moved above one that uploads, a waiting one takes its turn."""
    give({"do": "move", "ids": [upload], "to": place - 1}, as_json)


@app.command()
def cancel(ids: Ids, as_json: Json = False) -> None:
    """Give uploads up. What the server has of them is deleted there."""
    give({"do": "cancel", "ids": ids}, as_json)


@app.command()
def post(
    ids: Ids,
    *,
    text: Text = None,
    community: Community = None,
    title: Title = None,
    at: At = None,
    min_height: MinHeight = None,
    as_json: Json = False,
) -> None:
    """Write the post of uploads that are in the queue; it goes out when the video is ready."""
    words = {"text": text, "community": community, "title": title}
    give({"do": "post", "ids": ids, **words, **planned(at), **awaited(min_height)}, as_json)


@app.command()
def login(
    server: Annotated[str | None, typer.Option("--server", help="The address of a Reelferry server.")] = None,
    local: Annotated[bool, typer.Option("--local", help="Use this computer as the server.")] = False,
    device: Annotated[
        bool | None,
        typer.Option(
            "--device/--browser",
            help="With a code for a browser on another computer, or with the browser on this one. "
            "If neither is given: with a code over SSH and where there is no display.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Sign in. Without --server or --local: to the server used last."""
    if server is not None and local:
        raise typer.BadParameter("--server and --local are two different servers.")
    if device and local:
        raise typer.BadParameter("The server on this computer cannot be reached from another one: leave --device out.")
    with talking(as_json, stopped="Stopped. Nobody was signed in.") as tell:
        sign_in.login(Paths.of_user(), sign_in.address(server, local=local), tell, device=device)


@app.command()
def logout(
    *,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="On all computers at once, also a lost one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sign out. The queue is kept."""
    with talking(as_json) as tell:
        sign_in.logout(Paths.of_user(), everywhere=everywhere)
        where = "Signed out on every computer." if everywhere else "Signed out."
        tell.say(f"{where} Your videos and texts are kept.")


@app.command("network")
def network_(
    proxy: Annotated[
        str | None,
        typer.Option("--proxy", help="system, none, or http://, https:// or socks5://[USER@]HOST:PORT."),
    ] = None,
    certificates: Annotated[
        str | None, typer.Option("--certificates", help="A PEM file with further authorities to trust, or none.")
    ] = None,
    metered: Annotated[
        Literal["pause", "upload"] | None, typer.Option("--metered", help="What uploads do on a metered network.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how connections leave this computer, or change it. A proxy's password is asked for, or read from stdin."""
    with talking(as_json) as tell:
        network.change(Paths.of_user(), proxy, certificates, metered)
        network.show(Paths.of_user(), tell)


@app.command("limit")
def limit_(
    rate: Annotated[
        str | None, typer.Argument(metavar="[SPEED]", help="Such as 4Mbit/s or 500kB/s; `off`; `scheduled`.")
    ] = None,
    *,
    full_speed: Annotated[
        bool | None, typer.Option("--for-an-hour/--no-hour", help="Full speed for an hour; or an end to that.")
    ] = None,
    at_once: Annotated[
        int | None, typer.Option("--at-once", min=1, max=MOST_SLOTS, help="How many videos upload at once.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or change how much of the line uploads may take, all together; it holds at once."""
    change = limits.changes(rate, at_once)
    with talking(as_json) as tell, reach.engine(Paths.of_user(), run=False) as engine:
        limits.limit(engine, tell, change, full_speed=full_speed)


@app.command("schedule")
def schedule_(
    days: Annotated[str | None, typer.Argument(metavar="[DAYS]", help="Such as mon-fri, sat,sun or all.")] = None,
    hours: Annotated[str | None, typer.Argument(metavar="[HOURS]", help="Such as 8-18, 22-6 or all.")] = None,
    speed: Annotated[str | None, typer.Argument(metavar="[SPEED]", help="As for `limit`; `full`; `pause`.")] = None,
    as_json: Json = False,
) -> None:
    """Show the week's schedule, or write into its hours and follow it from now on."""
    where, what = [], None
    if days is not None:
        if hours is None or speed is None:
            raise typer.BadParameter("Give days, hours and a speed.")
        where, what = limits.places(days, hours), limits.cell(speed)
    with talking(as_json) as tell, reach.engine(Paths.of_user(), run=False) as engine:
        limits.schedule(engine, tell, where, what)


@app.command("demo")
def demo_(
    folder: Annotated[Path | None, typer.Option("--folder", help="Where to keep it all; a new folder if none.")] = None,
) -> None:
    """Show the whole way on this computer: a server, a sample video, an upload, a post that plays."""
    from uploader.cli import demo  # noqa: PLC0415  (brings PyAV along, which nothing else here needs)

    with talking(as_json=False) as tell:
        demo.show(folder or Path(tempfile.mkdtemp(prefix="reelferry-demo-")), tell)

"""`shufflecam webcam`: draw live skeletons from a camera, a network stream or a replayed file."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shufflecam.cli.console import Terminal
from shufflecam.cli.help import GroupedCommand
from shufflecam.cli.intent import FOLDER, arguments, is_given, kind_of, typed
from shufflecam.cli.options.finder import pop_settings
from shufflecam.cli.options.shared import (
    deinterlace_option,
    live_model_options,
    output_options,
    pop_look,
    pop_record,
    tracking_options,
)
from shufflecam.cli.options.types import SizeType
from shufflecam.cli.unnamed import refuse_json_value
from shufflecam.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shufflecam.jobs.live_job import LiveJob, OpenViewers
    from shufflecam.live.compose import Appearance
    from shufflecam.live.viewers import Viewer


@click.command(
    cls=GroupedCommand,
    essential=(
        "--camera",
        "--size",
        "--mirror",
        "--record",
        "--json",
        "--save-to",
        "--duration",
        "--replay",
        "--headless",
        "--preview",
        "--serve",
        "--overwrite",
    ),
    epilog="""\b
Examples:
  shufflecam webcam
  shufflecam webcam 1 --size 1280x720 --mirror
  shufflecam webcam --record session.mp4 --json session.jsonl --duration 60
  shufflecam webcam rtsp://192.168.1.20/stream --headless --json
  shufflecam webcam --replay dance.mp4 --loop
  shufflecam webcam --headless --serve
  shufflecam webcam --camera C920 --size 1280x720 --fps 30
""",
)
@click.argument("source", metavar="[SOURCE]", default="0", type=click.Path())
@click.option("--camera", metavar="NAME", help="A camera by its name or a part of it (shufflecam cameras).")
@click.option(
    "--replay", metavar="FILE", type=click.Path(path_type=Path), help="Play a video file as a live camera."
)
@click.option("--loop", is_flag=True, help="With --replay: again and again.")
@click.option(
    "--size",
    metavar="WxH",
    type=SizeType(),
    help="Asked of the camera, such as 1280x720; a replay is scaled to it.",
)
@click.option("--fps", metavar="N", type=click.FloatRange(1, 1000), help="Asked of the camera.")
@click.option(
    "--reconnect",
    "reconnect_s",
    metavar="S",
    type=click.FloatRange(0),
    default=60,
    show_default=True,
    help="Wait so long for a camera or stream that goes away; 0: end at once.",
)
@click.option(
    "--serve",
    metavar="[PORT]",
    type=click.IntRange(0, 65535),
    is_flag=False,
    flag_value=8000,
    help="A live page with picture, joint angles and GET /poses, for this machine only; PORT: 8000, 0: any.",
)
@click.option(
    "--host",
    metavar="ADDRESS",
    help="With --serve: for others on the network too (0.0.0.0), who need the token in the printed address.",
)
@click.option("--headless", is_flag=True, help="No window, a status line instead.")
@click.option("--preview", is_flag=True, help="No window, the picture in the terminal (over SSH); same keys.")
@click.option(
    "--preview-as",
    type=click.Choice(["auto", "blocks", "sixel", "kitty"]),
    default="auto",
    show_default=True,
    help="With --preview: coloured half blocks, or a real picture; auto asks the terminal what it can show.",
)
@click.option(
    "--mirror", is_flag=True, help="Show the window as a mirror; records and recordings stay unmirrored."
)
@click.option(
    "--record",
    "recording",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A video of it, at true speed.",
)
@click.option(
    "--save-to",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=".",
    help="Where the keys r (recordings) and s (snapshots) put their files, made if need be; default: here.",
)
@click.option(
    "--duration",
    "duration_s",
    metavar="S",
    type=click.FloatRange(0, min_open=True),
    help="End after S seconds.",
)
@click.option("--max-frames", metavar="N", type=click.IntRange(1), help="End after N frames.")
@deinterlace_option
@live_model_options
@tracking_options(default=True)
@output_options
def command(quiet: bool, **options: Any) -> None:
    """Live skeletons from a camera.

    SOURCE is a camera's number (0), a device (/dev/video0) or an RTSP or HTTP address. The newest frame is
    always the one that is worked on; what there is no time for is dropped, and counted. q, Esc, closing the
    window and Ctrl-C end it. A camera that goes away is waited for, and the same files go on.

    \b
    Keys in the window:
      space  freeze the picture     r  record, or end it      s  snapshot
      m  mirror      i  ids         b  boxes                  f  full screen
      k  skeleton / keypoints / on black                      h  help
      + -  threshold                1-9  one person           0  everybody
    """  # noqa: D301 - click wants the real backspace character
    from shufflecam.jobs.live import run_webcam
    from shufflecam.jobs.live_job import LiveJob
    from shufflecam.pipeline.stop import stop_on_signals

    talk = Terminal(quiet)
    refuse_json_value(options["json_target"], arguments())
    _take_file(options, talk)
    finder_options = pop_settings(options)
    _check_together(options, talk)
    options["save_to_is_given"] = is_given("save_to")
    job = LiveJob(record=pop_record(options), look=pop_look(options), **options)
    open_viewers = terminal_viewers(job, talk)
    with stop_on_signals() as stop:
        outcome = run_webcam(job, finder_options, talk, open_viewers, stop)
    outcome.check()


def _check_together(options: dict[str, Any], talk: Terminal) -> None:
    """Raise UsageError for mutually exclusive options."""
    if options["loop"] and options["replay"] is None:
        raise UsageError("--loop plays a file again and again; say which with --replay FILE.")
    if options["camera"] is not None and (options["replay"] is not None or is_given("source")):
        raise UsageError("--camera NAME, SOURCE and --replay exclude each other; give one of them.")
    if options["host"] is not None and (options["serve"] is None or talk.quiet):
        raise UsageError("--host goes with --serve, and not with --quiet: its address has to be printed.")


def terminal_viewers(job: LiveJob, talk: Terminal) -> OpenViewers:
    """Return the factory of terminal viewers: the picture with --preview, otherwise a status line.

    Raises:
        UsageError: --preview is given, and the terminal cannot display it.
    """
    if job.preview:
        from shufflecam.cli.terminal.preview import check_terminal

        check_terminal(talk.console, data_on_stdout=job.record.on_stdout)

    def open_viewers(appearance: Appearance) -> tuple[list[Viewer], Callable[..., None]]:
        if not job.preview:
            from shufflecam.cli.terminal.status import StatusViewer

            return [StatusViewer(talk.console)], talk.say
        from shufflecam.cli.terminal.graphics import open_canvas
        from shufflecam.cli.terminal.preview import PreviewViewer

        preview = PreviewViewer(talk.console, appearance, open_canvas(talk.console, job.preview_as))
        return [preview], preview.say

    return open_viewers


def _take_file(options: dict[str, Any], talk: Terminal) -> None:
    """Replay a file given as SOURCE as a camera. Raises UsageError where it is not a video."""
    name = options["source"]
    kind = "" if "://" in name else kind_of(name)
    if kind == "folder":
        raise UsageError(f"{name} is a folder, not a camera; type: {typed('video', name, '--out', FOLDER)}")
    if kind in ("picture", "record"):
        command = ("images", name, "--out", FOLDER) if kind == "picture" else ("inspect", name)
        raise UsageError(f"{name} is a {kind}, not a camera; type: {typed(*command)}")
    if options["replay"] is None and options["camera"] is None and (kind == "video" or os.path.isfile(name)):
        talk.note(f"{name} is a file: played as a camera, as with --replay {shlex.quote(name)}")
        options["source"], options["replay"] = "0", Path(name)

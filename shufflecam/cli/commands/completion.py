"""`shufflecam completion`: print the shell completion script."""

from __future__ import annotations

import click

from shufflecam.cli.options.common import debug_option

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_SHUFFLECAM_COMPLETE"


@click.command(
    short_help="Make the tab key complete commands in your shell.",
    epilog="""\b
Examples:
  shufflecam completion bash >> ~/.bashrc
  shufflecam completion zsh >> ~/.zshrc
  shufflecam completion fish > ~/.config/fish/completions/shufflecam.fish
""",
)
@click.argument("shell", type=click.Choice(SHELLS), metavar="bash|zsh|fish")
@debug_option
def command(shell: str) -> None:
    """Print what makes the shell complete commands, options and their values with the tab key.

    bash needs version 4.4 or newer.
    """
    from click.shell_completion import get_completion_class

    from shufflecam.cli.main import cli

    complete = get_completion_class(shell)
    assert complete is not None
    maker = complete(cli, {}, "shufflecam", VARIABLE)
    # Not source(): for bash it first starts a shell to query the version.
    click.echo(maker.source_template % maker.source_vars())

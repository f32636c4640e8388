"""`session-consumer emulator`: the Zoho API, with its limits and faults, on this machine."""

import asyncio
import signal
import sys
from datetime import date
from typing import Any

import click

from consumer.cli import exit_codes
from consumer.emulator.dialects import DIALECTS, RETRY_AFTERS, LockAnswer
from consumer.emulator.faults import KINDS, Fault, fault_from_json
from consumer.emulator.options import INPUT_STYLES, Catalogue, EmulatorOptions, Limits, TokenRules
from consumer.emulator.server import Emulator
from consumer.settings.values import http_host

_DEFAULTS = EmulatorOptions()


def _read_host(text: str) -> str:
    try:
        return http_host(text)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


def _read_fault(text: str) -> Fault:
    """Read `KIND[,name=value…]`, as in `status,status=503,calls=3`."""
    kind, *pairs = text.split(",")
    fields: dict[str, object] = {"kind": kind}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            fields[name] = {"calls": int, "status": int, "seconds": float}.get(name, str)(value)
        except ValueError:
            raise click.BadParameter(f"{name} must be a number") from None
    try:
        return fault_from_json(fields)
    except ValueError as problem:
        raise click.BadParameter(str(problem)) from None


def _read_batch_dates(text: str) -> tuple[str, tuple[date, date]]:
    """Read `BATCH=FIRST..LAST`, ISO dates."""
    batch_id, _, dates = text.partition("=")
    first, _, last = dates.partition("..")
    try:
        return batch_id, (date.fromisoformat(first), date.fromisoformat(last))
    except ValueError:
        raise click.BadParameter("write it as 478346000019479115=2026-01-01..2026-12-31") from None


def _list_faults(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        for kind, what in KINDS.items():
            click.echo(f"{kind:22} {what}")
        ctx.exit(exit_codes.DONE)


@click.command(context_settings={"show_default": True})
@click.option("--host", default="127.0.0.1", type=_read_host, metavar="TEXT", help="Address to listen on.")
@click.option("--port", default=8090, type=click.IntRange(0, 65_535), help="Port; 0 takes a free one.")
@click.option("--requests", default=_DEFAULTS.limits.requests, help="Calls allowed in a window.")
@click.option("--window-seconds", default=_DEFAULTS.limits.window_seconds, help="Length of the window.")
@click.option("--lock-seconds", default=_DEFAULTS.limits.lock_seconds, help="Length of the lock.")
@click.option("--fixed-window", is_flag=True, help="Count in fixed windows, not in a rolling one.")
@click.option("--dialect", default="A", type=click.Choice(DIALECTS), help="Form of the lock answer.")
@click.option(
    "--lock-status", type=click.IntRange(200, 599), help="HTTP status of the lock answer, if not usual."
)
@click.option("--retry-after", default="none", type=click.Choice(RETRY_AFTERS), help="Retry-After of a lock.")
@click.option(
    "--daily-requests", default=_DEFAULTS.daily_requests, help="Calls allowed in a day; 0 = no limit."
)
@click.option("--day-seconds", default=_DEFAULTS.day_seconds, help="Length of that day, from the start on.")
@click.option("--answer-seconds", default=_DEFAULTS.answer_seconds, help="Time that every answer takes.")
@click.option(
    "--input", "input_style", default="any", type=click.Choice(INPUT_STYLES), help="Where sessionData is."
)
@click.option("--known-session", multiple=True, metavar="ID", help="Only these sessions exist (repeatable).")
@click.option("--unknown-session", multiple=True, metavar="ID", help="These don't exist (repeatable).")
@click.option(
    "--batch-dates",
    multiple=True,
    type=_read_batch_dates,
    metavar="BATCH=FIRST..LAST",
    help="A batch's days (repeatable).",
)
@click.option("--not-found", default="404", type=click.Choice(["404", "400"]), help="Form of Not found.")
@click.option(
    "--error-form",
    default="symbolic",
    type=click.Choice(["symbolic", "numeric", "response"]),
    help="Form of a refusal.",
)
@click.option("--code-is-text", is_flag=True, help='Success says "200", not 200.')
@click.option("--token-seconds", default=_DEFAULTS.tokens.lifetime_seconds, help="Life of an access token.")
@click.option(
    "--token-error-status",
    default=400,
    type=click.Choice([200, 400]),
    help="HTTP status of OAuth errors.",
)
@click.option("--milliseconds", is_flag=True, help="OAuth's old variant: expires_in in milliseconds.")
@click.option("--mints", default=_DEFAULTS.tokens.mints, help="Access tokens granted in the mint window.")
@click.option(
    "--mint-window-seconds", default=_DEFAULTS.tokens.mint_window_seconds, help="Length of the mint window."
)
@click.option(
    "--live-tokens", default=_DEFAULTS.tokens.live_tokens, help="Tokens alive at once; more kill the oldest."
)
@click.option("--scope", default=_DEFAULTS.tokens.scope, help="Scope of the refresh token.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    type=_read_fault,
    metavar="KIND[,NAME=VALUE…]",
    help="Something that goes wrong (repeatable).",
)
@click.option(
    "--list-faults",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_faults,
    help="Explain the kinds of fault.",
)
def emulator(host: str, port: int, **given: Any) -> None:
    """Serve the Zoho API, with its limits and faults.

    The page at / shows the state; /_emulator/audit and /_emulator/sessions give it as JSON. A fault
    can be set while it runs: POST /_emulator/faults {"kind": "poison", "session_id": "…"}.
    """
    try:
        options = _options(given)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from problem
    sys.exit(asyncio.run(_serve(options, host, port)))


def _options(given: dict[str, Any]) -> EmulatorOptions:
    return EmulatorOptions(
        limits=Limits(
            given["requests"], given["window_seconds"], given["lock_seconds"], given["fixed_window"]
        ),
        lock_answer=LockAnswer(given["dialect"], given["lock_status"], given["retry_after"]),
        tokens=TokenRules(
            scope=given["scope"],
            lifetime_seconds=given["token_seconds"],
            expires_in_milliseconds=given["milliseconds"],
            error_status=given["token_error_status"],
            mints=given["mints"],
            mint_window_seconds=given["mint_window_seconds"],
            live_tokens=given["live_tokens"],
        ),
        catalogue=Catalogue(
            known=frozenset(given["known_session"]) or None,
            unknown=frozenset(given["unknown_session"]),
            batch_dates=dict(given["batch_dates"]),
        ),
        input_style=given["input_style"],
        daily_requests=given["daily_requests"],
        day_seconds=given["day_seconds"],
        error_form=given["error_form"],
        not_found_form=given["not_found"],
        code_is_text=given["code_is_text"],
        answer_seconds=given["answer_seconds"],
        faults=given["faults"],
    )


async def _serve(options: EmulatorOptions, host: str, port: int) -> int:
    """Serve until a signal comes; 0 after SIGTERM, 130 after SIGINT, 2 where the address can't be had."""
    stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    _end_on(signal.SIGTERM, stopped, exit_codes.DONE)
    _end_on(signal.SIGINT, stopped, exit_codes.INTERRUPTED)
    emulated = Emulator(options)
    try:
        await emulated.start(host, port)
    except OSError as error:
        await emulated.close()
        click.echo(f"Can't listen on {host}:{port}: {error.strerror}. Choose another --port.", err=True)
        return exit_codes.USAGE
    async with emulated:
        click.echo(_settings(emulated.url, options.tokens))
        click.echo(f"Serving; the state is at {emulated.url}/ (Ctrl+C ends it).", err=True)
        return await stopped


def _end_on(number: signal.Signals, stopped: asyncio.Future[int], exit_code: int) -> None:
    def end() -> None:
        if not stopped.done():
            stopped.set_result(exit_code)

    asyncio.get_running_loop().add_signal_handler(number, end)


def _settings(url: str, tokens: TokenRules) -> str:
    """What to export so that the consumer uses it. The credential is made up and opens nothing else."""
    settings = {
        "CONSUMER_ZOHO_PEOPLE_URL": url,
        "CONSUMER_ZOHO_ACCOUNTS_URL": url,
        "CONSUMER_ZOHO_CLIENT_ID": tokens.client_id,
        "CONSUMER_ZOHO_CLIENT_SECRET": tokens.client_secret,
        "CONSUMER_ZOHO_REFRESH_TOKEN": tokens.refresh_token,
    }
    return "\n".join(f"export {name}={value}" for name, value in settings.items())

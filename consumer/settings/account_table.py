"""The settings of an account that are not about Kafka, declared."""

from collections.abc import Iterator

from consumer.settings import values
from consumer.settings.setting import Setting, account_setting
from consumer.settings.values import choice, decimal, integer
from consumer.settings.zoho_urls import DATA_CENTRES, check_url

_DAY_SECONDS = 86_400
_GIB = 1024**3


def zoho_settings() -> Iterator[Setting]:
    """How to reach and how to call Zoho."""
    yield Setting(
        "ZOHO_DATA_CENTRE",
        "Zoho",
        choice(*DATA_CENTRES),
        "Where the portal lives: " + ", ".join(f"`{name}`" for name in DATA_CENTRES) + ". Or give both URLs.",
        default_text="`com`",
    )
    yield account_setting(
        "ZOHO_PEOPLE_URL",
        "Zoho",
        check_url,
        "The API's URL, instead of a data centre; https, or http on loopback.",
        default_text="of the data centre",
    )
    yield account_setting(
        "ZOHO_ACCOUNTS_URL",
        "Zoho",
        check_url,
        "The URL that gives access tokens, instead of a data centre.",
        default_text="of the data centre",
    )
    yield account_setting("ZOHO_CLIENT_ID", "Zoho", values.visible, "The OAuth client's id.", required=True)
    yield account_setting(
        "ZOHO_CLIENT_SECRET", "Zoho", values.visible, "Goes with the client id.", required=True
    )
    yield account_setting(
        "ZOHO_REFRESH_TOKEN",
        "Zoho",
        values.visible,
        "A refresh token with the scope `ZOHOPEOPLE.training.ALL` or `.UPDATE`.",
        required=True,
    )
    yield account_setting(
        "ZOHO_TIME_ZONE",
        "Zoho",
        values.time_zone,
        "The portal's time zone, as in the IANA database. A wrong zone moves every session.",
        "IANA name",
        required=True,
    )
    yield account_setting(
        "ZOHO_INPUT",
        "Zoho",
        choice("query", "json", "form", "both"),
        "How `sessionData` is sent: `query`, `json` (body), `form` (body) or `both` (query and json).",
    )
    yield account_setting(
        "ZOHO_TIMEOUT_SECONDS",
        "Zoho",
        decimal(0.1, 300),
        "Limit of one whole call, at least 5 s below `CONSUMER_SHUTDOWN_SECONDS`.",
        "seconds",
    )
    yield account_setting(
        "ZOHO_VERIFY_ECHO",
        "Zoho",
        choice("warn", "hold", "off"),
        "A success that shows another session id, date or time than was sent: `warn`, `hold` or `off`.",
    )


def quota_settings() -> Iterator[Setting]:
    """What Zoho allows."""
    group = "Quota"
    yield account_setting(
        "QUOTA_REQUESTS", group, integer(1, 200), "Calls that Zoho allows in one window.", "calls"
    )
    yield account_setting(
        "QUOTA_WINDOW_SECONDS", group, decimal(0.05, _DAY_SECONDS), "The window's length.", "seconds"
    )
    yield account_setting(
        "QUOTA_LOCK_SECONDS",
        group,
        decimal(0.05, _DAY_SECONDS),
        "How long Zoho locks the API once it saw a call too many.",
        "seconds",
    )
    yield account_setting(
        "QUOTA_DAILY_REQUESTS",
        group,
        integer(0, 10_000_000),
        "Calls a day; 0: only what Zoho's answers say.",
        "calls",
    )
    yield account_setting(
        "QUOTA_DAILY_RESERVE",
        group,
        integer(0, 10_000_000),
        "Calls of the day that are left to others.",
        "calls",
    )
    yield account_setting(
        "QUOTA_CLOCK_MARGIN_SECONDS",
        group,
        decimal(0, 600),
        "Added to times that another process recorded: how far two replicas' clocks may differ.",
        "seconds",
    )
    yield account_setting(
        "QUOTA_ABORT_MARGIN_SECONDS",
        group,
        decimal(0, 600),
        "A call without an answer counts as answered this long after it was given up: it may still arrive.",
        "seconds",
    )


def delivery_settings() -> Iterator[Setting]:
    """How events are delivered, and how many are held."""
    group = "Delivery"
    yield account_setting(
        "CONCURRENCY", group, integer(1, 200), "Calls at once, one for each session.", "calls"
    )
    yield account_setting(
        "ATTEMPTS",
        group,
        integer(1, 100),
        "Failed attempts of one event, while others succeed, before it is dead-lettered. Even 1 means at "
        "least two calls: one counts only if a call of another session that started after the attempt "
        "before it got a definite answer.",
        "calls",
    )
    yield account_setting(
        "REFUSALS_BEFORE_HOLD",
        group,
        integer(0, 10_000),
        "Events refused in a row before the account is held as `suspect`; 0: never. Below "
        "`CONSUMER_CONCURRENCY`, and not 0, it bounds the calls at once. "
        "Its file is read again while `run` runs.",
        "events",
    )
    yield account_setting(
        "BACKLOG_EVENTS",
        group,
        integer(1, 1_000_000),
        "Events held in memory at most. Replays: a tenth as many and 1,000 at most, on top where it is full.",
        "events",
    )
    yield account_setting(
        "BACKLOG_BYTES",
        group,
        integer(65_536, 16 * _GIB),
        "Memory for events that wait, at most; room for at least one event of `CONSUMER_MAX_EVENT_BYTES`. "
        "Replays: a quarter as much, on top where it is full.",
        "bytes",
    )
    yield account_setting(
        "ORDER",
        group,
        choice("oldest", "soonest"),
        "Whose turn it is: the `oldest` event's, or that of the session that starts `soonest` (past ones "
        "last; every fourth turn is the oldest one's, so that none waits for ever).",
    )
    yield account_setting(
        "LEDGER_DAYS",
        group,
        integer(1, 3_650),
        "How long a session's last applied event is remembered.",
        "days",
    )
    yield account_setting(
        "REPLAY_SHARE",
        group,
        decimal(0, 1),
        "The share of the calls that replays get while other events wait; 0: none, 1: they go first.",
        "share of 1",
    )


def event_settings() -> Iterator[Setting]:
    """What decides whether an event is good."""
    yield account_setting(
        "OTHER_EVENT_TYPES",
        "Events",
        choice("dead-letter", "skip"),
        "CloudEvents of another type: `dead-letter` or `skip`.",
    )
    yield account_setting(
        "MAX_EVENT_BYTES", "Events", integer(1_024, 16_777_216), "Size of a value at most.", "bytes"
    )
    yield account_setting(
        "MAX_CLOCK_SKEW_SECONDS",
        "Events",
        decimal(0, _DAY_SECONDS),
        "How far an event's `time` may be ahead of our clock and of its record's timestamp.",
        "seconds",
    )

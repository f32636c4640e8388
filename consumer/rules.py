"""From an account's settings to the rules that its parts go by."""

from urllib.parse import urlsplit

from consumer.delivery.account import AccountRules
from consumer.delivery.decision import RetryRules
from consumer.delivery.gate import GateRules
from consumer.delivery.pauses import probe_pauses
from consumer.delivery.quota import QuotaLimits
from consumer.events.model import EventRules
from consumer.events.zones import load_zone
from consumer.settings import AccountSettings
from consumer.zoho.client import ZohoRules
from consumer.zoho.oauth import Credential


def account_rules(settings: AccountSettings, reservation_seconds: float) -> AccountRules:
    """What the core goes by."""
    lock_seconds = settings.quota_lock_seconds
    return AccountRules(
        name=settings.name,
        source_topic=settings.source_topic,
        replay_topic=settings.replay_topic,
        events=EventRules(
            zone=load_zone(settings.zoho_time_zone),
            input_style=settings.zoho_input,
            base_path=urlsplit(settings.zoho_people_url).path,
            max_event_bytes=settings.max_event_bytes,
            max_clock_skew_seconds=settings.max_clock_skew_seconds,
            skip_other_types=settings.other_event_types == "skip",
        ),
        quota=QuotaLimits(
            requests=settings.quota_requests,
            window_seconds=settings.quota_window_seconds,
            abort_margin_seconds=settings.quota_abort_margin_seconds,
            reservation_seconds=reservation_seconds,
            call_seconds=settings.zoho_timeout_seconds,
            clock_margin_seconds=settings.quota_clock_margin_seconds,
        ),
        gate=GateRules(lock_seconds, settings.refusals_before_hold, settings.quota_daily_reserve),
        retry=RetryRules(
            attempts=settings.attempts,
            lock_seconds=lock_seconds,
            pauses=probe_pauses(lock_seconds),
            hold_on_echo=settings.zoho_verify_echo == "hold",
        ),
        concurrency=settings.concurrency,
        backlog_events=settings.backlog_events,
        backlog_bytes=settings.backlog_bytes,
        daily_requests=settings.quota_daily_requests,
        daily_reserve=settings.quota_daily_reserve,
        warn_on_echo=settings.zoho_verify_echo != "off",
        order=settings.order,
        replay_share=settings.replay_share,
        ledger_seconds=settings.ledger_days * 86_400.0,
    )


def zoho_rules(settings: AccountSettings) -> ZohoRules:
    """What the Zoho client goes by."""
    return ZohoRules(
        people_url=settings.zoho_people_url,
        accounts_url=settings.zoho_accounts_url,
        input_style=settings.zoho_input,
        timeout_seconds=settings.zoho_timeout_seconds,
        concurrency=settings.concurrency,
    )


def credential(settings: AccountSettings) -> Credential:
    """What access tokens are minted with."""
    return Credential(
        settings.zoho_client_id,
        settings.zoho_client_secret.get_secret_value(),
        settings.zoho_refresh_token.get_secret_value(),
    )

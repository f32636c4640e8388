"""An account with what the process knows of it beyond the core: its client, its metrics, its history."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import structlog

from consumer.delivery.account import Account
from consumer.delivery.account_status import eta_seconds
from consumer.kafka.outcome_reader import OutcomeReader
from consumer.rules import credential
from consumer.settings import AccountSettings
from consumer.telemetry import AccountMetrics
from consumer.zoho.client import ZohoClient

log = structlog.get_logger(__name__)

# What is taken over from changed settings files while the process runs.
CREDENTIAL_FIELDS = ("zoho_client_id", "zoho_client_secret", "zoho_refresh_token")
LIVE_FIELDS = (*CREDENTIAL_FIELDS, "refusals_before_hold")


@dataclass(slots=True)
class Served:
    """One account of this process; `settings` are those in force."""

    settings: AccountSettings
    account: Account
    zoho: ZohoClient
    metrics: AccountMetrics
    history: OutcomeReader

    def change(self, settings: AccountSettings) -> None:
        """Take over what can change while the process runs; say what cannot.

        A new credential ends `auth_failed`, a new CONSUMER_REFUSALS_BEFORE_HOLD ends `suspect`, at once.
        """
        account = self.account
        changed = set(_differences(self.settings, settings))
        if changed & set(CREDENTIAL_FIELDS):
            self.zoho.tokens.replace_credential(credential(settings))
            account.gate = account.gate.credential_changed()
        if "refusals_before_hold" in changed:
            gate = replace(account.rules.gate, refusals_before_hold=settings.refusals_before_hold)
            account.rules = replace(account.rules, gate=gate)
            account.gate = account.gate.hold_lifted()
        live = {name: getattr(settings, name) for name in LIVE_FIELDS}
        self.settings = self.settings.model_copy(update=live)
        taken, left = changed & set(LIVE_FIELDS), changed - set(LIVE_FIELDS)
        if taken:
            log.info("settings changed", account=account.rules.name, settings=sorted(taken))
            account.changed()
        if left:
            log.warning(
                "settings changed that take effect at the next start",
                account=account.rules.name,
                settings=sorted(left),
            )

    def show(self, now: float) -> None:
        """Set the gauges to how things are at `now`, epoch seconds."""
        account, metrics = self.account, self.metrics
        oldest, runs_out_at = account.backlog.oldest_event_at(), account.runs_out_at(now)
        metrics.set_state(str(account.state))
        metrics.set_quota(
            free_slots=account.quota.free(account.limits(now), now),
            share=account.share.of(account.rules.quota, now),
            left_today=account.left_today,
            runs_out_at=None if runs_out_at is None else account.wall(runs_out_at),
        )
        metrics.set_backlog(
            events=account.backlog.events,
            sessions=account.backlog.sessions,
            oldest_event_age_seconds=0.0 if oldest is None else max(0.0, time.time() - oldest),
            drain_eta_seconds=eta_seconds(account, now),
        )
        metrics.set_lag(account.lag())


def _differences(one: AccountSettings, other: AccountSettings) -> Iterator[str]:
    return (name for name in AccountSettings.model_fields if getattr(one, name) != getattr(other, name))

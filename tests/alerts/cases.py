"""What is staged for the alerts, and which of them fire then: what only looks like it among them."""

from collections.abc import Mapping
from typing import NamedTuple

from tests.alerts.promtool import Scene, chosen, comes, gone, lives, moved, neighbour, replica, standby

P = "SessionConsumer"
IDLE = standby("b")


class Case(NamedTuple):
    """At each time exactly these alerts fire, without their common prefix."""

    scene: Scene
    at: Mapping[str, tuple[str, ...]]


def _state(state: str) -> Scene:
    """Well for ten minutes, in that state for two hours, and well again."""
    samples = {"running": "1x9 0x120 1x60", state: "0x9 1x120 0x60"}
    return replica("a", samples) | IDLE


def _flapping(state: str, on: int, off: int) -> Scene:
    """From minute 10 on so many minutes in that state, and so many well, again and again."""
    times = 190 // (on + off)
    within, without = "1 " * on + "0 " * off, "0 " * on + "1 " * off
    return replica("a", {state: "0x9 " + within * times, "running": "1x9 " + without * times}) | IDLE


# It runs for two minutes, as the owner in the second, and is started again four minutes later.
_LOOP = [range(20), *(range(start, start + 2) for start in range(24, 200, 6))]
_LOOPING = {"standby": "0x19 " + "0 0 0 0 1 0 " * 30, "running": "1x19 " + "0 0 0 0 0 1 " * 30}

CASES: dict[str, Case] = {
    "all is well": Case(replica("a", "running") | IDLE, {"1m": (), "30m": (), "3h": ()}),
    "a credential is refused": Case(
        _state("auth_failed"), {"11m": (), "13m": ("AuthFailed",), "2h": ("AuthFailed",), "140m": ()}
    ),
    "a hold": Case(_state("suspect"), {"14m": (), "16m": ("Suspect",), "140m": ()}),
    "the position is lost": Case(_state("position_lost"), {"10m": (), "13m": ("PositionLost",), "140m": ()}),
    "Kafka is down": Case(_state("kafka_down"), {"14m": (), "16m": ("KafkaDown",), "140m": ()}),
    "Zoho is down": Case(_state("unavailable"), {"22m": (), "31m": ("ZohoUnavailable",), "150m": ()}),
    "the day's calls are used up": Case(
        _state("daily_quota"), {"14m": (), "16m": ("DayQuotaUsedUp",), "140m": ()}
    ),
    "a lock or two is no page": Case(
        replica("a", {"running": "1x9 0x15 1x170", "throttled": "0x9 1x15 0x170"}) | IDLE,
        {"20m": (), "40m": (), "80m": ()},
    ),
    "lock after lock": Case(_state("throttled"), {"59m": (), "90m": ("MostlyLocked",), "170m": ()}),
    "locked though the quota was kept": Case(
        replica("a", "running", locks_total="0x29 1x170", quota_share="1x29 0.5x9 1x160") | IDLE,
        {"29m": (), "32m": ("LockedWithinQuota",), "45m": ()},
    ),
    "locked by our own doing": Case(
        replica("a", "running", locks_total="0x29 1x170") | IDLE, {"32m": (), "35m": ()}
    ),
    "a smaller share without a lock": Case(
        replica("a", "running", quota_share="0.5x200") | IDLE, {"32m": (), "3h": ()}
    ),
    "all stand by": Case(standby("a") | IDLE, {"4m": (), "6m": ("NoOwner",), "3h": ("NoOwner",)}),
    "a rolling restart": Case(
        replica("a", {"running": "1x20 0x1 _x180", "standby": "0x20 1x1 _x180"})
        | replica("b", {"standby": "1x23 0x170", "running": "0x23 1x170"}),
        {"22m": (), "24m": (), "26m": (), "60m": ()},
    ),
    "a first install that never comes up": Case(
        chosen(lives(replica("a", "standby")) | lives(replica("b", "standby"))),
        {"9m": (), "12m": ("NoReplica", "ReplicaDown"), "3h": ("NoReplica", "ReplicaDown")},
    ),
    "a first install that takes its time": Case(
        chosen(lives(replica("a", "running"), range(4, 201)) | lives(replica("b", "standby"), range(4, 201))),
        {"9m": (), "12m": (), "3h": ()},
    ),
    "all that came up never answer again": Case(
        chosen(lives(replica("a", "running"), range(60))),
        {"59m": (), "75m": ("NoOwner",), "90m": ("NoOwner", "ReplicaDown"), "3h": ("NoOwner", "ReplicaDown")},
    ),
    "everybody is gone": Case(
        replica("a", {"running": "1x20 stale"}),
        {"20m": (), "24m": (), "28m": ("NoOwner",), "6h": ("NoOwner",)}
    ),
    "it crashes soon after each start": Case(
        lives(replica("a", _LOOPING), *_LOOP),
        {"20m": (), "37m": ("NoOwner",), "60m": ("NoOwner", "ReplicaDown", "CrashLoop"),
         "3h": ("NoOwner", "ReplicaDown", "CrashLoop")},
    ),
    "one of two crashes soon after each start": Case(
        replica("b", "running") | lives(replica("a", "standby"), *_LOOP),
        {"20m": (), "37m": (), "60m": ("ReplicaDown", "CrashLoop")},
    ),
    "one of two crashes every ten minutes, and starts at once": Case(
        replica("b", "running")
        | lives(replica("a", "standby"), *(range(start, start + 9) for start in range(0, 80, 10)),
                range(80, 200)),
        {"30m": (), "45m": ("CrashLoop",), "80m": ("CrashLoop",), "3h": ()},
    ),
    "one of two ends before it is ever asked": Case(
        replica("b", "running") | lives(replica("a", "standby")),
        {"4m": (), "30m": ("ReplicaDown",), "3h": ("ReplicaDown",)},
    ),
    "one of two could not start, and was replaced": Case(
        replica("b", "running") | gone(lives(replica("a", "standby")), 9), {"9m": (), "15m": (), "40m": ()}
    ),
    "one of two crashed again and again, and was replaced": Case(
        replica("b", "running") | gone(lives(replica("a", "standby"), *_LOOP), 60),
        {"59m": ("ReplicaDown", "CrashLoop"), "62m": (), "90m": ()},
    ),
    "another program of the same job does not answer": Case(
        replica("a", "running") | IDLE | neighbour("shop", "1x200") | neighbour("till", "0x200"),
        {"60m": (), "3h": ()},
    ),
    "two replicas are started anew, one after the other": Case(
        lives(replica("a", {"running": "1x20 0x179", "standby": "0x20 1x179"}), range(21), range(22, 200))
        | lives(replica("b", {"standby": "1x20 0x3 1 0x175", "running": "0x20 1x3 0 1x175"}),
                range(24), range(25, 200)),
        {"21m": (), "23m": (), "25m": (), "27m": (), "35m": (), "60m": ()},
    ),
    "a refused credential now and then": Case(
        _flapping("auth_failed", 1, 1), {"11m": (), "30m": ("AuthFailed",), "3h": ("AuthFailed",)}
    ),
    "a hold now and then": Case(
        _flapping("suspect", 3, 1), {"14m": (), "30m": ("Suspect",), "3h": ("Suspect",)}
    ),
    "the position is lost again and again": Case(
        _flapping("position_lost", 1, 1), {"10m": (), "20m": ("PositionLost",), "3h": ("PositionLost",)}
    ),
    "Kafka comes and goes": Case(
        _flapping("kafka_down", 3, 1), {"14m": (), "30m": ("KafkaDown",), "3h": ("KafkaDown",)}
    ),
    "Zoho comes and goes": Case(
        _flapping("unavailable", 3, 1), {"25m": (), "50m": ("ZohoUnavailable",), "3h": ("ZohoUnavailable",)}
    ),
    "Zoho is away for ten minutes": Case(
        replica("a", {"running": "1x9 0x9 1x180", "unavailable": "0x9 1x9 0x180"}) | IDLE,
        {"15m": (), "20m": (), "30m": (), "40m": ()},
    ),
    "the last of the day's calls come one by one": Case(
        _flapping("daily_quota", 3, 1), {"14m": (), "30m": ("DayQuotaUsedUp",), "3h": ("DayQuotaUsedUp",)}
    ),
    "lock after lock, between crashes": Case(
        lives(replica("a", "throttled"), *(range(start, start + 9) for start in range(0, 200, 10))) | IDLE,
        {"30m": (), "100m": ("MostlyLocked", "CrashLoop"), "3h": ("MostlyLocked", "CrashLoop")},
    ),
    "stuck, and handed over in between": Case(
        replica("a", {"running": "1 1 1 1 1 1 1 0 " * 25, "standby": "0 0 0 0 0 0 0 1 " * 25},
                backlog_events="5 5 5 5 5 5 5 0 " * 25, zoho_requests_total="300x200") | IDLE,
        {"4m": (), "60m": ("Stuck",), "3h": ("Stuck",)},
    ),
    "it will take five hours, with a restart now and then": Case(
        replica("a", "running", drain_eta_seconds="0x9 " + "18000x8 0 " * 19) | IDLE,
        {"20m": (), "60m": ("BacklogLate",), "3h": ("BacklogLate",)},
    ),
    "today's calls run out at some paces": Case(
        replica("a", "running", quota_runs_out_timestamp_seconds="_x10 " + "20000x8 stale " * 19) | IDLE,
        {"20m": (), "60m": ("DayQuotaRunsOut",), "3h": ("DayQuotaRunsOut",)},
    ),
    "more comes than the quota takes, and some of it at once": Case(
        replica("a", "running", lag_records="0+5x59 " + "300+5x7 0 " * 16, quota_free_slots="0x200") | IDLE,
        {"59m": (), "100m": ("DemandAboveQuota",)},
    ),
    "locked though the quota was kept, by a share that comes and goes": Case(
        replica("a", "running", locks_total="0x29 1x170", quota_share="1x29 " + "0.5 1 " * 80) | IDLE,
        {"29m": (), "33m": ("LockedWithinQuota",), "34m": ("LockedWithinQuota",)},
    ),
    "stuck": Case(
        replica("a", "running", backlog_events="5x200", zoho_requests_total="0+10x30 300x170") | IDLE,
        {"29m": (), "40m": (), "48m": ("Stuck",), "2h": ("Stuck",)},
    ),
    "waiting for the quota": Case(
        replica("a", "running", backlog_events="5x200", zoho_requests_total="300x200",
                quota_free_slots="0x200") | IDLE,
        {"48m": (), "2h": ()},
    ),
    "waiting for a lock's end": Case(
        replica("a", {"throttled": "1x40 0x160", "running": "0x40 1x160"}, backlog_events="5x40 0x160",
                zoho_requests_total="300x200") | IDLE,
        {"39m": (), "60m": ()},
    ),
    "nothing to do": Case(replica("a", "running", zoho_requests_total="300x200") | IDLE, {"2h": ()}),
    "it will take five hours": Case(
        replica("a", "running", drain_eta_seconds="0x9 18000x60 0x120") | IDLE,
        {"20m": (), "31m": ("BacklogLate",), "90m": ()},
    ),
    "it will take three hours": Case(
        replica("a", "running", drain_eta_seconds="10800x200") | IDLE, {"26m": (), "2h": ()}
    ),
    "more lies in Kafka than an hour takes off in four": Case(
        replica("a", "running", lag_records="4000x200") | IDLE, {"2h": ("BacklogLate",)}
    ),
    "few changes come, and some wait for Zoho": Case(
        replica("a", {"running": "1x99 0x21 1x80", "unavailable": "0x99 1x21 0x80"}, applied="0+0.0667x200",
                lag_records="0x99 30x21 0x80") | IDLE,
        {"99m": (), "121m": ("ZohoUnavailable",), "126m": ("ZohoUnavailable",), "3h": ()},
    ),
    "few changes come, and some wait for Zoho for almost an hour": Case(
        replica("a", {"running": "1x99 0x57 1x44", "unavailable": "0x99 1x57 0x44"},
                applied="0+0.0667x99 6.7x56 7+0.0667x44", lag_records="0x99 30x57 0x44") | IDLE,
        {"99m": (), "150m": ("ZohoUnavailable",), "157m": ("ZohoUnavailable",), "160m": ("ZohoUnavailable",)},
    ),
    "more comes than the quota takes": Case(
        replica("a", "running", lag_records="0+5x200", quota_free_slots="0x20 3x0 0x9 3x0 0x170") | IDLE,
        {"59m": (), "75m": ("DemandAboveQuota",), "3h": ("DemandAboveQuota",)},
    ),
    "a burst that is being worked off": Case(
        replica("a", "running", lag_records="1500-5x200", quota_free_slots="0x200") | IDLE,
        {"75m": (), "3h": ()},
    ),
    "a lock fills the queue": Case(
        replica("a", {"throttled": "1x30 0x170", "running": "0x30 1x170"}, lag_records="0+5x200",
                quota_free_slots="0x200") | IDLE,
        {"75m": (), "80m": ()},
    ),
    "today's calls run out": Case(
        replica("a", "running", quota_runs_out_timestamp_seconds="_x9 20000x60 _x120") | IDLE,
        {"20m": (), "31m": ("DayQuotaRunsOut",), "90m": ()},
    ),
    "dead letters, each class to whom it concerns": Case(
        replica("a", "running", dead_letters={
            "event_invalid": "0x9 1x190", "session_not_found": "0x9 3x190", "failed_at_zoho": "0x9 2x190",
            "other": "0x9 1x190",
        }) | IDLE,
        {"9m": (), "12m": ("DeadLettersOfPublisher event_invalid", "DeadLettersOfPortal session_not_found",
                           "DeadLettersOfZoho failed_at_zoho", "DeadLettersOfZoho other"), "75m": ()},
    ),
    "many dead letters at once": Case(
        replica("a", "running", dead_letters={"event_invalid": "0x9 0+4x190"}) | IDLE,
        {"12m": ("DeadLettersOfPublisher event_invalid",),
         "30m": ("DeadLettersOfPublisher event_invalid", "DeadLettersGrow")},
    ),
    "broken records wait at the first start": Case(
        replica("a", "running", applied="600x200", dead_letters={"event_invalid": "200x200"}) | IDLE,
        {"2m": ("DeadLettersOfPublisher event_invalid",),
         "10m": ("DeadLettersOfPublisher event_invalid", "DeadLettersGrow"),
         "20m": ("DeadLettersOfPublisher event_invalid",), "65m": ()},
    ),
    "few of many that wait at the first start are broken": Case(
        replica("a", "running", applied="2000x200", dead_letters={"event_invalid": "200x200"}) | IDLE,
        {"10m": ("DeadLettersOfPublisher event_invalid",), "65m": ()},
    ),
    "a new process takes over, and finds broken records": Case(
        gone(replica("b", "running", dead_letters={"event_invalid": "300x200"}), 100)
        | comes(replica("c", "running", applied="0x200", dead_letters={"failed_at_zoho": "200x200"}), 101),
        {"65m": (), "99m": (), "104m": ("DeadLettersOfZoho failed_at_zoho",),
         "110m": ("DeadLettersOfZoho failed_at_zoho", "DeadLettersGrow"), "165m": ()},
    ),
    "a dead letter, and a restart of the same pod": Case(
        lives(replica("a", "running", dead_letters={"event_invalid": "0x9 1x20 0x170"}), range(31),
              range(32, 201)) | IDLE,
        {"31m": ("DeadLettersOfPublisher event_invalid",), "60m": ("DeadLettersOfPublisher event_invalid",),
         "75m": ()},
    ),
    "old dead letters, and scrapes that fail": Case(
        replica("a", "running", dead_letters={"event_invalid": "300x99 stale _x7 300x92"},
                locks_total="3x99 stale _x7 3x92", quota_share="0.5x200") | IDLE,
        {"65m": (), "110m": (), "161m": (), "165m": (), "170m": ()},
    ),
    "a lock before the first scrape, though the quota was kept": Case(
        replica("a", "running", locks_total="1x200", quota_share="0.5x200") | IDLE,
        {"2m": ("LockedWithinQuota",), "20m": ()},
    ),
    "old dead letters of a pod whose address a new one gets": Case(
        gone(replica("a", "running", applied="600x200", dead_letters={"event_invalid": "300x200"}), 100)
        | moved(comes(replica("c", "running", applied="0x200"), 102), "a") | IDLE,
        {"99m": (), "105m": (), "120m": (), "150m": ()},
    ),
    "few dead letters in few events": Case(
        replica("a", "running", applied="0x200", dead_letters={"event_invalid": "0x9 3x190"}) | IDLE,
        {"20m": ("DeadLettersOfPublisher event_invalid",)},
    ),
}  # fmt: skip

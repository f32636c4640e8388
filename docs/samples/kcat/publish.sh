#!/bin/sh
# Publish a changed session, then say what became of it: sh publish.sh BOOTSTRAP_SERVERS [TOPIC]
# Needs kcat (1.7) and jq. Exits with 0 where the event was applied, else with 1 and the reason.
set -eu
brokers=$1
topic=${2:-training.session.changed}
source=urn:example:planner
id=$(cat /proc/sys/kernel/random/uuid) # publish the same change again with the same id
session=478346000019553023

# One line: kcat sends each line as a record. Ids are strings, times whole minutes; revision grows
# with each change of the session.
data=$(jq -cn --arg session "$session" '{
  courseId: "478346000019479103", batchId: "478346000019479115",
  moduleId: "478346000019479119", sessionId: $session,
  revision: 7,
  session: {
    name: "Published with kcat", trainerId: "478346000008251001", delivery: "classroom",
    startsAt: "2026-12-01T10:00:00+05:30", endsAt: "2026-12-01T11:00:00+05:30"
  }
}')

# Security settings: kcat -F FILE, or -X name=value, here and below.
since=$(($(date +%s) - 60))000 # a little before now, since clocks differ
printf '%s\n' "$data" | kcat -P -b "$brokers" -t "$topic" -k "$session" \
  -X acks=all -X enable.idempotence=true -X message.timeout.ms=30000 \
  -H content-type=application/json \
  -H ce_specversion=1.0 \
  -H ce_type=training.session.changed.v1 \
  -H ce_source="$source" \
  -H ce_id="$id" \
  -H ce_time="$(date -u +%Y-%m-%dT%H:%M:%SZ)" || {
  echo "$id: not known to be published" >&2
  exit 1
}

# Records of the topic without an event are about dead letters, those without a value forget a session.
give_up_at=$(($(date +%s) + 600))
until outcome=$(kcat -C -e -q -b "$brokers" -t "$topic.outcomes" -o "s@$since" |
  jq -cne --arg id "$id" --arg source "$source" \
    'first(inputs | select(.event.id? == $id and .event.source? == $source))'); do
  if [ "$(date +%s)" -ge "$give_up_at" ]; then
    echo "$id: no outcome" >&2
    exit 1
  fi
  sleep 1
done
echo "$(echo "$outcome" | jq -r .outcome) $id"
echo "$outcome" | jq -e '.outcome == "applied"' >/dev/null || {
  echo "$outcome" >&2
  exit 1
}

// Publish a changed session, then say what became of it: go run . BOOTSTRAP_SERVERS [TOPIC]
//
// Exits with 0 where the event was applied, else with 1 and the reason.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	source         = "urn:example:planner"
	sessionID      = "478346000019553023"
	publishTimeout = 30 * time.Second
	outcomeTimeout = 10 * time.Minute
)

// Ids are strings, times whole minutes; revision grows with each change of the session.
const data = `{
  "courseId": "478346000019479103", "batchId": "478346000019479115",
  "moduleId": "478346000019479119", "sessionId": "` + sessionID + `",
  "revision": 7,
  "session": {
    "name": "Published from Go", "trainerId": "478346000008251001", "delivery": "classroom",
    "startsAt": "2026-12-01T10:00:00+05:30", "endsAt": "2026-12-01T11:00:00+05:30"
  }
}`

// What is needed of an outcome; records without an event are about dead letters.
type outcome struct {
	Event      struct{ ID, Source string }
	Outcome    string
	ErrorClass string
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: publish BOOTSTRAP_SERVERS [TOPIC]")
		os.Exit(2)
	}
	topic := "training.session.changed"
	if len(os.Args) > 2 {
		topic = os.Args[2]
	}
	if err := run(context.Background(), strings.Split(os.Args[1], ","), topic); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, brokers []string, topic string) error {
	// Security options go here. Without a group, reading joins none and commits nothing.
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.RequiredAcks(kgo.AllISRAcks()), // idempotent too, unless switched off
		kgo.ConsumeTopics(topic+".outcomes"),
		// From a little before now, since clocks differ: the event's id tells ours from others.
		kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(time.Now().Add(-time.Minute).UnixMilli())),
	)
	if err != nil {
		return err
	}
	defer client.Close()

	id := rand.Text() // publish the same change again with the same id
	publishing, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := client.ProduceSync(publishing, event(topic, id)).FirstErr(); err != nil {
		return fmt.Errorf("%s: not known to be published: %w", id, err)
	}
	waiting, cancel := context.WithTimeout(ctx, outcomeTimeout)
	defer cancel()
	found, err := await(waiting, client, id)
	if err != nil {
		return fmt.Errorf("%s: no outcome: %w", id, err)
	}
	fmt.Println(found.Outcome, id)
	if found.Outcome != "applied" {
		return fmt.Errorf("%s: %s %s", id, found.Outcome, found.ErrorClass)
	}
	return nil
}

func event(topic, id string) *kgo.Record {
	header := func(key, value string) kgo.RecordHeader { return kgo.RecordHeader{Key: key, Value: []byte(value)} }
	return &kgo.Record{
		Topic: topic,
		Key:   []byte(sessionID),
		Value: []byte(data),
		Headers: []kgo.RecordHeader{
			header("content-type", "application/json"),
			header("ce_specversion", "1.0"),
			header("ce_type", "training.session.changed.v1"),
			header("ce_source", source),
			header("ce_id", id),
			header("ce_time", time.Now().UTC().Format(time.RFC3339Nano)),
		},
	}
}

func await(ctx context.Context, client *kgo.Client, id string) (outcome, error) {
	for {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return outcome{}, err
		}
		for _, record := range fetches.Records() {
			var found outcome
			if len(record.Value) == 0 {
				continue // it says that its key may be forgotten
			}
			if err := json.Unmarshal(record.Value, &found); err != nil {
				return outcome{}, err
			}
			if found.Event.ID == id && found.Event.Source == source {
				return found, nil
			}
		}
	}
}

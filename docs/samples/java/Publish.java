import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Publish a changed session, then say what became of it:
 * {@code java -cp 'jars/*' Publish.java BOOTSTRAP_SERVERS [TOPIC]}, with kafka-clients and jackson-databind.
 * Exits with 0 where the event was applied, else with 1 and the reason.
 */
public class Publish {
    static final Duration PUBLISH = Duration.ofSeconds(30);
    static final Duration OUTCOME = Duration.ofMinutes(10);
    static final String SOURCE = "urn:example:planner";
    static final String SESSION = "478346000019553023";
    // Ids are strings, times whole minutes; revision grows with each change of the session.
    static final String DATA = """
            {
              "courseId": "478346000019479103", "batchId": "478346000019479115",
              "moduleId": "478346000019479119", "sessionId": "%s",
              "revision": 7,
              "session": {
                "name": "Published from Java", "trainerId": "478346000008251001", "delivery": "classroom",
                "startsAt": "2026-12-01T10:00:00+05:30", "endsAt": "2026-12-01T11:00:00+05:30"
              }
            }""".formatted(SESSION);

    public static void main(String[] args) {
        if (args.length == 0) {
            System.err.println("Usage: Publish.java BOOTSTRAP_SERVERS [TOPIC]");
            System.exit(2);
        }
        var topic = args.length > 1 ? args[1] : "training.session.changed";
        var id = UUID.randomUUID().toString(); // publish the same change again with the same id
        try {
            var outcome = publishAndWait(args[0], topic, id);
            System.out.println(outcome.path("outcome").asText() + " " + id);
            if (outcome.path("outcome").asText().equals("applied")) {
                return;
            }
            System.err.println(outcome);
        } catch (Exception error) {
            System.err.println(id + ": " + error);
        }
        System.exit(1);
    }

    static JsonNode publishAndWait(String bootstrap, String topic, String id) throws Exception {
        Map<String, Object> reading = Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 10_000);
        Map<String, Object> writing = Map.of(
                "bootstrap.servers", bootstrap, // security settings go here, and above
                "acks", "all",
                "enable.idempotence", true,
                "request.timeout.ms", 10_000,
                "max.block.ms", 10_000, // for the topic's metadata
                "delivery.timeout.ms", (int) PUBLISH.toMillis());
        var text = new StringDeserializer();
        try (var consumer = new KafkaConsumer<>(reading, text, text);
                var producer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer())) {
            // Before publishing: ours comes later. No group is joined.
            List<TopicPartition> partitions = consumer.partitionsFor(topic + ".outcomes").stream()
                    .map(each -> new TopicPartition(each.topic(), each.partition()))
                    .toList();
            consumer.assign(partitions);
            consumer.endOffsets(partitions).forEach(consumer::seek);
            producer.send(event(topic, id)).get(PUBLISH.toSeconds() + 10, TimeUnit.SECONDS);
            return outcome(consumer, id);
        }
    }

    static ProducerRecord<String, String> event(String topic, String id) {
        var event = new ProducerRecord<>(topic, SESSION, DATA);
        Map.of(
                "content-type", "application/json",
                "ce_specversion", "1.0",
                "ce_type", "training.session.changed.v1",
                "ce_source", SOURCE,
                "ce_id", id,
                "ce_time", Instant.now().toString())
                .forEach((name, value) -> event.headers().add(name, value.getBytes()));
        return event;
    }

    static JsonNode outcome(KafkaConsumer<String, String> consumer, String id) throws Exception {
        var json = new ObjectMapper();
        var giveUpAt = Instant.now().plus(OUTCOME);
        while (Instant.now().isBefore(giveUpAt)) {
            for (var record : consumer.poll(Duration.ofSeconds(1))) {
                // Without a value it forgets a session; without an event it is about a dead letter.
                var found = json.readTree(record.value() == null ? "{}" : record.value());
                var event = found.path("event");
                if (event.path("id").asText().equals(id) && event.path("source").asText().equals(SOURCE)) {
                    return found;
                }
            }
        }
        throw new TimeoutException("no outcome after " + OUTCOME);
    }
}

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Sends a month of one employer and a region's coverage as facts:
 *
 * <pre>java -cp CLASS-PATH Publish.java BOOTSTRAP [CONTRIBUTIONS [COVERAGE]]</pre>
 *
 * <p>Needs Java 17 and kafka-clients, and nothing of Paritrana's. Ends with 0 only when the broker has acknowledged
 * every fact. The employer, the region's figures and the payments are invented.
 */
public final class Publish {

    /** Your system: /bpjs/ and the name that was agreed with you. */
    private static final String SOURCE = "/bpjs/sipp";

    private static final String TYPES = "id.go.bpjsketenagakerjaan.";
    private static final int WAIT_MS = 30_000;

    private static final String EMPLOYER = "90000017";
    private static final String REGION = "75.71";

    private enum Mode {
        BINARY,
        STRUCTURED
    }

    /**
     * One fact. The id comes from your own records, so that the same fact has the same id whenever it is sent. That
     * makes resending safe: the same id with the same content counts once, however often it arrives. A fresh random
     * id for each attempt would turn a retry after a crash into a second fact.
     *
     * @param time when your system came to know it, with the zone; not when it is sent
     * @param key whom it is about: the employer, or the region. Another key is refused.
     * @param data JSON. Amounts are whole rupiah: integers, never floats or texts.
     */
    private record Fact(String kind, String id, String time, String key, String data, Mode mode) {

        Map<String, String> attributes() {
            Map<String, String> attributes = new LinkedHashMap<>();
            attributes.put("specversion", "1.0");
            attributes.put("id", id);
            attributes.put("source", SOURCE);
            attributes.put("type", TYPES + kind + ".v1");
            attributes.put("time", time);
            return attributes;
        }

        /** Returns the message in the binary or in the structured mode of CloudEvents; either is fine. */
        ProducerRecord<String, String> message(String topic) {
            return mode == Mode.STRUCTURED ? structured(topic) : binary(topic);
        }

        private ProducerRecord<String, String> binary(String topic) {
            var message = new ProducerRecord<>(topic, key, data);
            attributes().forEach((name, value) -> message.headers().add("ce_" + name, value.getBytes(UTF_8)));
            message.headers().add("content-type", "application/json".getBytes(UTF_8));
            return message;
        }

        private ProducerRecord<String, String> structured(String topic) {
            var document = new StringBuilder("{");
            // None of these values has a character that JSON would have to escape.
            attributes().forEach((name, value) -> document.append("\"%s\":\"%s\",".formatted(name, value)));
            document.append("\"data\":").append(data).append('}');
            var message = new ProducerRecord<>(topic, key, document.toString());
            message.headers().add("content-type", "application/cloudevents+json".getBytes(UTF_8));
            return message;
        }
    }

    private static final List<Fact> FACTS = List.of(
            new Fact("EmployerRegistered", "registration-90000017-1", "2021-01-04T09:00:00+07:00", EMPLOYER, """
                    {"employer": "90000017", "size_class": "medium", "region": "75.71", "obliged_from": "2021-01"}
                    """, Mode.BINARY),
            new Fact("ContributionDue", "due-90000017-2021-03", "2021-04-01T06:00:00+07:00", EMPLOYER, """
                    {"employer": "90000017", "month": "2021-03", "amount": 12500000}
                    """, Mode.BINARY),
            new Fact("ContributionPaid", "payment-2021-000017", "2021-04-13T10:15:00+07:00", EMPLOYER, """
                    {"employer": "90000017", "month": "2021-03", "amount": 12000000,
                     "paid_on": "2021-04-13", "bank_reference": "BRI/20210413/000017"}
                    """, Mode.BINARY),
            new Fact("ContributionPaid", "payment-2021-000042", "2021-04-15T14:40:00+07:00", EMPLOYER, """
                    {"employer": "90000017", "month": "2021-03", "amount": 1000000,
                     "paid_on": "2021-04-15", "bank_reference": "BRI/20210415/000042"}
                    """, Mode.STRUCTURED),
            // The first payment had been typed wrongly. A fact is never changed: another one says how it should read.
            new Fact("ContributionCorrected", "correction-2021-000003", "2021-04-16T08:00:00+07:00", EMPLOYER, """
                    {"employer": "90000017", "month": "2021-03", "corrects": "payment-2021-000017", "revision": 1,
                     "amount": 11500000}
                    """, Mode.BINARY),
            new Fact("CoverageReported", "coverage-75.71-2021-03-31-1", "2021-04-05T09:00:00+07:00", REGION, """
                    {"region": "75.71", "as_of": "2021-03-31",
                     "wage_workers_covered": 61250, "wage_workers_total": 80400,
                     "non_wage_workers_covered": 9100, "non_wage_workers_total": 35000}
                    """, Mode.BINARY));

    private record Sent(Fact fact, Future<RecordMetadata> acknowledgement) {}

    private Publish() {}

    /** Returns the settings of a producer that loses nothing and doubles nothing. */
    private static Properties settings(String bootstrap) {
        var settings = new Properties();
        settings.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        settings.put(ProducerConfig.CLIENT_ID_CONFIG, "sipp");
        settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class.getName());
        settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class.getName());
        // Acknowledged means that every in-sync replica has it: one broker's death then loses nothing.
        settings.put(ProducerConfig.ACKS_CONFIG, "all");
        // The client's own retries are neither doubled nor reordered.
        settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
        settings.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
        settings.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, WAIT_MS / 2);
        settings.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, WAIT_MS);
        settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, WAIT_MS);
        return settings;
    }

    /** Sends each fact, waits for all acknowledgements together, and returns how many there are none of. */
    private static int send(Producer<String, String> producer, String contributions, String coverage)
            throws InterruptedException {
        // Each send would wait for a broker that is away, one after the other. This waits once, and throws.
        producer.partitionsFor(contributions);
        producer.partitionsFor(coverage);
        List<Sent> all = new ArrayList<>();
        for (Fact fact : FACTS) {
            String topic = fact.key().equals(REGION) ? coverage : contributions;
            all.add(new Sent(fact, producer.send(fact.message(topic))));
        }
        producer.flush();
        int failed = 0;
        for (Sent sent : all) {
            String name = sent.fact().kind() + " " + sent.fact().id();
            try {
                RecordMetadata place = sent.acknowledgement().get();
                System.out.printf("%s: %s/%d/%d%n", name, place.topic(), place.partition(), place.offset());
            } catch (ExecutionException refused) {
                failed++;
                System.err.printf("not acknowledged: %s: %s%n", name, refused.getCause());
            }
        }
        return failed;
    }

    public static void main(String[] arguments) throws InterruptedException {
        if (arguments.length < 1 || arguments.length > 3) {
            System.err.println("usage: Publish BOOTSTRAP [CONTRIBUTIONS-TOPIC [COVERAGE-TOPIC]]");
            System.exit(2);
        }
        String contributions = arguments.length > 1 ? arguments[1] : "bpjs.contributions.v1";
        String coverage = arguments.length > 2 ? arguments[2] : "bpjs.coverage.v1";
        int failed;
        try (Producer<String, String> producer = new KafkaProducer<>(settings(arguments[0]))) {
            failed = send(producer, contributions, coverage);
        } catch (KafkaException refused) {
            System.err.println("not acknowledged: nothing more was sent: " + refused);
            failed = 1;
        }
        // What was not acknowledged may have been written all the same. Send everything again: that is always right.
        System.exit(failed == 0 ? 0 : 1);
    }
}

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache's clients behind lines of JSON; the lines are described in clients/serve.mjs. */
public final class Driver {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = System.out;

    private Driver() {}

    public static void main(String[] args) throws Exception {
        // What clients print must not be mistaken for an answer.
        System.setOut(System.err);
        ExecutorService pool = Executors.newCachedThreadPool();
        BufferedReader lines =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode request = JSON.readTree(line);
            pool.execute(() -> answer(request));
        }
        System.exit(0);
    }

    private static void answer(JsonNode request) {
        ObjectNode answer = JSON.createObjectNode();
        answer.set("id", request.get("id"));
        try {
            answer.set("result", JSON.valueToTree(execute(request)));
        } catch (Throwable error) {
            answer.set("error", describe(error));
        }
        synchronized (OUT) {
            OUT.println(answer);
            OUT.flush();
        }
    }

    private static ObjectNode describe(Throwable error) {
        StringBuilder text = new StringBuilder();
        for (Throwable at = error; at != null; at = at.getCause()) {
            if (at instanceof ExecutionException) continue;
            if (text.length() > 0) text.append(" <- ");
            text.append(at.getClass().getSimpleName()).append(": ").append(at.getMessage());
        }
        return JSON.createObjectNode()
            .put("name", error.getClass().getSimpleName())
            .put("message", text.toString());
    }

    private static Object execute(JsonNode request) throws Exception {
        String operation = request.get("operation").asText();
        if (operation.startsWith("member")) {
            return Members.execute(operation, request, properties(request));
        }
        return switch (operation) {
            case "createTopic" -> createTopic(request);
            case "deleteTopic" -> deleteTopic(request);
            case "listTopics" -> listTopics(request);
            case "describeTopic" -> describeTopic(request);
            case "describeCluster" -> describeCluster(request);
            case "offset" -> offset(request);
            case "offsetForTime" -> offsetForTime(request);
            case "produce" -> produce(request);
            case "produceSteadily" -> produceSteadily(request);
            case "read" -> read(request);
            case "readSteadily" -> readSteadily(request);
            case "consume" -> consume(request);
            case "committed" -> committed(request);
            case "uiCalls" -> uiCalls(request);
            case "describeGroup" -> describeGroup(request);
            case "listGroups" -> listGroups(request);
            case "deleteGroup" -> deleteGroup(request);
            default -> throw new IllegalArgumentException("no operation " + request);
        };
    }

    private static Properties properties(JsonNode request) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", request.get("bootstrap").asText());
        properties.put("client.id", "java");
        request.path("configs").fields()
            .forEachRemaining(entry -> properties.put(entry.getKey(), entry.getValue().asText()));
        return properties;
    }

    private static AdminClient admin(JsonNode request) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", request.get("bootstrap").asText());
        properties.put("client.id", "java-admin");
        properties.put("request.timeout.ms", "10000");
        properties.put("default.api.timeout.ms", "15000");
        return AdminClient.create(properties);
    }

    private static Object createTopic(JsonNode request) throws Exception {
        try (AdminClient admin = admin(request)) {
            NewTopic topic = new NewTopic(
                request.get("topic").asText(),
                Optional.of(request.path("partitions").asInt(1)),
                Optional.empty());
            topic.configs(JSON.convertValue(request.path("configs"), Map.class));
            var result = admin.createTopics(List.of(topic));
            result.all().get();
            return Map.of(
                "partitions", result.numPartitions(topic.name()).get(),
                "topicId", result.topicId(topic.name()).get().toString());
        }
    }

    private static Object deleteTopic(JsonNode request) throws Exception {
        try (AdminClient admin = admin(request)) {
            admin.deleteTopics(List.of(request.get("topic").asText())).all().get();
            return true;
        }
    }

    private static Object listTopics(JsonNode request) throws Exception {
        try (AdminClient admin = admin(request)) {
            return admin.listTopics().names().get();
        }
    }

    private static Object describeTopic(JsonNode request) throws Exception {
        try (AdminClient admin = admin(request)) {
            String name = request.get("topic").asText();
            TopicDescription topic = admin.describeTopics(List.of(name)).allTopicNames().get().get(name);
            return Map.of(
                "name", topic.name(),
                "topicId", topic.topicId().toString(),
                "partitions", topic.partitions().size(),
                "replicas", topic.partitions().get(0).replicas().size(),
                "inSync", topic.partitions().get(0).isr().size(),
                "leader", topic.partitions().get(0).leader().id());
        }
    }

    private static Object describeCluster(JsonNode request) throws Exception {
        try (AdminClient admin = admin(request)) {
            var cluster = admin.describeCluster();
            return Map.of(
                "clusterId", cluster.clusterId().get(),
                "controller", cluster.controller().get().id(),
                "nodes", cluster.nodes().get().size());
        }
    }

    private static Object offset(JsonNode request) throws Exception {
        long timestamp = request.get("timestamp").asLong();
        OffsetSpec spec = timestamp == -1 ? OffsetSpec.latest()
            : timestamp == -2 ? OffsetSpec.earliest()
            : timestamp == -3 ? OffsetSpec.maxTimestamp()
            : OffsetSpec.forTimestamp(timestamp);
        TopicPartition partition = partition(request);
        try (AdminClient admin = admin(request)) {
            ListOffsetsResultInfo found =
                admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get();
            return found.offset();
        }
    }

    private static Object offsetForTime(JsonNode request) {
        TopicPartition partition = partition(request);
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(request)) {
            OffsetAndTimestamp found = consumer
                .offsetsForTimes(Map.of(partition, request.get("timestamp").asLong()))
                .get(partition);
            if (found == null) return Map.of("offset", -1, "timestamp", -1);
            return Map.of("offset", found.offset(), "timestamp", found.timestamp());
        }
    }

    private static TopicPartition partition(JsonNode request) {
        return new TopicPartition(
            request.get("topic").asText(), request.path("partition").asInt(0));
    }

    private static KafkaProducer<byte[], byte[]> producer(JsonNode request) {
        Properties properties = properties(request);
        int acks = request.path("acks").asInt(-1);
        properties.put("acks", acks == -1 ? "all" : String.valueOf(acks));
        properties.put("enable.idempotence", request.path("idempotent").asBoolean(acks == -1));
        properties.put("compression.type", request.path("codec").asText("none"));
        properties.putIfAbsent("linger.ms", "20");
        return new KafkaProducer<>(
            properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** One row per record, with the error of each that failed. */
    private static Object produce(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        try (KafkaProducer<byte[], byte[]> producer = producer(request)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (JsonNode record : request.get("records")) {
                sent.add(producer.send(recordOf(topic, record)));
            }
            ArrayNode rows = JSON.createArrayNode();
            for (Future<RecordMetadata> one : sent) {
                ObjectNode row = rows.addObject();
                try {
                    RecordMetadata metadata = one.get();
                    row.put("partition", metadata.partition());
                    row.put("offset", metadata.offset());
                    row.put("timestamp", metadata.timestamp());
                } catch (ExecutionException error) {
                    row.set("error", describe(error.getCause()));
                }
            }
            return rows;
        }
    }

    private static ProducerRecord<byte[], byte[]> recordOf(String topic, JsonNode record) {
        Integer partition = record.hasNonNull("partition") ? record.get("partition").asInt() : null;
        Long timestamp = record.hasNonNull("timestamp") ? record.get("timestamp").asLong() : null;
        ProducerRecord<byte[], byte[]> made = new ProducerRecord<>(
            topic, partition, timestamp, bytes(record.get("key")), bytes(record.get("value")));
        for (JsonNode header : record.path("headers")) {
            made.headers().add(header.get(0).asText(), bytes(header.get(1)));
        }
        return made;
    }

    /** Numbered records, a few each time, for as long as it takes. */
    private static Object produceSteadily(JsonNode request) throws Exception {
        String topic = request.get("topic").asText();
        int count = request.get("count").asInt();
        int batch = request.get("batch").asInt();
        int failures = 0;
        try (KafkaProducer<byte[], byte[]> producer = producer(request)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                byte[] value = String.valueOf(i).getBytes(StandardCharsets.UTF_8);
                sent.add(producer.send(new ProducerRecord<>(topic, 0, null, value)));
                if (i % batch == batch - 1) Thread.sleep(request.get("pauseMs").asInt());
            }
            for (Future<RecordMetadata> one : sent) {
                try {
                    one.get();
                } catch (ExecutionException error) {
                    if (failures++ == 0) error.getCause().printStackTrace();
                }
            }
        }
        if (failures > 0) throw new IllegalStateException(failures + " records failed");
        return count;
    }

    private static KafkaConsumer<byte[], byte[]> consumer(JsonNode request) {
        Properties properties = properties(request);
        properties.putIfAbsent("auto.offset.reset", "none");
        // A consumer that makes what it is to look at would hide that it is not there.
        properties.putIfAbsent("allow.auto.create.topics", "false");
        properties.putIfAbsent("request.timeout.ms", "10000");
        properties.putIfAbsent("default.api.timeout.ms", "15000");
        properties.put("enable.auto.commit", "false");
        return new KafkaConsumer<>(
            properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static Object read(JsonNode request) {
        TopicPartition partition = partition(request);
        int count = request.get("count").asInt();
        long deadline = System.currentTimeMillis() + request.path("timeoutMs").asLong(10_000);
        ArrayNode rows = JSON.createArrayNode();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(request)) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, request.get("offset").asLong());
            while (rows.size() < count && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    if (rows.size() < count) rows.add(rowOf(record));
                }
            }
        }
        return rows;
    }

    /** All partitions at once, from the start; the values of each partition, in order. */
    private static Object readSteadily(JsonNode request) {
        int count = request.get("count").asInt();
        int partitions = request.get("partitions").asInt();
        String topic = request.get("topic").asText();
        long deadline = System.currentTimeMillis() + request.path("timeoutMs").asLong(60_000);
        List<TopicPartition> assigned = new ArrayList<>();
        List<List<String>> values = new ArrayList<>();
        for (int i = 0; i < partitions; i++) {
            assigned.add(new TopicPartition(topic, i));
            values.add(new ArrayList<>());
        }
        int seen = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(request)) {
            consumer.assign(assigned);
            consumer.seekToBeginning(assigned);
            while (seen < count && System.currentTimeMillis() < deadline) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    values.get(record.partition())
                        .add(new String(record.value(), StandardCharsets.UTF_8));
                    seen++;
                }
            }
        }
        return values;
    }

    /** Through a group. */
    private static Object consume(JsonNode request) {
        int count = request.get("count").asInt();
        long deadline = System.currentTimeMillis() + request.path("timeoutMs").asLong(20_000);
        ArrayNode rows = JSON.createArrayNode();
        ObjectNode copy = request.deepCopy();
        copy.withObject("/configs")
            .put("group.id", request.get("group").asText())
            .put("auto.offset.reset", "earliest");
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(copy)) {
            consumer.subscribe(List.of(request.get("topic").asText()));
            while (rows.size() < count && System.currentTimeMillis() < deadline) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> rows.add(rowOf(record)));
            }
            consumer.commitSync();
        }
        return rows;
    }

    private static Object uiCalls(JsonNode request) {
        try (AdminClient admin = admin(request)) {
            return UiCalls.execute(request, admin);
        }
    }

    private static Object committed(JsonNode request) throws Exception {
        try (AdminClient admin = admin(request)) {
            Map<TopicPartition, OffsetAndMetadata> found = admin
                .listConsumerGroupOffsets(request.get("group").asText())
                .partitionsToOffsetAndMetadata().get();
            ArrayNode rows = JSON.createArrayNode();
            for (int i = 0; i < request.get("partitions").asInt(); i++) {
                OffsetAndMetadata one =
                    found.get(new TopicPartition(request.get("topic").asText(), i));
                rows.addObject()
                    .put("offset", one == null ? -1 : one.offset())
                    .put("metadata", one == null ? "" : one.metadata());
            }
            return rows;
        }
    }

    private static Object describeGroup(JsonNode request) throws Exception {
        String name = request.get("group").asText();
        try (AdminClient admin = admin(request)) {
            ConsumerGroupDescription group =
                admin.describeConsumerGroups(List.of(name)).describedGroups().get(name).get();
            return Map.of("state", group.state().toString(), "members", group.members().size());
        }
    }

    private static Object listGroups(JsonNode request) throws Exception {
        try (AdminClient admin = admin(request)) {
            List<String> names = new ArrayList<>();
            admin.listConsumerGroups().all().get().forEach(group -> names.add(group.groupId()));
            return names;
        }
    }

    private static Object deleteGroup(JsonNode request) throws Exception {
        try (AdminClient admin = admin(request)) {
            admin.deleteConsumerGroups(List.of(request.get("group").asText())).all().get();
            return true;
        }
    }

    private static ObjectNode rowOf(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode row = JSON.createObjectNode();
        row.put("offset", record.offset());
        row.put("timestamp", record.timestamp());
        row.put("timestampType", record.timestampType().toString());
        row.put("key", text(record.key()));
        row.put("value", text(record.value()));
        ArrayNode headers = row.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(text(header.value()));
        }
        return row;
    }

    private static byte[] bytes(JsonNode text) {
        return text == null || text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    private static String text(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }
}

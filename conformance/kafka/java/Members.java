import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Members of groups that stay while requests come and go. A consumer belongs to one thread: it
 * polls, and does between two polls what requests want of it.
 */
final class Members {
    private static final Map<String, Members> ALL = new ConcurrentHashMap<>();
    private static final String ASSIGNORS = "org.apache.kafka.clients.consumer.";

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final BlockingQueue<FutureTask<Object>> wishes = new LinkedBlockingQueue<>();
    private final List<List<Object>> records = new ArrayList<>();
    private final List<List<Object>> history = new ArrayList<>();
    private final Map<TopicPartition, Long> positions = new HashMap<>();
    private List<Integer> owned = List.of();
    private String error;
    private volatile boolean hasLeft;

    private Members(Properties properties, List<String> topics) {
        consumer = new KafkaConsumer<>(
            properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(topics, new Listener());
        Thread thread = new Thread(this::run, "member");
        thread.setDaemon(true);
        thread.start();
    }

    static Object execute(String operation, JsonNode request, Properties properties)
            throws Exception {
        String name = request.get("member").asText();
        if (operation.equals("memberJoin")) {
            ALL.put(name, join(request, properties));
            return true;
        }
        Members member = ALL.get(name);
        return switch (operation) {
            case "memberStatus" -> member.status();
            case "memberCommit" ->
                member.inThread(() -> member.commit(request.path("metadata").asText("")));
            case "memberSeek" -> member.inThread(() -> {
                member.consumer.seek(
                    new TopicPartition(
                        request.get("topic").asText(), request.get("partition").asInt()),
                    request.get("offset").asLong());
                return true;
            });
            case "memberLeave" -> {
                ALL.remove(name);
                yield member.inThread(() -> {
                    member.consumer.close();
                    member.hasLeft = true;
                    return true;
                });
            }
            default -> throw new IllegalArgumentException("no operation " + operation);
        };
    }

    private static Members join(JsonNode request, Properties properties) {
        properties.put("group.id", request.get("group").asText());
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", request.path("reset").asText("earliest"));
        properties.put("session.timeout.ms", request.path("sessionTimeoutMs").asText("10000"));
        properties.put("heartbeat.interval.ms", "500");
        properties.put("reconnect.backoff.max.ms", "500");
        properties.put(
            "partition.assignment.strategy",
            ASSIGNORS + switch (request.path("assignor").asText("range")) {
                case "cooperative-sticky" -> "CooperativeStickyAssignor";
                case "roundrobin" -> "RoundRobinAssignor";
                case "sticky" -> "StickyAssignor";
                default -> "RangeAssignor";
            });
        if (request.hasNonNull("instanceId")) {
            properties.put("group.instance.id", request.get("instanceId").asText());
        }
        List<String> topics = new ArrayList<>();
        request.get("topics").forEach(topic -> topics.add(topic.asText()));
        return new Members(properties, topics);
    }

    private void run() {
        while (!hasLeft) {
            FutureTask<Object> wish = wishes.poll();
            if (wish != null) {
                wish.run();
                continue;
            }
            try {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    received(record);
                }
                List<Integer> partitions = numbers(consumer.assignment());
                synchronized (this) {
                    owned = partitions;
                }
            } catch (RuntimeException failure) {
                synchronized (this) {
                    error = failure.getClass().getSimpleName() + ": " + failure.getMessage();
                }
                try {
                    Thread.sleep(100);
                } catch (InterruptedException interruption) {
                    return;
                }
            }
        }
    }

    private Object inThread(Callable<Object> action) throws Exception {
        FutureTask<Object> task = new FutureTask<>(action);
        wishes.add(task);
        try {
            return task.get();
        } catch (ExecutionException failure) {
            if (failure.getCause() instanceof Exception cause) throw cause;
            throw failure;
        }
    }

    private synchronized void received(ConsumerRecord<byte[], byte[]> record) {
        byte[] value = record.value() == null ? new byte[0] : record.value();
        records.add(List.of(
            record.partition(), record.offset(), new String(value, StandardCharsets.UTF_8)));
        positions.put(new TopicPartition(record.topic(), record.partition()), record.offset() + 1);
    }

    private synchronized Object status() {
        Map<String, Object> status = new HashMap<>();
        status.put("partitions", owned);
        status.put("records", new ArrayList<>(records));
        status.put("history", new ArrayList<>(history));
        status.put("error", error);
        return status;
    }

    private Object commit(String metadata) {
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        List<List<Object>> rows = new ArrayList<>();
        synchronized (this) {
            positions.forEach((place, offset) -> {
                offsets.put(place, new OffsetAndMetadata(offset, metadata));
                rows.add(List.of(place.partition(), offset));
            });
        }
        consumer.commitSync(offsets);
        rows.sort((a, b) -> (Integer) a.get(0) - (Integer) b.get(0));
        return rows;
    }

    private static List<Integer> numbers(Collection<TopicPartition> partitions) {
        List<Integer> numbers = new ArrayList<>();
        for (TopicPartition partition : partitions) numbers.add(partition.partition());
        numbers.sort(null);
        return numbers;
    }

    private final class Listener implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            synchronized (Members.this) {
                history.add(List.of("granted", numbers(partitions)));
            }
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            synchronized (Members.this) {
                history.add(List.of("revoked", numbers(partitions)));
                positions.keySet().removeAll(partitions);
            }
        }
    }
}

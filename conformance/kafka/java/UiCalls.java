import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * What kafka-ui and AKHQ ask of an admin client, when they start and for each page: one entry per
 * call, with what it was answered in short, or the name of the error.
 */
final class UiCalls {
    private final Admin admin;
    private final String topic;
    private final String group;
    private final Map<String, Object> answers = new TreeMap<>();

    private UiCalls(Admin admin, JsonNode request) {
        this.admin = admin;
        topic = request.get("topic").asText();
        group = request.get("group").asText();
    }

    static Object execute(JsonNode request, AdminClient admin) {
        UiCalls calls = new UiCalls(admin, request);
        switch (request.get("ui").asText()) {
            case "kafka-ui" -> calls.kafkaUi();
            case "akhq" -> calls.akhq(request.get("bootstrap").asText());
            default -> throw new IllegalArgumentException("no such UI");
        }
        return calls.answers;
    }

    private void ask(String name, Callable<Object> call) {
        try {
            answers.put(name, call.call());
        } catch (ExecutionException failure) {
            answers.put(name, failure.getCause().getClass().getSimpleName());
        } catch (Exception failure) {
            answers.put(name, failure.getClass().getSimpleName());
        }
    }

    private ConfigResource topicResource() {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private void kafkaUi() {
        TopicPartition first = new TopicPartition(topic, 0);
        ask("start: cluster", () -> {
            var cluster = admin.describeCluster(
                new DescribeClusterOptions().includeAuthorizedOperations(true));
            cluster.authorizedOperations().get();
            return cluster.nodes().get().size() + " " + (cluster.controller().get() != null);
        });
        ask("start: features", () -> admin.describeFeatures().featureMetadata().get() != null);
        ask("start: broker configs", this::brokerConfigs);
        ask("start: acls", () -> admin.describeAcls(AclBindingFilter.ANY).values().get().size());
        ask("topics: names", () ->
            admin.listTopics(new ListTopicsOptions().listInternal(true)).names().get().contains(topic));
        ask("topics: description", () -> admin.describeTopics(List.of(topic)).topicNameValues()
            .get(topic).get().partitions().size());
        ask("topics: configs", () -> topicConfigs(
            new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)));
        ask("topics: offsets", () ->
            offset(first, OffsetSpec.earliest()) + ".." + offset(first, OffsetSpec.latest()));
        ask("topics: missing", () -> admin.describeTopics(List.of(topic + "-absent"))
            .topicNameValues().get(topic + "-absent").get());
        ask("brokers: log dirs", this::logDirs);
        ask("groups: list", () -> names(admin.listConsumerGroups().all().get()).contains(group));
        ask("groups: description", () -> {
            var one = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            return one.groupState() + " " + one.members().size() + " "
                + one.partitionAssignor() + " " + one.coordinator().id();
        });
        ask("groups: offsets", () -> admin
            .listConsumerGroupOffsets(Map.of(group, new ListConsumerGroupOffsetsSpec()))
            .all().get().get(group).get(first).offset());
        ask("quotas", () -> admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().size());
        ask("quorum", () -> admin.describeMetadataQuorum().quorumInfo().get() != null);
        ask("producers", () -> admin.describeProducers(List.of(first)).all().get().size());
        ask("topic: more partitions", () -> {
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
            return true;
        });
        ask("topic: a config", () -> alter("retention.ms", "3600000"));
        ask("topic: a bad config", () -> alter("retention.ms", "soon"));
        ask("topic: records deleted", () -> admin
            .deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(2)))
            .lowWatermarks().get(first).get().lowWatermark());
        ask("topic: made and deleted", () -> {
            NewTopic made = new NewTopic(topic + "-made", 2, (short) 1);
            admin.createTopics(List.of(made.configs(Map.of("cleanup.policy", "compact")))).all().get();
            admin.deleteTopics(List.of(made.name())).all().get();
            return true;
        });
        ask("group: reset", () -> {
            admin.alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(3)))
                .all().get();
            return offsetOfGroup(first);
        });
        ask("group: offsets of a topic deleted", () -> {
            admin.deleteConsumerGroupOffsets(group, Set.of(first)).all().get();
            return offsetOfGroup(first);
        });
        ask("group: deleted", () -> {
            admin.deleteConsumerGroups(List.of(group)).all().get();
            return names(admin.listConsumerGroups().all().get()).contains(group);
        });
    }

    private void akhq(String bootstrap) {
        TopicPartition first = new TopicPartition(topic, 0);
        ask("start: cluster", () -> admin.describeCluster().nodes().get().size());
        ask("topics: listings", () -> admin.listTopics(new ListTopicsOptions().listInternal(true))
            .listings().get().stream().anyMatch(one -> one.name().equals(topic)));
        ask("topics: description", () ->
            admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size());
        ask("topics: offsets", () -> {
            Properties properties = new Properties();
            properties.put("bootstrap.servers", bootstrap);
            try (var consumer = new KafkaConsumer<>(
                    properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
                consumer.assign(List.of(first));
                var times = consumer.offsetsForTimes(Map.of(first, 0L), Duration.ofSeconds(10));
                return consumer.beginningOffsets(List.of(first)).get(first) + ".."
                    + consumer.endOffsets(List.of(first)).get(first) + " " + times.get(first).offset();
            }
        });
        ask("topics: configs", () -> topicConfigs(new DescribeConfigsOptions()));
        ask("topics: configs altered", this::alterAll);
        ask("nodes: configs", this::brokerConfigs);
        ask("nodes: log dirs", this::logDirs);
        ask("groups: list", () -> names(admin.listConsumerGroups().all().get()).contains(group));
        ask("groups: description", () -> {
            var one = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            return one.groupState() + " " + one.members().size();
        });
        ask("groups: offsets", () -> offsetOfGroup(first));
        ask("acls", () -> admin.describeAcls(AclBindingFilter.ANY).values().get().size());
    }

    private Object brokerConfigs() throws Exception {
        Node controller = admin.describeCluster().controller().get();
        ConfigResource broker =
            new ConfigResource(ConfigResource.Type.BROKER, controller.idString());
        Config config = admin.describeConfigs(List.of(broker)).all().get().get(broker);
        return config.entries().size() > 10;
    }

    private Object topicConfigs(DescribeConfigsOptions options) throws Exception {
        Config config =
            admin.describeConfigs(List.of(topicResource()), options).all().get().get(topicResource());
        ConfigEntry entry = config.get("retention.ms");
        boolean isWhole = config.entries().stream().allMatch(one ->
            one.source() != null && one.type() != ConfigEntry.ConfigType.UNKNOWN);
        return entry.source() + " " + isWhole;
    }

    /** The whole of its configs, as clients did before there were increments. */
    @SuppressWarnings({"deprecation", "removal"})
    private Object alterAll() throws Exception {
        java.lang.reflect.Method method;
        try {
            method = Admin.class.getMethod("alterConfigs", Map.class);
        } catch (NoSuchMethodException gone) {
            return true;
        }
        Config config = new Config(List.of(new ConfigEntry("retention.ms", "7200000")));
        Object result = method.invoke(admin, Map.of(topicResource(), config));
        ((org.apache.kafka.clients.admin.AlterConfigsResult) result).all().get();
        return true;
    }

    private Object alter(String name, String value) throws Exception {
        AlterConfigOp op =
            new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(topicResource(), List.of(op))).all().get();
        return topicConfigs(new DescribeConfigsOptions());
    }

    private Object logDirs() throws Exception {
        List<Integer> brokers =
            admin.describeCluster().nodes().get().stream().map(Node::id).toList();
        return admin.describeLogDirs(brokers).allDescriptions().get().values().stream()
            .flatMap(dirs -> dirs.values().stream())
            .flatMap(dir -> dir.replicaInfos().entrySet().stream())
            .filter(entry -> entry.getKey().topic().equals(topic))
            .anyMatch(entry -> entry.getValue().size() > 0);
    }

    private long offset(TopicPartition place, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(place, spec)).partitionResult(place).get().offset();
    }

    private Object offsetOfGroup(TopicPartition place) throws Exception {
        var found = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
        return found.get(place) == null ? -1 : found.get(place).offset();
    }

    private static Set<String> names(Collection<ConsumerGroupListing> groups) {
        return groups.stream().map(ConsumerGroupListing::groupId).collect(Collectors.toSet());
    }
}

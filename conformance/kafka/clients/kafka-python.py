"""kafka-python behind lines of JSON, as serve.mjs describes them."""

import time

from kafka import (
    ConsumerRebalanceListener,
    KafkaAdminClient,
    KafkaConsumer,
    KafkaProducer,
    OffsetAndMetadata,
    TopicPartition,
)
from kafka.admin import NewTopic
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from members import Member, member_operations
from serve import bytes_of, serve, text_of


def producer_of(request):
    codec = request.get("codec") or "none"
    return KafkaProducer(
        bootstrap_servers=request["bootstrap"],
        client_id="kafka-python",
        acks={-1: "all"}.get(request.get("acks", -1), request.get("acks")),
        compression_type=None if codec == "none" else codec,
        retries=request.get("retries", 20),
        retry_backoff_ms=200,
        max_block_ms=4_000,
        linger_ms=20,
        max_in_flight_requests_per_connection=1,
        max_request_size=5_000_000,
    )


def consumer_of(request):
    return KafkaConsumer(
        bootstrap_servers=request["bootstrap"],
        client_id="kafka-python",
        auto_offset_reset="none",
        enable_auto_commit=False,
        group_id=None,
    )


def admin_of(request):
    return KafkaAdminClient(bootstrap_servers=request["bootstrap"], client_id="kafka-python")


def produce(request):
    producer = producer_of(request)
    try:
        sent = [
            producer.send(
                request["topic"],
                key=bytes_of(record["key"]),
                value=bytes_of(record["value"]),
                headers=[(name, bytes_of(value)) for name, value in record["headers"]],
                partition=record.get("partition"),
                timestamp_ms=record.get("timestamp"),
            )
            for record in request["records"]
        ]
        rows = [one.get(timeout=30) for one in sent]
        return [{"partition": row.partition, "offset": row.offset} for row in rows]
    finally:
        producer.close()


def produce_steadily(request):
    producer = producer_of(request)
    try:
        sent = []
        for i in range(request["count"]):
            sent.append(producer.send(request["topic"], value=str(i).encode(), partition=0))
            if i % request["batch"] == request["batch"] - 1:
                time.sleep(request["pauseMs"] / 1000)
        for one in sent:
            one.get(timeout=60)
        return request["count"]
    finally:
        producer.close()


def row_of(record):
    return {
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": ["CreateTime", "LogAppendTime"][record.timestamp_type],
        "key": text_of(record.key),
        "value": text_of(record.value),
        "headers": [[name, text_of(value)] for name, value in record.headers],
    }


def read(request):
    consumer = consumer_of(request)
    try:
        partition = TopicPartition(request["topic"], request["partition"])
        consumer.assign([partition])
        consumer.seek(partition, request["offset"])
        deadline = time.time() + request.get("timeoutMs", 10_000) / 1000
        rows = []
        while len(rows) < request["count"] and time.time() < deadline:
            for records in consumer.poll(timeout_ms=200).values():
                rows.extend(row_of(record) for record in records)
        return rows[: request["count"]]
    finally:
        consumer.close(autocommit=False)


def offset(request):
    consumer = consumer_of(request)
    try:
        partition = TopicPartition(request["topic"], request["partition"])
        timestamp = request["timestamp"]
        if timestamp == -1:
            return consumer.end_offsets([partition])[partition]
        if timestamp == -2:
            return consumer.beginning_offsets([partition])[partition]
        found = consumer.offsets_for_times({partition: timestamp})[partition]
        return -1 if found is None else found.offset
    finally:
        consumer.close(autocommit=False)


def create_topic(request):
    admin = admin_of(request)
    try:
        topic = NewTopic(
            request["topic"],
            request.get("partitions", 1),
            1,
            topic_configs=request.get("configs") or {},
        )
        admin.create_topics([topic])
        return True
    finally:
        admin.close()


def delete_topic(request):
    admin = admin_of(request)
    try:
        admin.delete_topics([request["topic"]])
        return True
    finally:
        admin.close()


def list_topics(request):
    admin = admin_of(request)
    try:
        return admin.list_topics()
    finally:
        admin.close()


def describe_topic(request):
    admin = admin_of(request)
    try:
        (topic,) = admin.describe_topics([request["topic"]])
        return {"name": topic["topic"], "partitions": len(topic["partitions"])}
    finally:
        admin.close()


def consume(request):
    """Through a group."""
    consumer = KafkaConsumer(
        request["topic"],
        bootstrap_servers=request["bootstrap"],
        client_id="kafka-python",
        group_id=request["group"],
        auto_offset_reset="earliest",
        consumer_timeout_ms=20_000,
    )
    try:
        rows = []
        for record in consumer:
            rows.append(row_of(record))
            if len(rows) == request["count"]:
                break
        return rows
    finally:
        consumer.close()


assignors = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}


class PythonMember(Member, ConsumerRebalanceListener):
    """A member of a group, polled by a thread of its own."""

    def open(self, request):
        self.consumer = KafkaConsumer(
            bootstrap_servers=request["bootstrap"],
            client_id="kafka-python",
            group_id=request["group"],
            auto_offset_reset=request.get("reset", "earliest"),
            enable_auto_commit=False,
            session_timeout_ms=request.get("sessionTimeoutMs", 10_000),
            heartbeat_interval_ms=500,
            partition_assignment_strategy=[assignors[request.get("assignor", "range")]],
            reconnect_backoff_max_ms=500,
        )
        self.consumer.subscribe(request["topics"], listener=self)

    def on_partitions_assigned(self, assigned):
        self.granted([(one.topic, one.partition) for one in assigned])

    def on_partitions_revoked(self, revoked):
        self.revoked([(one.topic, one.partition) for one in revoked])

    def poll(self):
        for records in self.consumer.poll(timeout_ms=100).values():
            for one in records:
                self.received(one.topic, one.partition, one.offset, one.value)

    def assigned(self):
        return [(one.topic, one.partition) for one in self.consumer.assignment()]

    def commit(self, offsets, metadata):
        self.consumer.commit(
            {
                TopicPartition(*place): OffsetAndMetadata(offset, metadata or "")
                for place, offset in offsets.items()
            }
        )

    def seek(self, topic, partition, offset):
        self.consumer.seek(TopicPartition(topic, partition), offset)

    def leave(self):
        self.consumer.close(autocommit=False)


def committed(request):
    admin = admin_of(request)
    try:
        found = admin.list_consumer_group_offsets(request["group"])
        empty = OffsetAndMetadata(-1, "")
        places = [TopicPartition(request["topic"], i) for i in range(request["partitions"])]
        rows = [found.get(place, empty) for place in places]
        return [{"offset": row.offset, "metadata": row.metadata} for row in rows]
    finally:
        admin.close()


def describe_group(request):
    admin = admin_of(request)
    try:
        (group,) = admin.describe_consumer_groups([request["group"]])
        return {"state": group.state, "members": len(group.members)}
    finally:
        admin.close()


def list_groups(request):
    admin = admin_of(request)
    try:
        return [name for name, _ in admin.list_consumer_groups()]
    finally:
        admin.close()


if __name__ == "__main__":
    serve(
        {
            "produce": produce,
            "produceSteadily": produce_steadily,
            "read": read,
            "offset": offset,
            "createTopic": create_topic,
            "deleteTopic": delete_topic,
            "listTopics": list_topics,
            "describeTopic": describe_topic,
            "consume": consume,
            "committed": committed,
            "describeGroup": describe_group,
            "listGroups": list_groups,
            **member_operations(PythonMember),
        }
    )

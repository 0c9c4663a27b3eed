"""librdkafka, through confluent-kafka, behind lines of JSON as serve.mjs describes them."""

import threading
import time

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic
from members import Member, member_operations
from serve import bytes_of, say, serve, text_of

network = {
    "broker.address.family": "v4",
    "client.id": "librdkafka",
    "reconnect.backoff.max.ms": 500,
    # What is wrong while a broker restarts would fill the log.
    "log_level": 2,
}


def common(request):
    return {"bootstrap.servers": request["bootstrap"], **network, **(request.get("configs") or {})}


def producer_of(request):
    configs = {
        "linger.ms": 20,
        "acks": request.get("acks", -1),
        "compression.type": request.get("codec") or "none",
        "enable.idempotence": request.get("idempotent") or False,
        "message.max.bytes": 5_000_000,
    }
    if request.get("retries") is not None:
        configs["retries"] = request["retries"]
    if not request.get("autoCreate"):
        configs["topic.metadata.propagation.max.ms"] = 500
    return Producer({**configs, **common(request)})


class Deliveries:
    """What became of each record, in the order in which they were given."""

    def __init__(self, count):
        self.rows = [None] * count
        self.error = None

    def callback(self, i):
        def done(error, message):
            if error is not None:
                self.error = self.error or KafkaException(error)
            else:
                self.rows[i] = {"partition": message.partition(), "offset": message.offset()}

        return done


def flush(producer, deliveries, seconds):
    left = producer.flush(seconds)
    if deliveries.error is not None:
        raise deliveries.error
    if left > 0:
        raise TimeoutError(f"{left} records are not acknowledged")


def produce(request):
    producer = producer_of(request)
    records = request["records"]
    deliveries = Deliveries(len(records))
    for i, record in enumerate(records):
        more = {}
        if record.get("timestamp") is not None:
            more["timestamp"] = record["timestamp"]
        partition = record.get("partition")
        producer.produce(
            request["topic"],
            key=bytes_of(record["key"]),
            value=bytes_of(record["value"]),
            headers=[(name, bytes_of(value)) for name, value in record["headers"]],
            partition=-1 if partition is None else partition,
            on_delivery=deliveries.callback(i),
            **more,
        )
    flush(producer, deliveries, 30)
    return deliveries.rows


def produce_steadily(request):
    producer = producer_of({**request, "idempotent": request.get("idempotent")})
    count = request["count"]
    deliveries = Deliveries(count)
    for i in range(count):
        done = deliveries.callback(i)
        producer.produce(request["topic"], value=str(i), partition=0, on_delivery=done)
        if i % request["batch"] == request["batch"] - 1:
            producer.poll(0)
            time.sleep(request["pauseMs"] / 1000)
    flush(producer, deliveries, 60)
    return count


def consumer_of(request, group="unused"):
    return Consumer(
        {
            "group.id": group,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            **common(request),
        }
    )


def row_of(message):
    kind, timestamp = message.timestamp()
    return {
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": timestamp,
        "timestampType": ["none", "CreateTime", "LogAppendTime"][kind],
        "key": text_of(message.key()),
        "value": text_of(message.value()),
        "headers": [[name, text_of(value)] for name, value in message.headers() or []],
    }


def read(request):
    consumer = consumer_of(request)
    try:
        place = TopicPartition(request["topic"], request["partition"], request["offset"])
        consumer.assign([place])
        return take(consumer, request["count"], request.get("timeoutMs", 10_000))
    finally:
        consumer.close()


def take(consumer, count, timeout_ms):
    rows = []
    deadline = time.time() + timeout_ms / 1000
    while len(rows) < count and time.time() < deadline:
        for message in consumer.consume(min(500, count - len(rows)), 0.2):
            if message.error() is not None:
                raise KafkaException(message.error())
            rows.append(row_of(message))
    return rows


def offset(request):
    consumer = consumer_of(request)
    try:
        place = TopicPartition(request["topic"], request["partition"], request["timestamp"])
        if request["timestamp"] >= 0:
            (found,) = consumer.offsets_for_times([place], timeout=10)
            return -1 if found.offset == OFFSET_END else found.offset
        low, high = consumer.get_watermark_offsets(place, timeout=10)
        return low if request["timestamp"] == OFFSET_BEGINNING else high
    finally:
        consumer.close()


def admin_of(request):
    return AdminClient(common({"bootstrap": request["bootstrap"]}))


def succeed(futures):
    return {key: future.result(timeout=15) for key, future in futures.items()}


def create_topic(request):
    topic = NewTopic(
        request["topic"],
        num_partitions=request.get("partitions", 1),
        replication_factor=1,
        config=request.get("configs") or {},
    )
    # Held: what an admin client has begun ends with it.
    admin = admin_of(request)
    succeed(admin.create_topics([topic]))
    return True


def delete_topic(request):
    admin = admin_of(request)
    succeed(admin.delete_topics([request["topic"]]))
    return True


def list_topics(request):
    return list(admin_of(request).list_topics(timeout=10).topics)


def describe_topic(request):
    name = request["topic"]
    topic = admin_of(request).list_topics(name, timeout=10).topics[name]
    return {"name": name, "partitions": len(topic.partitions)}


def create_partitions(request):
    wanted = NewPartitions(request["topic"], request["partitions"])
    admin = admin_of(request)
    succeed(admin.create_partitions([wanted]))
    return True


def describe_configs(request):
    resource = ConfigResource(request["kind"], request["name"])
    admin = admin_of(request)
    (entries,) = succeed(admin.describe_configs([resource])).values()
    return {name: entry.value for name, entry in entries.items()}


def consume(request):
    """Through a group."""
    configs = {**(request.get("configs") or {}), "auto.offset.reset": "earliest"}
    consumer = consumer_of({**request, "configs": configs}, request["group"])
    try:
        consumer.subscribe([request["topic"]])
        rows = take(consumer, request["count"], request.get("timeoutMs", 20_000))
        consumer.commit(asynchronous=False)
        return rows
    finally:
        consumer.close()


class LibrdkafkaMember(Member):
    """A member of a group, polled by a thread of its own."""

    def open(self, request):
        reset = request.get("reset", "earliest")
        configs = {
            **common(request),
            "group.id": request["group"],
            "enable.auto.commit": False,
            "auto.offset.reset": "error" if reset == "none" else reset,
            "partition.assignment.strategy": request.get("assignor", "range"),
            "session.timeout.ms": request.get("sessionTimeoutMs", 10_000),
            "heartbeat.interval.ms": 500,
        }
        if request.get("instanceId"):
            configs["group.instance.id"] = request["instanceId"]
        self.consumer = Consumer(configs)
        self.consumer.subscribe(
            request["topics"], on_assign=self.on_assign, on_revoke=self.on_revoke
        )

    def on_assign(self, _, partitions):
        self.granted([(one.topic, one.partition) for one in partitions])

    def on_revoke(self, _, partitions):
        self.revoked([(one.topic, one.partition) for one in partitions])

    def poll(self):
        for message in self.consumer.consume(200, 0.1):
            if message.error() is not None:
                self.failed(KafkaException(message.error()))
            else:
                value = message.value()
                self.received(message.topic(), message.partition(), message.offset(), value)

    def assigned(self):
        return [(one.topic, one.partition) for one in self.consumer.assignment()]

    def commit(self, offsets, metadata):
        places = [
            TopicPartition(topic, partition, offset, metadata)
            if metadata and hasattr(TopicPartition, "metadata")
            else TopicPartition(topic, partition, offset)
            for (topic, partition), offset in offsets.items()
        ]
        for place in self.consumer.commit(offsets=places, asynchronous=False) or []:
            if place.error is not None:
                raise KafkaException(place.error)

    def seek(self, topic, partition, offset):
        self.consumer.seek(TopicPartition(topic, partition, offset))

    def leave(self):
        self.consumer.close()


class Worker:
    """Reads, says what it has read, commits it, says so; for as long as it lives."""

    def __init__(self, request):
        self.topic = request["topic"]
        self.chunk = request["chunk"]
        self.work_ms = request["workMs"]
        # What was read since the last commit: partition -> [first offset, values].
        self.unsaid = {}
        self.uncommitted = {}
        self.is_wanted = True
        self.consumer = Consumer(
            {
                **common(request),
                "group.id": request["group"],
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "session.timeout.ms": request["sessionTimeoutMs"],
                "heartbeat.interval.ms": 500,
                "partition.assignment.strategy": "roundrobin",
                "fetch.wait.max.ms": 100,
            }
        )
        self.consumer.subscribe([self.topic], on_revoke=self.on_revoke, on_lost=self.on_lost)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while self.is_wanted:
            message = self.consumer.poll(0.1)
            if message is not None and message.error() is None:
                self.take(message)
            if message is None or sum(len(values) for _, values in self.unsaid.values()) >= self.chunk:
                self.settle()
        self.settle()
        self.consumer.close()

    def take(self, message):
        partition = message.partition()
        first, values = self.unsaid.setdefault(partition, (message.offset(), []))
        if first + len(values) != message.offset():
            self.say_reads()
            first, values = self.unsaid.setdefault(partition, (message.offset(), []))
        values.append(message.value().decode())
        self.uncommitted[partition] = message.offset() + 1

    def say_reads(self):
        for partition, (first, values) in self.unsaid.items():
            say({"event": "read", "partition": partition, "first": first, "values": values})
        self.unsaid = {}

    def settle(self):
        self.say_reads()
        if not self.uncommitted:
            return
        time.sleep(self.work_ms / 1000)
        offsets = sorted(self.uncommitted.items())
        self.uncommitted = {}
        places = [TopicPartition(self.topic, partition, offset) for partition, offset in offsets]
        try:
            done = self.consumer.commit(offsets=places, asynchronous=False)
        except KafkaException:
            return
        kept = [[one.partition, one.offset] for one in done if one.error is None]
        say({"event": "committed", "offsets": kept})

    def on_revoke(self, _, __):
        self.settle()

    def on_lost(self, _, __):
        self.say_reads()
        self.uncommitted = {}


workers = {}


def work(request):
    workers[request["member"]] = Worker(request)
    return True


def stop_work(request):
    worker = workers.pop(request["member"])
    worker.is_wanted = False
    worker.thread.join(30)
    return True


def produce_keyed(request):
    """Records with the values key-0, key-1 ... of many keys, in order for each of them."""
    producer = producer_of({**request, "idempotent": True})
    count = request["count"]
    deliveries = Deliveries(count)
    for i in range(count):
        key = f"k{i % request['keys']}"
        value = f"{key}-{i // request['keys']}"
        producer.produce(request["topic"], key=key, value=value, on_delivery=deliveries.callback(i))
        if i % request["batch"] == request["batch"] - 1:
            producer.poll(0)
            time.sleep(request["pauseMs"] / 1000)
    flush(producer, deliveries, 100)
    return count


def committed(request):
    consumer = consumer_of(request, request["group"])
    try:
        topic = request["topic"]
        places = [TopicPartition(topic, partition) for partition in range(request["partitions"])]
        return [
            {
                "offset": max(one.offset, -1),
                "metadata": getattr(one, "metadata", None) or "",
            }
            for one in consumer.committed(places, timeout=10)
        ]
    finally:
        consumer.close()


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
            "createPartitions": create_partitions,
            "describeConfigs": describe_configs,
            "consume": consume,
            "committed": committed,
            "produceKeyed": produce_keyed,
            "work": work,
            "stopWork": stop_work,
            **member_operations(LibrdkafkaMember),
        }
    )

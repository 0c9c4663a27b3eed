"""kafka-python behind lines of JSON, as serve.mjs describes them. One request at a time."""

import base64
import json
import sys
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic


def bytes_of(text):
    return None if text is None else base64.b64decode(text)


def text_of(data):
    return None if data is None else base64.b64encode(data).decode()


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


operations = {
    "produce": produce,
    "produceSteadily": produce_steadily,
    "read": read,
    "offset": offset,
    "createTopic": create_topic,
    "deleteTopic": delete_topic,
    "listTopics": list_topics,
    "describeTopic": describe_topic,
    "consume": consume,
}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"id": request["id"]}
        try:
            answer["result"] = operations[request["operation"]](request)
        except Exception as error:
            name = type(error).__name__
            answer["error"] = {"name": name, "message": f"{name}: {error}"}
        print(json.dumps(answer), flush=True)


main()

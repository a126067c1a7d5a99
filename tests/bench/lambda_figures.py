"""The functions of Lambda: how long they take to start, and for an invocation; how large they are, in memory and on disk."""
import itertools
import json
import statistics
import uuid

from support.lambda_runtime import Runtime, stripped_mib

SIZES = (1, 10, 100)
NOWHERE = {"REDIS_URL": "redis://127.0.0.1:1", "MONGODB_URI": "mongodb://127.0.0.1:1/", "DATABASE_API_URL": "http://127.0.0.1:1",
           "ASTERISK_WORKER_URL": "http://127.0.0.1:1", "SMS_GATEWAY_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:sms-gateway"}
FUNCTIONS = {  # name: (resident limit, stores)
    "donation-handler": (16, "Redis and the database API"), "optout-handler": (16, "Redis and the database API"), "cdr-logger": (32, "MongoDB"),
}
START_MS, SIZE_MIB = 15, 2
_numbers = itertools.count(1)


def message(function):
    event = {"callId": str(uuid.uuid4()), "campaignId": "bench", "contactId": "contact", "phoneNumber": f"+97250{next(_numbers):07d}",
             "timestamp": "2024-01-15T10:30:00Z"}
    return event | ({"dtmfInput": "9"} if function == "optout-handler" else {"eventType": "call_ended", "outcome": "answered"})


def sqs_event(function, count):
    return json.dumps({"Records": [{"messageId": str(i), "body": json.dumps(message(function)), "attributes": {}, "eventSource": "aws:sqs",
                                    "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue"} for i in range(count)]}).encode()


def measure_start(bench, folder, name):
    program = bench.build / "src" / "lambda" / name
    for _ in range(bench.sizes["lambda_starts"]):
        runtime = Runtime(program, NOWHERE)
        bench.figures.add(f"lambda.{name}.start_ms", runtime.started_s * 1000)
        runtime.stop()
    bench.figures.add(f"lambda.{name}.size_mib", stripped_mib(program, folder))


def measure_invocations(bench, name, settings):
    runtime = Runtime(bench.build / "src" / "lambda" / name, settings)
    runtime.invoke(sqs_event(name, 1))  # connects
    for count in SIZES:
        took = [runtime.invoke(sqs_event(name, count)) for _ in range(bench.sizes["lambda_invocations"])]
        bench.figures.add(f"lambda.{name}.{count}_ms", statistics.median(took) * 1000)
    bench.figures.add(f"lambda.{name}.rss_mib", runtime.resident_mib())
    runtime.stop()


def measure(bench, settings, database_api_url):
    for name in FUNCTIONS:
        measure_start(bench, bench.folder, name)
    settings = {"REDIS_URL": settings["REDIS_URL"], "MONGODB_URI": settings["MONGODB_URI"], "MONGODB_DATABASE": settings["MONGODB_DATABASE"],
                "DATABASE_API_URL": database_api_url}
    for name in ("optout-handler", "cdr-logger"):
        measure_invocations(bench, name, {**NOWHERE, **settings})


def rows(figures):
    for name, (limit, stores) in FUNCTIONS.items():
        if f"lambda.{name}.start_ms" in figures:
            yield f"Lambda `{name}`, start to the first `next`", f"{figures.middle(f'lambda.{name}.start_ms'):.1f} ms", f"under {START_MS} ms"
            yield f"the same, stripped executable", f"{figures.middle(f'lambda.{name}.size_mib'):.2f} MiB", f"under {SIZE_MIB} MiB"
        if f"lambda.{name}.rss_mib" in figures:
            yield f"the same, resident after its invocations, with {stores}", f"{figures.middle(f'lambda.{name}.rss_mib'):.1f} MiB", f"under {limit} MiB"
            each = ", ".join(f"{figures.middle(f'lambda.{name}.{count}_ms'):.2f}" for count in SIZES)
            yield f"the same, an invocation with {', '.join(map(str, SIZES))} records", f"{each} ms", "none"

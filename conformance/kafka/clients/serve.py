"""A client as a process of its own, as serve.mjs describes it. Requests run side by side."""

import base64
import json
import os
import sys
import threading
import time


def bytes_of(text):
    return None if text is None else base64.b64decode(text)


def text_of(data):
    return None if data is None else base64.b64encode(data).decode()


lock = threading.Lock()


def say(event):
    line = json.dumps({**event, "at": time.time() * 1000})
    with lock:
        print(line, flush=True)


def serve(operations):
    def handle(request):
        answer = {"id": request["id"]}
        try:
            answer["result"] = operations[request["operation"]](request)
        except Exception as error:
            name = type(error).__name__
            answer["error"] = {"name": name, "message": f"{name}: {error}"}
        with lock:
            print(json.dumps(answer), flush=True)

    for line in sys.stdin:
        threading.Thread(target=handle, args=(json.loads(line),), daemon=True).start()
    sys.stdout.flush()
    # No member says good-bye that was not told to.
    os._exit(0)

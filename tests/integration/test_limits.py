"""What one sender may send is bounded in what it costs: time, room in a record, letters in a message. What is over the bound is
cut or left out, and the rest still counts."""
import json
import time

import pytest
from support import look
from support.events import donation, ended, event, optout, unique, unique_phone
from support.model import text_of
from support.program import PATIENCE_S, Clock, ndjson

NOON_MS = 1746014400000  # the clock's, in conftest.py


def of(phone):
    return "/v1/blacklist/%2B" + phone[1:]


# ---- time ----

def test_event_of_many_fields_is_no_more_work_than_its_bytes(shared_server):
    """Twice the members may take twice the time, not four times: this one would take half a minute."""
    fields = {f"u{i:x}": 0 for i in range(90000)}
    wide = json.dumps({"callId": unique("call"), "eventType": "odd", "metadata": {f"m{i:x}": 0 for i in range(90000)}, **fields},
                      separators=(",", ":"))
    started = time.monotonic()
    assert shared_server.post("/v1/events/call-events", wide).status == 200
    assert time.monotonic() - started < 10

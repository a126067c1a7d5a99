"""What a person can see of a server's data, through the command line."""
import json


def calls(server, *filters):
    """Every record by call id, as exported."""
    done = server.run("cdr", "export", "--output", "json", *filters)
    assert done.code == 0, done
    return {record["callId"]: record for record in map(json.loads, done.out.splitlines())}


def call(server, call_id):
    [record] = calls_shown(server, call_id)
    return record


def calls_shown(server, call_id):
    shown = server.json("cdr", "show", call_id)
    return shown if isinstance(shown, list) else [shown]


def sms(server, *filters):
    return server.json("sms", "list", "--limit", "0", *filters)


def is_blocked(server, phone):
    code = server.run("blacklist", "check", phone).code
    assert code in (0, 3), code
    return code == 3


def live(server, campaign_id):
    """The counters that are not 0."""
    [campaign] = server.json("live", campaign_id)
    return {name: value for name, value in campaign["counters"].items() if value}


def stats(server, campaign_id):
    [campaign] = server.json("stats", campaign_id)
    return campaign


def everything(server):
    """All that there is to see, for comparison before and after something that must change nothing."""
    seen = {"cdr": calls(server)}
    for command in (("sms", "list", "--limit", "0"), ("blacklist", "export"), ("actions", "list", "--limit", "0"), ("stats",), ("live",),
                    ("dlq", "list", "--limit", "0"), ("audit", "show")):
        seen[" ".join(command[:2])] = server.json(*command)
    assert server.run("audit", "verify").code == 0
    assert server.run("recount").code == 0
    return seen

"""Asterisk's side of FastAGI, byte by byte: for what a real one does not do, or not a thousand times at once. What a real one does is in
test_ivr_asterisk.py."""
import json
import re
import select
import socket

from support.program import PATIENCE_S
from support.stores import until

ADDRESS = re.compile(r"agi://(127\.0\.0\.1|\[::1\]):(\d+)")
SHORT_WAIT = "WAIT FOR DIGIT 100"
IDENTITY, OPT_OUT, MESSAGE = "pledgeline/identity", "pledgeline/opt-out", "pledgeline/message"
PROMPTS = {"identity": IDENTITY, "opt_out": OPT_OUT, "message": MESSAGE, "confirmation": "pledgeline/confirmation",
           "apology": "pledgeline/apology", "invalid": "pledgeline/invalid", "goodbye": "pledgeline/goodbye"}
MENU = {"default": {"prompts": PROMPTS, "timeout_s": 1}}


def agi_settings(folder, menu=MENU, **more):
    """Of a server that takes calls on a free port."""
    path = folder / "menu.json"
    path.write_text(menu if isinstance(menu, str) else json.dumps(menu))
    return {"PLEDGELINE_AGI": "127.0.0.1:0", "PLEDGELINE_MENU": path, **more}


def agi_port(server):
    """Where it takes calls, since its last start."""
    return int(until(lambda: [found.group(2) for found in map(ADDRESS.search, list(server.log)) if found])[-1])


class AgiCall:
    """One connection. Commands come as they are; replies are sent as they are given."""

    def __init__(self, port, script="ivr", arguments=(), **variables):
        self.variables = variables
        self.environment = {"agi_network": "yes", "agi_network_script": script, "agi_request": f"agi://127.0.0.1:{port}/{script}",
                            "agi_channel": "Local/1@callees-00000001;1", "agi_language": "en", "agi_type": "Local",
                            "agi_uniqueid": variables.pop("uniqueid", "1700000000.1"), "agi_version": "22.10.1",
                            "agi_callerid": variables.pop("callerid", "unknown"), "agi_calleridname": "unknown",
                            "agi_dnid": variables.pop("dnid", "unknown"), "agi_context": "pledgeline-ivr", "agi_extension": "s", "agi_priority": "3",
                            **{f"agi_arg_{number}": value for number, value in enumerate(arguments, 1)}}
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.lines = self.socket.makefile("rb")
        self.heard = []

    def begin(self):
        self.send("".join(f"{name}: {value}\n" for name, value in self.environment.items()) + "\n")
        return self

    def send(self, text):
        self.socket.sendall(text.encode())

    def command(self):
        """The next one; None once the other side has closed."""
        try:
            return self.lines.readline().decode().rstrip("\n") or None
        except ConnectionError:
            return None

    def reply(self, text):
        self.send(text + "\n")

    def value_of(self, expression):
        """What GET FULL VARIABLE makes of it."""
        return re.sub(r"\$\{([^}]*)\}", lambda found: self.variables.get(found.group(1), ""), expression)

    def next_act(self):
        """As command, but answers the variables that it is asked for, as every call does."""
        command = self.command()
        while command and command.startswith("GET FULL VARIABLE"):
            value = self.value_of(command.split('"')[1])
            self.reply(f"200 result=1 ({value})" if value.strip("\x1f") else "200 result=0")
            command = self.command()
        if command and command.startswith("STREAM FILE"):
            self.heard.append(command.split('"')[1])
        if command == SHORT_WAIT:  # of a server that waits for something else: time must pass. Longer ones are over at once
            select.select([self.socket], [], [], 0.1)
        return command

    def until_act(self, start, otherwise="200 result=0"):
        """Lets everything else be played or waited for to its end."""
        act = self.next_act()
        while act and not act.startswith(start):
            self.reply(otherwise)
            act = self.next_act()
        assert act, f"no {start} came; heard {self.heard}"
        return act

    def press(self, key):
        self.reply(f"200 result={ord(key)} endpos=1000")

    def hang_up(self):
        """As Asterisk does when the person does."""
        self.reply("200 result=-1 endpos=1000")
        self.reply("HANGUP")

    def to_the_end(self, reply="200 result=0"):
        """Every command until the other side closes, each answered."""
        acts = []
        while (act := self.next_act()) is not None:
            acts.append(act)
            try:
                self.reply("200 result=1" if act == "HANGUP" else reply)
            except ConnectionError:
                return acts
        return acts

    def close(self):
        self.lines.close()
        self.socket.close()

    def __enter__(self):
        return self.begin()

    def __exit__(self, *failure):
        self.close()


def of_person(call_id, phone, campaign="w"):
    """The variables of a campaign's call."""
    return {"PLEDGELINE_CALL_ID": call_id, "PLEDGELINE_CAMPAIGN_ID": campaign, "PLEDGELINE_CONTACT_ID": f"contact-of-{call_id}", "PLEDGELINE_PHONE": phone,
            "PLEDGELINE_CAMPAIGN_NAME": "Winter Appeal"}

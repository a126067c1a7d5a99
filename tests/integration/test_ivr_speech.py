"""Texts that are spoken on calls of a real Asterisk, which we place: behind who calls and how to opt out, and told of afterwards."""
import shutil
import sys
import wave

import pytest
from support.events import unique, unique_phone
from support.prompts import heard, write_menu, write_tone
from support.stores import check, until

pytestmark = pytest.mark.own_stores

TEXT = "Thank you. Your personal link is donate dot example dot org slash seven."

# 0.4 s at 22,050 samples a second, as speech synthesizers write it; it keeps what it was asked to say.
SPEAKER = """
import pathlib, sys, wave
text = pathlib.Path(sys.argv[2]).read_text()
with pathlib.Path(sys.argv[3]).open("a") as said:
    said.write(text + "\\n")
with wave.open(sys.argv[1], "wb") as sound:
    sound.setparams((1, 2, 22050, 0, "NONE", None))
    sound.writeframes(bytes(2 * 22050 * 4 // 10))
"""


class Line:
    def __init__(self, make_server, pbx, folder, callee, **settings):
        self.pbx, self.texts, self.speech = pbx, folder / "texts", folder / "speech"
        speaker = folder / "speaker.py"
        speaker.write_text(SPEAKER)
        command = f"{sys.executable} {speaker} {{file}} {{textfile}} {self.texts}"
        self.server = make_server(**{
            "PLEDGELINE_AGI": pbx.agi_port, "PLEDGELINE_MENU": write_menu(folder / "prompts"), "PLEDGELINE_SPEECH_FOLDER": self.speech,
            "PLEDGELINE_SPEECH_COMMAND": command, "PLEDGELINE_AMI_URL": pbx.ami_url, "PLEDGELINE_DIAL": f"Local/{{number}}@{callee}/n",
            "PLEDGELINE_QUIET_HOURS": "", "PLEDGELINE_CALLER_ID": '"Winter Appeal" <+12025550100>', **settings})

    def ask(self, text=TEXT, phone=None):
        """The record of the call, once there is one."""
        action_id = unique("press")
        self.server.publish("tts-fallback", {"phoneNumber": phone or unique_phone(), "text": text, "campaignId": "winter", "actionId": action_id})
        return until(lambda: self.record(f"{action_id}_speech"))

    def record(self, action_id):
        found = [each for each in self.server.get("/v1/actions").json()["actions"] if each["id"] == action_id]
        return found and found[0]

    def said(self):
        return self.texts.read_text().splitlines() if self.texts.exists() else []

    def heard(self):
        [call] = {event["Uniqueid"] for event in self.pbx.ami.found("AGIExecStart")}
        return heard(self.pbx.ami, call)


@pytest.fixture
def make_line(make_server, pbx, tmp_path):
    return lambda callee="callee-silent", **settings: Line(make_server, pbx, tmp_path, callee, **settings)


def test_text_is_heard_behind_who_calls_and_how_to_opt_out_and_reported(make_line):
    line = make_line()
    done = line.ask()
    assert (done["actionType"], done["status"]) == ("donation_tts_fallback", "success")
    [file] = line.speech.iterdir()
    assert line.heard()[:3] == ["identity", "opt_out", file.stem]
    assert line.said() == [TEXT]
    with wave.open(str(file)) as sound:
        assert sound.getparams()[:3] == (1, 2, 8000)
        assert 3100 < sound.getnframes() < 3300


def test_text_is_spoken_once_however_often_it_is_called_out(make_line):
    line = make_line()
    for _ in range(2):
        assert line.ask()["status"] == "success"
    assert line.ask("Another text.")["status"] == "success"
    assert line.said() == [TEXT, "Another text."]


def test_text_that_looks_like_options_and_commands_is_only_spoken(make_line):
    line, text = make_line(), "-w /etc/passwd; $(touch /tmp/x) `id` | \"quoted\" שלום"
    assert line.ask(text)["status"] == "success"
    assert line.said() == [text]


def test_key_9_blocks_the_number_ends_the_call_and_is_told(make_line):
    line, phone = make_line("callee-presses-9"), unique_phone()
    done = line.ask(phone=phone)
    assert done["status"] == "failed" and "opted out" in done["failureReason"]
    assert until(lambda: check(line.server, phone)["blocked"])


def test_person_who_hangs_up_has_not_heard_it(make_line):
    done = make_line("callee-hangs-up").ask()
    assert done["status"] == "failed" and "over before the text was heard" in done["failureReason"]


@pytest.mark.parametrize("command, why", [("no-such-program {file} {textfile}", "no-such-program: No such file"), ("false {file} {textfile}", "false: it ended with code 1"),
                                          ("true {file} {textfile}", "no file that can be read"), ("cp {textfile} {file}", "no recording that we can read")])
def test_program_that_cannot_speak_is_told_and_the_person_gets_an_apology(make_line, command, why):
    line = make_line(PLEDGELINE_SPEECH_COMMAND=command)
    done = line.ask()
    assert done["status"] == "failed" and why in done["failureReason"]
    assert line.heard()[:3] == ["identity", "opt_out", "apology"]
    assert list(line.speech.iterdir()) == []


def test_recording_may_take_the_place_of_every_text(make_line, tmp_path):
    write_tone(tmp_path / "recorded.wav", 0.3)
    line = make_line(PLEDGELINE_SPEECH_FILE=tmp_path / "recorded")
    assert line.ask()["status"] == "success"
    assert line.heard()[:3] == ["identity", "opt_out", "recorded"]
    assert line.said() == []


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed: apt-get install espeak-ng")
def test_speech_synthesizer_of_the_default_speaks(make_line):
    line = make_line(PLEDGELINE_SPEECH_COMMAND="espeak-ng -w {file} -f {textfile}")
    assert line.ask("Hello.")["status"] == "success"
    [file] = line.speech.iterdir()
    with wave.open(str(file)) as sound:
        assert sound.getframerate() == 8000 and 3000 < sound.getnframes() < 20000
        assert max(sound.readframes(20000)) > 0

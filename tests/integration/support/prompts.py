"""Recordings for calls that nobody listens to, and the menu file that names them: tones of a known length, in the one form that Asterisk
plays without a converter (8 kHz, 16 bit, mono)."""
import array
import json
import math
import pathlib
import wave

RATE_HZ, PITCH_HZ, LOUDNESS = 8000, 440, 6000
SECONDS = {"identity": 0.3, "opt_out": 0.3, "message": 1.0, "confirmation": 0.3, "apology": 0.3, "goodbye": 0.3}


def write_tone(path, seconds):
    samples = array.array("h", (int(LOUDNESS * math.sin(2 * math.pi * PITCH_HZ * i / RATE_HZ)) for i in range(int(RATE_HZ * seconds))))
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE_HZ)
        sound.writeframes(samples.tobytes())


def write_menu(folder, timeout_s=1, repeats=0, **seconds):
    """The path of a menu file beside its recordings; message=10 makes the message ten seconds long."""
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    lengths = SECONDS | seconds
    for name, length in lengths.items():
        write_tone(folder / f"{name}.wav", length)
    menu = {"name": "Winter Appeal", "prompts": {name: str(folder / name) for name in lengths}, "timeout_s": timeout_s, "repeats": repeats}
    path = folder / "menu.json"
    path.write_text(json.dumps({"default": menu}))
    return path


def heard(ami, call_id):
    """The names of the recordings that were begun on a channel, in their order, as Asterisk tells of them."""
    commands = [event["Command"].split() for event in ami.found("AGIExecStart", Uniqueid=call_id)]
    return [words[2].strip('"').rpartition("/")[2] for words in commands if words[:2] == ["STREAM", "FILE"]]

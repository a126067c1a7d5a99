"""What no log line may say: a whole phone number, a personal link, a secret. Every line that any program of the suite writes is looked
at, and the test that made it fails."""
import re

NUMBER = re.compile(r"\+\d{8,15}\b|\b(?:999|972)\d{8,10}\b")
LINK = re.compile(r"ref=[\w%-]{12,}")
SECRET_NAME = re.compile(r"SECRET|TOKEN|PASSWORD|_KEY$|_URL$|_URI$")
PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:([^/@\s]+)@")
EXAMPLE = "like +972501234567"  # of an error that says what a number looks like
_found = []


def secrets_of(settings):
    """The values that nobody may read, of a program's settings."""
    secrets = set()
    for name, value in settings.items():
        if not SECRET_NAME.search(name):
            continue
        if name.endswith(("_URL", "_URI")):
            secrets.update(PASSWORD_IN_URL.findall(str(value)))
        else:
            secrets.update(part.split(":")[-1] for part in str(value).split(","))
    return {secret for secret in secrets if len(secret) >= 8}


def look(line, secrets):
    line = line.replace(EXAMPLE, "")
    if NUMBER.search(line) or LINK.search(line) or any(secret in line for secret in secrets):
        _found.append(line)


def take_found():
    found = list(_found)
    _found.clear()
    return found

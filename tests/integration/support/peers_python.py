"""Python packages that Debian does not have, for servers that tests start: in a virtual environment below build/, made once."""
import fcntl
import hashlib
import pathlib
import shutil
import subprocess
import sys

from support.program import ROOT

FOLDER = ROOT / "build" / "peers"


def python_with(name, *packages):
    """The path of a python that has them. Whoever comes first makes it; the others wait."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    home, wanted = FOLDER / name, hashlib.sha256("\n".join(packages).encode()).hexdigest()
    with open(FOLDER / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = home / "made-of"
        if not done.exists() or done.read_text() != wanted:
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True, capture_output=True)
            subprocess.run([sys.executable, "-m", "pip", "--python", home / "bin" / "python", "install", "--quiet", "--no-compile",
                            "--disable-pip-version-check", *packages], check=True)  # what is used compiles itself: a tenth of it
            done.write_text(wanted)
    return pathlib.Path(home) / "bin" / "python"


def moto_python():
    return python_with("moto", "moto[server]==5.2.*")

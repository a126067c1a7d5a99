"""Programs that deploy/aws/build has packed, run from what was packed and from nothing else."""
import os
import pathlib
import re
import shutil
import subprocess

from support.program import PATIENCE_S, ROOT

BUILD = ROOT / "deploy" / "aws" / "build"


def pack(folder, *executables, **options):
    return subprocess.run([BUILD, folder, *executables], capture_output=True, text=True, timeout=PATIENCE_S, **options)


def can_change_root():
    return os.geteuid() == 0 and subprocess.run([shutil.which("chroot") or "false", "/", "true"], capture_output=True).returncode == 0


def loader_of(folder):
    return next(path for path in sorted(pathlib.Path(folder).rglob("ld-linux-*")))


def run_in(root, program, *arguments, **environment):
    """In that file system as the user of its passwd file; where that takes rights which we do not have, with its loader and libraries."""
    if can_change_root():
        user = re.search(r":(\d+):(\d+):", (root / "etc/passwd").read_text())
        command = ["chroot", f"--userspec={user[1]}:{user[2]}", root, program]
    else:
        libraries = next(path for path in (root / "lib").iterdir() if path.is_dir())
        command = [loader_of(root), "--library-path", libraries, root / program.lstrip("/")]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, env={"PATH": os.environ["PATH"], **environment})


def libraries_that_load(folder, program):
    """soname -> file, as the packed loader finds them with nothing but the packed libraries."""
    said = subprocess.run([loader_of(folder), "--library-path", folder / "lib", "--list", folder / program], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return dict(re.findall(r"(\S+) => (\S+)", said.stdout))

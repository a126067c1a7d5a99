"""Carries out a Dockerfile without Docker: this machine stands for the Debian image it begins with, a folder for each stage, and its
commands are run as they are written. What it cannot do honestly it refuses."""
import collections
import fnmatch
import json
import pathlib
import shlex
import shutil
import subprocess

Step = collections.namedtuple("Step", "word rest")
WORDS = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "ENTRYPOINT"}
BASES = {"debian:12-slim", "scratch"}


def steps_of(file):
    lines = [line for line in pathlib.Path(file).read_text().splitlines() if line.strip() and not line.startswith("#")]
    steps = [Step(*line.split(maxsplit=1)) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]
    assert {step.word for step in steps} <= WORDS, steps
    return steps


def context_of(root):
    """The files that `docker build` would be given: those of the repository, without what .dockerignore names."""
    ignored = (root / ".dockerignore").read_text().split()
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=root, capture_output=True, text=True,
                            check=True).stdout.split("\0")
    return [name for name in listed if name and (root / name).exists() and not any(fnmatch.fnmatch(name.split("/")[0], each) for each in ignored)]


class Stage:
    def __init__(self, folder, base):
        assert base in BASES, base
        self.folder, self.workdir = folder, pathlib.PurePosixPath("/")
        self.environment, self.user, self.entrypoint = {}, None, None
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, path):
        """Where a path of the image is here."""
        return self.folder / (self.workdir / path).relative_to("/")


class Image:
    """Runs the steps in `folder`; a second Dockerfile with the same folder finds what the first one built, as in Docker's cache."""

    def __init__(self, file, root, folder):
        self.root, self.folder = root, pathlib.Path(folder)
        self.stages = {}
        for step in steps_of(file):
            getattr(self, f"_{step.word.lower()}")(step.rest)

    def _from(self, rest):
        base, *name = rest.split(" AS ")
        self.stage = Stage(self.folder / (name[0] if name else "last"), base)
        self.stages[name[0] if name else "last"] = self.stage

    def _workdir(self, rest):
        self.stage.workdir = pathlib.PurePosixPath(rest)

    def _copy(self, rest):
        words = shlex.split(rest)
        *sources, to = [word for word in words if not word.startswith("--")]
        origin = [self.stages[word.removeprefix("--from=")] for word in words if word.startswith("--from=")]
        for source in sources:
            if origin:
                assert source.endswith("/") and to.endswith("/"), rest
                shutil.copytree(origin[0].place(source), self.stage.place(to), symlinks=True, dirs_exist_ok=True)
            else:
                self._copy_context(source, self.stage.place(to))

    def _copy_context(self, source, to):
        found = [name for name in context_of(self.root) if source in (".", name)]
        assert found, f"{source} is not in the repository"
        for name in found:
            place = to / name if source == "." else to / pathlib.Path(name).name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.root / name, place)

    def _run(self, rest):
        done = subprocess.run(["sh", "-c", rest], cwd=self.stage.place("."), capture_output=True, text=True)
        assert done.returncode == 0, f"RUN {rest}\n{(done.stdout + done.stderr)[-3000:]}"

    def _env(self, rest):
        name, value = rest.split("=", 1)
        self.stage.environment[name] = value

    def _user(self, rest):
        self.stage.user = rest

    def _entrypoint(self, rest):
        self.stage.entrypoint = json.loads(rest)

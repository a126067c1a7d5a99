"""A real Asterisk, and sipp beside it, in a folder below build/, made once: Debian's own packages, unpacked and not installed, with their
own loader and libraries. No right and no change of the machine is needed; the mirror is the one that the machine's apt names."""
import fcntl
import hashlib
import pathlib
import re
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build" / "peers" / "asterisk"
PATIENCE_S = 600  # some 40 MB over a slow line

SUITE = "forky"  # Debian 12 and 13 have no Asterisk
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What a running Asterisk and a running sipp were seen to map, and no more: the whole closure of dependencies is five times as big.
PACKAGES = """
asterisk asterisk-modules asterisk-core-sounds-en-gsm tzdata libbsd0 libc6 libcap2 libcrypt1 libedit2 libgcc-s1 libgsm1 libjansson4 libmd0
libsqlite3-0 libssl3t64 libstdc++6 libsystemd0 libtinfo6 liburiparser1 libuuid1 libxml2-16 libxslt1.1 libzstd1 zlib1g
sip-tester libdbus-1-3 libgsl28 libgslcblas0 libncursesw6 libpcap0.8t64 libpugixml1v5 libsctp1
""".split()


class Unavailable(Exception):
    """No Asterisk can be had here, and why."""


def said_by(*command, cwd=None):
    """What a command prints."""
    try:
        done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=PATIENCE_S)
    except (FileNotFoundError, subprocess.TimeoutExpired) as why:
        raise Unavailable(f"{command[0]}: {why}") from why
    if done.returncode:
        raise Unavailable(f"`{command[0]} {command[-1]}` failed: {(done.stderr + done.stdout).strip()[-500:]}")
    return done.stdout


def mirror():
    """Where this machine gets Debian from, also when it has not fetched any list yet."""
    for uri in re.findall(r"^'([^']+)/dists/[^/']+/InRelease'", said_by("apt-get", "update", "--print-uris"), re.M):
        if uri.rstrip("/").endswith("/debian"):
            return uri
    raise Unavailable("this machine's apt names no mirror of Debian")


def apt_options(state):
    """An apt of our own: it knows one suite, nothing that is installed, and writes below `state` alone."""
    settings = {"Dir::State": state / "state", "Dir::State::status": state / "status", "Dir::Cache": state / "cache", "Dir::Log": state,
                "Dir::Etc::sourcelist": state / "sources.list", "Dir::Etc::sourceparts": "/dev/null", "Dir::Etc::preferences": "/dev/null",
                "Dir::Etc::preferencesparts": "/dev/null", "Acquire::Languages": "none", "APT::Sandbox::User": "", "Debug::NoLocking": "true"}
    return ["-q", *(word for name, value in settings.items() for word in ("-o", f"{name}={value}"))]


def download(state):
    """The .debs, whose signatures apt has checked."""
    for folder in ("state/lists/partial", "cache/archives/partial", "debs"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    (state / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror()} {SUITE} main\n")
    options = apt_options(state)
    said_by("apt-get", *options, "update")
    said_by("apt-get", *options, "download", *PACKAGES, cwd=state / "debs")
    return sorted((state / "debs").glob("*.deb"))


def unpack(debs, root):
    for name in ("bin", "sbin", "lib", "lib64"):  # as base-files does, which is not among the packages
        (root / "usr" / name).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(f"usr/{name}")
    for deb in debs:
        said_by("dpkg", "-x", deb, root)
    (root / "usr" / "share" / "asterisk" / "sounds" / "en").symlink_to("en_US_f_Allison")  # as the package's script does
    for name in ("doc", "man", "lintian"):
        shutil.rmtree(root / "usr" / "share" / name, ignore_errors=True)


def tree():
    """The folder that holds Asterisk and sipp. Whoever comes first makes it; the others wait."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    root, made_of = FOLDER / "root", FOLDER / "made-of"
    wanted = hashlib.sha256("\n".join([SUITE, *PACKAGES]).encode()).hexdigest()
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made_of.exists() or made_of.read_text() != wanted:
            for left in (root, FOLDER / "apt"):
                shutil.rmtree(left, ignore_errors=True)
            unpack(download(FOLDER / "apt"), root)
            shutil.rmtree(FOLDER / "apt")
            made_of.write_text(wanted)
    return root


def program(root, path):
    """How to run a program of the tree: with the loader and the libraries of the tree, so nothing of the machine is mapped. The paths are
    arguments and not LD_LIBRARY_PATH, which its children would inherit."""
    loader = next((root / "usr" / "lib").glob("*-linux-gnu*/ld-linux*.so.*"))
    return ["env", "LC_ALL=C", str(loader), "--inhibit-cache", "--library-path", f"{loader.parent}:{root / 'usr' / 'lib'}", str(root / path)]

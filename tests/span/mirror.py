"""A mirror port of virtual cable, the programs on it, and what is held to be true of them: for the scripts beside this."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
WEB = 9847
BASE = f"http://127.0.0.1:{WEB}"
START = time.monotonic()

failures = []
started = []


def say(text):
    print(f"[{time.monotonic() - START:5.1f} s] {text}", flush=True)


def hold(what, ok, detail=""):
    if ok:
        say(f"ok      {what}" + (f": {detail}" if detail else ""))
    else:
        failures.append(what)
        say(f"FAILED  {what}: {detail}")


def sh(*command, **more):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **more).stdout


def tool(name):
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if not found:
        sys.exit(f"{sys.argv[0]}: {name} is missing")
    return found


class Network:
    """Two namespaces and the cable between them: `out` plays, `in` listens."""

    def __init__(self):
        self.out, self.into = f"sws-{os.getpid()}-out", f"sws-{os.getpid()}-in"

    def make(self):
        for name in (self.out, self.into):
            sh("ip", "netns", "add", name)
            sh("ip", "-n", name, "link", "set", "lo", "up")
        sh("ip", "-n", self.out, "link", "add", "mirror0", "type", "veth", "peer", "name", "span0", "netns", self.into)
        for name, end in ((self.out, "mirror0"), (self.into, "span0")):
            # No word of the kernel's own: it would be on the cable, too.
            sh("ip", "-n", name, "link", "set", end, "addrgenmode", "none", "arp", "off", "mtu", "9000")
            sh("ip", "-n", name, "link", "set", end, "up")

    def remove(self):
        for name in (self.out, self.into):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20)

    def start(self, log, *command, ns=None):
        """Starts a program on the listening side; it is ended by its number."""
        out = open(log, "wb")
        process = subprocess.Popen(
            ["ip", "netns", "exec", ns or self.into, *map(str, command)], stdout=out, stderr=subprocess.STDOUT
        )
        started.append(process)
        return process

    def run(self, *command, ns=None, timeout=90, **more):
        command = ["ip", "netns", "exec", ns or self.into, *map(str, command)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, **more)

    def get(self, url, *options):
        return self.run("curl", "-sS", "--max-time", "10", *options, url).stdout

    def json(self, url):
        text = self.get(url)
        try:
            return json.loads(text)
        except ValueError:
            return {}

    def wait_for(self, what, ready, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if ready():
                return True
            time.sleep(0.2)
        hold(what, False, f"not within {seconds} s")
        return False


def end(process, number=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def metrics(text):
    """Samples of a page: (name, labels) -> value."""
    samples = {}
    for line in text.splitlines():
        found = re.fullmatch(r"([a-z0-9_]+)(?:\{(.*)\})? (\S+)", line)
        if found:
            samples[found[1], found[2] or ""] = float(found[3])
    return samples


def total(samples, name, part=""):
    return sum(value for (n, labels), value in samples.items() if n == name and part in labels)


def perform(play, limit_seconds):
    """Calls `play(network)` between the making and the removing of everything, and ends with what it found."""
    if os.geteuid() != 0:
        sys.exit(f"{sys.argv[0]}: needs root, for namespaces and packet sockets")
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"{sys.argv[0]}: took too long"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"{sys.argv[0]}: stopped"))
    signal.alarm(limit_seconds)
    folder = Path(tempfile.mkdtemp(prefix="sws-"))
    folder.chmod(0o755)
    network = Network()
    try:
        network.make()
        play(network, folder)
    finally:
        for process in reversed(started):
            end(process)
        network.remove()
        if failures and os.environ.get("SHOW"):
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    say(f"{len(failures)} failed" if failures else "all of it holds")
    sys.exit(1 if failures else 0)

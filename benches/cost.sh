#!/usr/bin/env bash
# What a packet costs: CPU time of `swarmscope analyze` ÷ that of a bare libpcap counting loop, and ÷ that of
# `tcpdump -r FILE -w /dev/null`, from runs that take turns on one machine. Ratios travel between machines; seconds do not.
#
#   benches/cost.sh [FILE [ROUNDS]]    FILE defaults to three traces, written once to target/traces: mixed (2.6 M packets,
#                                      180 k flows), bulk (one transfer in full frames) and tiny (1 M flows of DHT, uTP and noise)
#   ANALYZE="--workers 1" benches/cost.sh ...    further arguments for analyze
set -euo pipefail
cd "$(dirname "$0")/.."

rounds=${2:-5}
for tool in tcpdump python3; do
    command -v $tool >/dev/null || { echo "cost: $tool is missing: apt-get install $tool" >&2; exit 1; }
done

cargo build --release --locked --quiet --bin swarmscope
cargo bench --locked --quiet --no-run --bench bare --bench trace
files=(${1+"$(realpath "$1")"})
if [ $# -eq 0 ]; then
    mkdir -p target/traces
    for trace in mixed bulk tiny; do
        file=$PWD/target/traces/$trace.pcap
        [ -e "$file" ] || cargo bench --locked --quiet --bench trace -- $trace "$file"
        files+=("$file")
    done
fi
# Cargo names the executable of a bench after a hash; it is run here without cargo, whose own CPU time would count.
bare=$(cargo bench --locked --no-run --bench bare --message-format json 2>/dev/null |
    python3 -c 'import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable") and message["target"]["name"] == "bare":
        print(message["executable"])')

read -r -a more <<<"${ANALYZE:-}"
for file in "${files[@]}"; do
    python3 - "$file" "$rounds" "$bare" ${more[@]+"${more[@]}"} <<'PYTHON'
"""Runs the three in turn; user and system time and peak memory are the kernel's own account of each child."""
import os, statistics, subprocess, sys

file, rounds, bare, more = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]
commands = {
    "bare libpcap loop": [bare, file],
    "tcpdump -w /dev/null": ["tcpdump", "-r", file, "-w", "/dev/null"],
    "swarmscope analyze": ["target/release/swarmscope", "analyze", file, *more],
}


def run(command):
    """CPU seconds and peak KiB of one run."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"cost: exit status {os.waitstatus_to_exitcode(status)}: {' '.join(command)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss


packets = int(subprocess.run([bare, file], check=True, capture_output=True, text=True).stdout.split()[0])
runs = {name: [] for name in commands}
for _ in range(rounds):
    for name, command in commands.items():
        runs[name].append(run(command))

print(f"{os.path.basename(file)}: {packets} packets, {os.path.getsize(file) >> 20} MiB; median of {rounds} rounds (lowest to highest)")
cpu = {name: statistics.median(seconds for seconds, _ in r) for name, r in runs.items()}
for name, r in runs.items():
    each = sorted(seconds for seconds, _ in r)
    print(f"  {name:22} {cpu[name]:7.3f} s CPU ({each[0]:.3f} to {each[-1]:.3f})  {cpu[name] * 1e9 / packets:6.0f} ns a packet"
          f"  {max(kib for _, kib in r) >> 10:5} MiB at most")
for below in list(commands)[:2]:
    pairs = [a[0] / b[0] for a, b in zip(runs["swarmscope analyze"], runs[below])]
    print(f"  analyze ÷ {below}: {statistics.median(pairs):.2f} (pairs from {min(pairs):.2f} to {max(pairs):.2f})")
PYTHON
done

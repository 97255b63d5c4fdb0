"""What it costs a training to be watched: with the page open and without, in turns.

    python bench/watching.py PROGRAM [--pairs 31] [--threads 1] [--browser /usr/bin/chromium] [-- SETTINGS …]

PROGRAM is a release build of deltarule. One watcher follows all runs and the events of the one that trains, as the page does;
with --browser it is the page itself in that browser, which draws on the same machine. Prints the median of the pairs' ratios and
its 95 % interval (by the pairs' order, Conover 1999, §3.2); and, with --browser, what browser and server used of the processors
meanwhile: what a training that wants all of them can lose to it (Linux).
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request

CASE = ["digits", "--hidden", "128,64", "--epochs", "1500", "--early-stopping", "none"]
SETTLED = 4.0


def train(program, folder, run, threads, settings):
    words = [program, "train", *settings, "--threads", str(threads), "--run", run, "--json", "--quiet"]
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)["seconds"]


def used(sessions):
    """Seconds of processor time that these sessions' processes have used, those that are over included in their parents'."""
    ticks = 0
    for folder in pathlib.Path("/proc").iterdir():
        try:
            # The program's name may hold blanks; session is field 6, the times are fields 14 to 17 (proc_pid_stat(5)).
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if int(fields[3]) in sessions:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def follow(address, path, ended):
    """Takes what is told until the end, as EventSource does; a run is there a moment after its training began."""
    while not ended.is_set():
        try:
            with urllib.request.urlopen(f"http://{address}/api/v1/{path}", timeout=60) as stream:
                while not ended.is_set() and stream.readline():
                    pass
        except OSError:
            time.sleep(0.05)


def serve(program, folder):
    words = [program, "dashboard", "--no-open", "--json", "--addr", "127.0.0.1:0"]
    server = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True, start_new_session=True)
    text = ""
    while not text.rstrip().endswith("}"):
        text += server.stdout.readline()
    return server, json.loads(text)


def watched(program, folder, run, said, settings):
    """A training with the page open: its seconds, and what watching it used of the processors."""
    server, told = serve(program, folder)
    ended, threads, page = threading.Event(), [], None
    if said.browser:
        profile = tempfile.mkdtemp()
        flags = ["--headless=new", "--no-sandbox", f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        page = subprocess.Popen(
            [said.browser, *flags, told["url"].replace("#/?", "#/run?")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(SETTLED)  # a browser that starts is not one that watches
    else:
        for path in ["changes", f"runs/{run}/events"]:
            threads.append(threading.Thread(target=follow, args=(told["address"], path, ended), daemon=True))
    for thread in threads:
        thread.start()
    watchers = {process.pid for process in (page, server) if process}
    before = used(watchers)
    seconds = train(program, folder, run, said.threads, settings)
    cost = used(watchers) - before
    ended.set()
    for process in filter(None, [page, server]):
        process.kill()
        process.wait()
    if page:
        shutil.rmtree(profile, ignore_errors=True)
    return seconds, cost


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--pairs", type=int, default=31)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--browser")
    parser.add_argument("settings", nargs="*", default=CASE)
    said = parser.parse_args()
    program = str(pathlib.Path(said.program).resolve())
    ratios, shares = [], []
    with tempfile.TemporaryDirectory() as folder:
        train(program, folder, "warm", said.threads, said.settings)
        for pair in range(said.pairs):
            both = {}
            for kind in ("alone", "watched") if pair % 2 else ("watched", "alone"):
                run = f"{kind}-{pair}"
                if kind == "alone":
                    both[kind] = train(program, folder, run, said.threads, said.settings)
                else:
                    both[kind], cost = watched(program, folder, run, said, said.settings)
                    shares.append(cost / both[kind])
            ratios.append(both["watched"] / both["alone"])
    ratios.sort()
    count = len(ratios)
    reach = math.floor(count / 2 - 0.98 * math.sqrt(count))
    low, high = ratios[max(reach, 0)], ratios[min(count - 1 - reach, count - 1)]
    print(
        f"watched takes {100 * (ratios[count // 2] - 1):+.2f} % (95 %: {100 * (low - 1):+.2f} to {100 * (high - 1):+.2f}), "
        f"{count} pairs, {said.threads} threads"
    )
    if said.browser:
        share = sorted(shares)[count // 2]
        print(f"browser and server used {100 * share:.2f} % of one processor, of {os.cpu_count()}")


if __name__ == "__main__":
    main()

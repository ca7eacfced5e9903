#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pipelines/eval-parallel.sh and eval-slurm.sh, run for real on this machine,
leave the bytes of a run in one piece. Slurm is a cluster of one node, started
here and ended again.

usage: test_eval_jobs.py parallel|slurm BUILD"""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import eval_set

N = 2
ROOT = pathlib.Path(__file__).parent.parent.parent
SLURM_CONF = """ClusterName=owl2
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MailProg=/bin/true
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def call(*command, **options):
    r = subprocess.run([str(c) for c in command], capture_output=True,
                       text=True, timeout=120, **options)
    if r.returncode:
        sys.exit(f"FAIL {' '.join(map(str, command))}: status {r.returncode}\n"
                 f"{r.stdout}{r.stderr}")
    return r.stdout


def need(*programs):
    for name in programs:
        if not shutil.which(name):
            print(f"there is no {name}: tools/setup.sh test installs it")
            sys.exit(77)


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Slurm:
    """A cluster of this machine alone, with an authentication of its own."""

    def __init__(self, folder):
        self.folder, self.running = folder, []
        self.env = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def start(self, *command):
        with open(self.folder / f"{command[0]}.out", "w") as out:
            self.running.append(subprocess.Popen(
                command, stdout=out, stderr=out, env=self.env))

    def wait_for(self, what, ready):
        for _ in range(600):
            if ready():
                return
            time.sleep(0.1)
        for path in sorted(self.folder.glob("*.out")):
            print(f"{path.name}:\n{path.read_text()[-2000:]}")
        sys.exit(f"FAIL no {what} within a minute")

    def says(self, *command):
        return subprocess.run(command, env=self.env, capture_output=True,
                              text=True).stdout.strip()

    def is_idle(self):
        return self.says("sinfo", "-h", "-o", "%T") == "idle"

    def has_no_job(self):
        return not self.says("squeue", "-h")

    def __enter__(self):
        folder = self.folder
        for name in ("state", "spool"):
            (folder / name).mkdir(parents=True)
        folder.chmod(0o755)
        (folder / "key").write_bytes(os.urandom(1024))
        (folder / "key").chmod(0o400)
        (folder / "slurm.conf").write_text(SLURM_CONF.format(
            folder=folder, user=pwd.getpwuid(os.getuid()).pw_name,
            host=socket.gethostname().split(".")[0], ports=free_ports(2),
            cpus=os.cpu_count()))
        munged = shutil.which("munged") or "/usr/sbin/munged"
        self.start(munged, "-F", "--force", *(
            f"--{name}={folder}/{path}" for name, path in (
                ("key-file", "key"), ("socket", "munge.sock"),
                ("pid-file", "munge.pid"), ("log-file", "munge.log"),
                ("seed-file", "munge.seed"))))
        self.wait_for("munge", (folder / "munge.sock").exists)
        self.start("slurmctld", "-D")
        self.start("slurmd", "-D")
        self.wait_for("idle node", self.is_idle)
        return self

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            process.wait(10)


def parallel(data, out, folder, env):
    need("parallel")
    command = ["sh", ROOT / "pipelines/eval-parallel.sh", N, "2/:", data, out,
               *eval_set.ASKED]
    printed = call(*command, env=env)
    assert "accuracy" in printed, printed
    # What is there is not asked again: no model, which would be missed.
    call(*command, env={**env, "VK_ICD_FILENAMES": "/nowhere",
                        "VK_DRIVER_FILES": "/nowhere"})


def slurm(data, out, folder, env):
    need("munged", "slurmctld", "slurmd", "sbatch", "sinfo", "squeue")
    with Slurm(folder / "cluster") as cluster:
        call("sh", ROOT / "pipelines/eval-slurm.sh", N, data, out,
             *eval_set.ASKED, env={**env, **cluster.env})
        # sbatch's own waiting looks ever more rarely.
        cluster.wait_for("end of the jobs", cluster.has_no_job)
    assert "accuracy" in (out / "slurm-merge.log").read_text()


def main():
    kind, build = sys.argv[1], pathlib.Path(sys.argv[2])
    env = {**os.environ, "OWL2_BUILD": str(build), "PATH":
           os.environ["PATH"] + ":/usr/sbin:/sbin"}
    os.environ["PATH"] = env["PATH"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        data = eval_set.write(folder)
        {"parallel": parallel, "slurm": slurm}[kind](
            data, folder / "the shards", folder, env)
        call(build / "tools/eval/owl2-eval", data, "--out", folder / "whole",
             *eval_set.ASKED)
        whole = eval_set.results(folder / "whole")
        shards = eval_set.results(folder / "the shards")
        for name, wanted in whole.items():
            if shards[name] != wanted:
                sys.exit(f"FAIL {name}: {shards[name]!r} for {wanted!r}")
        n = len(list((folder / "the shards").glob(f"answers-*-of-{N}.jsonl")))
        assert n == N, n
    print(f"{N} shards by {kind}, the same bytes")


main()

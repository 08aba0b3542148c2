"""A Slurm of one node in a folder of its own: munged, slurmctld and slurmd, without systemd."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")
SYSTEM = ("/usr/sbin", "/sbin")
"""Folders of daemons, which not every user's PATH has."""
# The plugin's jobs forget SLURM_CONF before they call srun: they find /etc/slurm on a real cluster.
SRUN = """\
#!/bin/sh
SLURM_CONF={folder}/slurm.conf exec {srun} "$@"
"""
# The node pretends to have memory and GPUs enough for what the rules ask for: nothing confines the
# jobs, since a container may own no cgroups, so they are tracked by their parents' pids.
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=200000,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
SlurmdTimeout=20
ReturnToService=2
MpiDefault=none
MinJobAge=43200
KillWait=2
PrologFlags=NoHold
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=200000 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=fast Nodes={host} MaxTime=INFINITE State=UP
"""
GRES = """\
Name=gpu File=/dev/null
Name=gpu File=/dev/zero
"""


def why_not() -> str | None:
    """What keeps this machine from running Slurm; None if nothing does."""
    around = os.pathsep.join((os.environ.get("PATH", ""), *SYSTEM))
    absent = [name for name in PROGRAMS if shutil.which(name, path=around) is None]
    if absent:
        return f"needs Debian's munge, slurmctld, slurmd and slurm-client: no {', '.join(absent)}"
    return "the daemons have to be started by root" if os.getuid() else None


@dataclass
class Slurm:
    """A running cluster.

    Attributes:
        folder: of its state, sockets and logs.
        daemons: name -> the process that the test started.
    """

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    logs: list[IO[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        """By which commands find this cluster and no other one."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "CUDA"))}
        path = os.pathsep.join((str(self.folder / "bin"), kept.get("PATH", ""), *SYSTEM))
        return {**kept, "PATH": path, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self, name: str, *arguments: str) -> None:
        """Start a daemon in the foreground, so that its pid is known."""
        log = (self.folder / f"{name}.out").open("ab")
        self.logs.append(log)
        self.daemons[name] = subprocess.Popen(
            [name, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def start_slurmd(self) -> None:
        """Start the node's daemon; wait until the node takes jobs."""
        self.start("slurmd", "-D", "-f", str(self.folder / "slurm.conf"))
        self.wait_for("idle", "mixed", "allocated")

    def stop(self, name: str, *, kill: bool = False) -> None:
        """End a daemon that this test started."""
        process = self.daemons.pop(name, None)
        if process is None:
            return
        process.kill() if kill else process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        ran = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        return ran.stdout + ran.stderr

    def jobs(self) -> list[dict[str, str]]:
        """All jobs so far, as `scontrol show job` tells them."""
        lines = self.ask("scontrol", "--oneliner", "show", "job").splitlines()
        return [
            dict(part.split("=", 1) for part in line.split() if "=" in part)
            for line in lines
            if line.startswith("JobId=")
        ]

    def wait_for(self, *states: str, seconds: float = 60) -> None:
        """Wait until the node has one of some states."""
        until = time.monotonic() + seconds
        while (
            state := self.ask("sinfo", "--noheader", "--format=%T").split("\n")[0]
        ) not in states:
            if time.monotonic() > until:
                raise AssertionError(f"the node is {state!r}\n{self.said()}")
            time.sleep(0.2)

    def said(self) -> str:
        """The last lines of every daemon."""
        ends = [(p.name, p.read_text(errors="replace")[-1500:]) for p in self.folder.glob("*.out")]
        return "\n".join(f"{name}: {end}" for name, end in sorted(ends))

    def left(self) -> list[psutil.Process]:
        """What a killed slurmd left: all that has this cluster's file, and steps above it."""
        conf, found = str(self.folder / "slurm.conf"), []
        for process in psutil.process_iter():
            try:
                if process.environ().get("SLURM_CONF") == conf:
                    found += [process, *process.parents()]
            except psutil.Error:
                continue
        # Steps hide their environment; above them are the test itself and those that called it.
        of_this = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
        return [p for p in dict.fromkeys(found) if p.pid not in of_this | {1}]

    def stop_all(self) -> None:
        """End all jobs, then all daemons."""
        if "slurmd" in self.daemons:
            self.ask("scancel", "--user=root")
            self.ask("scancel", "--signal=KILL", "--user=root")
            time.sleep(1)
        for name in ("slurmd", "slurmctld", "munged"):
            self.stop(name)
        for process in self.left():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for log in self.logs:
            log.close()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextmanager
def running() -> Iterator[Slurm]:
    """A cluster with one node, ready for jobs; all of it is gone afterwards."""
    # A short path: a socket's has to fit into 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    slurm = Slurm(folder)
    try:
        for name in ("state", "spool", "bin"):
            (folder / name).mkdir()
        srun = folder / "bin" / "srun"
        srun.write_text(SRUN.format(folder=folder, srun=shutil.which("srun")))
        srun.chmod(0o755)
        key = folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        conf = CONF.format(
            folder=folder, host=socket.gethostname().split(".")[0], ports=free_ports(2)
        )
        (folder / "slurm.conf").write_text(conf)
        (folder / "gres.conf").write_text(GRES)
        names = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed"}
        files = [f"--{option}={folder}/munge.{end}" for option, end in names.items()]
        # Forced: it minds a folder below the temporary one, which anybody may write to.
        slurm.start("munged", "--foreground", "--force", f"--log-file={folder}/munged.out", *files)
        until = time.monotonic() + 20
        while not (folder / "munge.socket").exists() and time.monotonic() < until:
            time.sleep(0.05)
        slurm.start("slurmctld", "-D", "-f", str(folder / "slurm.conf"))
        slurm.start_slurmd()
        yield slurm
    finally:
        slurm.stop_all()
        shutil.rmtree(folder, ignore_errors=True)

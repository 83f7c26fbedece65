"""A real Slurm of one node for tests, with two pretended GPUs: daemons of our own, on the loopback, in a directory."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from git_runs.system import processes, whoami

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "munged")
OF_ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db")
BOUND = 60.0  # seconds that a daemon may take to start, or to end

# What there is to know of it: slurm.conf(5). A job is checked for its time limit every 30 s, which nothing changes.
CONFIGURATION = """\
ClusterName=gitruns
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={root}/munge.socket
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SwitchType=switch/none
MpiDefault=none
PropagateResourceLimits=NONE
SlurmdParameters=config_overrides
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ReturnToService=2
MinJobAge=300
KillWait=2
InactiveLimit=0
DefMemPerCPU=100
MaxArraySize=10001
MaxJobCount=20000
GresTypes=gpu
NodeName={node} NodeAddr=127.0.0.1 NodeHostname={host} Port={ports[1]} CPUs=4 RealMemory={memory} Gres=gpu:fake:2
PartitionName=debug Nodes={node} Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes={node} MaxTime=INFINITE State=UP PriorityTier=9
"""
PRETENDED_GPUS = "Name=gpu Type=fake File=/dev/null\nName=gpu Type=fake File=/dev/zero\n"
WITH_ACCOUNTING = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={ports[2]}
AccountingStoragePass={root}/munge.socket
"""
DAEMON_OF_ACCOUNTING = """\
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
DbdAddr=127.0.0.1
DbdHost={host}
DbdPort={ports[2]}
SlurmUser={user}
PidFile={root}/slurmdbd.pid
LogFile={root}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports[3]}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
CommunicationParameters=NoInAddrAny
"""
LIMITED_MEMORY = "CgroupPlugin=autodetect\nConstrainRAMSpace=yes\nConstrainSwapSpace=yes\n"
DATABASE = "create database slurm_acct_db; create user {who}; grant all on slurm_acct_db.* to 'slurm'@'127.0.0.1'"


def can_limit_memory() -> bool:
    """Whether a daemon of ours may limit the memory of its jobs: cgroups(7)."""
    return os.geteuid() == 0 and os.access("/sys/fs/cgroup/memory", os.W_OK)


def missing(*programs: str) -> str:
    """The first of the programs that is not here; "" where all are."""
    return next((one for one in programs if not shutil.which(one, path=_PATH)), "")


_PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


class Cluster:
    """A Slurm that runs."""

    def __init__(self, *, has_accounting: bool = False, limits_memory: bool = False) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="gr-slurm-", dir="/tmp"))  # of a socket's path there is not much
        self.root.chmod(0o755)
        self.node = f"node{os.getpid()}"
        self.environment = {"SLURM_CONF": str(self.root / "slurm.conf")}
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
        self._words = {
            "host": whoami.hostname().split(".")[0],
            "node": self.node,
            "user": whoami.user(),
            "root": self.root,
            "ports": _free_ports(4),
            "memory": memory * 9 // 10,
        }
        try:
            self._start(has_accounting=has_accounting, limits_memory=limits_memory)
        except BaseException:
            self.end()
            raise

    def run(self, *command: str) -> str:
        """What one of Slurm's programs prints; it must succeed."""
        answer = subprocess.run(
            command, env=self._environment(), capture_output=True, text=True, timeout=BOUND, check=False
        )
        assert answer.returncode == 0, answer
        return answer.stdout

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment, "PATH": _PATH}

    def _start(self, *, has_accounting: bool, limits_memory: bool) -> None:
        for name in ("state", "spool"):
            (self.root / name).mkdir()
        configuration = CONFIGURATION
        if has_accounting:
            configuration = CONFIGURATION.replace("MinJobAge=300", "MinJobAge=2") + WITH_ACCOUNTING
        if limits_memory:
            configuration = configuration.replace("TaskPlugin=task/none", "TaskPlugin=task/cgroup")
            self._write("cgroup.conf", LIMITED_MEMORY)
        self._write("slurm.conf", configuration)
        self._write("gres.conf", PRETENDED_GPUS)
        (self.root / "munge.key").write_bytes(os.urandom(128))
        (self.root / "munge.key").chmod(0o600)
        places = [f"--{what}={self.root}/munge.{what.split('-')[0]}" for what in ("key-file", "socket", "seed-file")]
        files = [f"--pid-file={self.root}/munged.pid", f"--log-file={self.root}/munged.log", "--num-threads=1"]
        self.run("munged", "--force", *places, *files)
        if has_accounting:
            self._start_accounting()
        self.start_controller()
        self.run("slurmd", "-N", self.node, "-f", str(self.root / "slurm.conf"))
        self._wait_for("sinfo", "-h", "-o", "%T", says="idle")

    def start_controller(self) -> None:
        """That which all programs ask."""
        self.run("slurmctld", "-f", str(self.root / "slurm.conf"))
        self._wait_for("scontrol", "ping", says="UP")

    def stop_controller(self) -> None:
        """Nobody answers any more."""
        self._end_daemon("slurmctld")

    def _start_accounting(self) -> None:
        data, socket_path = self.root / "db", self.root / "mysql.sock"
        mine = ("--no-defaults", f"--user={whoami.user()}", f"--datadir={data}")
        self.run("mariadb-install-db", *mine, "--auth-root-authentication-method=normal", "--skip-test-db")
        with (self.root / "mariadbd.log").open("w") as log:
            subprocess.Popen(
                [
                    *("mariadbd", *mine, f"--socket={socket_path}", "--bind-address=127.0.0.1"),
                    *(f"--port={self._words['ports'][3]}", f"--pid-file={self.root}/mariadbd.pid"),  # type: ignore[index]
                    *("--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin"),
                    *("--innodb-lock-wait-timeout=900", "--performance-schema=OFF"),
                ],
                env=self._environment(),
                stdout=log,
                stderr=log,
            )
        client = ("mariadb", "--no-defaults", "-uroot", f"--socket={socket_path}")
        self._wait_for(*client, "-e", "select 'up'", says="up")
        self.run(*client, "-e", DATABASE.format(who="'slurm'@'127.0.0.1' identified by 'slurm'"))
        self._write("slurmdbd.conf", DAEMON_OF_ACCOUNTING)
        self.run("slurmdbd")
        self._wait_for("sacctmgr", "-i", "add", "cluster", "gitruns", says="Adding")
        self.run("sacctmgr", "-i", "add", "account", "test")
        self.run("sacctmgr", "-i", "add", "user", whoami.user(), "account=test")

    def _write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text.format(**self._words))
        (self.root / name).chmod(0o600 if name == "slurmdbd.conf" else 0o644)

    def _wait_for(self, *command: str, says: str) -> None:
        deadline = time.monotonic() + BOUND
        while True:
            answer = subprocess.run(
                command, env=self._environment(), capture_output=True, text=True, timeout=BOUND, check=False
            )
            if says in answer.stdout:
                return
            assert time.monotonic() < deadline, (answer, self._logs())
            time.sleep(0.05)

    def _logs(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self.root.glob("*.log"))

    def end(self) -> None:
        """Nothing of it is left."""
        try:
            self._end_jobs()
        finally:
            for daemon in ("slurmctld", "slurmd", "slurmdbd", "munged", "mariadbd"):
                self._end_daemon(daemon)
            for top in Path("/sys/fs/cgroup").glob(f"*/slurm_{self.node}"):
                for place, _, _ in os.walk(top, topdown=False):
                    os.rmdir(place)
            shutil.rmtree(self.root, ignore_errors=True)

    def _end_jobs(self) -> None:
        if not self._pid_of("slurmd"):
            return
        if not self._pid_of("slurmctld"):
            self.start_controller()
        self.run("scancel", "--quiet", f"--user={whoami.user()}")
        deadline = time.monotonic() + 10
        while self.run("squeue", "-h") and time.monotonic() < deadline:
            time.sleep(0.1)

    def _end_daemon(self, name: str) -> None:
        pid, deadline = self._pid_of(name), time.monotonic() + 10
        if not pid:
            return
        os.kill(pid, signal.SIGTERM)
        while processes.identify(pid):
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    def _pid_of(self, name: str) -> int | None:
        """Its process, where that lives."""
        try:
            pid = int((self.root / f"{name}.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if processes.identify(pid) else None


def _free_ports(number: int) -> list[int]:
    """Ports that nobody listened at just now."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports

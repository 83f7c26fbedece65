"""Runs as jobs of a real Slurm: how they end, and what is known of that where nobody could write it down."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from git_runs.system import processes
from tests.cluster import Cluster, can_limit_memory
from tests.conftest import NO_FLAGS, Repository, Screen, wait_for
from tests.launchers.test_launchers import job, supervisor

SLEEP = "touch up; sleep 300"
OFTEN = 90.0  # seconds: Slurm looks at the time limits of jobs every 30 s


class Submitter:
    """Submits runs of a repository to a cluster."""

    def __init__(self, repo: Repository, cluster: Cluster) -> None:
        self.repo = repo
        self.cluster = cluster
        repo.machine.environment |= cluster.environment
        repo.git("config", "runs.launcher", "slurm")

    def submit(self, name: str, command: str = SLEEP, *options: str) -> str:
        """Gives the number of its job."""
        self.repo.ok("new", "-q", *NO_FLAGS, *(f"--slurm={one}" for one in options), name, command)
        return job(self.repo, name)

    def start(self, name: str, command: str = SLEEP, *options: str) -> str:
        """The same, once its command has made the file `up`."""
        number = self.submit(name, command, *options)
        wait_for((self.tree(name) / "up").exists)
        return number

    def tree(self, name: str) -> Path:
        """Its work tree."""
        return self.repo.path / ".runs/worktrees" / name

    def ends(self, name: str, bound: float = 30.0) -> dict[str, object]:
        """The record of the run once nothing more can become known of its end."""

        def is_settled() -> bool:
            self.repo.ok("table")
            return not any(name in path.read_text() for path in (self.repo.path / ".runs/jobs").glob("*/runs"))

        wait_for(is_settled, bound)
        return self.repo.record(name)


@pytest.fixture
def slurm(repo: Repository, cluster: Cluster) -> Submitter:
    return Submitter(repo, cluster)


def test_what_is_recorded_of_a_job(slurm: Submitter) -> None:
    slurm.start("base", "echo $CUDA_VISIBLE_DEVICES; touch up; until [ -e go ]; do sleep 0.02; done", "gres=gpu:1")
    record = slurm.repo.record("base")
    assert (record["status"], record["gpus"], record["host"]) == ("running", "0", os.uname().nodename)
    assert {"job", "submitted", "tag"} == set(record["launcher"]["slurm"])  # type: ignore[index]
    assert "queued" in record
    (slurm.tree("base") / "go").touch()
    slurm.repo.wait("base")
    assert slurm.repo.log("base") == "0\n"


def test_the_environment_is_that_of_whoever_submits_and_what_the_job_has_of_its_own(slurm: Submitter) -> None:
    slurm.repo.machine.environment |= {"MINE": "a b", "SLURM_JOB_NAME": "another", "CUDA_VISIBLE_DEVICES": "7"}
    slurm.submit("base", "env >env", "gres=gpu:1")
    slurm.repo.wait("base")
    variables = dict(line.split("=", 1) for line in (slurm.tree("base") / "env").read_text().splitlines())
    assert (variables["MINE"], variables["SLURM_JOB_NAME"], variables["CUDA_VISIBLE_DEVICES"]) == ("a b", "base", "0")
    assert not {"SLURM_EXPORT_ENV", "SLURM_TIME_FORMAT"} & variables.keys()
    assert "MINE" not in slurm.cluster.run("scontrol", "show", "job", job(slurm.repo, "base"))


def test_options_that_slurm_does_not_take_leave_nothing(slurm: Submitter) -> None:
    result = slurm.repo.runs("new", *NO_FLAGS, "--slurm=partition=none", "base", "true")
    assert (result.code, result.out) == (128, "")
    assert result.err.startswith("fatal: Slurm did not take the job: ")
    assert (slurm.repo.refs(), slurm.repo.ok("list"), list((slurm.repo.path / ".runs/jobs").iterdir())) == ([], "", [])


def test_a_run_that_waits(slurm: Submitter, screen: Screen) -> None:
    number = slurm.submit("base", "echo $RUNS_NAME", "hold")
    assert slurm.repo.lookup("base", "status") == "queued"
    assert "JobHeldUser" in slurm.repo.ok("status")
    assert "JobHeldUser" in slurm.repo.ok("queue")
    attached = slurm.repo.runs("attach", "base")
    assert (attached.code, attached.err) == (
        1,
        f"error: there is nothing to attach to so far: slurm job {number} waits (JobHeldUser)\n",
    )
    slurm.repo.ok("move", "base", "moved")
    assert slurm.repo.ok("fsck") == ""
    slurm.cluster.run("scontrol", "release", number)
    slurm.repo.wait("moved")
    assert slurm.repo.log("moved") == "moved\n"
    wait_for(lambda: not (slurm.repo.path / ".runs/logs/base.log").exists())


def test_a_run_that_waits_is_killed(slurm: Submitter) -> None:
    number = slurm.submit("base", "touch up", "hold")
    assert slurm.repo.ok("kill", "base") == "Killed run 'base', which had not begun\n"
    record = slurm.repo.record("base")
    assert (record["status"], record["reason"]) == ("killed", "cancelled")
    assert state(slurm.cluster, number) == "CANCELLED"
    assert not list((slurm.repo.path / ".runs/jobs").glob("*/*.json"))


def test_no_run_ends_before_it_was_queued(slurm: Submitter) -> None:
    for name in ("first", "second", "third"):
        slurm.cluster.run("scancel", slurm.submit(name, "true", "hold"))  # Slurm knows whole seconds
    for name in ("first", "second", "third"):
        record = slurm.ends(name)
        assert str(record["finished"]) >= str(record["queued"])


def test_a_run_that_waits_is_deleted(slurm: Submitter) -> None:
    number = slurm.submit("base", "touch up", "hold")
    slurm.repo.ok("delete", "-y", "base")
    assert state(slurm.cluster, number) == "CANCELLED"
    assert (slurm.repo.refs(), slurm.repo.ok("list"), slurm.repo.ok("fsck")) == ([], "", "")


def test_a_copy_of_the_repository_leaves_the_jobs_alone(slurm: Submitter) -> None:
    number = slurm.submit("base", "touch up", "hold")
    slurm.repo.machine.run("cp", "-a", str(slurm.repo.path), f"{slurm.repo.path}-copy")
    copy = Repository(slurm.repo.machine, Path(f"{slurm.repo.path}-copy"))
    killed = copy.runs("kill", "base")
    assert (killed.code, killed.err) == (
        128,
        f"fatal: run 'base' goes on in another copy of this repository, with runs dir '{slurm.repo.path}/.runs'\n",
    )
    assert state(slurm.cluster, number) == "PENDING"
    slurm.repo.ok("kill", "base")


@pytest.mark.parametrize("command", ["attach base", f"new {' '.join(NO_FLAGS)} --attach base '{SLEEP}'"])
def test_attach_opens_a_shell_in_the_job(slurm: Submitter, screen: Screen, command: str) -> None:
    if command.startswith("attach"):
        slurm.start("base")
    screen.type(f"git runs {command}")
    wait_for((slurm.tree("base") / "up").exists)
    screen.type('echo "job $SLURM_JOB_ID"')
    screen.shows(f"job {job(slurm.repo, 'base')}")
    screen.type("exit")
    slurm.repo.ok("kill", "base")


def test_a_sweep_is_one_job_array(slurm: Submitter) -> None:
    slurm.repo.ok("sweep", *NO_FLAGS, "--jobs=2", "sweep", "echo $RUNS_NAME {n}", "n=0..11")
    names = [f"sweep/n={number}" for number in range(12)]
    numbers = [job(slurm.repo, name).split("_") for name in names]
    assert [member for _, member in numbers] == [str(number) for number in range(12)]
    (array,) = {array for array, _ in numbers}
    assert slurm.cluster.run("squeue", "-h", "-o", "%i", f"--jobs={array}").count("%2]") == 1
    slurm.repo.ok("wait", "--timeout=60", "sweep/.*")
    for number, name in enumerate(names):
        assert slurm.repo.log(name) == f"{name} {number}\n"
    slurm.repo.ok("table")
    assert not list((slurm.repo.path / ".runs/jobs").glob("*/"))


def test_a_sweep_that_is_too_large_for_one_array(slurm: Submitter) -> None:
    slurm.repo.ok("sweep", *NO_FLAGS, "--jobs=2", "--slurm=hold", "sweep", "echo {n}", "n=1..1002")
    first, last = (job(slurm.repo, f"sweep/n={number}").split("_") for number in (1000, 1002))
    assert (first[1], last[1]) == ("999", "1")
    assert f"afterany:{first[0]}_*" in slurm.cluster.run("squeue", "-h", "-o", "%E", f"--jobs={last[0]}")
    slurm.cluster.run("scancel", first[0])
    slurm.cluster.run("scontrol", "release", last[0])
    slurm.repo.ok("wait", "--timeout=60", "sweep/n=1001", "sweep/n=1002")
    assert slurm.repo.log("sweep/n=1002") == "1002\n"


def test_a_sweep_that_slurm_does_not_take_leaves_nothing(slurm: Submitter) -> None:
    result = slurm.repo.runs("sweep", "--slurm=partition=none", "sweep", "echo", "n=0..3")
    assert (result.code, "Slurm did not take the job" in result.err) == (128, True)
    assert (slurm.repo.refs(), slurm.repo.ok("list"), list((slurm.repo.path / ".runs/jobs").iterdir())) == ([], "", [])


def test_a_run_is_killed_from_another_host(slurm: Submitter) -> None:
    if slurm.repo.machine.run("unshare", "--uts", "hostname", "elsewhere").code:
        pytest.skip("no other name of this host may be pretended here")
    slurm.start("base", "trap 'echo saved; exit 3' TERM; touch up; while :; do sleep 0.02; done")
    there = ("unshare", "--uts", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh", "git", "runs")
    assert "running" in slurm.repo.machine.run(*there, "table", cwd=slurm.repo.path).out
    killed = slurm.repo.machine.run(*there, "kill", "base", cwd=slurm.repo.path)
    assert (killed.code, killed.out) == (0, "Killed run 'base'\n"), killed
    record = slurm.repo.record("base")
    assert (record["status"], record["exit-code"]) == ("killed", 3)
    assert slurm.repo.log("base").endswith("saved\n")


# --- ends that the scheduler brings about


def test_the_ends_of_jobs_are_told_apart(slurm: Submitter) -> None:
    repo, cluster = slurm.repo, slurm.cluster
    limited = slurm.start("limited", SLEEP, "partition=urgent", "time=5")
    cancelled = slurm.start("cancelled", SLEEP, "partition=urgent")
    waiting = slurm.submit("waiting", SLEEP, "hold")
    impossible = slurm.submit("impossible", SLEEP, "cpus-per-task=99")
    slurm.start("preempted", SLEEP)
    end = time.strftime("%FT%T", time.localtime(time.time() + 2))
    cluster.run("scontrol", "update", f"jobid={limited}", f"EndTime={end}")
    cluster.run("scancel", cancelled, waiting)
    assert "PartitionConfig" in repo.ok("status")
    cluster.run("scancel", impossible)
    slurm.submit("urgent", "sleep 2", "partition=urgent", "cpus-per-task=3")

    ends = {name: slurm.ends(name, OFTEN) for name in ("cancelled", "waiting", "impossible", "preempted", "limited")}
    reasons = {name: (record["status"], record["reason"]) for name, record in ends.items()}
    assert reasons == {
        "cancelled": ("killed", "cancelled"),
        "waiting": ("killed", "cancelled"),
        "impossible": ("killed", "cancelled"),
        "preempted": ("killed", "preempted"),
        "limited": ("killed", "time limit"),
    }


def test_a_run_that_is_put_back_begins_anew_in_its_work_tree(slurm: Submitter) -> None:
    number = slurm.start("base", f"echo $RUNS_ATTEMPT >>attempts; [ $RUNS_ATTEMPT = 2 ] || {{ {SLEEP}; }}", "requeue")
    slurm.cluster.run("scontrol", "requeue", number)
    wait_for(lambda: state(slurm.cluster, number) == "PENDING")
    wait_for(lambda: slurm.repo.lookup("base", "status") == "queued")
    assert "BeginTime" in slurm.repo.ok("status")
    start_again(slurm.cluster, number)
    record = slurm.ends("base", OFTEN)
    assert (record["status"], record.get("attempts")) == ("finished", 2), f"{record}\n{slurm.repo.log('base')}"
    assert (slurm.tree("base") / "attempts").read_text() == "1\n2\n"


def test_a_run_whose_command_gets_the_signal_first_begins_anew(slurm: Submitter) -> None:
    number = slurm.start("base", "[ $RUNS_ATTEMPT = 2 ] || { echo $$ >pid; touch up; exec sleep 300; }", "requeue")
    command = processes.identify(int((slurm.tree("base") / "pid").read_text()))
    assert command
    os.kill(command["pid"], signal.SIGTERM)
    wait_for(lambda: not processes.is_alive(command))
    slurm.cluster.run("scontrol", "requeue", number)
    wait_for(lambda: state(slurm.cluster, number) == "PENDING")
    start_again(slurm.cluster, number)
    record = slurm.ends("base", OFTEN)
    assert (record["status"], record.get("attempts")) == ("finished", 2), f"{record}\n{slurm.repo.log('base')}"


def test_a_run_that_may_be_put_back_is_killed_for_good(slurm: Submitter) -> None:
    slurm.start("base", SLEEP, "requeue")
    assert slurm.repo.ok("kill", "base") == "Killed run 'base'\n"
    record = slurm.ends("base")
    assert (record["status"], record["signal"]) == ("killed", signal.SIGTERM)


def test_a_run_that_was_put_back_is_killed_for_good(slurm: Submitter) -> None:
    number = slurm.start("base", SLEEP, "requeue")
    slurm.cluster.run("scontrol", "requeue", number)
    wait_for(lambda: slurm.repo.lookup("base", "status") == "queued")
    slurm.repo.ok("kill", "base")
    assert slurm.repo.record("base")["status"] == "killed"
    wait_for(lambda: state(slurm.cluster, number) == "CANCELLED")


def test_a_supervisor_that_is_killed_leaves_its_run_lost(slurm: Submitter) -> None:
    slurm.start("base")
    os.kill(supervisor(slurm.repo), signal.SIGKILL)
    assert slurm.ends("base")["status"] == "lost"


def test_a_node_that_fails(repo: Repository) -> None:
    own = Cluster()  # since all that goes on there ends
    try:
        slurm = Submitter(repo, own)
        slurm.start("base")
        own.run("scontrol", "update", f"nodename={own.node}", "state=down", "reason=test")
        record = slurm.ends("base")
        assert (record["status"], record["reason"]) == ("killed", "node failure")
    finally:
        own.end()


# --- no answer


@pytest.fixture
def silent(repo: Repository) -> Iterator[Submitter]:
    """A cluster whose controller can be stopped."""
    own = Cluster()
    yield Submitter(repo, own)
    own.end()


def test_without_an_answer_the_last_known_state_is_shown(silent: Submitter) -> None:
    repo, cluster = silent.repo, silent.cluster
    silent.start("base")
    silent.submit("waiting", SLEEP, "hold")
    wait_for(lambda: "environment" in repo.record("base"))  # which is recorded once it runs
    before = [repo.record(name) for name in ("base", "waiting")]
    cluster.stop_controller()
    for answer in (repo.path / ".runs/jobs").glob("*.answer"):
        answer.unlink()
    started = time.monotonic()
    table = repo.runs("table", "--columns=name,status")
    assert time.monotonic() - started < 8
    assert table.code == 0
    assert [line.split() for line in table.out.splitlines()[2:]] == [["waiting", "queued"], ["base", "running"]]
    assert table.err.startswith("warning: Slurm does not answer")
    assert table.err.endswith("; runs that were given to it are shown as they were last known\n")
    refused = repo.runs("new", *NO_FLAGS, "other", "true")
    assert (refused.code, repo.refs()) == (128, ["refs/runs/base", "refs/runs/waiting"])
    assert [repo.record(name) for name in ("base", "waiting")] == before
    cluster.start_controller()
    repo.ok("kill", "base", "waiting")


# --- what Slurm has forgotten


def test_with_accounting_the_end_of_a_job_is_known_for_long(repo: Repository, cluster_with_accounting: Cluster) -> None:
    slurm = Submitter(repo, cluster_with_accounting)
    number = slurm.submit("base", SLEEP, "hold")
    cluster_with_accounting.run("scancel", number)
    wait_for(lambda: not state(cluster_with_accounting, number), OFTEN)
    record = slurm.ends("base")
    assert (record["status"], record["reason"]) == ("killed", "cancelled")


@pytest.mark.skipif(not can_limit_memory(), reason="nobody may limit the memory of jobs here")
def test_a_job_that_takes_too_much_memory(repo: Repository, cluster_with_accounting: Cluster) -> None:
    slurm = Submitter(repo, cluster_with_accounting)
    slurm.submit("base", "exec python3 -c 'x = bytearray(300 << 20)'", "mem=60")
    record = slurm.ends("base")
    assert (record["status"], record["signal"], record["reason"]) == ("killed", 9, "out of memory")


def test_a_job_that_slurm_has_forgotten_is_lost_only_once_somebody_says_so(slurm: Submitter) -> None:
    number = slurm.submit("base", SLEEP, "hold")
    path = slurm.repo.record_path("base")
    path.write_text(
        path.read_text().replace(f"job: '{number}'", "job: '999999'").replace("submitted: '20", "submitted: '19")
    )
    assert slurm.repo.ok("table", "--columns=status").split()[-1] == "queued"
    fsck = slurm.repo.runs("fsck", "--repair")
    said = "run 'base' is recorded as queued, and slurm does not know its job any more; repaired: recorded as lost\n"
    assert (fsck.code, fsck.out) == (0, said)
    assert slurm.repo.record("base")["status"] == "lost"
    assert slurm.repo.ok("fsck") == ""


def test_a_submission_that_was_interrupted(slurm: Submitter) -> None:
    number = slurm.submit("base", "touch up", "hold")
    path = slurm.repo.record_path("base")
    text = path.read_text().replace(f"job: '{number}', ", "")
    path.write_text(text.replace("queued: '20", "queued: '19"))
    assert "its start was interrupted; with --repair: recorded as failed" in slurm.repo.runs("fsck").out
    slurm.repo.ok("fsck", "--repair")
    assert slurm.repo.record("base")["status"] == "failed"
    slurm.cluster.run("scontrol", "release", number)
    wait_for(lambda: state(slurm.cluster, number) == "COMPLETED")
    assert slurm.repo.record("base")["status"] == "failed"
    assert slurm.repo.ok("fsck") == ""


def start_again(cluster: Cluster, number: str) -> None:
    """Let a job that was put back start soon, and not only in two minutes: but not in the same second, in which slurmd
    still takes the credential of the job for the one that was revoked."""
    cluster.run("scontrol", "update", f"jobid={number}", "StartTime=now+2seconds")


def state(cluster: Cluster, number: str) -> str:
    """What Slurm says of the job; nothing where it does not know it any more."""
    lines = cluster.run("squeue", "--me", "--noheader", "--states=all", "--format=%i %T").splitlines()
    return next((line.split()[1] for line in lines if line.split()[0] == number), "")

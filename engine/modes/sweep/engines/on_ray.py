"""Jobs as tasks of a Ray cluster (Moritz et al., OSDI 2018)."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import ModuleType

from engine.modes.sweep.engines.base import RunningJob, WaitingEngine, last_line, start_process
from engine.modes.sweep.job import Job, Outcome
from utils.errors import UserError
from utils.option import option

_RETRIES = 10  # of a job whose worker or machine is lost


class OnRay(WaitingEngine):
    """Runs the jobs on the machines of a Ray cluster, which all see the folder of the runs, the
    program and the data under the same paths. Each job has a card where the cluster has any, else
    cores. Where a worker is lost, its job goes on on another one, from its last checkpoint."""

    ray_address: str | None = option(
        None,
        "the cluster to join, HOST:PORT or auto (empty: one of this machine alone)",
        affects="start",
    )
    cores: int = option(1, "of each job where there are no cards", at_least=1, affects="start")

    @property
    def at_a_time(self):
        room = _ray().cluster_resources()
        return max(1, int(room.get("GPU", 0) or room.get("CPU", 0) // self.cores))

    def run(self, jobs, folder, finished):
        ray = _ray()
        try:
            _join(ray, self.ray_address)
            return super().run(jobs, folder, finished)
        finally:
            ray.shutdown()

    def start(self, job, folder, running):
        ray = _ray()
        has_cards = "GPU" in ray.cluster_resources()
        needs = {"num_gpus": 1} if has_cards else {"num_cpus": self.cores}
        environment = {} if has_cards else {"OMP_NUM_THREADS": str(self.cores)}
        task = ray.remote(max_retries=_RETRIES, **needs)(_run_job)
        output = folder.absolute() / f"{job.file_name}.log"
        return RayJob(ray, job, task.remote(job, output, os.getcwd(), environment))


class RayJob(RunningJob):
    """A task of Ray."""

    def __init__(self, ray: ModuleType, job: Job, result):
        self.ray, self.job, self.result = ray, job, result

    def outcome(self):
        done, _ = self.ray.wait([self.result], timeout=0)
        if not done:
            return None
        try:
            return self.ray.get(self.result)
        except self.ray.exceptions.RayError as error:
            return Outcome(self.job, 1, f"Ray gave it up: {str(error).splitlines()[0]}")

    def stop(self, signal):
        # The job gets a SIGTERM when its worker ends, and saves.
        self.ray.cancel(self.result, force=True)


def _run_job(job: Job, output: Path, folder: str, environment: dict[str, str]) -> Outcome:
    """Runs a job on the machine of a worker; its paths count from `folder`."""
    os.chdir(folder)
    began = time.monotonic()
    status = start_process(job, output, environment).wait()
    line = last_line(output) if status else ""
    return Outcome(job, status, line, time.monotonic() - began)


def _ray() -> ModuleType:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # else it reports home
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError("--engine ray wants the package ray: pip install ray") from None
    return ray


def _join(ray: ModuleType, address: str | None) -> None:
    """Joins a cluster, or starts one."""
    started = {} if address else {"include_dashboard": False}
    try:
        ray.init(address or "local", log_to_driver=False, logging_level="ERROR", **started)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"the Ray cluster {address or 'local'} cannot be joined: {reason}"
        ) from None

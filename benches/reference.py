#!/usr/bin/env python3
"""Times a step of the Python package on the workloads of workloads.json, as step.rs times ours.

Needs the packages torch and memoria-pytorch. Prints one JSON object per workload and line.
"""

import argparse
import json
import resource
import statistics
import time
from pathlib import Path

import torch
from memoria import Memoria

CONFIGURATION = ("num_reminded_stm", "stm_capacity", "ltm_search_depth", "initial_lifespan", "num_final_ltms")

# A workload of shorter steps is run again and again, until those that count took so many seconds.
MEASURED_AT_LEAST = 0.1


def make_gains(indices, alpha):
    """Cubes of uniform numbers, zero where a place is padding, with a mean of alpha in every row."""
    there = (indices >= 0).float()
    gains = torch.rand_like(there).pow(3) * there
    total = gains.sum(dim=1, keepdim=True).clamp(min=1e-9)
    return gains * (alpha * there.sum(dim=1, keepdim=True) / total)


class Stopwatch:
    """Adds up the time spent inside it, with the device idle when it starts and stops."""

    def __init__(self, device):
        self.device = device
        self.seconds = 0.0

    def wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def __enter__(self):
        self.wait()
        self.started = time.perf_counter()

    def __exit__(self, *_):
        self.wait()
        self.seconds += time.perf_counter() - self.started


def run(workload, device):
    """All steps of a workload with a new memory, which is returned with the times of the second half."""
    memory = Memoria(**{name: workload[name] for name in CONFIGURATION})
    shape = [workload[name] for name in ("batch", "n", "dim")]
    times = []
    for _ in range(workload["steps"]):
        data = torch.randn(shape, device=device)
        stopwatch = Stopwatch(device)
        with stopwatch:
            memory.add_working_memory(data)
            _, indices = memory.remind()
        gains = make_gains(indices, workload["alpha"])
        with stopwatch:
            memory.adjust_lifespan_and_memories(indices, gains)
        times.append(stopwatch.seconds)
    return memory, times[len(times) // 2 :]


def measure(workload, device):
    torch.manual_seed(0)
    measured = []
    while sum(measured) < MEASURED_AT_LEAST:
        memory, times = run(workload, device)
        measured += times
    return {
        "workload": workload["name"],
        "system": "memoria-pytorch",
        "device": str(device),
        "ms_per_step": round(1000 * statistics.median(measured), 3),
        "engrams_per_row": memory.engrams.memory_length,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="a part of its name; default: all")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    options = parser.parse_args()
    for workload in json.loads(Path(__file__).with_name("workloads.json").read_text()):
        if not options.workloads or any(part in workload["name"] for part in options.workloads):
            print(json.dumps(measure(workload, options.device)), flush=True)


if __name__ == "__main__":
    main()

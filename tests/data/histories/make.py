#!/usr/bin/env python3
"""Runs the Python package memoria-pytorch 1.1.0 with its history and writes down what that tells.

Needs the packages torch and memoria-pytorch. Writes the JSON files beside it, which `tests/memory/history/package.rs`
compares with ours. The workloads are such that the searches of the two agree: one row; and either no
long-term engram is reminded, or all short-term engrams are and the walk finds all long-term ones,
which ours does as long as they are connected.
"""

import json
import random
from pathlib import Path

import torch
from memoria import Memoria

DIM = 4

WORKLOADS = [
    {
        "name": "no-ltm-reminded",
        "seed": 1,
        "n": 4,
        "steps": 16,
        "most_gain": 2.5,
        "config": {
            "num_reminded_stm": 3,
            "stm_capacity": 9,
            "ltm_search_depth": 4,
            "initial_lifespan": 3,
            "num_final_ltms": 0,
        },
    },
    {
        "name": "all-reminded",
        "seed": 2,
        "n": 3,
        "steps": 14,
        "most_gain": 1.0,
        "config": {
            "num_reminded_stm": 64,
            "stm_capacity": 5,
            "ltm_search_depth": 64,
            "initial_lifespan": 3,
            "num_final_ltms": 64,
        },
    },
    {
        "name": "best-ltms-reminded",
        "seed": 3,
        "n": 2,
        "steps": 18,
        "most_gain": 2.25,
        # Far from zero, for which the package's padding is taken when the best are chosen.
        "centre": 8,
        "config": {
            "num_reminded_stm": 64,
            "stm_capacity": 4,
            "ltm_search_depth": 64,
            "initial_lifespan": 4,
            "num_final_ltms": 4,
        },
    },
]


def run(workload):
    """Steps with their input; the package's history afterwards."""
    numbers = random.Random(workload["seed"])
    torch.manual_seed(0)
    memory = Memoria(**workload["config"], track_age=True, track_id=True, keep_history=True)
    steps = []
    for _ in range(workload["steps"]):
        centre = workload.get("centre", 0)
        vectors = [[round(numbers.gauss(centre, 1), 3) for _ in range(DIM)] for _ in range(workload["n"])]
        memory.add_working_memory(torch.tensor([vectors]))
        _, indices = memory.remind()
        reminded = [index for index in indices[0].tolist() if index >= 0]
        ids = memory.engrams.engram_ids[0].tolist()
        # Quarters, so that a gain comes out of two lifespans as it went in.
        quarters = int(4 * workload["most_gain"])
        gain = {ids[index]: numbers.randint(0, quarters) / 4 for index in sorted(reminded)}
        delta = [[gain[ids[index]] if index >= 0 else 0.0 for index in indices[0].tolist()]]
        memory.adjust_lifespan_and_memories(indices, torch.tensor(delta).reshape(indices.shape))
        steps.append({"working_memory": vectors, "gain": gain})
    return steps, memory.history[0]


def connections(edges):
    return [[edge.source_id, edge.target_id, edge.weight, edge.cofire_count] for edge in edges]


def engram(info):
    assert info.cofire_counts == {edge.target_id: edge.cofire_count for edge in info.outgoings}
    return {
        "id": info.id,
        "type": info.type,
        "lifespan": info.lifespan,
        "age": info.age,
        "fire_count": info.fire_count,
        "outgoings": connections(info.outgoings),
        # Their edges are also among the outgoing ones of others.
        "incoming": [edge.source_id for edge in info.incoming],
    }


def summary(of_step):
    engrams = list(of_step.engrams.values())
    outgoings = [edge for info in engrams for edge in info.outgoings]
    assert of_step.edges == {(edge.source_id, edge.target_id): edge for edge in outgoings}
    incoming = {(edge.source_id, edge.target_id): edge for info in engrams for edge in info.incoming}
    assert incoming == of_step.edges
    return {
        "engrams": [engram(info) for info in engrams],
        "working": of_step.working,
        "shortterm": of_step.shortterm,
        "longterm": of_step.longterm,
    }


def firing(of_engram):
    return [of_engram.timestep, of_engram.engram_id, of_engram.lifespan_gain]


def inspected(history, id):
    told = history.inspect(id)
    assert told.id == id
    assert told.summaries == history.summaries[told.creation_timestep : told.deletion_timestep]
    return {
        "creation_timestep": told.creation_timestep,
        "deletion_timestep": told.deletion_timestep,
        "duration": told.duration,
        "firing_times": told.firing_times,
        "firings": [firing(one) for one in told.firings],
        "summaries": len(told.summaries),
    }


def expect(history):
    assert len(history) == history.timestep == len(history.summaries)
    assert all(history[step] is history.summaries[step] for step in range(len(history)))
    latest = {id: engram(info) for id, info in history.latest_engram_infos.items()}
    for id, info in latest.items():
        del info["outgoings"], info["incoming"]
        assert id == info["id"]
    return {
        "timestep": history.timestep,
        "summaries": [summary(of_step) for of_step in history.summaries],
        "engram_ids": history.engram_ids,
        "engram_creation_times": history.engram_creation_times,
        "engram_deletion_times": history.engram_deletion_times,
        "engram_durations": history.engram_durations,
        "engram_firing_times": history.engram_firing_times,
        "engram_firings": {id: [firing(one) for one in all] for id, all in history.engram_firings.items()},
        "engram_fire_counts": history.engram_fire_counts,
        "firings_per_time": [[firing(one) for one in all] for all in history.firings_per_time],
        "alive_engram_ids": history.alive_engram_ids,
        "deleted_engram_ids": history.deleted_engram_ids,
        "engram_lastest_alive_timestep": history.engram_lastest_alive_timestep,
        "latest_engram_infos": latest,
        "inspect": {id: inspected(history, id) for id in history.engram_ids},
    }


def main():
    for workload in WORKLOADS:
        steps, history = run(workload)
        content = {
            "package": "memoria-pytorch 1.1.0",
            "config": workload["config"],
            "dim": DIM,
            "steps": steps,
            "expect": expect(history),
        }
        path = Path(__file__).with_name(workload["name"] + ".json")
        path.write_text(json.dumps(content, separators=(",", ":")) + "\n")
        alive = [len(of_step.engrams) for of_step in history.summaries]
        longterm = [len(of_step.longterm) for of_step in history.summaries]
        print(f"{path.name}: {path.stat().st_size} bytes, alive {alive}, long-term {longterm}")


if __name__ == "__main__":
    main()

"""Runs the cases of a campaign in several worlds at once; what they left is in a folder, from which the next run goes on.

    torture --canary PROGRAM [--campaign kills|faults|scarce]… [--seed N] [--minutes M] [--cases N] [--lanes N]
            [--progress FOLDER] [--case "WORDS"]
"""
import argparse
import collections
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.dirname(here)]

import cases  # noqa: E402
import ports  # noqa: E402
import promises  # noqa: E402
import trace  # noqa: E402
from world import FLAVOURS, STREAM, Trouble, World  # noqa: E402

# A world's history grows with each case, and every command reads it: begin anew before that costs time.
CASES_OF_A_WORLD = 60


def lane(index, options, limit):
    """One lane: a world after the other, and in each case after case."""
    flavours = [each for each in (options.flavour or FLAVOURS) if each != "tcp" or os.path.exists(STREAM)]
    own = [text for number, text in enumerate(options.case or []) if number % options.lanes == index]
    most = len(own) * options.cases if own else options.cases
    path = f"{options.progress}/lane-{index}.jsonl"
    covered, calls = read_covered(options.progress), read_calls(options.progress)
    world, count, worlds = None, 0, 0
    # A lane begins as a copy of its parent: with ports of its own.
    ports.last = os.getpid() * 251 % ports.COUNT
    try:
        while time.time() < limit and (most is None or count < most):
            if world is None:
                flavour = flavours[(index + worlds) % len(flavours)]
                if own:
                    flavour = cases.Case(own[count % len(own)], 0).get("flavour", "seats")
                worlds += 1
                try:
                    world = World(options.canary, flavour)
                    inside = 0
                except Trouble as trouble:
                    note(path, {"result": "trouble", "text": str(trouble)})
                    continue
                maker = cases.Maker(world, covered, calls)
            seed = options.seed + index + count * options.lanes
            campaign = options.campaign[count % len(options.campaign)]
            count += 1
            inside += 1
            began = time.time()
            done = attempt(world, maker, campaign, seed, own[(count - 1) % len(own)] if own else None)
            done["seconds"] = round(time.time() - began, 2)
            done["seed"] = seed
            note(path, done)
            if done["result"] == "held" and done["case"].startswith("faults"):
                covered.add(key_of(done["case"]))
            others = own and cases.Case(own[count % len(own)], 0).get("flavour", "seats") != world.flavour
            if done["result"] in ("broken", "trouble") or inside >= CASES_OF_A_WORLD or others:
                if done["result"] == "broken" and options.keep:
                    print("kept:", world.folder, flush=True)
                    world = None
                    continue
                world.close()
                world = None
            with open(f"{options.progress}/calls-{index}.json", "w") as file:
                json.dump(calls, file)
    finally:
        if world:
            world.close()


def attempt(world, maker, campaign, seed, given):
    text = ""
    try:
        case = cases.Case(given, seed) if given else maker.case(campaign, seed)
        text = case.text
        cases.perform(world, case)
        return {"result": "held", "case": text}
    except cases.Missed as missed:
        try:
            cases.calm(world)
        except (promises.Broken, TypeError) as broken:
            return {"result": "trouble", "case": text, "text": f"after a miss: {broken}"}
        return {"result": "missed", "case": text, "text": str(missed)}
    except promises.Broken as broken:
        return {"result": "broken", "case": text, "kind": broken.kind, "text": broken.text}
    except Trouble as trouble:
        return {"result": "trouble", "case": text, "text": str(trouble)}
    except Exception:  # noqa: BLE001 — a fault of the torture itself must not end the campaign in silence
        return {"result": "trouble", "case": text, "text": traceback.format_exc()}


def key_of(text):
    case = cases.Case(text, 0)
    command = {"promote": "promote", "controller": "controller", "guard": "__guard", "hook": "__hook"}.get(case.kind, case.get("command"))
    situation = {"promote": "idle", "controller": "rollout", "guard": "dying", "hook": "rollout"}.get(case.kind, case.get("situation"))
    return (case.get("flavour"), situation, command, case.get("call"), case.get("errno"))


def note(path, done):
    with open(path, "a") as file:
        file.write(json.dumps(done) + "\n")


def entries(folder):
    for name in sorted(os.listdir(folder)):
        if name.startswith("lane-") and name.endswith(".jsonl"):
            with open(f"{folder}/{name}") as file:
                for line in file:
                    try:
                        yield json.loads(line)
                    except ValueError:
                        # The last line of a run that was killed.
                        continue


def read_covered(folder):
    return {key_of(entry["case"]) for entry in entries(folder) if entry["result"] == "held" and entry.get("case", "").startswith("faults")}


def read_calls(folder):
    calls = {}
    for name in sorted(os.listdir(folder)):
        if name.startswith("calls-"):
            try:
                with open(f"{folder}/{name}") as file:
                    calls.update(json.load(file))
            except ValueError:
                continue
    return calls


def tell(folder, out=sys.stdout):
    """What was found so far; the number of cases that broke a promise."""
    results = collections.Counter()
    broken = []
    for entry in entries(folder):
        campaign = entry.get("case", "?").split(" ")[0] or "?"
        results[campaign, entry["result"]] += 1
        if entry["result"] in ("broken", "trouble"):
            broken.append(entry)
    for campaign in sorted({campaign for campaign, _ in results}):
        print(f"{campaign}: " + ", ".join(f"{results[campaign, word]} {word}" for word in ("held", "missed", "broken", "trouble") if results[campaign, word]), file=out)
    covered = read_covered(folder)
    if covered:
        known = sum(len(trace.ERRNOS[call].split()) for counts in read_calls(folder).values() for call, (early, most) in counts.items() if call in trace.ERRNOS and most > early)
        print(f"{len(covered)} of the {known} pairs of a call and an error that the commands met so far have been tried", file=out)
    for entry in broken:
        kind = entry.get("kind", entry["result"])
        print(f"\n{kind}: {entry.get('text', '')}\n  again: scripts/torture --case '{entry.get('case')}' --seed {entry.get('seed')}", file=out)
    return sum(1 for entry in broken if entry["result"] == "broken"), sum(1 for entry in broken if entry["result"] == "trouble")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--canary", required=True)
    parser.add_argument("--campaign", action="append", choices=["kills", "faults", "scarce"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--cases", type=int)
    parser.add_argument("--lanes", type=int, default=4)
    parser.add_argument("--flavour", action="append", choices=FLAVOURS)
    parser.add_argument("--progress")
    parser.add_argument("--case", action="append")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.campaign = options.campaign or ["kills", "faults", "scarce"]
    # What it starts goes by its real path, and has to be found.
    options.canary = os.path.realpath(options.canary)
    if options.case:
        options.lanes, options.cases = min(options.lanes, len(options.case)), options.cases or 1
    options.progress = options.progress or f"/tmp/canary-torture-{os.getpid()}"
    os.makedirs(options.progress, exist_ok=True)
    before = sum(1 for _ in entries(options.progress))
    options.seed += before * 7
    limit = time.time() + options.minutes * 60
    lanes = [multiprocessing.Process(target=lane, args=(index, options, limit)) for index in range(options.lanes)]
    # A lane that is asked to end takes its world with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for each in lanes:
        each.start()
    try:
        for each in lanes:
            each.join()
    finally:
        for each in lanes:
            each.terminate()
        for each in lanes:
            each.join()
    broken, troubled = tell(options.progress)
    print(f"\nnotes: {options.progress} (go on from there: --progress {options.progress})")
    raise SystemExit(1 if broken else 2 if troubled else 0)


if __name__ == "__main__":
    main()

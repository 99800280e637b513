"""What must hold after each case, whatever was done: traffic, history, the next promote, and that nothing was said that is not so."""
import json
import os
import re
import signal
import time

from world import Trouble, send

OVER = ("idle", "promoted", "reverted", "scheduled")
CRASHES = {-signal.SIGILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGFPE, -signal.SIGTRAP}
# Where libdispatch itself ends a program that has no descriptor left for a look at its own threads.
OF_THE_RUNTIME = ("_dispatch_workq_monitor_pools",)
# "All new requests go to blue", "all traffic is back on blue", "Traffic is on blue (brake on)".
CLAIM = re.compile(r"(?:[Aa]ll (?:new )?(?:requests|traffic)|[Tt]raffic) (?:go|goes|is(?: now| back)?) (?:to|on) (blue|green)\b")


def short(state):
    """What matters of a status, for a message."""
    return ", ".join(f"{key} {state[key]}" for key in ("phase", "stable", "weight", "brake", "generation", "reason"))


class Broken(Exception):
    """A promise that did not hold: (kind, text)."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind, self.text = kind, text


def only(world, pool, when, why):
    seen = world.pools()
    if set(seen) != {pool}:
        raise Broken("traffic", f"{why}: only {pool} may answer, but {seen} did {when}")


def since(world, pool, moment, why, until=None):
    """No request that began after the moment met another pool."""
    wrong = [entry for entry in world.load.between(moment, until) if entry[1] in ("blue", "green") and entry[1] != pool]
    if wrong:
        last = wrong[-1][0] - moment
        raise Broken("traffic", f"{why}: {len(wrong)} requests met {wrong[0][1]}, the last {last:.2f} s after that")


def no_crash(ran, injected=False):
    """The program ended by itself. Where the runtime had no memory, thread or descriptor, it may die as if killed."""
    if str(ran.code).startswith("hangs"):
        raise Broken("hang", f"{ran}")
    if ran.code in CRASHES and not injected and not any(name in ran.text for name in OF_THE_RUNTIME):
        raise Broken("crash", f"{ran}")


def claims(world, ran):
    """What a command that ended just now says of traffic is what clients meet; nothing else was acting."""
    state, told = world.status()
    if state is None:
        raise Broken("status", f"no JSON: {told}")
    stable = state["stable"]
    for pool in set(CLAIM.findall(ran.text)):
        only(world, pool, "after it had ended", f"{ran}")
    if ran.code in (3, 4):
        only(world, stable, "after it had ended", f"{ran} says that traffic is back on stable")
    if ran.words[0] == "promote" and ran.code == 0 and "--detach" not in ran.words:
        only(world, stable, "after it had ended", f"{ran} says promoted")
        if state["phase"] != "promoted":
            raise Broken("claim", f"{ran}, but the phase is {state['phase']}")
    # One that could not be saved within `retain` leads to the former pool, which its own sentence names.
    if ran.words[0] == "revert" and ran.code == 0 and "could not be recorded" not in ran.text:
        only(world, stable, "after it had ended", f"{ran} says done")
    if ran.code == 2 or "Nothing was begun" in ran.text or "othing was touched" in ran.text:
        if state["phase"] not in OVER:
            raise Broken("claim", f"{ran}, but a rollout is {state['phase']}")
        only(world, stable, "after it had ended", f"{ran} says that nothing was touched")


def status(world):
    """What status says, compared with what clients meet."""
    state, ran = world.status()
    if state is None or ran.code:
        raise Broken("status", f"{ran}")
    seen = world.pools()
    again, _ = world.status()
    # Something was still under way: nothing can be compared.
    keys = ("phase", "stable", "weight", "brake", "generation")
    if again is None or any(state[key] != again[key] for key in keys):
        return again or state
    for pool, share in state["weights"].items():
        if share == 0 and pool in seen:
            raise Broken("claim", f"status says that {pool} gets nothing ({short(state)}), but {seen} answered")
    if state["brake"] and len(seen) > 1:
        raise Broken("claim", f"status says that the brake is on ({short(state)}), but {seen} answered")
    return state


def quiet(world, patience=25.0):
    """Waits until nothing of canary runs any more."""
    limit = time.time() + patience
    while time.time() < limit:
        left = world.ours()
        if not left:
            return
        time.sleep(0.03)
    raise Broken("left running", "; ".join(" ".join(words) for _, words in left))


def history(world):
    """The chain holds, and no rollout has two beginnings or two ends."""
    audit = world.run("audit")
    if audit.code:
        raise Broken("history", f"{audit}")
    rollouts = {}
    told = world.run("history", "chat", "--json")
    for line in told.text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        for one in entry if isinstance(entry, list) else [entry]:
            number = one.get("rollout")
            if number is not None and "event" in one:
                rollouts.setdefault(number, []).append(one["event"])
    for number, events in rollouts.items():
        for event in ("started", "promoted", "reverted"):
            if events.count(event) > (2 if event == "reverted" and "promoted" in events else 1):
                raise Broken("history", f"rollout {number} has {events.count(event)} × {event}: {events}")
    # Some commands have no history of events in JSON: then the chain alone is what was looked at.


# Within so many seconds of its driver's death no request may meet the canary any more; a guard takes 0.4 s. More where other
# work has the machine, as the whole test suite does.
BRAKED = float(os.environ.get("CANARY_TORTURE_BRAKED", "2.5"))


def settle(world, dice, began, *, strict=True, clients=True, braked=BRAKED, died=None):
    """After whatever a case did: nothing of canary runs any more, or it ends by itself."""
    if died is None:
        quiet(world)
    else:
        limit = died + braked
        while world.ours() and time.time() < died + 25:
            time.sleep(0.03)
        left = world.ours()
        if left:
            raise Broken("left running", "; ".join(" ".join(words) for _, words in left))
        time.sleep(max(0, min(limit, died + 0.1) - time.time()))
    state = status(world)
    running = state["phase"] not in OVER
    if state["brake"] and not running:
        # A revert that could not be saved: the next command that can write records it.
        ended = world.run("revert", "chat")
        state = status(world)
        if ended.code or state["brake"] or state["phase"] not in OVER:
            raise Broken("revert", f"{ended}, and then the phase is {state['phase']}, brake {state['brake']}")
    if strict:
        only(world, state["stable"], f"with nobody driving ({short(state)})", "nobody drives")
        if died is not None and running:
            since(world, state["stable"], died + braked, "its driver was killed")
    if running and state.get("driver") and state["driver"].get("alive"):
        raise Broken("claim", f"status says that driver {state['driver']} lives, but nothing of canary runs")
    if running and dice.random() < 0.5:
        ended = world.run("revert", "chat")
        if ended.code:
            raise Broken("revert", f"after the case: {ended}")
        claims(world, ended)
        since(world, state["stable"], ended.ended, f"{ended}")
        state = status(world)
        if state["phase"] not in OVER or state["brake"]:
            raise Broken("revert", f"after it the phase is {state['phase']}, brake {state['brake']}")
    history(world)
    stable = state["stable"]
    other = "green" if stable == "blue" else "blue"
    ran = world.run("promote", "chat", "--plan", "now")
    if ran.code:
        raise Broken("next promote", f"{ran}")
    claims(world, ran)
    state = status(world)
    if state["stable"] != other or state["phase"] != "promoted" or state["brake"]:
        raise Broken("next promote", f"it ended with 0, but stable is {state['stable']}, phase {state['phase']}, brake {state['brake']}")
    quiet(world)
    only(world, other, "after the next promote", "promoted")
    if clients:
        failed = [entry for entry in world.load.between(began) if entry[1] not in ("blue", "green")]
        if failed:
            raise Broken("clients", f"{len(failed)} requests failed: {sorted({entry[1] for entry in failed})}, first {failed[0][0] - began:.2f} s after the case began")


def clear(world):
    """Ends what a case may have left: only for cases that were told of already."""
    for pid, _ in world.ours():
        send(pid, signal.SIGKILL)
    world.make_room()
    for way in ("test", "reload"):
        if os.path.exists(world.path(f"fault.{way}")):
            os.unlink(world.path(f"fault.{way}"))
    if world.edge.poll() is not None:
        try:
            world.start_nginx()
        except Trouble:
            pass

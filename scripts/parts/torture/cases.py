"""The cases: each is a line of words that repeats it, made from dice; and what is done in it."""
import os
import random
import shutil
import signal
import struct
import subprocess
import time

import promises
import trace
from promises import OVER, Broken
from world import PATIENCE, STREAM, Trouble, alive, children_of, send

LOOKING = ("status", "history", "audit", "report", "check", "schedule", "render", "route")
IDLE = ("promote", "apply", "revert", "freeze", "thaw", "cancel", *LOOKING)
SOAKING = ("revert", "pause", "resume", "advance", "promote", "apply", "freeze", "status", "check", "audit", "report")
# How long a rollout by the plan of the service takes, about.
ROLLOUT = 1.5
KINDS = {
    "kills": [("driver", 30), ("controller", 20), ("guard", 8), ("hook", 6), ("nginx", 10), ("command", 26)],
    "faults": [("promote", 24), ("command", 46), ("controller", 14), ("guard", 10), ("hook", 6)],
    "scarce": [("disk", 30), ("inodes", 15), ("files", 30), ("threads", 15), ("clock", 10)],
}
# Calls of Nginx: of its master in a reload, and of `nginx -t` and `nginx -s reload`.
MASTER = [("openat", 12), ("clone", 2), ("sendmsg", 6), ("close", 20), ("socketpair", 2), ("mmap", 10), ("epoll_create", 1), ("unlink", 1), ("write", 3), ("rt_sigsuspend", 3)]
TELLING = [("openat", 40), ("read", 20), ("bind", 2), ("socket", 3), ("mmap", 40), ("close", 30), ("kill", 1), ("newfstatat", 20), ("pread64", 6)]
# A service needs its name; these commands take no other words.
WORDS = {"audit": (), "schedule": (), "apply": (), "check": ("chat",), "freeze": ("chat", "--reason", "torture"), "render": ("chat", "--weight", "20"),
         "route": ("chat",), "report": ("chat",)}


def words(command):
    return (command, *WORDS.get(command, ("chat",)))


class Case:
    """`campaign kind key=value …`; seed decides on what the words do not say."""

    def __init__(self, text, seed):
        parts = text.split()
        self.campaign, self.kind, self.seed = parts[0], parts[1], seed
        self.facts = dict(part.split("=", 1) for part in parts[2:])
        self.text = text

    def get(self, key, default=None):
        return self.facts.get(key, default)

    @property
    def place(self):
        return float(self.facts["at"])


class Maker:
    """Makes cases for one world; those calls come first that were not tried yet."""

    def __init__(self, world, covered, calls):
        self.world, self.covered, self.calls = world, covered, calls

    def case(self, campaign, seed):
        dice = random.Random(seed)
        kinds = KINDS[campaign]
        kind = dice.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])[0]
        if kind == "hook" and self.world.flavour != "hooked":
            kind = "driver" if campaign == "kills" else "promote"
        flavour = f"flavour={self.world.flavour}"
        return Case(" ".join([campaign, kind, *getattr(self, f"_{campaign}_{kind}")(dice), flavour]), seed)

    def _moment(self, dice, command, situation):
        """A random moment, or the n-th call of a name."""
        if dice.random() < 0.45:
            return [f"at={dice.random():.4f}"]
        known = self._known(command, situation)
        call = dice.choice(sorted(known)) if known else None
        if not call:
            return [f"at={dice.random():.4f}"]
        early, most = known[call]
        return [f"call={call}", f"number={dice.randint(early + 1, max(early + 1, most))}"]

    def _known(self, command, situation):
        key = f"{self.world.flavour}/{situation}/{command}"
        if key not in self.calls:
            self.calls[key] = record(self.world, command, situation)
        return {call: counts for call, counts in self.calls[key].items() if call in trace.ERRNOS and counts[1] > counts[0]}

    def _fault(self, dice, command, situation):
        known = self._known(command, situation)
        pairs = [(call, errno) for call in sorted(known) for errno in trace.ERRNOS[call].split()]
        if not pairs:
            # It was over before it could be looked at: the next case tries again.
            self.calls.pop(f"{self.world.flavour}/{situation}/{command}", None)
            raise Missed(f"no calls of {command} are known")
        fresh = [pair for pair in pairs if (self.world.flavour, situation, command, *pair) not in self.covered]
        call, errno = dice.choice(fresh or pairs)
        early, most = known[call]
        return [f"call={call}", f"errno={errno}", f"number={dice.randint(early + 1, most)}"]

    def _kills_driver(self, dice):
        return self._moment(dice, "promote", "idle")

    def _kills_controller(self, dice):
        return [*self._moment(dice, "controller", "rollout"), f"then={dice.choice(['another', 'nobody', 'follower'])}"]

    def _kills_guard(self, dice):
        if dice.random() < 0.5:
            return self._moment(dice, "__guard", "dying")
        return [f"at={dice.random():.4f}", f"with={dice.choice(['driver', 'nobody', 'later'])}"]

    def _kills_hook(self, dice):
        return self._moment(dice, "__hook", "rollout")

    def _kills_nginx(self, dice):
        who = dice.choice(["worker", "all", "master", "test.fail", "test.kill", "test.slow", "test.at", "reload.fail", "reload.kill", "reload.lie", "reload.late", "reload.at"])
        at = [f"at={dice.random():.4f}", f"who={who}"]
        if who == "master" or who.endswith(".at"):
            call, most = dice.choice(MASTER if who == "master" else TELLING)
            at += [f"call={call}", f"number={dice.randint(1, most)}"]
        return at

    def _kills_command(self, dice):
        situation = dice.choice(["idle", "soaking"])
        command = dice.choice([each for each in (IDLE if situation == "idle" else SOAKING) if each != "promote"])
        return [f"command={command}", f"situation={situation}", *self._moment(dice, command, situation)]

    def _faults_promote(self, dice):
        return self._fault(dice, "promote", "idle")

    def _faults_command(self, dice):
        situation = dice.choice(["idle", "soaking"])
        command = dice.choice([each for each in (IDLE if situation == "idle" else SOAKING) if (each, situation) != ("promote", "idle")])
        return [f"command={command}", f"situation={situation}", *self._fault(dice, command, situation)]

    def _faults_controller(self, dice):
        return self._fault(dice, "controller", "rollout")

    def _faults_guard(self, dice):
        return self._fault(dice, "__guard", "dying")

    def _faults_hook(self, dice):
        return self._fault(dice, "__hook", "rollout")

    def _scarce_disk(self, dice):
        return [f"at={dice.random():.4f}", f"command={dice.choice(['promote', 'revert', 'controller', 'apply', 'pause', 'status'])}"]

    _scarce_inodes = _scarce_disk

    def _scarce_files(self, dice):
        return [f"limit={dice.choice([dice.randint(6, 31), dice.randint(32, 64)])}", f"command={dice.choice(['promote', 'revert', 'controller', 'apply', 'pause', 'status', 'audit'])}"]

    def _scarce_threads(self, dice):
        return [f"number={dice.randint(1, 6)}", f"call={dice.choice(['clone3', 'clone'])}", f"command={dice.choice(['promote', 'revert', 'controller', 'apply', 'status'])}"]

    def _scarce_clock(self, dice):
        return [f"step={dice.choice([-86400, -3600, -60, -5, 5, 60, 3600, 86400])}"]


# What is known of calls.

def record(world, command, situation):
    """The calls of one run of the command in that situation, without a fault."""
    log = world.path("logs/calls")
    if command in ("__guard", "__hook"):
        return record_attached(world, command, log)
    if command == "controller":
        controller = world.launch("controller", before=trace.watching(log))
        world.run("promote", "chat")
        stop(world, controller, "controller")
    else:
        if situation == "soaking":
            soak(world)
        world.run(*words(command), before=trace.watching(log))
        if command == "freeze":
            world.run("thaw", "chat")
    calm(world)
    return trace.counted(log, world.folder)


def calm(world):
    """Ends a rollout that is left, as a person would."""
    if world.status()[0]["phase"] not in OVER:
        world.run("revert", "chat")
    promises.quiet(world)


def record_attached(world, command, log):
    driver = world.launch("promote", "chat")
    pid = find(world, command)
    tracer = subprocess.Popen([*trace.watching(log), "-p", str(pid)], stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    if command == "__guard":
        send(driver.pid, signal.SIGKILL)
    world.end(driver)
    promises.quiet(world)
    tracer.wait(20)
    calm(world)
    with open(log) as file:
        text = file.read()
    with open(log, "w") as file:
        # Attached to, there is no start of the program that would have to be left out.
        file.write(f"1 getpid({world.folder}\n{text}")
    return trace.counted(log, world.folder)


# Situations.

def soak(world):
    """A rollout that another process drives, half of the traffic on the canary, for an hour."""
    ran = world.run("promote", "chat", "--plan", "long", "--detach")
    if ran.code:
        raise Trouble(f"no rollout: {ran}")
    world.wait("the stage", lambda: (world.status()[0] or {}).get("phase") == "soaking")


def find(world, command, patience=10.0):
    """The pid of a hidden command of this world, once it runs."""
    limit = time.time() + patience
    while time.time() < limit:
        for pid, said in world.ours():
            if said[0] == command:
                return pid
        time.sleep(0.005)
    raise Missed(f"no {command} has run")


class Missed(Exception):
    """What was to be hit was not met: the case says nothing."""


def real(child):
    """The pid of the program behind a strace."""
    inner = children_of(child.pid)
    return inner[0] if inner else child.pid


def stop(world, child, name, patience=PATIENCE):
    """Ends a controller as a service manager does."""
    if child.poll() is None:
        for pid, said in world.ours():
            if said[0] == name:
                send(pid, signal.SIGTERM)
    return world.end(child, patience)


# The cases themselves: each leaves the world to `settle`, or says what is broken.

def perform(world, case):
    began = time.time()
    dice = random.Random(case.seed ^ 0x5EED)
    acts = {
        "kills driver": kill_driver, "kills controller": kill_controller, "kills guard": kill_guard, "kills hook": kill_hook,
        "kills nginx": kill_nginx, "kills command": kill_command, "faults promote": fail_promote, "faults command": fail_command,
        "faults controller": fail_controller, "faults guard": fail_guard, "faults hook": fail_hook,
        "scarce disk": scarce_disk, "scarce inodes": scarce_disk, "scarce files": scarce_files, "scarce threads": scarce_threads, "scarce clock": scarce_clock,
    }
    options = acts[f"{case.campaign} {case.kind}"](world, case, dice) or {}
    promises.settle(world, dice, began, **options)


def log_of(world):
    return world.path("logs/injected")


def killing(world, case):
    """The words before a command that is to die at a call; none when it dies at a moment."""
    return trace.killing(case.get("call"), case.get("number"), log_of(world)) if case.get("call") else ()


def must_be_injected(world):
    if not trace.was_injected(log_of(world)):
        raise Missed("the call was not made so often")


def kill_driver(world, case, dice):
    child = world.launch("promote", "chat", before=killing(world, case))
    if not case.get("call"):
        time.sleep(case.place * ROLLOUT)
        if child.poll() is not None:
            world.end(child)
            raise Missed("over before")
        send(child.pid, signal.SIGKILL)
        died = time.time()
        world.end(child)
        return {"died": died}
    ran = world.end(child)
    must_be_injected(world)
    return {"died": ran.ended}


def kill_controller(world, case, dice):
    controller = world.launch("controller", before=killing(world, case))
    then = case.get("then")
    before = world.status()[0]["stable"]
    promote = world.launch("promote", "chat", *(["--detach"] if then == "nobody" else []))
    if not case.get("call"):
        time.sleep(case.place * (ROLLOUT + 0.3))
        send(controller.pid, signal.SIGKILL)
    else:
        limit = time.time() + 6
        while controller.poll() is None and time.time() < limit:
            time.sleep(0.01)
        if controller.poll() is None:
            stop(world, controller, "controller")
            world.end(promote)
            raise Missed("the controller did not come so far")
    died = time.time()
    world.end(controller)
    if case.get("call"):
        must_be_injected(world)
    if then == "another":
        another = world.launch("controller")
        ran = world.end(promote)
        promises.no_crash(ran)
        # One that found neither a controller nor its lease says so, and begins nothing.
        if ran.code not in (0, 5) and "no controller" not in ran.text:
            raise Broken("takeover", f"a controller took over, but {ran}")
        promises.no_crash(stop(world, another, "controller"))
        return {}
    ran = world.end(promote)
    promises.no_crash(ran)
    if then == "follower":
        if ran.code == 0 and world.status()[0]["stable"] == before:
            raise Broken("claim", f"{ran}, but {before} is stable still")
        return {}
    return {"died": max(died, ran.ended)}


def kill_guard(world, case, dice):
    if case.get("call"):
        hurt_guard(world, case, "signal=SIGKILL")
        # The driver and its guard are both dead: what starts next has to notice.
        return {"strict": False}
    child = world.launch("promote", "chat")
    pid = find(world, "__guard")
    time.sleep(case.place * ROLLOUT * 0.8)
    if child.poll() is not None or not alive(pid):
        world.end(child)
        raise Missed("over before")
    together = case.get("with")
    if together in ("driver", "later"):
        send(pid if together == "driver" else child.pid, signal.SIGKILL)
        if together == "later":
            time.sleep(dice.random() * 0.9)
        send(child.pid if together == "driver" else pid, signal.SIGKILL)
        world.end(child)
        # Both at once: what starts next has to notice. Until then there is nobody who could.
        return {"strict": False}
    send(pid, signal.SIGKILL)
    ran = world.end(child)
    promises.no_crash(ran)
    promises.claims(world, ran)
    return {}


def kill_hook(world, case, dice):
    child = world.launch("promote", "chat")
    pid = find(world, "__hook")
    if case.get("call"):
        tracer = attached(world, case, pid, "signal=SIGKILL")
        ran = world.end(child)
        tracer.wait(20)
    else:
        time.sleep(case.place * 0.25)
        send(pid, signal.SIGKILL)
        ran = world.end(child)
    promises.no_crash(ran)
    promises.claims(world, ran)
    return {}


def kill_nginx(world, case, dice):
    who = case.get("who")
    if "." in who:
        way, fault = who.split(".")
        child = world.launch("promote", "chat")
        time.sleep(case.place * ROLLOUT)
        with open(world.path(f"fault.{way}"), "w") as file:
            file.write(f"{fault} {case.get('call', '')} {case.get('number', '')}\n")
        ran = world.end(child)
        promises.no_crash(ran)
        promises.claims(world, ran)
        if os.path.exists(world.path(f"fault.{way}")):
            os.unlink(world.path(f"fault.{way}"))
        return {}
    if who == "master":
        tracer = attached(world, case, world.edge.pid, "signal=SIGKILL", follow=False)
    child = world.launch("promote", "chat")
    time.sleep(case.place * ROLLOUT)
    if who == "worker":
        workers = children_of(world.edge.pid)
        if workers:
            send(dice.choice(workers), signal.SIGKILL)
    else:
        if who == "master":
            end_of_master(world, tracer)
        world.kill_nginx()
        time.sleep(dice.random() * 0.5)
        world.start_nginx()
    ran = world.end(child)
    promises.no_crash(ran)
    # A request may fail where its worker was killed.
    time.sleep(0.2)
    promises.claims(world, ran)
    return {"clients": False}


def end_of_master(world, tracer):
    """Waits until the master is killed at its call, or has made no such call; its workers live on."""
    limit = time.time() + 1.5
    while time.time() < limit and world.edge.poll() is None:
        time.sleep(0.02)
    tracer.terminate()
    tracer.wait(20)


def enter(world, case):
    if case.get("situation") == "soaking":
        soak(world)


def leave(world, case, ran):
    """After a command that was hurt: the same again works, and a revert ends the rollout."""
    command = case.get("command")
    again = world.run(*words(command if command != "promote" else "status"))
    promises.no_crash(again)
    # A world without a rollout has nothing to report on.
    if command in LOOKING and again.code not in ((0, 2) if command == "report" else (0, 3)):
        raise Broken("again", f"the second time, unhurt: {again}")
    if command == "freeze":
        thawed = world.run("thaw", "chat")
        if thawed.code:
            raise Broken("again", f"{thawed}")
    if case.get("situation") != "soaking":
        return
    state = world.status()[0]
    ended = world.run("revert", "chat")
    if ended.code:
        raise Broken("revert", f"after the case: {ended}")
    if state["phase"] not in OVER:
        promises.claims(world, ended)
        promises.since(world, state["stable"], ended.ended, f"{ended}")


def kill_command(world, case, dice):
    enter(world, case)
    command = case.get("command")
    stable = world.status()[0]["stable"]
    child = world.launch(*words(command), before=killing(world, case))
    if not case.get("call"):
        time.sleep(case.place * 0.12)
        send(child.pid, signal.SIGKILL)
    ran = world.end(child)
    if case.get("call"):
        must_be_injected(world)
    elif ran.code != -signal.SIGKILL:
        leave(world, case, ran)
        promises.quiet(world)
        raise Missed("over before")
    leave(world, case, ran)
    return {}


def failing(world, case):
    return trace.failing(case.get("call"), case.get("errno"), case.get("number"), log_of(world))


def fail_promote(world, case, dice):
    ran = world.run("promote", "chat", before=failing(world, case))
    mortal = case.get("call") in trace.MORTAL
    injected = trace.was_injected(log_of(world))
    promises.no_crash(ran, mortal)
    if isinstance(ran.code, int) and (ran.code < 0 or ran.code > 128):
        return {"died": ran.ended}
    promises.claims(world, ran)
    if not injected:
        raise Missed("the call was not made so often")
    return {}


def fail_command(world, case, dice):
    enter(world, case)
    command = case.get("command")
    before = world.status()[0]
    ran = world.run(*words(command), before=failing(world, case))
    injected = trace.was_injected(log_of(world))
    promises.no_crash(ran, case.get("call") in trace.MORTAL)
    if command == "revert" and ran.code == 0:
        promises.claims(world, ran)
        if case.get("situation") == "soaking":
            promises.since(world, before["stable"], ran.ended, f"{ran}")
    elif command in LOOKING or ran.code == 2:
        after = world.status()[0]
        if after["phase"] != before["phase"] and before["phase"] not in ("starting",):
            raise Broken("claim", f"{ran}, but the phase went from {before['phase']} to {after['phase']}")
    leave(world, case, ran)
    if not injected:
        promises.quiet(world)
        raise Missed("the call was not made so often")
    return {}


def fail_controller(world, case, dice):
    controller = world.launch("controller", before=failing(world, case))
    time.sleep(0.1)
    ran = world.run("promote", "chat")
    promises.no_crash(ran)
    ended = stop(world, controller, "controller")
    injected = trace.was_injected(log_of(world))
    promises.no_crash(ended, case.get("call") in trace.MORTAL)
    if not injected:
        promises.quiet(world)
        raise Missed("the call was not made so often")
    return {"died": ended.ended}


def attached(world, case, pid, what=None, follow=True):
    log = log_of(world)
    what = what or f"error={case.get('errno')}"
    inject = f"{case.get('call')}:{what}:when={case.get('number')}"
    tracer = subprocess.Popen(trace.attach(pid, inject, case.get("call"), log, follow), stderr=subprocess.DEVNULL)
    limit = time.time() + 5
    while time.time() < limit:
        try:
            with open(f"/proc/{pid}/status") as file:
                if "TracerPid:\t0\n" not in file.read():
                    break
        except OSError:
            break
        time.sleep(0.005)
    return tracer


def hurt_guard(world, case, what=None):
    """The driver is killed, and something happens to its guard at a call; when the driver died."""
    soak(world)
    pid = find(world, "__guard")
    tracer = attached(world, case, pid, what)
    for driver, said in world.ours():
        if said[0] == "__drive":
            send(driver, signal.SIGKILL)
    died = time.time()
    world.wait("the guard's end", lambda: not alive(pid), 25)
    tracer.wait(20)
    must_be_injected(world)
    return died


def fail_guard(world, case, dice):
    died = hurt_guard(world, case)
    if case.get("call") in trace.MORTAL:
        return {"strict": False}
    promises.only(world, world.status()[0]["stable"], "after the guard had ended", "the driver was killed")
    return {"died": died}


def fail_hook(world, case, dice):
    child = world.launch("promote", "chat")
    tracer = attached(world, case, find(world, "__hook"))
    ran = world.end(child)
    tracer.wait(20)
    injected = trace.was_injected(log_of(world))
    promises.no_crash(ran)
    promises.claims(world, ran)
    if not injected:
        raise Missed("the call was not made so often")
    return {}


def hurt(world, case, act, before=(), environment=None, *, early=False):
    """Runs the case's command while something is scarce: `act` makes it so, at the case's moment."""
    command = case.get("command")
    if command == "controller":
        controller = world.launch("controller", before=before, environment=environment)
        promote = world.launch("promote", "chat")
        time.sleep(0 if early else case.place * ROLLOUT)
        act()
        moment = time.time()
        time.sleep(1.5)
        world.make_room()
        ran = world.end(promote)
        promises.no_crash(ran)
        return stop(world, controller, "controller"), moment
    if command == "promote":
        child = world.launch("promote", "chat", before=before, environment=environment)
        time.sleep(0 if early else case.place * ROLLOUT)
        act()
        moment = time.time()
        try:
            child.wait(4)
        except subprocess.TimeoutExpired:
            world.make_room()
        return world.end(child), moment
    soak(world)
    act()
    return world.run(*words(command), before=before, environment=environment), time.time()


def scarce_disk(world, case, dice):
    if not world.mounted:
        raise Missed("no disk of its own")
    ran, moment = hurt(world, case, world.fill if case.kind == "disk" else world.use_up_inodes)
    promises.no_crash(ran)
    if ran.words[0] in ("revert", "promote"):
        promises.claims(world, ran)
    elif ran.words[0] == "status" and ran.code:
        raise Broken("claim", f"a command that only looks: {ran}")
    if ran.words[0] not in ("promote", "controller"):
        stable = world.status()[0]["stable"]
        ended = world.run("revert", "chat")
        promises.no_crash(ended)
        # Whatever it says: an unlink needs no room.
        promises.only(world, stable, "after a revert on a full disk", f"{ended}")
        promises.since(world, stable, ended.ended, f"{ended}")
    world.make_room()
    if world.status()[0]["phase"] not in OVER:
        world.run("revert", "chat")
    return {}


def scarce_files(world, case, dice):
    ran, _ = hurt(world, case, lambda: None, ["prlimit", f"--nofile={case.get('limit')}:{case.get('limit')}"], early=True)
    # With fewer, the linker itself does not come so far.
    promises.no_crash(ran, int(case.get("limit")) < 6)
    return after_scarce(world, ran)


def after_scarce(world, ran):
    if ran.words[0] in ("revert", "promote") and isinstance(ran.code, int) and 0 <= ran.code < 127:
        promises.claims(world, ran)
    if ran.words[0] not in ("promote", "controller"):
        ended = world.run("revert", "chat")
        if ended.code:
            raise Broken("revert", f"after the case: {ended}")
    return {"died": ran.ended}


def scarce_threads(world, case, dice):
    # For a while: without any thread for good, the runtime waits for one.
    call, number = case.get("call"), int(case.get("number"))
    before = ["strace", "-f", "-b", "execve", "-qq", "-e", f"trace={call}", "-e", f"inject={call}:error=EAGAIN:when={number}..{number + 4}", "-o", log_of(world)]
    ran, _ = hurt(world, case, lambda: None, before, early=True)
    trace.was_injected(log_of(world))
    promises.no_crash(ran, True)
    return after_scarce(world, ran)


def scarce_clock(world, case, dice):
    """The clock of the driver is set while it soaks, and the canary falls ill in the same moment."""
    clock = world.path("logs/clock")
    set_clock(clock, 0)
    environment = {"LD_PRELOAD": clock_library(world), "TORTURE_CLOCK": clock}
    stable = world.status()[0]["stable"]
    canary = "green" if stable == "blue" else "blue"
    child = world.launch("promote", "chat", "--plan", "long", environment=environment)
    world.wait("the stage", lambda: (world.status()[0] or {}).get("phase") == "soaking")
    sick = world.path(f"apps/{canary}.sick")
    try:
        if world.flavour != "tcp":
            open(sick, "w").close()
        set_clock(clock, int(case.get("step")))
        if world.flavour == "tcp":
            send(child.pid, signal.SIGTERM)
        ran = world.end(child, 20)
        promises.no_crash(ran)
        promises.claims(world, ran)
        if ran.code == 0:
            raise Broken("clock", f"a sick canary was promoted: {ran}")
    finally:
        if os.path.exists(sick):
            os.unlink(sick)
    return {}


def set_clock(path, seconds):
    with open(path, "r+b" if os.path.exists(path) else "wb") as file:
        file.write(struct.pack("q", seconds))


def clock_library(world):
    """The clock on the wall that can be set, for this world."""
    path = world.path("clock.so")
    if not os.path.exists(path):
        compiler = shutil.which("cc") or shutil.which("clang")
        if not compiler:
            raise Missed("no C compiler")
        subprocess.run([compiler, "-shared", "-fPIC", "-O", "-o", path, os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock.c")], check=True)
    return path

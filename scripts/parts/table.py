"""What the users of the demo saw, stage by stage: requests, failed ones, and the share that each version answered."""
import collections
import csv
import datetime
import json
import sys

seen = [(float(time), int(status), version) for time, status, version in csv.reader(open(sys.argv[1]))]
rollouts = sorted(json.load(open(sys.argv[2])), key=lambda rollout: rollout["rollout"])


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


spans = []
for rollout in rollouts:
    release = rollout["release"]
    marks = [(moment(event["time"]), event) for event in rollout["events"] if event["event"] in ("stage", "promoted", "reverting", "reverted")]
    for (begin, event), following in zip(marks, marks[1:] + [None]):
        if event["event"] == "stage":
            spans.append((begin, following[0] if following else begin, f"{release} at {event['weight']} %", release))
        elif event["event"] in ("promoted", "reverted"):
            spans.append((begin, None, f"{release} {event['event']}", release))
for index, (begin, end, name, release) in enumerate(spans):
    if end is None:
        spans[index] = (begin, spans[index + 1][0] if index + 1 < len(spans) else seen[-1][0] + 1, name, release)

print(f"{'':<18}{'requests':>9}{'failed':>8}{'share of the release':>22}")
for begin, end, name, release in spans:
    inside = [one for one in seen if begin <= one[0] < end]
    share = sum(1 for one in inside if one[2] == release) / len(inside) * 100 if inside else 0
    failed = sum(1 for one in inside if not 200 <= one[1] < 400)
    print(f"{name:<18}{len(inside):>9}{failed:>8}{share:>20.1f} %")
failed = sum(1 for one in seen if not 200 <= one[1] < 400)
versions = collections.Counter(version for _, _, version in seen)
print(f"{'all':<18}{len(seen):>9}{failed:>8}   " + ", ".join(f"{version}: {count}" for version, count in sorted(versions.items())))

"""One run: a stage, a story told to it, faults done to it meanwhile, peace, and the judgement."""

from __future__ import annotations

import asyncio
import pickle
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from shared.runtime.clock import monotonic
from tests.chaos import schedule, story
from tests.chaos.checks import judged, ledger, logs
from tests.chaos.checks.finding import Fault, Finding
from tests.chaos.drained import NotDrainedError, until_drained
from tests.chaos.evidence import Evidence, gather
from tests.chaos.faults import Faults
from tests.chaos.poster import Poster
from tests.chaos.schedule import Kind
from tests.chaos.stage import Stage, a_stage

# How much longer than asked a run may take on a machine that is slow or busy.
_STRETCH: Final = 2.5
# A process may just be dead when its turn comes, and on a busy machine one may not come by the
# place in time; where fewer die than this share, the run has tried too little.
_FLOOR: Final = 0.5
_REFUSED: Final = 78
EVIDENCE: Final = "evidence.pickle"
"""What a run's folder keeps for a second look (`judge`)."""


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        seed: What it was made from.
        seconds: How long faults were done, real.
        counters: What happened, for the summary.
        findings: What is wrong; a good run has none.
    """

    seed: int
    seconds: float
    counters: dict[str, int | float] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled or wrong, and the run was worth its name."""
        return not self.findings and not self.complaints

    def summary(self) -> str:
        """Return one line of counters."""
        counted = Counter(one.fault for one in self.findings)
        told = {
            "seed": self.seed,
            "seconds": self.seconds,
            **self.counters,
            **{str(fault): counted[fault] for fault in Fault},
        }
        line = " ".join(f"{name}={value}" for name, value in told.items())
        verdict = "good" if self.good else "; ".join(["BAD", *self.complaints])
        return f"chaos {line}: {verdict}"


async def run(seed: int, seconds: float, folder: Path) -> Outcome:
    """Do a run of *seconds* of faults, servers and logs in *folder*, and judge it."""
    outcome = Outcome(seed, seconds)
    faults = schedule.schedule(seed, seconds)
    async with a_stage(folder) as stage:
        hand = Faults(stage)
        poster = Poster(stage.intake_url, stage.clock)
        for actor in stage.actors.values():
            await actor.start()
        began = monotonic()
        longest_s = seconds * _STRETCH
        lives, enough = story.story(seed, seconds), asyncio.Event()
        posting = asyncio.create_task(poster.post(lives, began=began, enough=enough))
        await hand.do(faults, began=began, until_s=longest_s)
        await asyncio.sleep(max(0.0, began + seconds - monotonic()))
        outcome.counters["lasted_s"] = round(monotonic() - began)
        enough.set()
        try:
            outcome.counters["drained_s"] = round(await until_drained(stage, posting), 1)
        except NotDrainedError as error:
            outcome.complaints.append(f"not drained {error}")
        finally:
            posting.cancel()
        evidence = await gather(stage, poster.accepted)
        (folder / EVIDENCE).write_bytes(pickle.dumps(evidence))
        outcome.complaints += [f"intake refused {text}" for text in poster.refused[:3]]
        await _end(stage, outcome)
    _count(outcome, hand, poster, evidence)
    judge(outcome, evidence)
    floor = round(schedule.kills_in(faults) * _FLOOR)
    if outcome.counters["kills"] < floor:
        outcome.complaints.append(f"fewer kills than {floor}")
    return outcome


async def _end(stage: Stage, outcome: Outcome) -> None:
    """Stop all services as anybody would, and note how they ended in the whole run."""
    ends: Counter[int] = Counter()
    statuses = await asyncio.gather(*(actor.stop() for actor in stage.actors.values()))
    for (name, actor), status in zip(stage.actors.items(), statuses, strict=True):
        ends += actor.ends
        if status:
            outcome.complaints.append(f"{name} ended with status {status} when asked to stop")
        if actor.ends[_REFUSED]:
            outcome.complaints.append(f"{name} refused its data; see {actor.log}")
    outcome.counters["kills"] = ends[-9]
    outcome.counters["at_points"] = sum(one.at_points for one in stage.actors.values())
    outcome.counters["crashes"] = sum(n for status, n in ends.items() if status not in (0, -9))


def _count(outcome: Outcome, hand: Faults, poster: Poster, evidence: Evidence) -> None:
    done = hand.done
    outcome.counters["kills"] += done[Kind.KAFKA] + done[Kind.POSTGRES]
    outcome.counters |= {
        "kafka": done[Kind.KAFKA],
        "postgres": done[Kind.POSTGRES],
        "zombies": done[Kind.PAUSE],
        "connections": done[Kind.DROP],
        "accepted": len(poster.accepted),
        "tried_again": poster.tried_again,
        "decisions": len(evidence.decisions),
        "notices": len(evidence.notifier["delivery"]),
        "arrivals": len(evidence.receipts),
        "repeats_events": logs.raw_repeats(evidence.events),
        "repeats_decisions": logs.raw_repeats(evidence.decisions),
        "repeats_deliveries": logs.raw_repeats(evidence.deliveries),
        "repeats_notices": ledger.repeated(evidence.receipts),
    }


def judge(outcome: Outcome, evidence: Evidence) -> None:
    """Hold *evidence* against what must be, and write into *outcome* what is not so."""
    outcome.findings, compared = judged(evidence)
    outcome.counters |= {
        "tickets_exact": compared.exact,
        "tickets_late": compared.late,
        "timers_early": compared.early,
        "late_input": compared.flagged,
    }

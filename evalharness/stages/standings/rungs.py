"""rungs: what kind of step on the ladder an arm is, in a word or two for the report.

Reads: an arm, its suite, the client's identity.  Gives: `rung_of`.
Depends on: arms.  Decides nothing.
"""

from __future__ import annotations

from evalharness.contracts import Identity
from evalharness.spec.suite import Suite
from evalharness.stages.arms import Arm


def rung_of(suite: Suite, arm: Arm, identity: Identity) -> str:
    """The baseline file's own `rung`, else told from the adapter and the prompt.

    "LoRA + passages", "few-shot", "prompt"; "" for a recording, of which nothing is known.
    """
    if arm.rung:
        return arm.rung
    if arm.recorded:
        return ""
    prompt = arm.prompt or suite.prompt
    parts = []
    if "adapter" in identity.details:
        parts.append("LoRA")
    elif "job" in identity.details or identity.model.startswith("tinker://"):
        parts.append("tuned")
    if prompt.few_shot is not None:
        parts.append("few-shot")
    if prompt.rag is not None:
        parts.append("passages")
    return " + ".join(parts) or "prompt"

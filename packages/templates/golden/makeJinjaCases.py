"""Renders the templates of jinja-cases.json again with Jinja2, set up as transformers' chat templates are, and random conversations into jinja-chats.json.

To add a case, append ["template", null] there and run this.
Run: python3 golden/makeJinjaCases.py (needs jinja2 3.1). A case is [template, text]; null stands for a refusal.
"""
import json
import pathlib
import random
import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    """`{% generation %}` as a call block, which is all that its text needs."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    return env


PIECES = [
    "<|im_end|>", "<|im_start|>assistant\n", "</s>", "<think>", "</think>", "<think>\nwhy\n</think>\n\n", "\n", "\n\n", " ", "  ", "\t", "\u00a0", "\u3000", "\ufeff",
    "\u0085", "\u001c", "\u2028", "a", "Word", "x y", "\u00e9", "\u4f60\u597d", "\U0001f469\u200d\U0001f4bb", "{{ 1 }}", "{% if %}", "\"", "'", "\\", "<tool_response>", "</tool_response>", "\r\n", "\u0000",
]


def random_chat(rng, tools):
    text = lambda: "".join(rng.choice(PIECES) for _ in range(rng.randrange(6)))
    messages = [{"role": "system", "content": text()}] if rng.random() < 0.4 else []
    for _ in range(rng.randrange(1, 4)):
        messages.append({"role": "user", "content": text()})
        if tools and rng.random() < 0.4:
            call = {"type": "function", "function": {"name": rng.choice(["f", "get_x"]), "arguments": {rng.choice(["a", "b c"]): rng.choice([1, 2.5, text(), [True, None]])}}}
            messages.append({"role": "assistant", "content": text(), "tool_calls": [call] * rng.randrange(1, 3)})
            for _ in range(rng.randrange(1, 3)):
                messages.append({"role": "tool", "content": text()})
        answer = {"role": "assistant", "content": text()}
        if rng.random() < 0.2:
            answer["reasoning_content"] = text()
        messages.append(answer)
    return messages


def chat_cases(env, count=160):
    """Random conversations through the chat templates of chats.json."""
    rng = random.Random(20240726)
    folder = pathlib.Path(__file__).parent
    models = json.loads((folder / "chats.json").read_text())
    sources = {name: model["chat_template"] for name, model in models.items() if model["chat_template"]}
    sources["chatml-generation"] = models["qwen3"]["chatml_generation_template"]
    out = []
    for i in range(count):
        name = list(sources)[i % len(sources)]
        special = models.get(name, models["qwen3"])["special"]
        messages = random_chat(rng, name in ("qwen3", "chatml-generation"))
        tools = [{"type": "function", "function": {"name": "f", "description": rng.choice(PIECES)}}] if name == "qwen3" and rng.random() < 0.3 else None
        open_turn = rng.random() < 0.3
        if open_turn:
            messages = messages[:-1]
        record = {"template": name, "messages": messages, "tools": tools, "add_generation_prompt": open_turn}
        try:
            record["text"] = env.from_string(sources[name]).render(messages=messages, tools=tools, documents=None, add_generation_prompt=open_turn, **special)
        except Exception:
            record["error"] = True
        out.append(record)
    return out


def case(env, template, context):
    try:
        return [template, env.from_string(template).render(**context)]
    except Exception:
        return [template, None]


if __name__ == "__main__":
    env = environment()
    folder = pathlib.Path(__file__).parent
    golden = json.loads((folder / "jinja-cases.json").read_text())
    cases = ",\n".join(json.dumps(case(env, template, golden["context"])) for template, _ in golden["cases"])
    head = json.dumps({"made_with": {"jinja2": jinja2.__version__}, "context": golden["context"]})
    (folder / "jinja-cases.json").write_text(head[:-1] + ', "cases": [\n' + cases + "\n]}\n")
    (folder / "jinja-chats.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in chat_cases(env)) + "\n]\n")

"""Renders small templates with Jinja2, set up as transformers' chat templates are, into jinja-cases.json, and random conversations into jinja-chats.json.

Run: python3 golden/makeJinjaCases.py (needs jinja2 3.1). A case whose rendering fails is recorded as {"error": true}.
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


CONTEXT = {
    "s": "  Hello, wörld  ", "e": "", "u": "👩‍💻 naïve Straße ǆ", "nl": "\n\na\nb\n\n", "n": 7, "f": 2.5, "yes": True, "no": False, "nothing": None,
    "l": ["b", "A", "c"], "nums": [3, 1, 2], "d": {"k": "v", "items": [1, 2], "n": {"x": None, "y": [True, 1.5]}}, "empty": [],
    "q": "say \"hi\" and 'bye'\\\n\tend\u0001\u007f\u2028", "csv": "a,b,,c", "t": "<think>\nhm\n</think>\n\nanswer",
    "m": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}, {"role": "user", "content": "Bye"}],
    "bom": "\ufeff x \u0085\u001c", "obj": [{"a": {"b": 2}, "name": "z"}, {"a": {"b": 1}, "name": "Y"}, {"name": "x"}],
}

EXPRESSIONS = """
s | trim
s.strip()
s.lstrip() ~ '|'
s.rstrip() ~ '|'
bom.strip() ~ '|'
bom | trim ~ '|'
s.upper()
s | lower
u | upper
u | lower
u | title
u | capitalize
'hello wORLD' | title
'hello wORLD'.title()
"they're bill's" | title
'hELLO' | capitalize
u | length
u[0]
u[1:3]
u[::-1]
s[-4:]
s[2:-2]
s[100:]
u[-1]
l[1:] | join('-')
l[::-1] | join
l | join(', ')
nums | sort | join(',')
l | sort | join(',')
l | sort(case_sensitive=true) | join(',')
l | sort(reverse=true) | join(',')
l | first ~ (l | last)
l | reverse | list
nums | sum
nums | map('string') | join('+')
m | map(attribute='role') | join(',')
m | selectattr('role', 'equalto', 'user') | map(attribute='content') | list
m | rejectattr('role', '==', 'user') | list | length
nums | select('odd') | list
nums | reject('odd') | list
obj | sort(attribute='name') | map(attribute='name') | join
obj | map(attribute='a.b', default=0) | list
csv.split(',')
csv.split(',', 1)
s.split()
nl.split('\\n')
csv.rsplit(',', 1)
t.split('</think>')[-1].lstrip('\\n')
t.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n')
t.split('<think>')[0]
csv.replace(',', ';')
csv.replace(',', ';', 2)
csv | replace(',', '')
csv.replace('', '.')
s.replace('l', 'LL')
s.startswith('  H')
t.startswith(('<t', 'x'))
t.endswith('answer')
csv.count(',')
csv.find('b')
csv.find('zz')
t.removeprefix('<think>')
t.removesuffix('answer')
nl.splitlines()
'abc'.isdigit() ~ '12'.isdigit()
d | tojson
d | tojson(indent=2)
d | tojson(indent=4)
d | tojson(separators=(',', ':'))
d | tojson(sort_keys=true)
q | tojson
u | tojson
u | tojson(ensure_ascii=true)
empty | tojson
empty | tojson(indent=2)
{} | tojson(indent=2)
nothing | tojson
f | tojson
1.0 | tojson
[1, [2, {'a': []}]] | tojson(indent=2)
{'a': s, 'b': nums} | tojson
d
l
q
nums
d.n
[q]
["it's", 'say "x"', 'both \\' and "']
{'a': true, 'b': none}
yes
no
f
1.0
10 / 4
10 // 4
10 % 4
-7 // 2
-7 % 3
2 ** 10
2 ** -1
1 + 2 * 3
(1 + 2) * 3
7 / 2 | int
'12' | int + 1
'x' | int
'3.5' | float
f | int
-3 | abs
'a' ~ 1 ~ true
'ab' * 3
3 * 'ab'
[1] + [2, 3]
'a' < 'b'
1 < 2
2 >= 2
1 == 1.0
1 == true
'a' == 'a'
[1, 2] == [1, 2]
{'a': 1} == {'a': 1}
'a' in 'abc'
'z' not in 'abc'
'A' in l
'k' in d
'zz' in d
1 in nums
nothing is none
nothing is not none
missing is defined
missing is undefined
missing is not defined
s is string
d is mapping
l is iterable
s is iterable
d is iterable
n is iterable
l is sequence
d is sequence
n is number
n is integer
f is float
yes is boolean
yes is true
no is false
n is odd
n is even
l is string
missing
missing | default('x')
e | default('x')
e | default('x', true)
nothing | default('x')
e or 'x'
s and 'x'
not e
not missing
'a' if yes else 'b'
'a' if no else 'b'
'a' if no
d.k
d['k']
d['items']
d.get('k')
d.get('zz')
d.get('zz', 'dflt')
d.keys() | list
d.values() | list
d.items() | list
d | items | list
d | dictsort
d.n.y[0]
d.n.zz
d['zz']
d.zz is defined
nothing.foo
d | length
s | length
nl | indent
nl | indent(2)
nl | indent(2, true)
nl | indent(2, true, true)
nl | indent(width=3, first=true)
s | string
n | string ~ '!'
l | unique | list
[1, 1, 2] | unique | list
d | list
'abc' | list
'abc' | first
'abc' | reverse
range(3) | list
range(2, 8, 3) | list
range(3, 0, -1) | list
namespace(a=1).a
dict(a=1, b='x')
none
true
false
None
True
'\\n' ~ '\\t' ~ '\\\\'
"a" 'b'
u.split()
u == u
s.strip().split(', ')[1]
q.split('\\n')
','.join(l)
'-'.join(['a', s])
m[0].role
m[-1]['content']
m[0]['role'] == 'user'
m | length - 1
(m | length) - 1
m[1:] | length
m[:-1] | map(attribute='content') | join('/')
m | first
m | last | tojson
loop is defined
messages is defined
(1, 2)
('a', [1]) | tojson
l | join(d='+')
'a-b (c d) [e' | title
'x' ~ nothing
[nothing, missing]
s.title()
"o'neil" | capitalize
[1, 2] | tojson(indent=0)
m | map(attribute='role') | unique | list
nums | min
nums | max
nums | sort(reverse=true)
f | round
3.5 | round
n | round
'abc'.index('z')
'abc'.partition('z')
empty | min is defined
[1, 'a'] | sum
f | round(1)
3.14159 | round(2)
'a\nb' | replace('\n', ' ')
[[1, 2], [3]] | sum(start=[])
'abc'[1]
'abc'[5]
l[5]
l[-1]
d.n.y | length
'ab' 'cd' ~ 'e'
'a,b' | replace(',', '') | upper
'x'.join(['1'])
'a b'.partition(' ')
'abc'.index('c')
'abcabc'.rfind('b')
'Ab'.islower() ~ 'ab'.islower() ~ 'AB'.isupper()
'a1'.isalnum()
raise_exception('no')
missing.foo
missing.foo.bar
'a' + 1
1 + 'a'
'a' + nothing
nothing + 'a'
'a' + missing
s.nope()
nope()
n | nofilter
'x' in nothing
'x' in missing
n < 'a'
1 / 0
nothing | length
n | length
d.pop('k')
l.append(1)
""".strip().split("\n")

TEMPLATES = [
    r"{{ 'a\d\w' }}",
    "{{ 'one\\\ntwo\\\n\\\nthree' }}",
    "{{ 'one\ntwo' }}",
    r"{{ '\U0001f600' ~ '\u00e9\x41' ~ '\a' ~ '\0' }}",
    r"{{ 'it\'s' ~ \"say \\\"x\\\"\" }}",
    r"a\d {# 'b\d #} {% set x = '\d' %}{{ x }}\\",
    r"{{ '}}' ~ '%}' ~ '\s' }}{{ {'a': {'b': '\q'}} | tojson }}",
    "{% for x in l %}{{ x }}{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }} {% endfor %}",
    "{% for x in l %}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }} {% endfor %}",
    "{% for x in empty %}x{% else %}none{% endfor %}",
    "{% for x in l if x != 'A' %}{{ loop.index }}{{ x }}{% else %}none{% endfor %}",
    "{% for x in l if x == 'zz' %}x{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }},{% endfor %}",
    "{% for c in 'héy' %}[{{ c }}]{% endfor %}",
    "{% for x in l %}{{ x }}{% if x == 'A' %}{% break %}{% endif %}.{% endfor %}",
    "{% for x in l %}{{ x }}{% if x == 'A' %}{% continue %}{% endif %}.{% endfor %}",
    "{% for x in missing %}x{% else %}none{% endfor %}",
    "{% for x in nothing %}x{% endfor %}",
    "{% set x = 1 %}{% for y in l %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(x=1) %}{% for y in l %}{% set ns.x = ns.x + 1 %}{{ ns.x }}{% endfor %}{{ ns.x }}",
    "{% for y in l %}{% if loop.first %}{% set z = y %}{% endif %}{{ z }}{% endfor %}",
    "{% if yes %}{% set a = 'in' %}{% endif %}{{ a }}",
    "{% set a %}block {{ s | trim }}{% endset %}[{{ a }}]{{ a | length }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% macro f(a, b='B') %}<{{ a }}{{ b }}>{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(b=1, a=2) }}{{ f() }}",
    "{% macro f() %}{{ s }}{% endmacro %}{{ f() | trim }}",
    "{% macro f() %}{{ y }}{% endmacro %}{% for y in l %}[{{ f() }}]{% endfor %}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro f() %}{{ caller() }}!{% endmacro %}{% call f() %}in{{ n }}{% endcall %}",
    "{% macro f() %}{{ caller(1) }}{% endmacro %}{% call(x) f() %}x={{ x }}{% endcall %}",
    "{% macro f(a) %}{{ a }}{{ kwargs }}{{ varargs }}{% endmacro %}{{ f(1, 2, x=3) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}",
    "{% filter upper %}abc {{ s }}{% endfilter %}",
    "{# comment #}a{#- c -#} b",
    "a\n{% if yes %}\nb\n{% endif %}\nc\n",
    "a\n  {% if yes %}\n  b\n  {% endif %}\nc\n\n",
    "a\n{%- if yes %}\nb\n{%- endif -%}\nc\n",
    "a {{- ' b ' -}} c",
    "a\n{{ n }}\nb",
    "a\n\n{{ n }}\n\n",
    "  {% set x = 1 %}  {{ x }}  {# c #}  \nz",
    "x{% generation %}\ny\n{% endgeneration %}\nz",
    "  {% generation %}  y  {% endgeneration %}  z\n",
    "x\n{%- generation -%}\n y \n{%- endgeneration -%}\n z",
    "{% set a = 1 %}{% generation %}{% set a = 2 %}{{ a }}{% endgeneration %}{{ a }}",
    "{% for x in m %}{% generation %}{{ x.content }}{% endgeneration %}{{ x.role }}\n{% endfor %}",
    "{%- for x in m -%}\n  {{- x.role }}: {{ x.content }}\n{%- endfor -%}",
    "{% if no %}a{% elif n == 7 %}b{% else %}c{% endif %}",
    "{% for a in [1, 2] %}{% for b in l %}{{ loop.index }}{{ a }}{{ b }}{% endfor %}{{ loop.index }};{% endfor %}",
    "{{ '{{' }} {{ '}}' }}",
    "{{ {'a': {'b': 1}} | tojson }}",
    "{{ [s, {'x': u}] }}",
    "line1\r\nline2\r{{ n }}",
    "{% for x in m %}{% if (x['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}{{ x['content'] }}{% endfor %}",
    "{% set ns = namespace(found=false) %}{% for x in m[::-1] %}{% if not ns.found and x.role == 'user' %}{% set ns.found = true %}{{ loop.index0 }}{% endif %}{% endfor %}",
    "{% set x = {'a': 1, 'b': [1, 2]} %}{{ x.a }}{{ x['b'][1] }}",
    "{% set role_map = {'user': 'U', 'assistant': 'A'} %}{% for x in m %}{{ role_map[x.role] }}:{{ x.content }} {% endfor %}",
    "{{ m | selectattr('role', 'in', ['user']) | list | length }}",
    "{% set l2 = l | list %}{{ l2 == l }}",
    "{{ not yes and no or yes }}",
    "{{ 1 if no else 2 if no else 3 }}",
    "{{ (n > 3) and (n < 10) }}",
    "{{ n > 3 and 'big' or 'small' }}",
]


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


def chat_cases(env, count=240):
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


def case(env, template):
    try:
        return {"template": template, "text": env.from_string(template).render(**CONTEXT)}
    except Exception:
        return {"template": template, "error": True}


if __name__ == "__main__":
    env = environment()
    templates = ["{{ " + e + " }}" for e in EXPRESSIONS] + TEMPLATES
    out = {"made_with": {"jinja2": jinja2.__version__}, "context": CONTEXT, "cases": [case(env, t) for t in templates]}
    pathlib.Path(__file__).with_name("jinja-cases.json").write_text(json.dumps(out, ensure_ascii=True, indent=1) + "\n")
    pathlib.Path(__file__).with_name("jinja-chats.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in chat_cases(env)) + "\n]\n")

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

# Words and signs of Python that chat templates use now and then, and places where an implementation goes wrong.
MORE_EXPRESSIONS = r"""
1e5
1e16
1e-5
0.1 + 0.2
1.5e300 * 1e10
1e15
123456789012345680.0
-0.0
5e-324
1 / 3
100000000000000000000
2 ** 64
2 ** 0.5
10 ** 20
7 // 2.0
-7 // 2.0
7.5 % 2
-7.5 % 2
1_000
+n
- n
--n
n ** 2 ** 1
-2 ** 2
2 * 'ab' ~ 'c'
[1, 2] * 2
2 * [0]
(1, 2) + (3,)
true + 1
true and 1
'a' * 0
'a' * -1
yes + yes
not 1 == 2
1 < 2 < 3
1 < 3 < 2
3 > 2 > 1
1 == 1 == 1
'a' < 'b' < 'c'
[1,2] < [1,3]
(1,2) < (1,3)
none == none
none != 1
'' == none
0 == false
1.0 == 1
'1' == 1
{} == []
{1: 'a'}[1]
{'a': 1, 'b': {'c': [1.0, none, true]}}
{'a': (1, 2)} | tojson
{'b': 1, 'a': 2} | tojson(sort_keys=True)
{'b': 1, 'a': 2} | dictsort | tojson
{'é': '\u2028\u007f</script>&\'"'} | tojson
'\x00\x01\x1f\x7f\x80' | tojson
'\ud83d\ude00' | tojson
"😀" | tojson(ensure_ascii=true)
[1.0, 1e16, 1e-7, 0.1] | tojson
[] | tojson(indent=2)
[[], {}] | tojson(indent=2)
d | tojson(indent=2, ensure_ascii=false)
d | tojson(true)
d | tojson(indent=2, separators=(', ', ' : '))
d | tojson(2)
d | tojson(ensure_ascii=False, indent=4, sort_keys=True)
(1, (2, 3)) | tojson
m | tojson(indent=4)
nothing | tojson | string
missing | tojson
'x' is sameas 'x'
true is sameas true
none is sameas none
yes is sameas(true)
n is sameas true
1 is sameas 1.0
nothing is sameas none
n is eq 7
n is eq(7)
n is equalto 7
n is ne 7
n is lt 8
n is gt 6
n is le 7
n is ge 7
n is lessthan 8
n is greaterthan 8
n is divisibleby 7
n is divisibleby(3)
n is not divisibleby 3
'a' is in 'abc'
'a' is in ['a']
'k' is in d
'a' is not in ['b']
s is not none and s is string
s is lower
'abc' is lower
'ABC' is upper
n is sequence
none is sequence
none is iterable
yes is iterable
yes is number
yes is integer
no is float
f is number
n is true
1 is boolean
none is defined
none is undefined
namespace is callable
l is callable
range is callable
'odd' is test
'nah' is test
s is escaped
s | length is number
(n | string) is string
l is mapping
'x' is string and 'x' is sequence
u is iterable and u is not mapping
missing.x is defined
missing is none
d.zz.yy is defined
d.zz is none
loop
loop is undefined
caller is defined
varargs is defined
'%s and %d' % ('a', 3)
'%s' % 'x'
'%s' % n
'%05.2f|%x|%5s|%-5s|' % (3.14159, 255, 'a', 'b')
'%d%%' % 50
'%r' % 'x'
'{} {}'.format('a', 1)
'{0}{1}{0}'.format('a', 'b')
'{x}'.format(x=1)
'{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}'.format('a', 'b', 'c', 42, 3.14159)
'{!r}'.format('a')
'{{}}'.format()
'%s=%s' | format('a', 1)
'%s' | format(s)
'a,b,c'.split(',')[-1]
'a,b,c'.split(',')[::-1]
'a,b,c'.rsplit(',', 1)[0]
'  a  b '.split()
'  a  b '.split(' ')
'  a  b c '.split(none, 1)
'a b c'.rsplit()
'a b c'.rsplit(none, 1)
'abc'.split('')
'a--b--c'.split('--', maxsplit=1)
'a.b'.rpartition('.')
'ab'.rpartition('.')
'x'.center(5, '*')
'x'.ljust(3) ~ '|'
'x'.rjust(3) ~ '|'
'7'.zfill(3)
'-7'.zfill(4)
'aXbX'.swapcase()
'straße'.casefold()
'a\tb'.expandtabs(4)
'abc'.index('b', 1)
'abcabc'.find('b', 2)
'abcabc'.find('c', -2)
'abcabc'.rfind('a', 0, 3)
'abcabc'.count('b', 2)
'abc'.startswith('b', 1)
'abc'.endswith('b', 0, 2)
'abc'.startswith(('x', 'a'))
'abc'.startswith('')
''.startswith('')
'abc'.removeprefix('')
'abc'.removesuffix('')
'a\r\nb\nc\rd\x0be\x1cf'.splitlines()
'a\nb\n'.splitlines(true)
'a\nb'.splitlines(keepends=True)
'ab'.isalpha()
'Ab Cd'.istitle()
'abc'.isidentifier()
'12'.isnumeric()
'½'.isnumeric() ~ '½'.isdigit() ~ '²'.isdigit()
'12'.isdecimal()
'a b'.isspace()
' \t'.isspace()
''.isalpha()
''.isspace()
'a'.isascii() ~ 'é'.isascii()
'xxaxx'.strip('x')
'xyaxy'.strip('xy')
'xyaxy'.lstrip('yx')
'xyaxy'.rstrip('yx')
'  a'.strip(none)
'a'.strip('')
'abc' | trim('a')
' abc ' | trim(chars=' a')
'abc'.replace('b', '')
'aaa'.replace('a', 'b', 1)
'aaa' | replace('a', 'b', 2)
'aaa' | replace('a', 'b', count=1)
n | replace('7', '8')
'a' | upper | lower
'hello world' | wordcount
'a' | center(5) ~ '|'
'a' | safe
l | batch(2) | list
l | batch(2, 'x') | list
m | groupby('role') | list | length
[{'a': 1}, {'a': 1}] | groupby('a') | list
m | groupby('role') | map('first') | list
m | map(attribute='role') | map('upper') | list
m | map('length') | list
m | map('attr', 'role') | list
m | attr('role')
['a', 'b'] | map('replace', 'a', 'x') | list
['a ', ' b'] | map('trim') | join(',')
[1, 2, 3] | select('gt', 1) | list
[1, 2, 3] | select('divisibleby', 2) | list
[1, 0, none, '', 'a'] | select | list
[1, 0, none, '', 'a'] | reject | list
[none, 1] | reject('none') | list
[{'a': none}, {'a': 1}, {}] | selectattr('a') | list
[{'a': none}, {'a': 1}, {}] | selectattr('a', 'defined') | list
[{'a': none}, {'a': 1}, {}] | rejectattr('a', 'none') | list
[{'a': none}, {'a': 1}, {}] | rejectattr('a') | list
[{'a': {'b': 1}}, {'a': {'b': 2}}] | selectattr('a.b', 'eq', 2) | list
[{'a': [1, 2]}, {'a': [3]}] | map(attribute='a.0') | list
[[1, 2], [3, 4]] | map(attribute=1) | list
[[1, 2], [3, 4]] | map('sum') | list
m | selectattr('role', 'ne', 'user') | map(attribute='content') | first
m | selectattr('role', 'in', ['user', 'system']) | list | length
m | selectattr('role', '==', 'user') | list | last
m | map(attribute='zz') | list
m | map(attribute='zz', default='d') | list
m | map(attribute='zz') | join('|')
m | sum(attribute='zz')
obj | sum(attribute='zz', start=1)
obj | selectattr('a') | sum(attribute='a.b')
obj | selectattr('a') | sort(attribute='a.b,name') | map(attribute='name') | list
obj | selectattr('a') | map(attribute='a') | max(attribute='b')
obj | selectattr('a') | map(attribute='a') | min(attribute='b')
['b', 'A', 'c'] | sort | list
['b', 'A', 'c'] | min
['b', 'A', 'c'] | max(case_sensitive=true)
['b', 'B', 'a'] | unique | list
['b', 'B', 'a'] | unique(case_sensitive=true) | list
[1, '1'] | unique | list
['10', '9'] | sort
[3, 1] | sort(false, true)
[[2, 'a'], [1, 'b']] | sort
{'b': 1, 'A': 2} | dictsort
{'b': 1, 'A': 2} | dictsort(true)
{'b': 1, 'A': 2} | dictsort(false, 'value')
{'b': 1, 'A': 2} | dictsort(by='value', reverse=true)
nothing | items | list
missing | items | list
d | first
d | last
'abc' | last
[] | first
[] | last
[] | first is defined
'' | first
missing | list
missing | join(',')
missing | length
missing | upper
missing ~ 'x'
missing == none
missing == missing2
missing or 'd'
missing if missing else 'e'
nothing | list
nothing | join
n | list
12 | string | list
'0x1A' | int(0, 16)
'12abc' | int
'1e3' | int
' 12 ' | int
'12.7' | int
'' | int
'abc' | int(5)
nothing | int
nothing | int(3)
[] | int
true | int
12.9 | int
-12.9 | int
'1.5' | float
'1.5abc' | float
'inf' | float
'nan' | float
'abc' | float(2.5)
nothing | float
2.5 | round
-2.5 | round
2.675 | round(2)
1.005 | round(2)
42.55 | round(1)
42.55 | round(1, 'floor')
42.55 | round(0, 'ceil')
42 | round(1)
1234 | round(-2)
-5 | abs
-5.5 | abs
'a' | abs
[1.5, 2] | sum
[1, 2] | sum(start=10)
[] | sum
['a'] | sum(start='')
(1, 2) | reverse | list
u | reverse
'abc'[::2]
'abcdef'[4:1:-1]
'abcdef'[-1:0:-2]
'abcdef'[:-10:-1]
'abc'[5:]
'abc'[-5:2]
[1,2,3,4][::-2]
[1,2,3][5:]
(1,2,3)[1:]
(1,2,3)[::-1]
l[:]
l[0:1]
l[-2:]
m[::-1][0].content
m[1:][0]['role']
'abc'[none:2]
'abc'[1.0]
'abc'['x']
l['x']
l.x
d[0]
n.x
n[0]
'abc'.x
d.items() | list | length
d.keys() | sort
d.get('n', {}).get('zz', 'q')
d.copy()
d.update({'a': 1})
d.setdefault('z', 1)
l.index('A')
l.count('A')
l.append('x')
l.copy()
[3,1].sort()
(1,2).index(2)
(1,2,1).count(1)
namespace(a=1, b=2)
namespace({'a': 1}).a
namespace(a=1)['a']
dict([('a', 1)])
dict(d, z=1) | tojson
dict()
range(5)[1]
range(5)[1:3] | list
range(10)[::-1] | list
range(3) | length
range(5, 0, -2) | list
range(1, 3) | map('string') | join('-')
2 in range(3)
cycler('a', 'b').next()
joiner(', ')()
joiner(', ')() ~ 'x'
[1, 2, 3] | join(', ')
[[1], {'a': 1}] | join(' ')
['a', 'b'] | join(', ', attribute='x')
m | join(', ', attribute='role')
'abc' | join('-')
d | join(',')
'a' ~ [1, 'b'] ~ {'c': none}
'' ~ []
"it's" ~ ['it\'s']
['"', "'", '\'"']
['\\', '\n', '\t', '\x00', 'é', '\u200b', '\xa0', '\ue000', '😀']
[1.0, 2.50, 1e100, -0.0]
[true, false, none]
[missing]
[[], {}, '', ()]
(1,)
()
((1, 2), 3)
{'a': missing}
{'a b': 'c"d', "e'f": 1}
'\101'
'a' 'b' 'c'
"tab\there"
'a' if true
('a' if false) is defined
('a' if false) ~ 'x'
'a' if no else ('b' if no else 'c')
('a' if no else 'b') ~ 'c'
'x' if n > 5 and not no
[x for x in l]
l | map('upper') | reject('equalto', 'A') | list
(l | join(',')).split(',') | list
(m | map(attribute='role') | list)[0]
((1 + 2) * 3) | string + 'x'
1 + n | string
n | string ~ '1' | int
-n | abs
(-n) | abs
not n | string
n == 7 and f == 2.5 or no
no or no or 'x'
yes and e
e or nothing or empty or 'last'
nothing or e
not not n
n not in nums
not n in nums
n in [7]
'ab' in ['ab', 'c'] and 'c' not in 'ab'
none in [none]
[1] in [[1]]
d['k'] ~ d.k ~ d["k"]
d['n']['y'][0]
d.n['y'].0
m.0.role
m.0['role']
m[n - 7].role
m[-1].role
m[loop_index]
'%02d' % 5
'%s' % [1, 'a']
'%(a)s' % {'a': 1}
u | length ~ (u | list | length)
u.find('n')
u.index('ï')
u.split(' ') | length
'İ'.lower() | length
'ß'.upper()
'ﬁ'.upper()
'ΑΣ'.lower()
"don't stop" | title
"don't stop".title()
'hello_world-foo bar' | title
'1a b2c'.title()
'ÉCOLE' | capitalize
'x' | capitalize ~ '' | capitalize
'a\n\nb' | indent(2)
'a\n\nb' | indent(2, first=true, blank=true)
'a\nb' | indent('> ')
'a\nb' | indent('> ', true)
'a\r\nb' | indent(2)
'a\nb\n' | indent(2)
'  x  ' | trim | length
'' | trim
'\u3000x\u3000' | trim
'\ufeffx' | trim | length
'\u200bx' | trim | length
'\x1cx\x85' | trim
'\u180ex' | trim | length
messages
d | string
l | string | length
f | string
1.0 | string
1e20 | string
yes | string
n | string | int + 1
[1,2,3] | first + 1
m | length > 2
m | length == 3 and m[0].role == 'user'
none is none
'none' is none
undefined
null
n is defined and n
m | last | attr('content')
(m | last).content
(m | last)['content'] | trim
strftime_now
now()
1 if 1 else 2
[1, 2,]
{'a': 1,}
(1, 2,)
dict(a=1,)
[1, 2][-1]
{'a': {'b': 1}}.a.b
'abc'.upper().lower()[0]
('a', 'b')[0]
('a') ~ 'b'
[*l]
n.__class__
s.__class__.__mro__
l.__len__()
''.join(l).upper()
', '.join(m | map(attribute='role'))
''.join(['a', 1])
'-'.join('abc')
'-'.join(d)
'-'.join(('a', 'b'))
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
    "{% for x in [1,2,3] %}{{ loop.changed(x) }}{% endfor %}",
    "{% for x in [1,1,2] %}{{ loop.changed(x) }},{% endfor %}",
    "{% for x in [1,2] %}{{ loop.depth }}{{ loop.depth0 }}{{ loop.revindex0 }}{% endfor %}",
    "{% for x in [1,2] %}{% for y in [3] %}{{ loop.depth }}{% endfor %}{% endfor %}",
    "{% for x in [1,2] %}{% set outer = loop %}{% for y in [3,4] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for x in [[1,[2,[]]]] recursive %}{{ x[0] }}{{ loop(x[1:]) if x[1:] else '' }}{% endfor %}",
    "{% for item in [{'n': 1, 'c': [{'n': 2, 'c': []}]}] recursive %}{{ item.n }}({{ loop(item.c) }}){% endfor %}",
    "{% for x in l %}{% if loop.last %}{{ loop.previtem }}{% endif %}{% if not loop.first and loop.previtem is defined %}p{% endif %}{% if loop.nextitem is not defined %}end{% endif %}{% endfor %}",
    "{% for x in m %}{% if loop.previtem and loop.previtem.role == 'user' %}after user{% endif %}{% endfor %}",
    "{% for x in m %}{% if loop.last or (not loop.last and loop.nextitem.role != 'tool') %}E{% endif %}{% endfor %}",
    "{% for x in m %}{% if loop.nextitem is undefined or loop.nextitem.role == 'user' %}E{% endif %}{% endfor %}",
    "{% for a, b in [[1,2],[3,4]] %}{{ a }}-{{ b }};{% endfor %}",
    "{% for (a, b) in [[1,2]] %}{{ a }}{{ b }}{% endfor %}",
    "{% for a, (b, c) in [[1,[2,3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d.items() %}{{ loop.index }}{{ k }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for k, v in (d | items) %}{{ k }}{% endfor %}",
    "{% for x in range(3) %}{{ x }}{% else %}no{% endfor %}",
    "{% for x in range(10) %}{% if x is odd %}{% continue %}{% endif %}{% if x > 6 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l if x is not none and x != 'b' %}{{ loop.length }}{{ x }}{% endfor %}",
    "{% for x in m if x.role == 'user' %}{{ loop.index }}/{{ loop.length }} {{ x.content }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in l | reverse %}{{ x }}{% endfor %}",
    "{% for x in l | sort(reverse=true) %}{{ x }}{% endfor %}",
    "{% for x in [] %}{% else %}{% for y in [1] %}{{ y }}{% endfor %}{% endfor %}",
    "{% for i in range(3) %}{% for j in range(i) %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
    "{% for x in l %}{{ x }}{% endfor %}{{ x is defined }}",
    "{% set x = 5 %}{% for x in l %}{{ x }}{% endfor %}{{ x }}",
    "{% for x in l %}{% set y = loop.index %}{% endfor %}{{ y is defined }}",
    "{% if yes %}{% set q2 = 1 %}{% endif %}{{ q2 }}",
    "{% set ns = namespace(a=0, b=[]) %}{% for x in nums %}{% set ns.a = ns.a + x %}{% set ns.b = ns.b + [x] %}{% endfor %}{{ ns.a }}{{ ns.b }}",
    "{% set ns = namespace() %}{% set ns.x = 1 %}{{ ns.x }}{{ ns.y is defined }}",
    "{% set ns = namespace(x=1) %}{% set ns.x, y = 3, 4 %}{{ ns.x }}{{ y }}",
    "{% set x = 1 if yes else 2 %}{{ x }}",
    "{% set x = 'a' if no %}{{ x is defined }}",
    "{% set a = b = 1 %}",
    "{% set x %}  a  {% endset %}[{{ x }}]",
    "{% set x | upper %}abc{{ n }}{% endset %}{{ x }}",
    "{% set x | trim | upper %}  abc {% endset %}[{{ x }}]",
    "{% set x | replace('a', 'b') %}aaa{% endset %}{{ x }}",
    "{%- set x -%}  a  {%- endset -%}  [{{ x }}]",
    "{% macro f(a, b=2, *args) %}{% endmacro %}",
    "{% macro f(a, b='x' ~ 'y') %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, b=3) }}{{ f(b=1, a=2) }}",
    "{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}",
    "{% macro f() -%} x {%- endmacro %}[{{ f() }}]",
    "{% macro f(x) %}{% if x is defined %}D{% else %}U{% endif %}{% endmacro %}{{ f() }}{{ f(1) }}",
    "{% macro f(x) %}{{ varargs | length }}{{ kwargs | length }}{% endmacro %}{{ f(1,2,3,k=1) }}",
    "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}",
    "{% macro f() %}<{{ caller() | trim }}>{% endmacro %}{% call f() %} hi {% endcall %}",
    "{% macro f(l) %}{% for x in l %}{{ caller(x, loop.index) }}{% endfor %}{% endmacro %}{% call(a, b) f([1,2]) %}{{ a }}:{{ b }} {% endcall %}",
    "{% macro outer() %}{{ inner() }}{% endmacro %}{% macro inner() %}in{% endmacro %}{{ outer() }}",
    "{% macro f() %}{% set z = 1 %}{{ z }}{% endmacro %}{{ f() }}{{ z is defined }}",
    "{% macro f(d) %}{% for k, v in d.items() %}{{ k }}:{% if v is mapping %}({{ f(v) }}){% else %}{{ v }}{% endif %};{% endfor %}{% endmacro %}{{ f({'a': 1, 'b': {'c': 2}}) }}",
    "{% macro f(a) %}{{ a }}{% endmacro %}{% set g = f %}{{ g(1) }}",
    "{% macro f() %}{{ n }}{% endmacro %}{% set n = 9 %}{{ f() }}",
    "{% set n = 9 %}{% macro f() %}{{ n }}{% endmacro %}{{ f() }}",
    "{% macro f() %}{{ ns.x }}{% endmacro %}{% set ns = namespace(x=1) %}{{ f() }}{% set ns.x = 2 %}{{ f() }}",
    "{{ f() }}{% macro f() %}late{% endmacro %}",
    "{% with %}{% set a = 1 %}{{ a }}{% endwith %}{{ a is defined }}",
    "{% with a=1, b=2 %}{{ a }}{{ b }}{% endwith %}",
    "{% raw %}{{ x }}{% if %}{% endraw %}",
    "{%- raw -%} {{ x }} {%- endraw -%} y",
    "{% filter upper | trim %} abc {% endfilter %}",
    "{% filter replace('a', 'b') %}banana{% endfilter %}",
    "{% do l.append(1) %}",
    "{% include 'x' %}",
    "{% extends 'x' %}",
    "{% import 'x' as y %}",
    "{# a #}{#- b -#}  c  {# d\n#}\ne",
    "a{# x #}\nb",
    "a\n{# x #}\nb",
    "  {# x #}\nb",
    "  {#- x #}\nb",
    "a  {#- x -#}  b",
    "a\n  {%- if yes %}b{% endif %}\nc",
    "a\n  {%+ if yes %}b{% endif %}\nc",
    "a {%+ if yes %}b{%+ endif %}\nc",
    "a {% if yes +%}\nb{% endif %}\nc",
    "  {%+ set x = 1 %}b",
    "{{ 'a' }}\n{{ 'b' }}\n",
    "{{- 'a' -}}\n{{- 'b' -}}\n",
    "{{+ 'a' +}}\nb",
    "a\n\n\n",
    "a\n",
    "\n",
    "",
    "\n\na",
    "{% if yes %}\n\n  a\n\n{% endif %}\n\nb",
    "{% if yes %}  \n a{% endif %}",
    "{% if yes %}\r\n a{% endif %}\r\nb",
    "a\t{% if yes %}\n\tb\t{% endif %}\t\nc",
    "x{% if yes %}{% endif %}\ny",
    "  x  {% if yes %}  y  {% endif %}  z  ",
    "   {{ n }}\n   {% set x=1 %}\n   {{ n }}",
    "{% if a is defined and a %}1{% elif b is defined %}2{% else %}3{% endif %}",
    "{% if not messages %}none{% endif %}",
    "{% if n == 7 %}a{% if no %}b{% else %}c{% endif %}d{% endif %}",
    "{% if 'a' in ['a'] and not ('b' in ['a']) %}ok{% endif %}",
    "{% if m[0]['role'] == 'system' %}{% set loop_messages = m[1:] %}{% set sys = m[0]['content'] %}{% else %}{% set loop_messages = m %}{% set sys = false %}{% endif %}{{ loop_messages | length }}{{ sys }}",
    "{% if sys is not defined %}{% set sys = 'default' %}{% endif %}{{ sys }}",
    "{% if (n is number) and (n > 3) or none %}{{ n * 2 }}{% endif %}",
    "{%if yes%}tight{%endif%}{{n}}{%-if yes-%} t {%-endif-%}",
    "{{ '{%' }}{{ '%}' }}{{ '{#' }}{{ '#}' }}{{ \"}}\" }}",
    "{{ {'a': '}}'} }}",
    "{{ {'a': {'b': {}}}}}",
    "{{ '\\n' }}|{{ '\\\\n' }}|{{ \"\\t\" }}",
    "{{ 'a\\'b' }}{{ \"a\\\"b\" }}{{ 'a\"b' }}",
    "{{ \"\\u00e9\\U0001F600\\x41\" }}",
    "{{ '\n' }}",
    "{ { a } } {% raw %}{%{% endraw %} % } #}",
    "{{ n }}%}",
    "100% {{ n }}% {#x#}#",
    "{{ n -}}   \n  x",
    "{{ raise_exception('bad ' ~ n) }}",
    "{% if no %}{{ raise_exception('x') }}{% endif %}ok",
    "{% set x = namespace(v=m[0]) %}{{ x.v.role }}",
    "{% for msg in m %}{{ '<|' + msg['role'] + '|>' + msg['content'] | trim + '<|end|>' }}{% endfor %}",
    "{% for msg in m %}{{ '<|' ~ msg.role ~ '|>\n' ~ (msg.content | trim) ~ '\n' }}{% endfor %}{{ '<|assistant|>' if add_generation_prompt else '' }}",
    "{%- for msg in m %}\n    {%- if msg.role == 'user' %}\n        {{- '[INST] ' + msg.content + ' [/INST]' }}\n    {%- elif msg.role == 'assistant' %}\n        {{- ' ' + msg.content + '</s>' }}\n    {%- endif %}\n{%- endfor %}\n",
    "{% set first_user = (m | selectattr('role', 'equalto', 'user') | list | first)['content'] %}{{ first_user }}",
    "{% set idx = namespace(last=-1) %}{% for x in m %}{% if x.role == 'user' %}{% set idx.last = loop.index0 %}{% endif %}{% endfor %}{{ idx.last }}",
    "{% set parts = 'a</think>b'.split('</think>') %}{{ parts | last | trim }}{{ parts[0] }}",
    "{% set c = t %}{% if '</think>' in c %}{% set c = c.split('</think>')[-1].lstrip('\n') %}{% endif %}{{ c }}",
    "{% for tool in [{'type':'function','function':{'name':'f','parameters':{'type':'object','properties':{'a':{'type':['string','null']}},'required':['a']}}}] %}{{ tool | tojson(indent=4) }}{{ tool.function.parameters.properties.items() | list }}{% for p, s in tool.function.parameters.properties.items() %}{{ p }}:{{ s.type }}{{ s.type is iterable and s.type is not string }}{% endfor %}{% endfor %}",
    "{% set x = [1, 2] %}{% set _ = x.append(3) %}{{ x }}",
    "{% set x = {} %}{% set _ = x.update({'a': 1}) %}{{ x }}",
    "{% set a, b = 'xy' %}{{ a }}{{ b }}",
    "{% set a, b = [1, 2, 3] %}{{ a }}",
    "{% set (a, b) = (1, 2) %}{{ a }}{{ b }}",
    "{% set l = [1] %}{% set l = l + [2] %}{{ l }}",
    "{% set d.k = 1 %}",
    "{% set x = 1, 2 %}{{ x }}",
    "{% for x in 1, 2 %}{{ x }}{% endfor %}",
    "{{ 1, 2 }}",
    "{% if 1, %}x{% endif %}",
    "{% for x in 5 %}{% endfor %}",
    "{% for x in none %}{% endfor %}",
    "{% for x in true %}{% endfor %}",
    "{% for x in 'ab' ~ 'c' %}{{ x }}.{% endfor %}",
    "{% for x in u %}{{ x }}.{% endfor %}",
    "{% for x in d.n %}{{ x }}{% endfor %}",
    "{% break %}",
    "{% for x in l %}{% for y in nums %}{% break %}{% endfor %}{{ x }}{% endfor %}",
    "{% for x in l %}{% set ns = namespace(a=x) %}{{ ns.a }}{% endfor %}",
    "{% if %}x{% endif %}",
    "{% for x in l %}",
    "{{ n",
    "{% if yes %}",
    "{% endif %}",
    "{{ }}",
    "{{ n n }}",
    "{{ (n }}",
    "{{ n | }}",
    "{% unknown %}",
    "{{ 'a' if }}",
    "{% set %}",
    "{% for in l %}{% endfor %}",
    "{{ n ++ 1 }}",
    "{{ n && 1 }}",
    "{{ n ? 1 : 2 }}",
    "{{ !n }}",
    "{{ `a` }}",
    "{{ n is }}",
    "{{ n is nonsense }}",
    "{{ n | default(1) | default(2) }}",
    "{{ missing | default(none) is none }}",
    "{{ missing | default([]) | length }}",
    "{{ nothing | default('x', true) }}{{ e | default('y', boolean=True) }}{{ missing | d('z') }}",
    "{{ d.zz | default('q') }}{{ d['zz'] | default({}) }}",
    "{{ d.n.zz.qq | default('q') }}",
    "{% set tools = none %}{% if tools is defined and tools is not none and tools | length > 0 %}y{% else %}n{% endif %}",
    "{%- set date = strftime_now('%d %b %Y') if strftime_now is defined else '26 Jul 2024' -%}{{ date }}",
    "{% if yes %}a{% endif -%}\n\n b",
    "{%- if yes -%}\n\n b\n\n{%- endif -%}\n c",
    "a{% generation %}b{% endgeneration %}\nc",
    "{% for x in m %}{% if x.role == 'assistant' %}{% generation %}{{ x.content }}{{ '<end>' }}{% endgeneration %}{% else %}{{ x.content }}{% endif %}{% endfor %}",
    "{%- generation %} a {%- endgeneration %} b",
    "{% set ns = namespace(out='') %}{% for x in m %}{% set ns.out = ns.out ~ x.role[0] %}{% endfor %}{{ ns.out }}",
    "{{ m[0] }}",
    "{{ m[0].content.split()[0] }}{{ m[0]['content'][0] }}",
    "{{ (m | first).role }}{{ (m[-1:] | first).content }}",
    "{% for chunk in l | batch(2) %}{{ chunk | join }};{% endfor %}",
    "{% for role, msgs in m | groupby('role') %}{{ role }}:{{ msgs | length }};{% endfor %}",
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
    templates = ["{{ " + e + " }}" for e in EXPRESSIONS + MORE_EXPRESSIONS] + TEMPLATES
    out = {"made_with": {"jinja2": jinja2.__version__}, "context": CONTEXT, "cases": [case(env, t) for t in templates]}
    pathlib.Path(__file__).with_name("jinja-cases.json").write_text(json.dumps(out, ensure_ascii=True, indent=1) + "\n")
    pathlib.Path(__file__).with_name("jinja-chats.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in chat_cases(env)) + "\n]\n")

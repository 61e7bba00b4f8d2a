import { expect, it } from "vitest";
import { TemplateError } from "../templateError.ts";
import { createJinjaTemplate } from "./createJinjaTemplate.ts";

const conversation = { messages: [{ role: "user", content: "q" }] };

function refusal(source: string): string {
  try {
    createJinjaTemplate(source, { name: "t" }).render(conversation);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    const { line, column } = error.details;
    return `${error.code} ${line}:${column} ${error.message.slice(0, -error.hint.length - 1)}`;
  }
  throw new Error("it was read");
}

/** Faults of the template's text: where, what was expected and what stands there. */
it.each([
  "a\n{# never closed",
  "a\n{{ 'x'",
  "{% if a %}",
  "{% raw %}{{ x }}",
  "{% if a",
  "{% for x in y %}\n{% if x %}\n{% endfor %}",
  "{{ }}",
  "{{ a b }}",
  "{{ a | }}",
  "{{ a. }}",
  "{{ a.'b' }}",
  "{{ (a }}",
  "{{ a) }}",
  "{{ [1, 2) }}",
  "{{ a[] }}",
  "{{ a[1 }}",
  "{{ {'a' 1} }}",
  "{{ f(a b) }}",
  "{{ ? }}",
  "{{ 'open }}",
  "{{ a is }}",
  "{{ == 1 }}",
  "{% %}",
  "{% 'x' %}",
  "{% nonsense %}",
  "{% include 'x' %}",
  "{% endif %}",
  "{% else %}",
  "{% set a.b.c = 1 %}",
  "{% set 1 = 2 %}",
  "{% set a, 1 = 2 %}",
  "{% set f() = 1 %}",
  "{% for x of y %}{% endfor %}",
  "{% for x in y recursive z %}{% endfor %}",
  "{% macro %}{% endmacro %}",
  "{% macro f %}{% endmacro %}",
  "{% macro f(a b) %}{% endmacro %}",
  "{% macro f(a=1, b) %}{% endmacro %}",
  "{% call f %}{% endcall %}",
  "{% with a %}{% endwith %}",
  "{% with a=1 b=2 %}{% endwith %}",
  "{% filter %}{% endfilter %}",
  "{% break now %}",
  "{% if a %}{% endif a %}",
])("what is wrong with the text of %j", (source) => {
  expect(refusal(source)).toMatchSnapshot();
});

/** Faults while it runs: the tag that failed, in Python's words where it has some. */
it.each([
  "a\n  {{ missing.x }}",
  "{{ missing.x.y }}",
  "{{ messages.x.y }}",
  "{{ missing() }}",
  "{{ messages() }}",
  "{{ messages[0].nope() }}",
  "{{ 'a' + 1 }}",
  "{{ 1 < 'a' }}",
  "{{ -'a' }}",
  "{{ 1 // 0 }}",
  "{{ 'a' in 5 }}",
  "{{ 1 in 'a' }}",
  "{{ 5 | length }}",
  "{{ 5 | list }}",
  "{{ 5 | items }}",
  "{{ 'a' | abs }}",
  "{{ 'a' | round }}",
  "{{ 1.5 | round(1, 'up') }}",
  "{{ [1, 'a'] | sort }}",
  "{{ [1] | map('nope') | list }}",
  "{{ [1] | select('nope') | list }}",
  "{{ [1] | map(1) | list }}",
  "{{ 'a' | batch(0) }}",
  "{{ missing | tojson }}",
  "{{ range | tojson }}",
  "{{ 1 | tojson(separators=[',']) }}",
  "{{ ['a'] | sum(start='') }}",
  "{{ 'a'.split('') }}",
  "{{ 'a'.index('b') }}",
  "{{ [1].index(2) }}",
  "{{ 'a'.find('a', 'x') }}",
  "{{ 'a'[::0] }}",
  "{{ 'a'['b':] }}",
  "{{ 5[1:] }}",
  "{{ range(1.5) }}",
  "{{ range(1, 2, 0) }}",
  "{{ '%d' % 'a' }}",
  "{{ '%s %s' % 'a' }}",
  "{{ 'a' % 'b' }}",
  "{{ '%q' % 'a' }}",
  "{{ '%x' % 1.5 }}",
  "{{ '{'.format() }}",
  "{{ '{}'.format() }}",
  "{{ '{a}'.format(b=1) }}",
  "{{ '{:q}'.format(1) }}",
  "{{ '{:f}'.format('a') }}",
  "{{ '{:.2}'.format(1.5) }}",
  "{% for a, b in [[1]] %}{% endfor %}",
  "{% for a in 5 %}{% endfor %}",
  "{% set messages.x = 1 %}",
  "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}",
  "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=1) }}",
  "{% break %}",
  "{% set x %}{% continue %}{% endset %}",
  "{{ 1 is odd and 'a' is odd }}",
  "{{ raise_exception('No tools here') }}",
])("what goes wrong in %j", (source) => {
  expect(refusal(source)).toMatchSnapshot();
});

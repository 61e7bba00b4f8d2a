import { describe, expect, it } from "vitest";
import type { Conversation } from "../segment.ts";
import { TemplateError } from "../templateError.ts";
import { createJinjaTemplate } from "./createJinjaTemplate.ts";

const one: Conversation = {
  messages: [
    { role: "user", content: "q" },
    { role: "assistant", content: "a" },
  ],
};

function refusal(source: string, conversation: Conversation = one): TemplateError {
  try {
    createJinjaTemplate(source, { name: "t" }).render(conversation);
  } catch (error) {
    if (error instanceof TemplateError) return error;
    throw error;
  }
  throw new Error(`rendered: ${source}`);
}

/** Wall-clock bound for one refusal on a slow, shared machine; the step limit itself takes about a second. */
const bounded = 20_000;

describe("a hostile template ends in an error, in bounded time and room", () => {
  it.each([
    [
      "loops for ever, nearly",
      "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}{% endfor %}{% endfor %}{% endfor %}",
    ],
    ["asks for a huge range", "{{ range(10 ** 12) | length }}"],
    ["repeats a text into 100 MB", "{{ 'x' * 100000000 }}"],
    ["repeats nothing very often", "{{ '' * 100000000 }}"],
    [
      "doubles a text forty times",
      "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(40) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
    ],
    ["writes 100 MB piece by piece", "{% set s = 'x' * 100000 %}{% for i in range(1000) %}{{ s }}{% endfor %}"],
    ["replaces nothing by much", "{% set s = 'x' * 1000000 %}{{ s.replace('', s) }}"],
    ["joins into 100 MB", "{% set s = 'x' * 10000000 %}{{ [s, s, s, s, s, s, s, s, s, s] | join(s) }}"],
    ["indents by 100 MB", "{{ 'a\nb' | indent(100000000, true) }}"],
    [
      "splits and joins for ever",
      "{% set s = 'x,' * 100000 %}{% for i in range(100000) %}{% set t = s.split(',') | join(';') %}{% endfor %}",
    ],
    [
      "doubles a list of itself and prints it",
      "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
    ],
    [
      "writes such a list as JSON",
      "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}",
    ],
    [
      "compares two such lists",
      "{% set ns = namespace(l=[1], k=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% set ns.k = [ns.k, ns.k] %}{% endfor %}{{ ns.l == ns.k }}",
    ],
    [
      "looks for one in a long list, often",
      "{% set l = range(100000) | list %}{% for i in range(100000) %}{% set x = 'a' in l %}{% endfor %}",
    ],
    ["counts a long text, often", "{% set s = 'x' * 10000000 %}{% for i in range(100000) %}{% set n = s | length %}{% endfor %}"],
    ["sorts out a long list", "{{ range(1000000) | list | unique | list | length }}"],
    ["puts a namespace into itself", "{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}"],
    ["calls itself without end", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"],
  ])("that %s", (_, source) => expect(refusal(source).code).toBe("template-limit"), bounded);

  it("whose parentheses nest 100,000 deep", () => {
    expect(() => createJinjaTemplate(`{{ ${"(".repeat(100_000)}1${")".repeat(100_000)} }}`)).toThrow(
      expect.objectContaining({ code: "template-syntax" }),
    );
  });

  it("of 2 MB", () => {
    expect(() => createJinjaTemplate("x".repeat(2_000_000))).toThrow(expect.objectContaining({ code: "template-limit" }));
  });

  it("reads a long blank stretch in no more time than other text", () => {
    expect(createJinjaTemplate(`a${" ".repeat(900_000)}{% set x = 1 %}{{ x }}`).render(one).segments[0]!.text.length).toBeGreaterThan(
      900_000,
    );
  });

  it("at limits that the caller sets", () => {
    const template = createJinjaTemplate("{% for m in messages %}{{ m.content }}{% endfor %}", { limits: { characters: 1 } });
    expect(() => template.render(one)).toThrow(expect.objectContaining({ code: "template-limit" }));
  });
});

describe("a large record renders", () => {
  it(
    "with 10 MB in one field",
    () => {
      const content = "0123456789".repeat(1_000_000);
      const template = createJinjaTemplate(
        "{% for m in messages %}{{ '<|' + m.role + '|>' + (m.content | trim) + '<|end|>' }}{% endfor %}",
      );
      const { segments } = template.render({
        messages: [
          { role: "user", content },
          { role: "assistant", content: "a" },
        ],
      });
      expect(segments.find(({ kind }) => kind === "content")!.text.length).toBe(10_000_000);
    },
    bounded,
  );
});

describe("a refusal says what happened", () => {
  it("in the template's own words where it raised", () => {
    const error = refusal("{{ raise_exception('Only user and assistant roles are supported!') }}");
    expect(error.code).toBe("template-raised");
    expect(error.message).toContain("Only user and assistant roles are supported!");
    expect(error.details).toEqual({ roles: ["user", "assistant"] });
  });

  it.each([
    ["{{ bos_token + 'x' }}", "unsupported operand types for +: 'Undefined' and 'str'"],
    ["{{ none + 'x' }}", "unsupported operand types for +: 'NoneType' and 'str'"],
    ["{{ messages[0].content.x.y }}", "cannot read 'y': 'the value before it' is undefined"],
    ["{{ thing.x }}", "cannot read 'x': 'thing' is undefined"],
    ["{{ 'x' | sparkle }}", "no filter is named 'sparkle'"],
    ["{{ 'x' is sparkly }}", "no test is named 'sparkly'"],
    ["{{ 'x'.sparkle() }}", "'sparkle' is undefined"],
    ["{{ strftime_now('%Y') }}", "'strftime_now' is undefined"],
    ["{% set messages.x = 1 %}", "cannot assign attribute on non-namespace object"],
    ["{% set a, b = [1] %}", "cannot unpack 1 values into 2 names"],
  ])("%s", (source, words) => {
    const error = refusal(source);
    expect(error.code).toBe("template-runtime");
    expect(error.message).toContain(words);
  });

  it.each(["{% if x %}", "{{ x", "{% nonsense %}", "{{ 1 + }}", "{% for %}{% endfor %}"])("where %s cannot be parsed", (source) => {
    expect(() => createJinjaTemplate(source, { name: "bad" })).toThrow(
      expect.objectContaining({ code: "template-syntax", message: expect.stringContaining('Template "bad" cannot be parsed') }),
    );
  });

  it("where a conversation is empty", () => expect(refusal("x", { messages: [] }).code).toBe("empty-conversation"));
});

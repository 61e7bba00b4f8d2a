import { readFileSync } from "node:fs";
import { parse, tokenize } from "@huggingface/jinja";
import { describe, expect, it } from "vitest";
import { defaultLimits } from "./budget.ts";
import { withGenerationCalls } from "./generationTag.ts";
import { Interpreter } from "./interpreter.ts";
import type { Node } from "./nodes.ts";
import { withPlainEscapes } from "./stringEscapes.ts";
import { toValue } from "./value.ts";

interface JinjaCase {
  readonly template: string;
  readonly text?: string;
  readonly error?: boolean;
}
const golden = JSON.parse(readFileSync(new URL("../../golden/jinja-cases.json", import.meta.url), "utf8")) as {
  readonly context: Record<string, unknown>;
  readonly cases: readonly JinjaCase[];
};

function render(source: string): string {
  const program = parse(
    tokenize(withPlainEscapes(withGenerationCalls(source.replace(/\r\n?/g, "\n"))), { lstrip_blocks: true, trim_blocks: true }),
  ) as unknown as Node;
  const variables = new Map(Object.entries(golden.context).map(([name, value]) => [name, toValue(value)]));
  return new Interpreter(defaultLimits).run(program, variables).text;
}

describe("Jinja2's own renderings (golden/makeJinjaCases.py)", () => {
  // Python prints None where a template writes a value that is not there; here it gives no text.
  const printsNone = ["{{ nothing | default('x') }}", "{{ d.get('zz') }}", "{{ none }}", "{{ None }}", "{{ 'x' ~ nothing }}"];

  it.each(printsNone)("keeps None out of the text of %s", (template) => {
    expect(golden.cases.find((one) => one.template === template)?.text).toContain("None");
    expect(render(template)).not.toContain("None");
  });

  it.each(golden.cases.filter(({ error, template }) => !error && !printsNone.includes(template)))("$template", ({ template, text }) => {
    expect(render(template)).toBe(text);
  });

  it.each(golden.cases.filter(({ error }) => error))("refuses $template", ({ template }) => {
    expect(() => render(template)).toThrow();
  });
});

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { defaultLimits } from "./budget.ts";
import { Interpreter } from "./interpreter.ts";
import { parseTemplate } from "./parseTemplate.ts";
import { toValue } from "./value.ts";

/** A template and what Jinja2 makes of it; null where it refuses. */
type JinjaCase = readonly [template: string, text: string | null];
const golden = JSON.parse(readFileSync(new URL("../../golden/jinja-cases.json", import.meta.url), "utf8")) as {
  readonly context: Record<string, unknown>;
  readonly cases: readonly JinjaCase[];
};

function render(source: string): string {
  const variables = new Map(Object.entries(golden.context).map(([name, value]) => [name, toValue(value)]));
  return new Interpreter(defaultLimits).run(parseTemplate(source), variables).text;
}

describe("Jinja2's own renderings (golden/makeJinjaCases.py)", () => {
  // Python prints None where a template writes a value that is not there; here it gives no text.
  const printsNone = ["{{ nothing | default('x') }}", "{{ d.get('zz') }}", "{{ none }}", "{{ None }}", "{{ 'x' ~ nothing }}"];

  it.each(printsNone)("keeps None out of the text of %s", (template) => {
    expect(golden.cases.find(([one]) => one === template)?.[1]).toContain("None");
    expect(render(template)).not.toContain("None");
  });

  it.each(golden.cases.filter(([template, text]) => text !== null && !printsNone.includes(template)))("%s", (template, text) => {
    expect(render(template)).toBe(text);
  });

  it.each(golden.cases.filter(([, text]) => text === null))("refuses %s", (template) => {
    expect(() => render(template)).toThrow();
  });
});

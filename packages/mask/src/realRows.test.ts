import { readFileSync } from "node:fs";
import { tokenizerFolder, type TokenizerName } from "@sft/fixtures";
import { createJinjaTemplate, expandTurns, findTemplate, type PromptTemplate, readRecord } from "@sft/templates";
import type { Tokenizer } from "@sft/tokenizer";
import { loadTokenizer } from "@sft/tokenizer/node";
import { beforeAll, describe, expect, it } from "vitest";
import { assertPromptParity, createMaskPolicy, doctor, encodeRendering, type Example, maskPolicyNames } from "./index.ts";

const rows = [
  { instruction: "Name the capital of France.", output: "Paris" },
  { instruction: "Translate to French.", input: "good morning", output: "bonjour" },
  { instruction: "special </s> <|im_end|> <|eot_id|>", output: "literal <|im_end|> 👩‍💻\n\n" },
  {
    messages: [
      { role: "system", content: "You are terse." },
      { role: "user", content: "one" },
      { role: "assistant", content: "1" },
      { role: "user", content: "two" },
      { role: "assistant", content: " 2 " },
    ],
  },
];
/** ChatML as model folders hold it, with and without marks for the answer. */
const jinja = (open: string, close: string): string =>
  `{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}{% if m['role'] == 'assistant' %}${open}{{ m['content'] + '<|im_end|>' }}${close}{{ '\\n' }}{% else %}{{ m['content'] + '<|im_end|>\\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`;
const templates: readonly [string, PromptTemplate, TokenizerName][] = [
  ["alpaca", findTemplate("alpaca"), "llama3_1"],
  ["llama3", findTemplate("llama3"), "llama3_1"],
  ["chatml", findTemplate("chatml"), "qwen3"],
  ["chatml of a model folder", createJinjaTemplate(jinja("", "")), "qwen3"],
  ["chatml of a model folder, marked", createJinjaTemplate(jinja("{% generation %}", "{% endgeneration %}")), "qwen3"],
  ["chatml for a tokenizer without its tokens", createJinjaTemplate(jinja("", "")), "llama2"],
];
const tokenizers = new Map<TokenizerName, Tokenizer>();

beforeAll(async () => {
  for (const name of new Set(templates.map(([, , tokenizer]) => tokenizer))) {
    tokenizers.set(name, await loadTokenizer(tokenizerFolder(name)));
  }
});

describe.each(templates)("%s", (_, template, name) => {
  const render = (row: object, addGenerationPrompt = false): ReturnType<PromptTemplate["render"]> => {
    const { bos, eos } = tokenizers.get(name) as Tokenizer;
    return template.render(readRecord(row), { addGenerationPrompt, specialTokens: { bos: bos?.text, eos: eos?.text } });
  };

  it("asks as it taught: the prompt's ids are the first ids of the training row", () => {
    const tokenizer = tokenizers.get(name) as Tokenizer;
    for (const row of rows) {
      const training = encodeRendering(render(row), tokenizer);
      const prompt = encodeRendering(render(row, true), tokenizer);
      assertPromptParity(prompt, training);
      expect(prompt.ids.length).toBeLessThan(training.ids.length);
    }
  });

  it("trains answers and their ends alone", () => {
    const tokenizer = tokenizers.get(name) as Tokenizer;
    const trained = (example: Example): string =>
      example.spans
        .filter((span) => span.trained)
        .map((span) => span.text)
        .join("");
    const end = template.terminators[0] === "eos" ? tokenizer.eos?.text : template.terminators[0];
    const all = rows.map((row) => trained(encodeRendering(render(row), tokenizer)));
    expect(all).toEqual([`Paris${end}`, `bonjour${end}`, `literal <|im_end|> 👩‍💻\n\n${end}`, expect.stringMatching(/^1.* ?2 ?/)]);
    expect(all[3].replaceAll(end as string, "|")).toMatch(/^1\| ?2 ?\|$/);
  });

  it("gives the doctor nothing but the control text of row 2 to report, and what the template itself leaves out", () => {
    const tokenizer = tokenizers.get(name) as Tokenizer;
    const examined = rows.map((row) => ({ rendering: render(row), example: encodeRendering(render(row), tokenizer) }));
    const findings = doctor(examined, { tokenizer, rules: { "missing-bos": "off", "boundary-merge": "off" } });
    const omitted = findings.filter(({ rule }) => rule === "template-omits");
    expect(omitted.map(({ message }) => message)).toEqual(
      examined.flatMap(({ rendering }) => rendering.warnings ?? []).map(({ message }) => message),
    );
    const others = findings.filter((finding) => !omitted.includes(finding));
    expect(others.filter(({ row }) => row !== 2)).toEqual([]);
    for (const { rule } of others) expect(rule).toBe("control-token-in-content");
  });
});

describe("the dictionary rows of this repository", () => {
  const folder = new URL("../../../apps/cli/dictionary/", import.meta.url).pathname;

  it("keep every promise under every policy", async () => {
    const tokenizer = await loadTokenizer(`${folder}model`);
    const data = JSON.parse(readFileSync(`${folder}data/dictionary-test.json`, "utf8")) as object[];
    const template = findTemplate("alpaca");
    for (const row of data.slice(0, 100)) {
      const rendering = template.render(readRecord(row), { specialTokens: { eos: tokenizer.eos?.text } });
      for (const mask of maskPolicyNames) {
        const { ids, weights, spans } = encodeRendering(rendering, tokenizer, { mask });
        expect(weights[0]).toBe(0);
        expect(spans.map((span) => tokenizer.decode(ids.subarray(span.start, span.end))).join("")).toBe(
          rendering.segments.map((segment) => segment.text).join(""),
        );
        expect([ids.at(-1), weights.at(-1)]).toEqual([tokenizer.eos?.id, 1]);
      }
    }
  });
});

it("text around tools that shares tokens with them is no finding", () => {
  const tokenizer = tokenizers.get("qwen3") as Tokenizer;
  const tool = { type: "function", function: { name: "get_weather", description: "Weather", parameters: {} } };
  const call = { type: "function", function: { name: "get_weather", arguments: { city: "Zürich" } } };
  const conversation = readRecord({
    tools: [tool],
    messages: [
      { role: "user", content: "Weather?" },
      { role: "assistant", content: "", tool_calls: [call] },
      { role: "tool", content: '{"t": 21}' },
      { role: "assistant", content: "21 degrees." },
    ],
  });
  const rendering = createJinjaTemplate(tokenizer.chatTemplate as string).render(conversation);
  const example = encodeRendering(rendering, tokenizer);
  expect(example.warnings).toEqual([]);
  expect(doctor([{ rendering, example }], { tokenizer })).toEqual([]);
});

describe("conformance case 12: Qwen3's own template drops the thoughts of earlier answers", () => {
  const conversation = readRecord({
    messages: [
      { role: "user", content: "one" },
      { role: "assistant", content: "1", reasoning_content: "count" },
      { role: "user", content: "two" },
      { role: "assistant", content: "2", reasoning_content: "count on" },
    ],
  });

  it("is found by the doctor, and trained one row a supervised turn", () => {
    const tokenizer = tokenizers.get("qwen3") as Tokenizer;
    const template = createJinjaTemplate(tokenizer.chatTemplate as string);
    const rendering = template.render(conversation);
    const render = (asked: typeof conversation): typeof rendering => template.render(asked);
    const findings = doctor([{ rendering, example: encodeRendering(rendering, tokenizer) }], { tokenizer, render });
    expect(findings.map(({ rule, message }) => [rule, /message (\d)/.exec(message)?.[1]])).toEqual([["prefix-unstable", "1"]]);

    const expanded = expandTurns(template, conversation);
    expect(expanded).toHaveLength(2);
    const trained = expanded.map((row) => {
      const examined = { rendering: template.render(row), example: encodeRendering(template.render(row), tokenizer) };
      expect(doctor([examined], { tokenizer, render })).toEqual([]);
      return examined.example.spans
        .filter((span) => span.trained)
        .map((span) => span.text)
        .join("");
    });
    expect(trained).toEqual(["<think>\ncount\n</think>\n\n1<|im_end|>", "<think>\ncount on\n</think>\n\n2<|im_end|>"]);
    const context = encodeRendering(template.render(expanded[1]!), tokenizer).spans.find(
      ({ text, message }) => message === 1 && text === "1",
    );
    expect(context?.reason).toBe("this example trains message 3 alone, since the template rewrites earlier answers");
  });
});

describe("conformance case 2: LitGPT's alpaca prompt ends in a newline", () => {
  it("gives an answer's ids whether they are encoded with the prompt or apart", () => {
    const tokenizer = tokenizers.get("llama3_1") as Tokenizer;
    const rendering = findTemplate("alpaca").render(readRecord(rows[0]), { specialTokens: { eos: tokenizer.eos?.text } });
    const joint = encodeRendering(rendering, tokenizer, { mask: createMaskPolicy("completion", { encoding: "joint", straddle: "error" }) });
    const apart = encodeRendering(rendering, tokenizer);
    const litgpt = encodeRendering(rendering, tokenizer, { mask: "litgpt" });
    expect([...joint.ids]).toEqual([...litgpt.ids]);
    for (const { ids, weights } of [joint, apart, litgpt]) {
      expect([...ids].filter((_, i) => weights[i] > 0)).toEqual([60704, tokenizer.eos?.id]);
    }
  });
});

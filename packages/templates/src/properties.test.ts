import { Template } from "@huggingface/jinja";
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { goldenModels } from "../golden/goldenChats.ts";
import { expandTurns, isPrefixStable } from "./expandTurns.ts";
import { createJinjaTemplate } from "./jinja/createJinjaTemplate.ts";
import type { PromptTemplate } from "./promptTemplate.ts";
import { readRecord } from "./records/readRecord.ts";
import { findTemplate, templateNames } from "./registry.ts";
import type { Conversation, Segment } from "./segment.ts";

/** 10,000 cases each in continuous integration; one that cannot end in its time fails, so that none is run less. */
const runs = { numRuns: process.env.CI ? 10_000 : 2_000, interruptAfterTimeLimit: 100_000, markInterruptAsFailure: true } as const;
vi.setConfig({ testTimeout: 110_000 });
const specialTokens = { bos: "<s>", eos: "</s>" };

const hostile = fc.constantFrom(
  "<|im_end|>",
  "<|im_start|>assistant\n",
  "</s>",
  "<s>",
  "<|eot_id|>",
  "<end_of_turn>",
  "<think>",
  "</think>",
  "{% endfor %}",
  "{{ bos_token }}",
  "### Response:\n",
  "[/INST]",
  "\n",
  "\n\n",
  " ",
  "\u0000",
  "\ud800",
  "\udc00",
  "👩‍💻",
  "é",
  "None",
  "undefined",
  '"',
  "\\",
  "<tool_call>",
);
// oxlint-disable-next-line no-control-regex -- control characters are what is meant
const pythonSpaceAlone = /[\ufeff\u0085\u001c-\u001f]/g;
/** Any UTF-16, spiced with what templates and tokenizers react to. U+FEFF and the like, where JavaScript's trim differs from Python's, are left to the golden cases. */
const words = fc
  .array(fc.oneof(hostile, fc.string({ unit: "grapheme", maxLength: 8 }), fc.string({ unit: "binary", maxLength: 4 })), { maxLength: 5 })
  .map((pieces) => pieces.join("").replace(pythonSpaceAlone, "_"));

/** [system?] then user and assistant by turns, ending in an answer. */
const conversations: fc.Arbitrary<Conversation> = fc
  .tuple(fc.option(words), fc.array(fc.tuple(words, words), { minLength: 1, maxLength: 3 }))
  .map(([system, pairs]) => ({
    messages: [
      ...(system === null ? [] : [{ role: "system", content: system }]),
      ...pairs.flatMap(([question, answer]) => [
        { role: "user", content: question },
        { role: "assistant", content: answer },
      ]),
    ],
  }));

const jinjaSources = Object.entries(goldenModels).flatMap(([name, { chat_template, chatml_generation_template }]) => [
  ...(chat_template ? [{ name, source: chat_template }] : []),
  ...(name === "qwen3" ? [{ name: "chatml-generation", source: chatml_generation_template }] : []),
]);
const jinja = jinjaSources.map(({ name, source }) => ({ library: new Template(source), template: createJinjaTemplate(source, { name }) }));
const templates: readonly PromptTemplate[] = [...templateNames.map(findTemplate), ...jinja.map(({ template }) => template)];

const textOf = (segments: readonly Segment[]): string => segments.map(({ text }) => text).join("");
const anyTemplate = fc.constantFrom(...templates);

describe("segments", () => {
  it("stripped of their marks are the library's plain rendering", () => {
    fc.assert(
      fc.property(fc.constantFrom(...jinja), conversations, fc.boolean(), ({ library, template }, conversation, open) => {
        // The library's strip("\n") strips blanks too, which Python's does not; golden/jinja-chats.json has those cases.
        const given = conversation.messages.map(({ role, content }) => ({ role, content: content.replace(/[^\S\n]/g, "_") }));
        const messages = open ? given.slice(0, -1) : given;
        const plain = library.render({ messages, bos_token: "<s>", eos_token: "</s>", add_generation_prompt: open, tools: null });
        expect(textOf(template.render({ messages }, { specialTokens, addGenerationPrompt: open }).segments)).toBe(plain);
      }),
      runs,
    );
  });

  it("of content are the record's own characters, at the place that they name", () => {
    fc.assert(
      fc.property(anyTemplate, conversations, (template, conversation) => {
        const wrong = template
          .render(conversation, { specialTokens })
          .segments.filter(({ kind, text, message, field, fieldStart }) =>
            kind === "content"
              ? text === "" ||
                field !== "content" ||
                conversation.messages[message!]!.content.slice(fieldStart, fieldStart + text.length) !== text
              : text === "" || field !== null,
          );
        expect(wrong).toEqual([]);
      }),
      runs,
    );
  });

  it("of the template do not depend on what the record says, however hostile", () => {
    // Thoughts, emptiness and leading blanks change what a template writes by design; everything else must not.
    const plainly = (text: string): string =>
      `x${text
        .replace(/<\/?think>/g, "_")
        .replace(/\s+/g, " ")
        .trim()}x`;
    fc.assert(
      fc.property(anyTemplate, conversations, (template, conversation) => {
        const skeleton = (content: (text: string) => string): unknown[] =>
          template
            .render(
              { messages: conversation.messages.map((message) => ({ ...message, content: content(message.content) })) },
              { specialTokens },
            )
            .segments.map(({ kind, part, role, message, text }) => [kind, part, role, message, kind === "content" ? null : text]);
        expect(skeleton(plainly)).toEqual(skeleton(() => "benign"));
      }),
      runs,
    );
  });

  it("end every answer in exactly one terminator", () => {
    fc.assert(
      fc.property(anyTemplate, conversations, (template, conversation) => {
        const { segments } = template.render(conversation, { specialTokens });
        const [declared] = template.terminators;
        const ends = segments.filter(({ role, part }) => role === "assistant" && part === "terminator");
        const answers = conversation.messages.flatMap(({ role }, i) => (role === "assistant" ? [i] : []));
        expect(ends.map(({ message, text, kind }) => [message, text, kind])).toEqual(
          answers.map((i) => [i, declared === "eos" ? "</s>" : declared, "control"]),
        );
      }),
      runs,
    );
  });

  it("of a prompt are exactly the first of the training row's", () => {
    fc.assert(
      fc.property(anyTemplate, conversations, (template, conversation) => {
        const whole = template.render(conversation, { specialTokens }).segments;
        const prompt = template.render(conversation, { specialTokens, addGenerationPrompt: true }).segments;
        expect(whole.slice(0, prompt.length)).toEqual(prompt);
        const last = conversation.messages.length - 1;
        expect(prompt.every(({ message, part }) => message !== last || part === "header")).toBe(true);
        expect(whole.slice(prompt.length).every(({ message, part }) => message === last && part !== "header")).toBe(true);
      }),
      runs,
    );
  });
});

describe("expanding turns", () => {
  it("makes one row an answer where history is rewritten, and each row renders as the model would have written it", () => {
    fc.assert(
      fc.property(anyTemplate, conversations, (template, conversation) => {
        const rows = expandTurns(template, conversation, { specialTokens });
        if (isPrefixStable(template, conversation, { specialTokens })) {
          expect(rows).toEqual([conversation]);
          return;
        }
        const answers = conversation.messages.flatMap(({ role }, i) => (role === "assistant" ? [i] : []));
        expect(rows.map(({ supervisedMessage }) => supervisedMessage)).toEqual(answers);
        for (const row of rows) {
          expect(row.messages.length).toBe(row.supervisedMessage! + 1);
          expect(row.messages.filter(({ role, train }) => role === "assistant" && train !== false).length).toBe(1);
        }
      }),
      runs,
    );
  });
});

describe("records", () => {
  it("of any JSON give a conversation of strings or a RecordError, nothing else", () => {
    const keys = fc.constantFrom(
      "messages",
      "conversations",
      "instruction",
      "input",
      "output",
      "prompt",
      "completion",
      "text",
      "role",
      "content",
      "from",
      "value",
      "tools",
    );
    const row = fc.letrec((tie) => ({
      value: fc.oneof(
        fc.string(),
        fc.constant(null),
        fc.integer(),
        fc.boolean(),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(keys, tie("value"), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(
      fc.property(row, (value) => {
        try {
          for (const { role, content } of readRecord(value).messages) {
            expect(typeof role).toBe("string");
            expect(typeof content).toBe("string");
          }
        } catch (error) {
          expect(error).toMatchObject({ name: "RecordError", hint: expect.any(String) });
        }
      }),
      runs,
    );
  });
});

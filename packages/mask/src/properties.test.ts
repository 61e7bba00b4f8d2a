import type { Message } from "@sft/templates";
import * as fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  encodeExamples,
  encodeRendering,
  explain,
  type MaskPolicyName,
  packExamples,
  padBatch,
  planPacking,
  shiftTargets,
  type TruncationStrategy,
} from "./index.ts";
import { mockControls, mockTokenizer } from "./testing/mockTokenizer.ts";
import { chatml } from "./testing/renderings.ts";

/** 10,000 cases each in CI, fewer at the desk; a machine that needs more than 100 s fails the test rather than passing fewer cases. */
const settings = { numRuns: process.env.CI ? 10_000 : 2_000, interruptAfterTimeLimit: 100_000, markInterruptAsFailure: true };

const hostile = fc.constantFrom(...Object.keys(mockControls), "<|im_", "end|>", "\n", "assistant", "\ud83d\udc4d", "\ud800", "\0");
const text = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.string({ maxLength: 6 }) }, { weight: 1, arbitrary: hostile }), { maxLength: 5 })
  .map((parts) => parts.join(""));
const exchange = fc
  .tuple(text, text, fc.option(text, { nil: undefined }), fc.constantFrom(undefined, true, false))
  .map(([question, answer, tool, train]): Message[] => [
    { role: "user", content: question },
    ...(tool === undefined
      ? []
      : [
          { role: "assistant", content: "call" },
          { role: "tool", content: tool },
        ]),
    { role: "assistant", content: answer, train },
  ]);
const conversation = fc
  .tuple(fc.boolean(), fc.array(exchange, { minLength: 1, maxLength: 4 }))
  .map(([system, exchanges]): Message[] => [...(system ? [{ role: "system", content: "S" }] : []), ...exchanges.flat()]);
const policy = fc.constantFrom<MaskPolicyName>("completion", "assistant", "last", "all");
const textOf = (messages: readonly Message[]): string =>
  chatml(messages)
    .segments.map((segment) => segment.text)
    .join("");

vi.setConfig({ testTimeout: 110_000 });

describe("properties of an encoded row", () => {
  it("ids decode to the text, and spans tile tokens and text", () => {
    fc.assert(
      fc.property(conversation, policy, (messages, mask) => {
        const example = encodeRendering(chatml(messages), mockTokenizer, { mask });
        let end = 0;
        for (const span of example.spans) {
          expect(span.start).toBe(end);
          end = span.end;
          expect(mockTokenizer.decode(example.ids.subarray(span.start, span.end))).toBe(span.text);
        }
        expect(end).toBe(example.ids.length);
        expect(example.spans.map((span) => span.text).join("")).toBe(textOf(messages));
      }),
      settings,
    );
  });

  it("weights are 0 outside the spans that the policy trains", () => {
    fc.assert(
      fc.property(conversation, policy, (messages, mask) => {
        const example = encodeRendering(chatml(messages), mockTokenizer, { mask });
        const lastAnswer = messages.length - 1;
        const question = messages.findLastIndex((message) => message.role === "user");
        const expected = explain(example).map(({ index, span }) => {
          const message = messages[span.message as number];
          const answers = message.role === "assistant" && (span.part === "body" || span.part === "terminator");
          const chosen = {
            completion: answers && (span.message as number) > question,
            assistant: answers,
            last: answers && span.message === lastAnswer,
            all: true,
          }[mask];
          const forced = message.train === undefined ? chosen : message.train && (answers || mask === "all");
          return index > 0 && forced ? 1 : 0;
        });
        expect([...example.weights]).toEqual(expected);
      }),
      settings,
    );
  });

  it("each supervised turn trains exactly one terminator, whatever the content", () => {
    fc.assert(
      fc.property(conversation, policy, fc.constantFrom("literal" as const, "allow" as const), (messages, mask, control) => {
        const benign = messages.map((message) => ({
          ...message,
          content: control === "allow" ? message.content.replaceAll("|", "") : message.content,
        }));
        const ended = benign.map((message) => ({
          ...message,
          content: message.content + (control === "allow" && message.role === "assistant" ? "<|im_end|>" : ""),
        }));
        const example = encodeRendering(chatml(ended), mockTokenizer, { mask, control });
        const trained = new Map<number, number>();
        for (const { span, weight, id } of explain(example)) {
          if (weight > 0 && id === mockControls["<|im_end|>"] && ended[span.message as number].role === "assistant") {
            trained.set(span.message as number, (trained.get(span.message as number) ?? 0) + 1);
          }
        }
        const supervised = new Set(example.spans.filter((span) => span.trained && span.role === "assistant").map((span) => span.message));
        expect([...trained.keys()].sort()).toEqual([...supervised].sort());
        for (const count of trained.values()) expect(count).toBe(1);
      }),
      settings,
    );
  });

  it("no content becomes a control token under literal", () => {
    fc.assert(
      fc.property(conversation, (messages) => {
        const { ids } = encodeRendering(chatml(messages), mockTokenizer);
        const controls = [...ids].filter((id) => mockTokenizer.isControl(id));
        expect(controls).toHaveLength(2 * messages.length);
      }),
      settings,
    );
  });

  it("message weights and span weights add up to the weight sum", () => {
    const weight = fc.constantFrom(0, 0.25, 0.5, 2);
    fc.assert(
      fc.property(fc.string({ minLength: 2, maxLength: 12 }), weight, weight, fc.nat(11), (content, whole, inside, cut) => {
        const end = 1 + (cut % (content.length - 1));
        const rendering = chatml([
          { role: "user", content: "u" },
          { role: "assistant", content, weight: whole, spans: [{ start: 0, end, weight: inside }] },
        ]);
        const batch = padBatch([shiftTargets(encodeRendering(rendering, mockTokenizer))], { multipleOf: 8 });
        expect(batch.weightSum).toBe(end * inside + (content.length - end + 1) * whole);
      }),
      settings,
    );
  });
});

describe("properties of truncation", () => {
  const strategy = fc.constantFrom<TruncationStrategy>("drop", "keepResponse", "splitTurns", "left", "right", "proportion");
  const limit = fc.integer({ min: 1, max: 120 });

  it("every strategy keeps its promise on length and says what it lost", () => {
    fc.assert(
      fc.property(conversation, strategy, limit, (messages, truncation, maxLength) => {
        const rendering = chatml(messages);
        const whole = encodeRendering(rendering, mockTokenizer);
        const pieces = encodeExamples(rendering, mockTokenizer, { truncation, maxLength });
        for (const example of pieces) {
          expect(example.weights[0]).toBe(0);
          if (example.dropped !== null) {
            expect(example.weights.every((weight) => weight === 0)).toBe(true);
            expect(example.dropped.length).toBeGreaterThan(maxLength);
          } else expect(example.ids.length).toBeLessThanOrEqual(maxLength);
        }
        if (whole.ids.length <= maxLength) {
          expect(pieces).toHaveLength(1);
          expect([...pieces[0].ids]).toEqual([...whole.ids]);
          return;
        }
        const [first] = pieces;
        const count = (example: typeof whole, part: string): number =>
          explain(example).filter(({ span, weight }) => span.part === part && weight > 0).length;
        if (truncation === "drop") expect(first.dropped?.code).toBe("over-long");
        if (truncation === "left" || truncation === "right") {
          expect(first.ids).toHaveLength(maxLength);
          const cutTerminator = count(first, "terminator") < count(whole, "terminator");
          // The first token of a left cut is no target, so its weight may be what is lost.
          const warned = first.warnings.some(({ code }) => code === "terminator-cut" || code === "no-terminator" || code === "all-masked");
          if (cutTerminator && truncation === "right") expect(warned).toBe(true);
        }
      }),
      settings,
    );
  });

  it("keepResponse cuts neither template nor trained tokens, and cuts no more than it must", () => {
    fc.assert(
      fc.property(conversation, limit, (messages, maxLength) => {
        const rendering = chatml(messages);
        const whole = explain(encodeRendering(rendering, mockTokenizer));
        const example = encodeRendering(rendering, mockTokenizer, { truncation: "keepResponse", maxLength });
        const mustStay = whole.filter(({ span, weight }) => span.kind !== "content" || weight > 0).map(({ id }) => id);
        if (example.dropped !== null) {
          expect(mustStay.length).toBeGreaterThan(maxLength);
          return;
        }
        const stayed = explain(example).filter(({ span, weight }) => span.kind !== "content" || weight > 0);
        expect(stayed.map(({ id }) => id)).toEqual(mustStay);
        expect(example.ids.length).toBe(Math.min(maxLength, whole.length));
      }),
      settings,
    );
  });

  it("splitTurns trains every fitting answer exactly once", () => {
    fc.assert(
      fc.property(conversation, limit, (messages, maxLength) => {
        const rendering = chatml(messages);
        const pieces = encodeExamples(rendering, mockTokenizer, { truncation: "splitTurns", maxLength });
        const seen = pieces.flatMap((piece) => [
          ...new Set(piece.spans.filter((span) => span.role === "assistant").map((span) => span.message)),
        ]);
        expect(new Set(seen).size).toBe(seen.length);
        if (pieces.every((piece) => piece.dropped === null)) {
          const whole = encodeRendering(rendering, mockTokenizer);
          const sum = (weights: Float32Array): number => weights.reduce((a, b) => a + b, 0);
          expect(pieces.reduce((total, piece) => total + sum(piece.weights), 0)).toBe(sum(whole.weights));
        }
      }),
      settings,
    );
  });
});

describe("properties of packing", () => {
  const lengths = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 24 });
  const strategy = fc.constantFrom("bestFit" as const, "inOrder" as const, "none" as const);

  it("loses and duplicates no token, and fits every row", () => {
    fc.assert(
      fc.property(lengths, strategy, fc.integer({ min: 1, max: 12 }), (all, chosen, capacity) => {
        const plan = planPacking(all, { capacity, strategy: chosen, overflow: "split" });
        const seen = all.map((length) => new Uint8Array(length));
        for (const pieces of plan) {
          expect(pieces.reduce((sum, piece) => sum + piece.end - piece.start, 0)).toBeLessThanOrEqual(capacity);
          for (const { index, start, end } of pieces) for (let i = start; i < end; i++) seen[index][i]++;
        }
        expect(seen.every((counts) => counts.every((count) => count === 1))).toBe(true);
      }),
      settings,
    );
  });

  it("best fit leaves no row that another row could take whole", () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 12, max: 30 }), (all, capacity) => {
        const used = planPacking(all, { capacity }).map((pieces) => pieces.reduce((sum, { start, end }) => sum + end - start, 0));
        used.sort((a, b) => a - b);
        if (used.length > 1) expect(used[0] + used[1]).toBeGreaterThan(capacity);
      }),
      settings,
    );
  });

  it("a packed batch holds the same weighted targets as a padded one", () => {
    const rows = fc.array(fc.array(fc.integer({ min: 2, max: 99 }), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(rows, (all) => {
        const shifted = all.map((ids) =>
          shiftTargets({ ids: Int32Array.from(ids), weights: Float32Array.from(ids, (id, i) => (i > 0 && id % 2 ? id : 0)) }),
        );
        const pairs = ({ inputIds, targets, weights, positions, segments }: ReturnType<typeof padBatch>): string[] =>
          [...inputIds].flatMap((id, i) => (segments[i] > 0 ? [`${id} ${targets[i]} ${weights[i]} ${positions[i]}`] : [])).sort();
        expect(pairs(packExamples(shifted, { length: 16 }))).toEqual(pairs(padBatch(shifted)));
      }),
      settings,
    );
  });
});

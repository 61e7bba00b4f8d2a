import type { Rendering, Segment } from "@sft/templates";
import { describe, expect, it } from "vitest";
import { createMaskPolicy, encodeExamples, encodeRendering, type EncodeOptions, type Example, type StraddlePolicy } from "./index.ts";
import { chatml, promptAnswer } from "./testing/renderings.ts";
import { createWordTokenizer } from "./testing/wordTokenizer.ts";

const encode = (rendering: Rendering, options: EncodeOptions = {}): Example => encodeRendering(rendering, createWordTokenizer(), options);
const spanTexts = ({ spans }: Example): string[] => spans.map(({ start, end, text }) => `${end - start} ${text}`);
const codes = ({ warnings }: Example): string[] => warnings.map(({ code }) => code);
const joint = (straddle: StraddlePolicy) => createMaskPolicy("completion", { encoding: "joint", straddle });

describe("spans of tokens that leave characters between them", () => {
  it("spell the whole text", () => {
    const example = encode(promptAnswer(" one  two ", " three "));
    expect(spanTexts(example)).toEqual(["1 In: ", "2  one  two ", "1  Out:", "1  three ", "1 </s>"]);
    expect(example.spans.map(({ charStart, charEnd }) => [charStart, charEnd])).toEqual([
      [0, 4],
      [0, 10],
      [0, 5],
      [0, 7],
      [0, 4],
    ]);
  });
  it("meet where a weight changes", () => {
    const rendering = chatml([{ role: "assistant", content: "one  two three", spans: [{ start: 5, end: 8, weight: 0.5 }] }]);
    expect(spanTexts(encode(rendering)).slice(1, -2)).toEqual(["1 one  ", "1 two ", "1 three"]);
  });
  it("keep text that has no token, in its place", () => {
    const example = encode(promptAnswer("\u200b", "yes \u200b", { eos: "</s>" }));
    expect(spanTexts(example)).toEqual(["1 In: ", "0 \u200b", "1  Out:", "1 yes \u200b", "1 </s>"]);
    expect(example.spans[1]).toMatchObject({ start: 1, end: 1, weight: 0, trained: false, reason: "this text has no token of its own" });
    const last = encode(promptAnswer("a", "yes", { eos: "\u200b" }));
    expect(spanTexts(last).at(-1)).toBe("0 \u200b");
  });
  it("end with their last token where text was cut", () => {
    const rendering = promptAnswer("one two three four", "yes");
    expect(spanTexts(encode(rendering, { maxLength: 6, truncation: "keepResponse" }))).toEqual([
      "1 In: ",
      "2 one two",
      "1  Out:",
      "1 yes",
      "1 </s>",
    ]);
    expect(spanTexts(encode(rendering, { maxLength: 5, truncation: "left" }))).toEqual(["2 three four", "1  Out:", "1 yes", "1 </s>"]);
    expect(spanTexts(encode(rendering, { maxLength: 3, truncation: "right" }))).toEqual(["1 In: ", "2 one two"]);
  });
});

describe("joint encoding", () => {
  const merging = promptAnswer("Foo", "Bar baz");
  it("gives a token across prompt and answer to the straddle policy", () => {
    for (const [straddle, weight] of [
      ["mask", 0],
      ["train", 1],
    ] as const) {
      const example = encode(merging, { mask: joint(straddle) });
      expect([...example.weights]).toEqual([0, 0, weight, 1, 1]);
      expect(example.warnings).toEqual([
        {
          code: "straddling-token",
          token: 2,
          message: "Token 2 reaches from the header of message 1 (assistant) into the body of message 1 (assistant).",
        },
      ]);
      expect(example.spans[2]?.reason).toBe(
        `token 2 crosses the border of two segments; straddle: "${straddle}" gives it weight ${weight}`,
      );
    }
    expect(() => encode(merging, { mask: joint("error") })).toThrow("token 2 crosses the border of two segments, with weights 0 and 1.");
  });
  it("has nothing to say of tokens inside one part", () => {
    const { segments, ...rest } = promptAnswer("Foo", "Bar", { after: " Out: " });
    const split = segments.flatMap((segment): Segment[] =>
      segment.text === "Foo"
        ? [
            { ...segment, text: "Fo" },
            { ...segment, text: "o", fieldStart: 2 },
          ]
        : [segment],
    );
    const example = encode({ ...rest, segments: split }, { mask: joint("error") });
    expect(codes(example)).toEqual([]);
    expect(example.ids).toHaveLength(5);
  });
  it("names text outside messages", () => {
    const rendering = promptAnswer("Foo", "Bar", { bos: "begin:", after: " Out: " });
    expect(encode(rendering, { mask: joint("mask") }).warnings.map(({ message }) => message)).toEqual([
      "Token 0 reaches from the outside of no message into the header of message 0 (user).",
    ]);
  });
  it("takes an empty rendering", () => {
    const empty = { ...merging, segments: [] };
    for (const mask of [joint("mask"), "completion", "litgpt"]) {
      expect(encode(empty, { mask })).toMatchObject({ ids: new Int32Array(0), spans: [], warnings: [{ code: "all-masked" }] });
    }
  });
});

describe("bos", () => {
  const rendering = promptAnswer("Foo", "Bar", { after: " Out: " });
  it("comes first on request, once, and is never trained", () => {
    for (const mask of ["completion", "all", joint("mask")]) {
      const tokenizer = createWordTokenizer();
      const example = encodeRendering(rendering, tokenizer, { mask, bos: true });
      expect([...example.ids].map((id) => tokenizer.words[id])).toEqual(["<s>", "In:", "Foo", "Out:", "Bar", "</s>"]);
      expect(example.weights[0]).toBe(0);
      expect(example.spans[0]).toMatchObject({ text: "<s>", kind: "control", part: "outside", message: null, role: null, field: null });
    }
    const written = promptAnswer("Foo", "Bar", { bos: "<s>", after: " Out: " });
    expect([...encode(written, { bos: true }).ids]).toEqual([0, 2, 3, 4, 5, 1]);
    expect([...encode(rendering, { bos: false }).ids]).toEqual([2, 3, 4, 5, 1]);
  });
  it("is put before content that reads like it", () => {
    const { segments, ...rest } = rendering;
    const quoting = { ...rest, segments: [{ ...segments[1], text: "<s>" }, ...segments.slice(1)] };
    expect([...encode(quoting, { bos: true }).ids].slice(0, 2)).toEqual([0, 2]);
  });
  it("is left out where the tokenizer has none", () => {
    const without = { ...createWordTokenizer(), bos: null };
    expect([...encodeRendering(rendering, without, { bos: true }).ids]).toEqual([2, 3, 4, 5, 1]);
    const all = encodeRendering(rendering, without, { mask: "all" });
    expect([...all.weights]).toEqual([0, 1, 1, 1, 1]);
  });
  it("is not a target inside a row either, except as the token that ends a turn", () => {
    const { segments, ...rest } = rendering;
    const inside = { ...rest, segments: [segments[0], { ...segments[0], text: "<s>", kind: "control" as const }, ...segments.slice(1)] };
    const example = encode(inside, { mask: "all" });
    expect([...example.weights]).toEqual([0, 0, 1, 1, 1, 1]);
    expect(example.spans[1].reason).toBe("BOS is never a target");
    const masked = encode(inside);
    expect(masked.spans[1].reason).not.toBe("BOS is never a target");
    const shared = { ...createWordTokenizer(), bos: { id: 1, text: "</s>" } };
    expect(encodeRendering(rendering, shared).weights.at(-1)).toBe(1);
  });
  it("follows add_bos_token under LitGPT's encoding", () => {
    const adding = { ...createWordTokenizer(), addBosToken: true };
    expect(encodeRendering(rendering, adding, { mask: "litgpt" }).ids[0]).toBe(0);
    expect(encodeRendering(rendering, adding, { mask: "litgpt", bos: false }).ids[0]).toBe(2);
    expect(encodeRendering(rendering, adding).ids[0]).toBe(2);
  });
});

describe("what a template writes to steer an answer", () => {
  const { segments, ...rest } = promptAnswer("Foo", "Bar", { after: " Out: " });
  const think: Segment = { ...segments[2], text: "<think></think> ", part: "body" };
  const steered = { ...rest, segments: [...segments.slice(0, 3), think, ...segments.slice(3)] };
  it("is trained on request only", () => {
    expect([...encode(steered).weights]).toEqual([0, 0, 0, 0, 1, 1]);
    expect(encode(steered).spans[3].reason).toBe("policy completion does not train what the template writes to steer the answer");
    const mask = createMaskPolicy("completion", { generationPrompt: true });
    expect([...encode(steered, { mask }).weights]).toEqual([0, 0, 0, 1, 1, 1]);
  });
  it("belongs to the prompt of LitGPT's encoding", () => {
    expect([...encode(steered, { mask: "litgpt" }).weights]).toEqual([0, 0, 0, 0, 1, 1]);
  });
  it("that asks for an answer leaves LitGPT's encoding with a prompt alone", () => {
    const prompt = { ...rest, segments: steered.segments.slice(0, 4) };
    const example = encode(prompt, { mask: "litgpt", bos: true });
    expect([...example.ids]).toEqual([0, 2, 3, 4, 5]);
    expect(codes(example)).toEqual(["all-masked"]);
  });
  it("outside every part is trained by all alone", () => {
    const outside: Segment = { ...segments[1], text: "note ", kind: "literal", part: "outside" };
    const noted = { ...rest, segments: [segments[0], outside, ...segments.slice(1)] };
    expect(encode(noted, { mask: "all" }).weights[1]).toBe(1);
    const mask = createMaskPolicy("completion", { roles: ["user"] });
    expect(encode(noted, { mask }).spans[1]).toMatchObject({ weight: 0, reason: "text outside every turn" });
  });
});

describe("character spans", () => {
  const weighted = (spans: { start: number; end: number; weight: number }[], fields: object = {}): Rendering =>
    chatml([
      { role: "user", content: "u" },
      { role: "assistant", content: "one two", spans, ...fields },
    ]);
  const body = (example: Example): number[] =>
    example.spans.filter(({ part, role }) => part === "body" && role === "assistant").map(({ weight }) => weight);
  it("may come in any order", () => {
    const spans = [
      { start: 4, end: 7, weight: 0.5 },
      { start: 0, end: 3, weight: 0.25 },
    ];
    expect(body(encode(weighted(spans)))).toEqual([0.25, 0.5]);
  });
  it("do nothing in a message that is never trained", () => {
    expect(body(encode(weighted([{ start: 0, end: 3, weight: 1 }], { train: false })))).toEqual([0]);
  });
  it("are multiplied by the weight of the text's class", () => {
    const rendering = weighted([{ start: 0, end: 7, weight: 0.5 }]);
    const segments = rendering.segments.map((segment) =>
      segment.field === "content" ? { ...segment, spanClass: "toolCall" as const } : segment,
    );
    const mask = createMaskPolicy("last", { classWeights: { toolCall: 4 } });
    expect(body(encode({ ...rendering, segments }, { mask }))).toEqual([2]);
  });
  it("leave tokens without characters to the place where they stand", () => {
    const zeroWidth = createWordTokenizer();
    const narrowed = {
      ...zeroWidth,
      encodeContent(text: string) {
        const { ids, offsets } = zeroWidth.encodeContent(text);
        return { ids, offsets: offsets.map((_, i) => offsets[i - (i % 2)]) };
      },
    };
    expect(body(encodeRendering(weighted([{ start: 4, end: 7, weight: 0.5 }]), narrowed))).toEqual([1, 0.5]);
  });
});

describe("policies over roles and kinds of rows", () => {
  it("weigh a prompt by its message's weight", () => {
    const rendering = chatml([
      { role: "user", content: "u v", weight: 0.5 },
      { role: "assistant", content: "a" },
    ]);
    const mask = createMaskPolicy("last", { classWeights: { prompt: 0.5 } });
    expect(encode(rendering, { mask }).spans.find(({ text }) => text === "u v")?.weight).toBe(0.25);
    const silenced = chatml([
      { role: "user", content: "u v", train: false },
      { role: "assistant", content: "a" },
    ]);
    expect(encode(silenced, { mask }).spans.find(({ text }) => text === "u v")?.weight).toBe(0);
  });
  it("take prompt-completion rows as completions", () => {
    const { conversation, ...rest } = promptAnswer("Foo", "Bar");
    const named = (format: "prompt-completion" | "messages"): Example =>
      encode({ ...rest, conversation: { ...conversation, record: { format } } });
    expect([named("prompt-completion").policy, named("messages").policy]).toEqual(["completion", "assistant"]);
  });
  it("name several roles", () => {
    const mask = createMaskPolicy("assistant", { roles: ["assistant", "critic"] });
    const rendering = chatml([
      { role: "user", content: "u" },
      { role: "critic", content: "c" },
    ]);
    const reasons = encode(rendering, { mask }).spans.map(({ reason }) => reason);
    expect(reasons[0]).toBe("policy assistant with changes trains assistant, critic turns, this is a user turn");
    expect(reasons.at(-2)).toBe("terminator: policy assistant with changes trains this critic turn");
  });
  it("open a marker search at the first answer after each user turn", () => {
    const rendering = chatml([
      { role: "assistant", content: "greeting" },
      { role: "user", content: "u1" },
      { role: "system", content: "s" },
      { role: "assistant", content: "a1" },
      { role: "user", content: "u2" },
    ]);
    const trained = encode(rendering, { mask: "unsloth" }).spans.filter((span) => span.trained && span.part === "body");
    expect(trained.map(({ text }) => text)).toEqual(["greeting", "a1"]);
  });
});

describe("splitTurns", () => {
  const rendering = chatml([
    { role: "system", content: "s" },
    { role: "user", content: "one" },
    { role: "user", content: "more" },
    { role: "assistant", content: "a" },
    { role: "user", content: "two" },
    { role: "assistant", content: "b c d e f" },
    { role: "user", content: "left over" },
  ]);
  const whole = encode(rendering).ids.length;
  const split = (maxLength: number | undefined): readonly Example[] =>
    encodeExamples(rendering, createWordTokenizer(), { truncation: "splitTurns", maxLength });
  it("leaves alone what fits", () => {
    for (const maxLength of [undefined, whole]) {
      expect(split(maxLength)).toHaveLength(1);
      expect(codes(split(maxLength)[0])).toEqual([]);
    }
    expect(encode(rendering, { truncation: "splitTurns" }).ids).toHaveLength(whole);
  });
  it("keeps user turns that follow each other together, and leaves out rows without an answer", () => {
    const pieces = split(whole - 1);
    expect(pieces.flatMap((piece) => piece.spans.filter(({ part }) => part === "body").map(({ text }) => text))).toEqual([
      "s",
      "one",
      "more",
      "a",
      "two",
      "b c d e f",
    ]);
  });
  it("drops an exchange that does not fit alone", () => {
    // The first exchange fits exactly.
    const long = chatml(
      rendering.conversation.messages.map((message) => (message.content === "two" ? { ...message, content: "t ".repeat(40) } : message)),
    );
    const fits = encode(chatml(long.conversation.messages.slice(0, 4))).ids.length;
    const pieces = encodeExamples(long, createWordTokenizer(), { truncation: "splitTurns", maxLength: fits });
    const longest = pieces[1];
    expect(pieces.map(({ dropped }) => dropped?.code ?? null)).toEqual([null, "cannot-shorten"]);
    expect(longest.dropped?.message).toBe(`Dropped: one exchange alone has ${longest.ids.length} tokens, the limit is ${fits}.`);
    expect(pieces[1].weights.every((weight) => weight === 0)).toBe(true);
  });
});

describe("plain cuts", () => {
  const rendering = promptAnswer("one two three", "yes", { after: " Out: ", bos: "<s>" });
  const cut = (truncation: "left" | "right", maxLength: number): string => {
    const tokenizer = createWordTokenizer();
    const { ids } = encodeRendering(rendering, tokenizer, { truncation, maxLength });
    return [...ids].map((id) => tokenizer.words[id]).join(" ");
  };
  it("on the left keep a leading BOS while there is room for more", () => {
    expect(cut("left", 5)).toBe("<s> three Out: yes </s>");
    expect(cut("left", 2)).toBe("<s> </s>");
    expect(cut("left", 1)).toBe("</s>");
    expect(cut("left", 8)).toBe("<s> In: one two three Out: yes </s>");
  });
  it("on the right keep the start", () => {
    expect(cut("right", 3)).toBe("<s> In: one");
  });
  it("say only what was cut", () => {
    const warned = (truncation: "left" | "right" | "keepResponse", maxLength: number): string[] =>
      codes(encode(rendering, { truncation, maxLength }));
    expect(warned("left", 5)).toEqual(["prompt-cut"]);
    expect(warned("right", 7)).toEqual(["terminator-cut", "no-terminator"]);
    expect(warned("right", 8)).toEqual([]);
    expect(warned("keepResponse", 8)).toEqual([]);
    expect(encode(rendering, { truncation: "keepResponse", maxLength: 6 }).warnings).toEqual([
      { code: "prompt-shortened", message: "2 tokens of record text were cut to fit 6.", token: null },
    ]);
  });
});

describe("cuts in proportion", () => {
  it("go turn by turn until the limit is used up", () => {
    const rendering = chatml([
      { role: "user", content: "u ".repeat(6) },
      { role: "assistant", content: "a ".repeat(6) },
      { role: "user", content: "v" },
      { role: "assistant", content: "b ".repeat(20) },
    ]);
    const tokenizer = createWordTokenizer();
    const whole = encodeRendering(rendering, tokenizer);
    const first = encodeRendering(chatml(rendering.conversation.messages.slice(0, 2)), tokenizer).ids.length;
    const { ids } = encodeRendering(rendering, tokenizer, { truncation: "proportion", maxLength: first + 12 });
    expect([...ids.subarray(0, first)]).toEqual([...whole.ids.subarray(0, first)]);
    // Of 12 tokens left for a prompt of 7 and an answer of 22, 12 * 22 / 29 = 9 go to the answer.
    expect(ids).toHaveLength(first + 12);
    const words = [...ids.subarray(first)].map((id) => tokenizer.words[id]);
    expect(words.filter((word) => word === "b")).toHaveLength(9);
    expect([...encodeRendering(rendering, tokenizer, { truncation: "proportion", maxLength: first }).ids]).toEqual([
      ...ids.subarray(0, first),
    ]);
  });
});

describe("warnings of missing terminators", () => {
  const open = promptAnswer("Foo", "Bar", { after: " Out: ", eos: "" });
  it("are for trained answers whose terminator should be trained", () => {
    expect(codes(encode(open))).toEqual(["no-terminator"]);
    expect(codes(encode(open, { mask: createMaskPolicy("last", { terminator: false }) }))).toEqual([]);
    expect(codes(encode(open, { mask: createMaskPolicy("last", { classWeights: { terminator: 0 } }) }))).toEqual([]);
    expect(
      codes(encode(promptAnswer("Foo", "Bar", { after: " Out: " }), { mask: createMaskPolicy("last", { terminator: "eos" }) })),
    ).toEqual([]);
    expect(codes(encode(open, { mask: createMaskPolicy("last", { body: false }) }))).toEqual(["all-masked"]);
  });
});

describe("control tokens let into content", () => {
  const allowing = { ...createWordTokenizer() };
  const letThrough = { ...allowing, encodeContent: (text: string) => allowing.encode(text) };
  const idsOf = (rendering: Rendering): number[] =>
    [...encodeRendering(rendering, letThrough, { control: "allow" }).ids].filter((id) => id < 2);
  it("end an answer once, however often the record says so", () => {
    expect(idsOf(promptAnswer("Foo", "Bar </s></s>", { after: " Out: " }))).toEqual([1]);
    expect(idsOf(promptAnswer("Foo", "Bar </s> baz", { after: " Out: " }))).toEqual([1, 1]);
    expect(idsOf(promptAnswer("Foo", "Bar <s>", { after: " Out: " }))).toEqual([0, 1]);
  });
  it("leave other words alone", () => {
    const rendering = promptAnswer("Foo", "Bar stop", { after: " Out: ", eos: "stop" });
    expect(encodeRendering(rendering, letThrough, { control: "allow" }).ids).toHaveLength(6);
    const user = promptAnswer("Foo</s>", "Bar", { after: " Out: " });
    const segments = user.segments.map((segment) => (segment.part === "terminator" ? { ...segment, role: "user", message: 0 } : segment));
    expect(
      encodeRendering({ ...user, segments: [...segments.slice(0, 2), segments[4], ...segments.slice(2, 4)] }, letThrough, {
        control: "allow",
      }).ids,
    ).toHaveLength(6);
  });
});

describe("keepResponse", () => {
  const words = (name: string, count: number): string => Array.from({ length: count }, (_, i) => `${name}${i}`).join(" ");
  const rendering = chatml([
    { role: "system", content: words("s", 3) },
    { role: "user", content: words("u", 10) },
    { role: "assistant", content: words("a", 20), train: false },
    { role: "user", content: words("v", 5) },
    { role: "assistant", content: words("b", 30) },
  ]);
  const whole = encode(rendering).ids.length;
  const lengthsAfter = (cut: number): number[] =>
    encode(rendering, { truncation: "keepResponse", maxLength: whole - cut })
      .spans.filter(({ part, text }) => part === "body" && text !== "")
      .map(({ start, end }) => end - start);
  it("shortens the longest untrained text first, down to the next longest, from its end", () => {
    expect(lengthsAfter(0)).toEqual([3, 10, 20, 5, 30]);
    expect(lengthsAfter(4)).toEqual([3, 10, 16, 5, 30]);
    expect(lengthsAfter(12)).toEqual([3, 9, 9, 5, 30]);
    expect(lengthsAfter(13)).toEqual([3, 9, 8, 5, 30]);
    expect(lengthsAfter(22)).toEqual([3, 5, 4, 4, 30]);
    expect(lengthsAfter(37)).toEqual([1, 30]);
    expect(lengthsAfter(38)).toEqual([30]);
    const { spans } = encode(rendering, { truncation: "keepResponse", maxLength: whole - 4 });
    expect(spans.find(({ message, part }) => message === 2 && part === "body")?.text).toBe(words("a", 16));
  });
  it("drops the row when template and answer alone are too long", () => {
    expect(encode(rendering, { truncation: "keepResponse", maxLength: whole - 39 }).dropped?.code).toBe("cannot-shorten");
  });
});

import { createJinjaTemplate, expandTurns, type Conversation, type PromptTemplate } from "@sft/templates";
import { expect, test, vi } from "vitest";
import { renderOnce } from "./renderOnce.ts";

const source =
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if tools %}{{ tools }}{% endif %}";
const options = { specialTokens: { bos: "<s>" } };
const chat = (...contents: string[]): Conversation => ({
  messages: contents.map((content, index) => ({ role: index % 2 === 0 ? "user" : "assistant", content })),
});
function counted(): { template: PromptTemplate; inner: PromptTemplate; times: () => number } {
  const inner = createJinjaTemplate(source);
  const render = vi.spyOn(inner, "render");
  return { template: renderOnce(inner), inner, times: () => render.mock.calls.length };
}
const beginning = (conversation: Conversation, length: number): Conversation => ({
  ...conversation,
  messages: conversation.messages.slice(0, length),
});

test("a conversation and its beginnings are rendered once each, however often they are asked for", () => {
  const { template, times } = counted();
  const conversation = chat("a", "b", "c", "d", "e", "f");
  expect(expandTurns(template, conversation, { ...options })).toEqual([conversation]);
  expect(times()).toBe(3);
  const fresh = createJinjaTemplate(source);
  for (const length of [2, 4, 6, 6, 2]) {
    const asked = beginning(conversation, length);
    expect(template.render(asked, { ...options })).toEqual(fresh.render(asked, options));
  }
  expect(times()).toBe(3);
});

test("what differs in a message, a fact, the tokens or a wish is rendered for itself", () => {
  const { template, inner } = counted();
  const conversation = chat("a", "b", "c", "d");
  const [first, ...rest] = conversation.messages;
  const cases: readonly [Conversation, object][] = [
    [conversation, options],
    [{ ...conversation, tools: [{ name: "tool" }] }, options],
    [{ ...conversation, supervisedMessage: 3 }, options],
    [{ messages: [first!, { ...rest[0]!, content: "other" }, ...rest.slice(1)] }, options],
    [conversation, { specialTokens: { bos: "<bos>" } }],
    [conversation, { ...options, addGenerationPrompt: true }],
    [chat("a", "b", "c", "d"), options],
  ];
  for (const [asked, how] of cases) {
    const rendering = template.render(asked, how);
    expect(rendering).toEqual(createJinjaTemplate(source).render(asked, how));
    expect(rendering.conversation).toBe(asked);
  }
  expect(inner.render).toHaveBeenCalledTimes(cases.length);
});

test("name, hash and terminators are the template's own, and what it refuses is refused each time", () => {
  const { template, inner } = counted();
  expect(template).toMatchObject({ name: inner.name, hash: inner.hash, terminators: ["<|im_end|>"] });
  for (let time = 0; time < 2; time++) expect(() => template.render({ messages: [] })).toThrow("no messages");
});

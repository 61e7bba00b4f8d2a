import type { Conversation, PromptTemplate, Rendering, RenderOptions } from "@sft/templates";

interface Rendered {
  readonly conversation: Conversation;
  readonly tokens: string;
  readonly rendering: Rendering;
}

/**
 * The same template, which renders a conversation and each of its beginnings once: expanding its turns, encoding it and looking
 * for faults ask for the same ones. Renderings of the conversation asked for last are kept, and of no other.
 */
export function renderOnce(template: PromptTemplate): PromptTemplate {
  let rendered: Rendered[] = [];
  return {
    name: template.name,
    hash: template.hash,
    get terminators() {
      return template.terminators;
    },
    ...(template.stops && { stops: template.stops }),
    render(conversation, options = {}) {
      const tokens = tokensAlone(options);
      if (tokens === null) return template.render(conversation, options);
      if (rendered[0]?.conversation.messages[0] !== conversation.messages[0]) rendered = [];
      const known = rendered.find((one) => one.tokens === tokens && isSame(one.conversation, conversation));
      if (known) return known.rendering;
      const rendering = template.render(conversation, options);
      rendered.push({ conversation, tokens, rendering });
      return rendering;
    },
  };
}

/** The special tokens, where nothing else was asked for: what opens a turn for an answer is rendered once anyway. */
function tokensAlone({ specialTokens, ...others }: RenderOptions): string | null {
  return Object.keys(others).length > 0 ? null : JSON.stringify([specialTokens?.bos, specialTokens?.eos]);
}

/** Whether two conversations are made of the very same messages and say the same about themselves. */
function isSame({ messages, ...facts }: Conversation, { messages: otherMessages, ...otherFacts }: Conversation): boolean {
  const names = Object.keys(facts) as (keyof typeof facts)[];
  return (
    messages.length === otherMessages.length &&
    messages.every((message, index) => message === otherMessages[index]) &&
    names.length === Object.keys(otherFacts).length &&
    names.every((name) => facts[name] === otherFacts[name])
  );
}

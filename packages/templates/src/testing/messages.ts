import type { Message } from "../segment.ts";

export function user(content: string, more: Partial<Message> = {}): Message {
  return { role: "user", content, ...more };
}

export function assistant(content: string, more: Partial<Message> = {}): Message {
  return { role: "assistant", content, ...more };
}

export function system(content: string, more: Partial<Message> = {}): Message {
  return { role: "system", content, ...more };
}

/** A tool call as a row writes it. */
export const call: object = { type: "function", function: { name: "f", arguments: { x: 1 } } };

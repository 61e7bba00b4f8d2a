import type { Conversation } from "@sft/templates";

/** What a row asks last, and the row's own answer to it. */
export function questionOf({ messages }: Conversation): { readonly prompt: string; readonly reference: string } {
  const lastOf = (role: string): string => messages.findLast((message) => message.role === role)?.content ?? "";
  return { prompt: lastOf("user"), reference: lastOf("assistant") };
}

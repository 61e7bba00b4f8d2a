import type { Rendering } from "@sft/templates";
import type { ExampleWarning } from "./example.ts";
import type { MaskPolicy } from "./maskPolicy.ts";
import type { TokenTable } from "./tokenTable.ts";
import type { Verdict } from "./tokenVerdict.ts";

/** A warning for each trained answer in which no terminator token is trained: a model taught by it does not learn to stop. */
export function findMissingTerminators(
  table: TokenTable,
  verdicts: readonly Verdict[],
  kept: readonly number[],
  { conversation }: Rendering,
  policy: MaskPolicy,
): ExampleWarning[] {
  if (policy.terminator === false || policy.classWeights.terminator === 0) return [];
  const lastBodyToken = new Map<number, number>();
  const ended = new Set<number>();
  kept.forEach((token, i) => {
    const { message, part } = table.segments[table.owner[token]];
    if (message === null || !policy.roles.includes(conversation.messages[message]?.role ?? "")) return;
    if (!(verdicts[token].weight > 0)) return;
    if (part === "body") lastBodyToken.set(message, i);
    if (part === "terminator") ended.add(message);
  });
  return [...lastBodyToken]
    .filter(([message]) => !ended.has(message))
    .map(([message, token]) => ({
      code: "no-terminator",
      message: `The answer in message ${message} is trained without a terminator behind it.`,
      token,
    }));
}

import type { AddedToken } from "./addedTokens.ts";

/**
 * Marks the ids (1) that content must never give: added tokens that are special, or that the model would not make
 * from their own text. The model's unknown token is left out, since ordinary text may give it.
 */
export function findControlTokens(
  addedTokens: readonly AddedToken[],
  vocabSize: number,
  unknownToken: string | null,
  encodePlain: (text: string) => readonly number[],
): Uint8Array {
  const control = new Uint8Array(vocabSize);
  for (const { id, content, special } of addedTokens) {
    if (content === unknownToken) continue;
    if (special || !isOrdinary(id, content, encodePlain)) control[id] = 1;
  }
  return control;
}

function isOrdinary(id: number, content: string, encodePlain: (text: string) => readonly number[]): boolean {
  try {
    const ids = encodePlain(content);
    return ids.length === 1 && ids[0] === id;
  } catch {
    // A model without an unknown token cannot spell the content at all.
    return false;
  }
}

import type { TokenTable } from "./tokenTable.ts";

/**
 * LLaMA-Factory's `infer_seqlen`: of a prompt and its answer, the shorter one stays whole if it is less than half the limit,
 * else both shrink in proportion. Figures are tokens; the two results add up to at most `limit`.
 */
export function inferLengths(prompt: number, answer: number, limit: number): { readonly prompt: number; readonly answer: number } {
  let most: number;
  if (2 * answer < limit) most = limit;
  else if (2 * prompt < limit) most = limit - prompt;
  else most = Math.floor((limit * answer) / (prompt + answer));
  const keptAnswer = Math.min(most, answer);
  return { prompt: Math.min(Math.max(limit - keptAnswer, 0), prompt), answer: keptAnswer };
}

/**
 * Cuts turn by turn until the limit is used up: each prompt loses its end, the assistant header with it, and each answer its end,
 * the terminator with it. What peers do is reproduced here, not advised.
 */
export function cutInProportion(table: TokenTable, maxLength: number): readonly number[] {
  const kept: number[] = [];
  const n = table.ids.length;
  for (let start = 0; start < n && kept.length < maxLength;) {
    let answer = start;
    while (answer < n && !isAnswer(table, answer)) answer++;
    let end = answer;
    while (end < n && isAnswer(table, end)) end++;
    const lengths = inferLengths(answer - start, end - answer, maxLength - kept.length);
    for (let i = 0; i < lengths.prompt; i++) kept.push(start + i);
    for (let i = 0; i < lengths.answer; i++) kept.push(answer + i);
    start = end;
  }
  return kept;
}

function isAnswer(table: TokenTable, token: number): boolean {
  const { role, part } = table.segments[table.owner[token]];
  return role === "assistant" && part !== "header" && part !== "outside";
}

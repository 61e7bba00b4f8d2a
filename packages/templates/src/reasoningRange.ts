const opening = "<think>";
const closing = "</think>";

/**
 * Where an answer's thoughts stand in its text: from its opening tag, which must come first (white space aside), to
 * behind its closing tag and the white space there. Without an opening tag the prompt wrote it, and the thoughts
 * start with the text. An empty range if there are none.
 */
export function reasoningRange(answer: string): readonly [start: number, end: number] {
  const close = answer.indexOf(closing);
  if (close < 0) return [0, 0];
  const open = answer.indexOf(opening);
  if (open > close || (open > 0 && answer.slice(0, open).trim() !== "")) return [0, 0];
  const end = close + closing.length;
  return [Math.max(open, 0), end + /^\s*/.exec(answer.slice(end))![0].length];
}

import { splitControlText } from "../controlText.ts";
import { concat, inTurn, type MarkedText, type Run, sliceMarked } from "./markedText.ts";

/** A stretch of rendered text that belongs to one message's turn, or to none. */
export interface Stretch {
  readonly turn: number | null;
  readonly marked: MarkedText;
}

/**
 * Cuts a rendering into turns; a BOS token at its start belongs to none. Text written in a loop pass over a message belongs to that message, and so does a
 * message's own text wherever it stands. Template text outside every loop pass goes to its neighbours: up to the end
 * of the turn before it (its terminator and the white space behind), then to the turn behind it as its header.
 */
export function turnStretches(rendered: MarkedText, terminator: string | null, bos: string | undefined): Stretch[] {
  const stretches: Stretch[] = [];
  const start = bos && rendered.text.startsWith(bos) ? bos.length : 0;
  if (start > 0) stretches.push({ turn: null, marked: sliceMarked(rendered, 0, start) });
  const pieces = runsOf(sliceMarked(rendered, start));
  const push = (turn: number | null, marked: MarkedText): void => {
    if (marked.text === "") return;
    const last = stretches.at(-1);
    if (last?.turn === turn) stretches[stretches.length - 1] = { turn, marked: concat([last.marked, marked]) };
    else stretches.push({ turn, marked });
  };
  pieces.forEach(({ run, marked }, i) => {
    const own = turnOf(run);
    if (own !== null) return push(own, run.turn === null ? inTurn(marked, own) : marked);
    const before = i > 0 ? pieces[i - 1]!.run : null;
    const after = i + 1 < pieces.length ? pieces[i + 1]!.run : null;
    const ends = before && before.turn === null && turnOf(before) !== null ? endOfTurn(marked.text, terminator, after === null) : 0;
    push(ends > 0 ? turnOf(before!) : null, sliceMarked(marked, 0, ends));
    const rest = sliceMarked(marked, ends);
    const opens = after && after.turn === null ? turnOf(after) : null;
    const outside = opens === null ? rest.text.length : i === 0 ? leadingControl(rest.text) : 0;
    push(null, sliceMarked(rest, 0, outside));
    push(opens, sliceMarked(rest, outside));
  });
  return stretches;
}

const turnOf = (run: Run): number | null => run.turn ?? run.origin?.message ?? null;

function runsOf(rendered: MarkedText): { run: Run; marked: MarkedText }[] {
  let position = 0;
  return rendered.runs.map((run) => {
    const marked: MarkedText = { text: rendered.text.slice(position, position + run.length), runs: [run] };
    position += run.length;
    return { run, marked };
  });
}

/** How much of the template text behind a turn still belongs to it. */
function endOfTurn(text: string, terminator: string | null, isLast: boolean): number {
  if (isLast) return text.length;
  if (terminator && text.startsWith(terminator)) return withSpace(text, terminator.length);
  const [first, second] = splitControlText(text);
  if (first?.control) return withSpace(text, first.text.length);
  return second?.control && first!.text.trim() === "" ? first!.text.length : 0;
}

const withSpace = (text: string, end: number): number => end + /^\s*/.exec(text.slice(end))![0].length;

/** BOS and the like at the very start belong to no turn, unless they are all that opens it. */
function leadingControl(text: string): number {
  const [first, second] = splitControlText(text);
  return first?.control && second?.control ? first.text.length : 0;
}

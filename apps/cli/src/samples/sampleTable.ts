import { paint } from "../terminal/paint.ts";
import type { Answer } from "./answerPrompts.ts";

/** A held-out question with its answers. */
export interface Sample {
  readonly prompt: string;
  readonly before: Answer;
  readonly after: Answer;
  /** The row's own answer. */
  readonly reference: string;
}

/** Answers side by side, before and after training and the reference, for a terminal of `width` columns. */
export function sampleTable(samples: readonly Sample[], width: number): string {
  const column = Math.max(16, Math.floor((Math.min(width, 140) - 6) / 3));
  const row = (cells: readonly string[]): string[] => {
    const wrapped = cells.map((cell) => wrap(cell, column));
    const height = Math.max(...wrapped.map((lines) => lines.length));
    return Array.from({ length: height }, (_, i) => `  ${wrapped.map((lines) => (lines[i] ?? "").padEnd(column)).join("  ")}`.trimEnd());
  };
  const [head] = row(["before", "after", "reference"]);
  return [
    paint("dim", head!),
    ...samples.flatMap(({ prompt, before, after, reference }) => [
      paint("bold", oneLine(prompt)),
      ...row([words(before), words(after), reference]),
    ]),
  ].join("\n");
}

/** An answer in one line; ⏹ marks that the model ended it itself. */
function words({ text, ended }: Answer): string {
  return `${oneLine(text)}${ended ? " ⏹" : " …"}`;
}

const oneLine = (text: string): string => text.trim().replaceAll(/\s+/g, " ");

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((long) => long.match(new RegExp(`.{1,${width}}`, "gu")) ?? [""])) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

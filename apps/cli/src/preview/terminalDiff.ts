import { paint } from "../terminal/paint.ts";
import type { RowDifference } from "./previewDiff.ts";

/** One line a change: what the text was and becomes to the loss, and the rule that now decides. */
export function terminalDiff({ row, changes }: RowDifference): string {
  const lines = changes.map(({ text, role, part, before, after }) => {
    const sign = (after?.weight ?? 0) > (before?.weight ?? 0) ? paint("green", "+") : paint("red", "-");
    const states = `${stateWords(before)} -> ${stateWords(after)}`;
    return `${sign} ${JSON.stringify(text)}  ${paint("dim", `${role ?? "template"} ${part}: ${states} (${(after ?? before)!.reason})`)}`;
  });
  return [paint("bold", `row ${row}`), ...lines].join("\n");
}

function stateWords(state: { readonly weight: number } | null): string {
  if (state === null) return "not there";
  return state.weight === 0 ? "not trained" : state.weight === 1 ? "trained" : `weight ${state.weight}`;
}

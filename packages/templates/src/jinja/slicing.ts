import type { Budget } from "./budget.ts";
import { concat, sliceMarked } from "./markedText.ts";
import { JinjaRuntimeError, List, Text, textOf, Tuple, typeName, type Value } from "./value.ts";

/** Python's `object[start:stop:step]`; a text is cut between code points. */
export function slice(object: Value, start: Value, stop: Value, step: Value, budget: Budget): Value {
  const [from, to, by] = [bound(start), bound(stop), bound(step) ?? 1];
  if (by === 0) throw new JinjaRuntimeError("slice step cannot be zero");
  if (object instanceof List) {
    budget.step(object.items.length);
    return listLike(object, sliced(object.items, from, to, by));
  }
  if (!(object instanceof Text)) throw new JinjaRuntimeError(`'${typeName(object)}' object is not subscriptable`);
  budget.step(object.text.length >>> 3);
  const { text, marked } = object;
  const endOf = (at: number): number => at + (text.codePointAt(at)! > 0xffff ? 2 : 1);
  const starts: number[] = [];
  for (let at = 0; at < text.length; at = endOf(at)) starts.push(at);
  const kept = sliced(starts, from, to, by);
  if (kept.length === 0) return textOf("");
  if (by === 1) return new Text(sliceMarked(marked, kept[0]!, endOf(kept.at(-1)!)));
  budget.step(kept.length);
  return new Text(budget.made(concat(kept.map((at) => sliceMarked(marked, at, endOf(at))))));
}

/** A list, or a tuple where the first was one. */
export const listLike = (first: List, items: readonly Value[]): List => (first instanceof Tuple ? new Tuple(items) : new List(items));

function bound(value: Value): number | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "number") return value;
  throw new JinjaRuntimeError("slice indices must be integers or None");
}

function sliced<T>(items: readonly T[], from: number | null, to: number | null, step: number): T[] {
  const { length } = items;
  const clamp = (index: number, low: number, high: number): number => Math.min(Math.max(index < 0 ? index + length : index, low), high);
  const kept: T[] = [];
  if (step > 0) {
    const end = to === null ? length : clamp(to, 0, length);
    for (let i = from === null ? 0 : clamp(from, 0, length); i < end; i += step) kept.push(items[i]!);
  } else {
    const end = to === null ? -1 : clamp(to, -1, length - 1);
    for (let i = from === null ? length - 1 : clamp(from, -1, length - 1); i > end; i += step) kept.push(items[i]!);
  }
  return kept;
}

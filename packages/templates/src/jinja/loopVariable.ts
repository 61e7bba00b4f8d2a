import { Callable, Dict, isEqual, type Value } from "./value.ts";

/** Jinja's `loop`, as pass `i` over the items sees it; `again` is what calling it does, in a recursive loop. */
export function loopVariable(
  items: readonly Value[],
  i: number,
  depth: number,
  seen: { last: readonly Value[] | null },
  again: Callable["call"] | null,
): Value {
  const fields = new Map<string, Value>([
    ["index", i + 1],
    ["index0", i],
    ["revindex", items.length - i],
    ["revindex0", items.length - i - 1],
    ["first", i === 0],
    ["last", i === items.length - 1],
    ["length", items.length],
    ["previtem", items[i - 1]],
    ["nextitem", items[i + 1]],
    ["depth", depth],
    ["depth0", depth - 1],
    ["cycle", new Callable((choices) => choices[i % choices.length])],
    [
      "changed",
      new Callable((values) => {
        const { last } = seen;
        seen.last = values;
        return last === null || last.length !== values.length || !last.every((value, at) => isEqual(value, values[at]));
      }),
    ],
  ]);
  return again ? new Callable(again, fields) : new Dict(fields);
}

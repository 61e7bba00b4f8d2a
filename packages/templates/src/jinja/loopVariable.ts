import { Callable, Dict, type Value } from "./value.ts";

/** Jinja's `loop`, as pass `i` over the items sees it. */
export function loopVariable(items: readonly Value[], i: number): Dict {
  return new Dict(
    new Map<string, Value>([
      ["index", i + 1],
      ["index0", i],
      ["revindex", items.length - i],
      ["revindex0", items.length - i - 1],
      ["first", i === 0],
      ["last", i === items.length - 1],
      ["length", items.length],
      ["previtem", items[i - 1]],
      ["nextitem", items[i + 1]],
      ["cycle", new Callable((choices) => choices[i % choices.length])],
    ]),
  );
}

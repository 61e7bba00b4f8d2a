import type { Budget } from "./budget.ts";
import { Callable, Dict, JinjaRaisedError, JinjaRuntimeError, List, Namespace, numberIn, type Value } from "./value.ts";
import { toText } from "./valueText.ts";

/** The names that every chat template knows: constants, `raise_exception`, `namespace`, `dict` and `range`. */
export function* globalVariables(budget: Budget): Generator<[string, Value]> {
  for (const [name, value] of [
    ["true", true],
    ["false", false],
    ["none", null],
  ] as const) {
    yield [name, value];
    yield [name[0]!.toUpperCase() + name.slice(1), value];
  }
  yield [
    "raise_exception",
    new Callable(([message]) => {
      throw new JinjaRaisedError(toText(message, budget).text);
    }),
  ];
  yield [
    "namespace",
    new Callable(([from], keyword) => new Namespace(new Map([...(from instanceof Dict ? from.entries : []), ...keyword]))),
  ];
  yield ["dict", new Callable(([from], keyword) => new Dict(new Map([...(from instanceof Dict ? from.entries : []), ...keyword])))];
  yield [
    "range",
    new Callable((args) =>
      range(
        args.map((arg) => numberIn(arg) ?? Number.NaN),
        budget,
      ),
    ),
  ];
}

function range(args: readonly number[], budget: Budget): List {
  const [start, stop, step] = args.length === 1 ? [0, args[0]!, 1] : [args[0]!, args[1]!, args[2] ?? 1];
  if (![start, stop, step].every(Number.isInteger) || step === 0)
    throw new JinjaRuntimeError("range() takes integers and a step that is not zero");
  const count = Math.max(0, Math.ceil((stop - start) / step));
  budget.step(count);
  return new List(Array.from({ length: count }, (_, i) => start + i * step));
}

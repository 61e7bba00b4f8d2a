import type { Budget } from "./budget.ts";
import { elements } from "./elements.ts";
import { Callable, Dict, JinjaRaisedError, JinjaRuntimeError, List, Namespace, numberIn, textOf, type Value } from "./value.ts";
import { toText } from "./valueText.ts";

/** The names that every chat template knows: `raise_exception`, `namespace`, `dict` and `range`. */
export function* globalVariables(budget: Budget): Generator<[string, Value]> {
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
  yield ["dict", new Callable(([from], keyword) => new Dict(new Map([...pairsIn(from, budget), ...keyword])))];
  yield [
    "joiner",
    new Callable(([separator]) => {
      let used = false;
      return new Callable(() => {
        const text = used ? (separator ?? textOf(", ")) : textOf("");
        used = true;
        return text;
      });
    }),
  ];
  yield [
    "cycler",
    new Callable((items) => {
      let at = 0;
      const step = new Callable(() => items[at++ % items.length]);
      return new Namespace(new Map([["next", step]]));
    }),
  ];
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

/** A dict's own pairs, or those of a list of pairs. */
function pairsIn(from: Value, budget: Budget): Iterable<[string, Value]> {
  if (from === undefined) return [];
  if (from instanceof Dict) return from.entries;
  return elements(from).map((pair): [string, Value] => {
    const [key, value] = elements(pair);
    return [toText(key, budget).text, value];
  });
}

function range(args: readonly number[], budget: Budget): List {
  const [start, stop, step] = args.length === 1 ? [0, args[0]!, 1] : [args[0]!, args[1]!, args[2] ?? 1];
  if (![start, stop, step].every(Number.isInteger) || step === 0)
    throw new JinjaRuntimeError("range() takes integers and a step that is not zero");
  const count = Math.max(0, Math.ceil((stop - start) / step));
  budget.step(count);
  return new List(Array.from({ length: count }, (_, i) => start + i * step));
}

import type { Budget } from "./budget.ts";
import { attributeOf } from "./elements.ts";
import { codePointLength } from "./codePoints.ts";
import { concat, literal, type MarkedText, sliceMarked } from "./markedText.ts";
import { Float, JinjaRuntimeError, numberIn, Text, textOf, typeName, type Value } from "./value.ts";
import { reprOf, toText } from "./valueText.ts";

const field = /\{\{|\}\}|\{(?<name>[^{}!:]*)(?:!(?<conversion>[rs]))?(?::(?<spec>[^{}]*))?\}|[{}]/g;
const specification =
  /^(?:(?<fill>.)?(?<align>[<>^=]))?(?<sign>[-+ ]?)(?<zero>0?)(?<width>\d*)(?<comma>,?)(?:\.(?<digits>\d+))?(?<code>[sdfFxX%]?)$/su;

/** Python's `text.format(...)`: fields by position or name with keys below them, `!r`, and fill, width, sign, precision and type. */
export function braceFormat(self: MarkedText, args: readonly Value[], keyword: ReadonlyMap<string, Value>, budget: Budget): Value {
  const pieces: MarkedText[] = [];
  let position = 0;
  let next = 0;
  for (const { 0: all, index, groups } of self.text.matchAll(field)) {
    pieces.push(sliceMarked(self, position, index));
    position = index + all.length;
    if (all === "{{" || all === "}}") {
      pieces.push(sliceMarked(self, index, index + 1));
      continue;
    }
    if (all.length === 1) throw new JinjaRuntimeError(`single '${all}' encountered in format string`);
    const [, name, path] = /^([^.[]*)(.*)$/s.exec(groups!["name"]!)!;
    const key = name === "" ? next++ : /^\d+$/.test(name!) ? Number(name) : name!;
    const value = typeof key === "number" ? args[key] : keyword.get(key);
    if (typeof key === "number" ? key >= args.length : !keyword.has(key))
      throw new JinjaRuntimeError(`format() was given no value for '{${groups!["name"]}}'`);
    const steps = path!
      .replace(/^\./, "")
      .replaceAll(/\[([^\]]*)\]/g, ".$1")
      .replace(/^\./, "");
    const chosen = steps === "" ? value : attributeOf(value, textOf(steps));
    const shown =
      groups!["conversion"] === "r" ? textOf(reprOf(chosen)) : groups!["conversion"] === "s" ? new Text(toText(chosen, budget)) : chosen;
    pieces.push(specified(shown, groups!["spec"] ?? "", budget));
  }
  pieces.push(sliceMarked(self, position));
  return new Text(budget.made(concat(pieces)));
}

function specified(value: Value, spec: string, budget: Budget): MarkedText {
  if (spec === "") return toText(value, budget);
  const groups = specification.exec(spec)?.groups;
  if (!groups) throw new JinjaRuntimeError(`invalid format specifier '${spec}'`);
  const { fill, align, zero, width, digits, code } = groups;
  const isNumber = numberIn(value) !== null && code !== "s";
  if (!isNumber && code !== "" && code !== "s") throw new JinjaRuntimeError(`unknown format code '${code}' for a ${typeName(value)}`);
  budget.characters(Number(width) + Number(digits ?? 0));
  const body = isNumber ? literal(numberBody(value, groups)) : cut(toText(value, budget), digits);
  const blank = Math.max(0, Number(width) - codePointLength(body.text));
  const side = align ?? (zero ? "=" : isNumber ? ">" : "<");
  const padding = (count: number): MarkedText => literal((fill ?? (zero && align === undefined ? "0" : " ")).repeat(count));
  if (side === "<") return concat([body, padding(blank)]);
  if (side === ">") return concat([padding(blank), body]);
  if (side === "^") return concat([padding(Math.floor(blank / 2)), body, padding(Math.ceil(blank / 2))]);
  const sign = /^[-+ ]?/.exec(body.text)![0].length;
  return concat([sliceMarked(body, 0, sign), padding(blank), sliceMarked(body, sign)]);
}

const cut = (text: MarkedText, digits: string | undefined): MarkedText =>
  digits === undefined ? text : sliceMarked(text, 0, Array.from(text.text).slice(0, Number(digits)).join("").length);

function numberBody(value: Value, { sign, comma, digits, code }: Record<string, string>): string {
  const number = numberIn(value)!;
  const size = Math.abs(number);
  const before = number < 0 ? "-" : sign === "-" ? "" : sign!;
  let text: string;
  if (code === "x" || code === "X") text = code === "x" ? size.toString(16) : size.toString(16).toUpperCase();
  else if (code === "%") text = `${(size * 100).toFixed(Number(digits ?? 6))}%`;
  else if (code === "f" || code === "F") text = size.toFixed(Number(digits ?? 6));
  else if (digits !== undefined) throw new JinjaRuntimeError("a precision needs the type f or %");
  else text = reprOf(value instanceof Float ? new Float(size) : size);
  return before + (comma ? text.replace(/^\d+/, (whole) => whole.replaceAll(/\B(?=(?:\d{3})+$)/g, ",")) : text);
}

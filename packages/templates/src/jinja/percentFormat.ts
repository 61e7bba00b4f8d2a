import type { Budget } from "./budget.ts";
import { concat, literal, type MarkedText, sliceMarked } from "./markedText.ts";
import { Dict, Float, JinjaRuntimeError, numberIn, Text, Tuple, typeName, type Value } from "./value.ts";
import { reprOf, toText } from "./valueText.ts";

const directive = /%(?:\((?<key>[^)]*)\))?(?<flags>[-+ 0#]*)(?<width>\d*)(?:\.(?<digits>\d+))?(?<code>[srdiuxXfF%])/g;

/** Python's `text % values`: the codes s, r, d, i, u, x, X, f, F and %, with flags, width and precision. */
export function percentFormat(self: MarkedText, values: Value, budget: Budget): Value {
  const items = values instanceof Tuple ? values.items : [values];
  const pieces: MarkedText[] = [];
  let position = 0;
  let used = 0;
  for (const { 0: all, index, groups } of self.text.matchAll(directive)) {
    const { key, flags = "", width = "", digits, code = "" } = groups!;
    pieces.push(sliceMarked(self, position, index));
    position = index + all.length;
    if (code === "%") {
      pieces.push(literal("%"));
      continue;
    }
    if (key === undefined && used >= items.length) throw new JinjaRuntimeError("not enough arguments for format string");
    const value = key === undefined ? items[used++] : values instanceof Dict ? values.entries.get(key) : undefined;
    budget.characters(Number(width) + Number(digits ?? 0));
    pieces.push(padded(formatted(value, code, flags, digits, budget), Number(width), flags, code));
  }
  const rest = self.text.slice(position);
  if (/%(?!%)/.test(rest)) throw new JinjaRuntimeError("unsupported format character");
  if (used < items.length && !(values instanceof Dict)) throw new JinjaRuntimeError("not all arguments converted during string formatting");
  pieces.push(sliceMarked(self, position));
  return new Text(budget.made(concat(pieces)));
}

function formatted(value: Value, code: string, flags: string, digits: string | undefined, budget: Budget): MarkedText {
  if (code === "s" || code === "r") {
    const text = code === "s" ? toText(value, budget) : literal(reprOf(value));
    return digits === undefined ? text : sliceMarked(text, 0, Math.min(text.text.length, Number(digits)));
  }
  const number = numberIn(value);
  if (number === null) throw new JinjaRuntimeError(`%${code} format: a number is required, not ${typeName(value)}`);
  const sign = number < 0 ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  const size = Math.abs(number);
  if (code === "f" || code === "F") return literal(sign + size.toFixed(Number(digits ?? 6)));
  if (code === "x" || code === "X") {
    if (value instanceof Float) throw new JinjaRuntimeError(`%${code} format: an integer is required, not float`);
    const hex = (flags.includes("#") ? "0x" : "") + size.toString(16);
    return literal(sign + (code === "X" ? hex.toUpperCase() : hex));
  }
  return literal(
    sign +
      Math.trunc(size)
        .toString()
        .padStart(Number(digits ?? 0), "0"),
  );
}

function padded(text: MarkedText, width: number, flags: string, code: string): MarkedText {
  const blank = width - [...text.text].length;
  if (blank <= 0) return text;
  if (flags.includes("-")) return concat([text, literal(" ".repeat(blank))]);
  if (!flags.includes("0") || code === "s" || code === "r") return concat([literal(" ".repeat(blank)), text]);
  const sign = /^[-+ ]?/.exec(text.text)![0].length;
  return concat([sliceMarked(text, 0, sign), literal("0".repeat(blank)), sliceMarked(text, sign)]);
}

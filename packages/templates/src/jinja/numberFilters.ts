import type { Filter } from "./filter.ts";
import { floatIn, integerIn, rounded, roundedHalfEven } from "./numberText.ts";
import { Float, JinjaRuntimeError, numberIn, Text, typeName, wantText } from "./value.ts";

/** Filters that make a number of a value. */
export const numberFilters: Readonly<Record<string, Filter>> = {
  int: (value, args, keyword) => {
    const fallback = args[0] ?? keyword.get("default") ?? 0;
    const base = numberIn(args[1] ?? keyword.get("base")) ?? 10;
    const number = value instanceof Text ? integerIn(value.text, base) : numberIn(value);
    return number === null || !Number.isFinite(number) ? fallback : Math.trunc(number);
  },
  float: (value, args, keyword) => {
    const fallback = args[0] ?? keyword.get("default") ?? new Float(0);
    const number = value instanceof Text ? floatIn(value.text) : numberIn(value);
    return number === null ? fallback : new Float(number);
  },
  abs: (value) => {
    const number = numberIn(value);
    if (number === null) throw new JinjaRuntimeError(`bad operand type for abs(): ${typeName(value)}`);
    return value instanceof Float ? new Float(Math.abs(number)) : Math.abs(number);
  },
  round: (value, args, keyword) => {
    const number = numberIn(value);
    if (number === null) throw new JinjaRuntimeError(`type ${typeName(value)} doesn't define __round__ method`);
    const digits = numberIn(args[0] ?? keyword.get("precision")) ?? 0;
    const method = args[1] ?? keyword.get("method");
    const way = method === undefined ? "common" : wantText(method).text;
    if (way !== "common" && way !== "ceil" && way !== "floor") throw new JinjaRuntimeError("method must be common, ceil or floor");
    if (way !== "common") return new Float(Math[way](number * 10 ** digits) / 10 ** digits);
    if (!(value instanceof Float)) return digits < 0 ? roundedHalfEven(number / 10 ** -digits) * 10 ** -digits : number;
    return new Float(rounded(number, digits));
  },
};

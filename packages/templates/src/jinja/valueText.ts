import { floatText, intText, jsonFloat } from "../pythonFloat.ts";
import type { Budget } from "./budget.ts";
import { concat, fromData, literal, mapCharacters, type MarkedText } from "./markedText.ts";
import { Dict, Float, JinjaRuntimeError, List, Namespace, sizeOf, Text, Tuple, typeName, type Value } from "./value.ts";

/**
 * Python's `str(value)`, with provenance. One difference on purpose: None gives no text,
 * because "None" in a prompt is always an accident.
 */
export function toText(value: Value, budget: Budget): MarkedText {
  if (value instanceof Text) return value.marked;
  budget.step(sizeOf(value));
  if (value === null || value === undefined) return literal("");
  if (value instanceof List && value.origin) return fromData(reprOf(value), value.origin);
  if (value instanceof Dict && value.origin) return fromData(reprOf(value), value.origin);
  return literal(reprOf(value));
}

/** Python's `repr(value)`. */
export function reprOf(value: Value): string {
  if (value === undefined) return "Undefined";
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return intText(value);
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Text) return stringRepr(value.text);
  if (value instanceof Tuple) return `(${value.items.map(reprOf).join(", ")}${value.items.length === 1 ? "," : ""})`;
  if (value instanceof List) return `[${value.items.map(reprOf).join(", ")}]`;
  if (value instanceof Namespace) return `<Namespace ${reprOf(new Dict(value.entries))}>`;
  if (value instanceof Dict) return `{${[...value.entries].map(([key, item]) => `${stringRepr(key)}: ${reprOf(item)}`).join(", ")}}`;
  return "<function>";
}

/** Single quotes unless the text has them and no double ones; what Python does not call printable is escaped. */
function stringRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escapes: Record<string, string> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", [quote]: `\\${quote}` };
  const body = text.replace(
    /[\\'"]|(?! )[\p{C}\p{Z}]/gu,
    (character) => escapes[character] ?? (character === "'" || character === '"' ? character : codeEscape(character.codePointAt(0)!)),
  );
  return quote + body + quote;
}

function codeEscape(code: number): string {
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

export interface JsonStyle {
  readonly indent: number | null;
  readonly ensureAscii: boolean;
  readonly sortKeys: boolean;
  readonly separators: readonly [string, string] | null;
}

/** Python's `json.dumps`, as the `tojson` filter of chat templates; an object that came from the data whole is one run of data. */
export function toJson(value: Value, style: JsonStyle, depth = 0): MarkedText {
  if (value instanceof Text)
    return concat([literal('"'), mapCharacters(value.marked, (character) => jsonCharacter(character, style.ensureAscii)), literal('"')]);
  if (value === null || value === undefined) return literal("null");
  if (typeof value === "boolean") return literal(String(value));
  if (typeof value === "number") return literal(intText(value));
  if (value instanceof Float) return literal(jsonFloat(value.value));
  if (!(value instanceof List || value instanceof Dict || value instanceof Namespace))
    throw new JinjaRuntimeError(`Object of type ${typeName(value)} is not JSON serializable`);

  const [itemSeparator, keySeparator] = style.separators ?? [style.indent === null ? ", " : ",", ": "];
  const newline = style.indent === null ? "" : `\n${" ".repeat(style.indent * depth)}`;
  const newlineInside = style.indent === null ? "" : `\n${" ".repeat(style.indent * (depth + 1))}`;
  const [open, close] = value instanceof List ? ["[", "]"] : ["{", "}"];
  const items =
    value instanceof List
      ? value.items.map((item) => toJson(item, style, depth + 1))
      : sorted([...value.entries], style.sortKeys).map(([key, item]) =>
          concat([toJson(new Text(literal(key)), style), literal(keySeparator), toJson(item, style, depth + 1)]),
        );
  const pieces = items.flatMap((item, i) => [literal((i > 0 ? itemSeparator : "") + newlineInside), item]);
  const written = items.length === 0 ? literal(open + close) : concat([literal(open), ...pieces, literal(newline + close)]);
  const origin = value instanceof Namespace ? null : value.origin;
  return origin ? fromData(written.text, origin) : written;
}

const byKey = ([a]: [string, Value], [b]: [string, Value]): number => (a < b ? -1 : a > b ? 1 : 0);
const sorted = (entries: [string, Value][], sort: boolean): [string, Value][] => (sort ? entries.sort(byKey) : entries);

function jsonCharacter(character: string, ensureAscii: boolean): string {
  if (ensureAscii && character > "~")
    return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`).join("");
  // JSON.stringify escapes lone surrogates, which Python leaves alone.
  return character.length === 1 && character >= "\ud800" && character <= "\udfff" ? character : JSON.stringify(character).slice(1, -1);
}

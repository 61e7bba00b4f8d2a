import { fromData, literal, type MarkedText, type Origin } from "./markedText.ts";

/** A value of the template language, with Python's meaning: `undefined` is Jinja's Undefined, `null` is None. */
export type Value = undefined | null | boolean | number | Float | Text | List | Dict | Namespace | Callable;

/** A float, told apart from an int because Python prints 1.0 and 1 differently. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** A string with provenance. */
export class Text {
  readonly marked: MarkedText;
  constructor(marked: MarkedText) {
    this.marked = marked;
  }
  get text(): string {
    return this.marked.text;
  }
}

/** A list; `origin` if it came from the data whole. */
export class List {
  readonly items: readonly Value[];
  readonly origin: Origin | null;
  readonly size: number;
  constructor(items: readonly Value[], origin: Origin | null = null) {
    this.items = items;
    this.origin = origin;
    this.size = items.reduce<number>((sum, item) => sum + sizeOf(item), 1);
  }
}

/** A tuple, which differs from a list only in how it prints. */
export class Tuple extends List {}

export class Dict {
  readonly entries: ReadonlyMap<string, Value>;
  readonly origin: Origin | null;
  /** Index of the message that this is; null for every other object. */
  readonly message: number | null;
  readonly size: number;
  constructor(entries: ReadonlyMap<string, Value>, origin: Origin | null = null, message: number | null = null) {
    this.size = [...entries.values()].reduce<number>((sum, item) => sum + sizeOf(item), 1);
    this.entries = entries;
    this.origin = origin;
    this.message = message;
  }
  /** The keys are the data's words too. */
  key(name: string): Text {
    return new Text(this.origin ? fromData(name, this.origin) : literal(name));
  }
}

/** `namespace(...)`: the one thing that a template may assign to from inside a loop. */
export class Namespace {
  readonly entries: Map<string, Value>;
  constructor(entries: Map<string, Value>) {
    this.entries = entries;
  }
}

export class Callable {
  readonly call: (positional: readonly Value[], keyword: ReadonlyMap<string, Value>) => Value;
  /** What stands behind a dot, for the few that have fields: a recursive `loop`. */
  readonly entries: ReadonlyMap<string, Value>;
  constructor(call: Callable["call"], entries: ReadonlyMap<string, Value> = new Map()) {
    this.call = call;
    this.entries = entries;
  }
}

/** A failure of the template itself, with Python's wording where there is one. */
export class JinjaRuntimeError extends Error {
  override readonly name = "JinjaRuntimeError";
  /** UTF-16 offset in the source of the statement that failed. */
  at?: number;
}

/** The template called `raise_exception(message)`. */
export class JinjaRaisedError extends Error {
  override readonly name = "JinjaRaisedError";
}

export const textOf = (text: string): Text => new Text(literal(text));

/** Converts JSON-like data; strings keep `origin`, with the path of each below it. Without an origin they count as the template's. */
export function toValue(data: unknown, origin: Origin | null = null): Value {
  if (data === null || data === undefined || typeof data === "boolean") return data;
  if (typeof data === "number") return Number.isInteger(data) && Math.abs(data) < 1e21 ? data : new Float(data);
  if (typeof data === "string") return new Text(origin ? fromData(data, origin) : literal(data));
  const below = (key: string | number): Origin | null => origin && { ...origin, field: `${origin.field}.${key}` };
  if (Array.isArray(data))
    return new List(
      data.map((item, i) => toValue(item, below(i))),
      origin,
    );
  if (typeof data === "object")
    return new Dict(new Map(Object.entries(data).map(([key, item]) => [key, toValue(item, below(key))])), origin);
  throw new JinjaRuntimeError(`cannot render a ${typeof data}`);
}

export function isTrue(value: Value): boolean {
  if (value instanceof Text) return value.text !== "";
  if (value instanceof List) return value.items.length > 0;
  if (value instanceof Dict) return value.entries.size > 0;
  if (value instanceof Float) return value.value !== 0;
  return value instanceof Namespace || value instanceof Callable ? true : Boolean(value);
}

/**
 * What it costs to walk through a value: its parts, all the way down, and its characters by the hundred.
 * A list may hold another many times over, so that walking through it takes longer than making it did.
 */
export function sizeOf(value: Value): number {
  if (value instanceof Text) return 1 + (value.text.length >>> 7);
  return value instanceof List || value instanceof Dict ? value.size : 1;
}

/** The number in an int, float or bool; null for everything else. */
export function numberIn(value: Value): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  return value instanceof Float ? value.value : null;
}

/** Python's name of the type. */
export function typeName(value: Value): string {
  if (value === undefined) return "Undefined";
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return "int";
  if (value instanceof Float) return "float";
  if (value instanceof Text) return "str";
  if (value instanceof List) return "list";
  if (value instanceof Dict) return "dict";
  return value instanceof Namespace ? "Namespace" : "function";
}

/** Python's `==`. */
export function isEqual(a: Value, b: Value): boolean {
  const left = numberIn(a);
  const right = numberIn(b);
  if (left !== null && right !== null) return left === right;
  if (a instanceof Text && b instanceof Text) return a.text === b.text;
  if (a instanceof List && b instanceof List)
    return a.items.length === b.items.length && a.items.every((item, i) => isEqual(item, b.items[i]));
  if (a instanceof Dict && b instanceof Dict) {
    return (
      a.entries.size === b.entries.size && [...a.entries].every(([key, item]) => b.entries.has(key) && isEqual(item, b.entries.get(key)))
    );
  }
  return a === b;
}

/** @throws JinjaRuntimeError for anything but a string */
export function wantText(value: Value): MarkedText {
  if (value instanceof Text) return value.marked;
  throw new JinjaRuntimeError(`expected a string, got ${typeName(value)}`);
}

import { RecordError, type RecordPlace } from "./recordError.ts";

export type Row = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);

/** Null and undefined alike: the field is not there. */
export const isAbsent = (value: unknown): value is null | undefined => value === null || value === undefined;

/** "a string", "null", "an array": what came, for an error message. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value} (${String(value).slice(0, 40)})`;
}

/** A field that must be a string. */
export function requiredText(row: Row, key: string, place: RecordPlace, prefix = ""): string {
  const value = row[key];
  if (typeof value === "string") return value;
  const field = prefix + key;
  if (isAbsent(value)) {
    const alike = sameNames(row, [key]);
    const hint = alike.length > 0 ? `Rename ${alike.join(", ")}.` : "Fill it in or remove the row.";
    throw new RecordError("missing-field", `"${field}" is missing or null; a string was expected.`, hint, { field, place });
  }
  throw wrongType(field, "a string", value, place);
}

/** `" Output" to "output"` for each field whose name differs from one of `wanted` in case or outer spaces alone. */
export function sameNames(row: Row, wanted: readonly string[]): string[] {
  return Object.keys(row).flatMap((name) => {
    const meant = name.trim().toLowerCase();
    return name !== meant && wanted.includes(meant) ? [`${JSON.stringify(name)} to "${meant}"`] : [];
  });
}

/** A field that may be absent or null (both read as undefined) but otherwise must be a string; a field that bears its name all but for case or outer spaces is refused, not passed over. */
export function optionalText(row: Row, key: string, place: RecordPlace, prefix = ""): string | undefined {
  return isAbsent(row[key]) && sameNames(row, [key]).length === 0 ? undefined : requiredText(row, key, place, prefix);
}

export function optionalArray(row: Row, key: string, place: RecordPlace, prefix = ""): readonly unknown[] | undefined {
  const value = row[key];
  if (isAbsent(value)) return undefined;
  if (Array.isArray(value)) return value;
  throw wrongType(prefix + key, "an array", value, place);
}

export function wrongType(field: string, expected: string, value: unknown, place: RecordPlace): RecordError {
  return new RecordError("wrong-type", `"${field}" should be ${expected} and is ${kindOf(value)}.`, "Convert it before reading.", {
    field,
    place,
    details: { expected, actual: kindOf(value) },
  });
}

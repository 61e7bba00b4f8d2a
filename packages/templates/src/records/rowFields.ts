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
  if (isAbsent(value))
    throw new RecordError("missing-field", `"${field}" is missing or null; a string was expected.`, "Fill it in or remove the row.", {
      field,
      place,
    });
  throw wrongType(field, "a string", value, place);
}

/** A field that may be absent or null (both read as undefined) but otherwise must be a string. */
export function optionalText(row: Row, key: string, place: RecordPlace, prefix = ""): string | undefined {
  return isAbsent(row[key]) ? undefined : requiredText(row, key, place, prefix);
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

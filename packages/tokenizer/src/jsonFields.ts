import { TokenizerFormatError } from "./errors.ts";

export type JsonObject = { readonly [key: string]: unknown };

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asObject(value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw new TokenizerFormatError(path, "an object", value);
  return value;
}

export function arrayField(object: JsonObject, key: string, path: string): readonly unknown[] {
  const value = object[key];
  if (!Array.isArray(value)) throw new TokenizerFormatError(`${path}.${key}`, "an array", value);
  return value;
}

export function stringField(object: JsonObject, key: string, path: string): string {
  const value = object[key];
  if (typeof value !== "string") throw new TokenizerFormatError(`${path}.${key}`, "a string", value);
  return value;
}

/** The string under `key`, or null where the file leaves it out, says null or says "". */
export function optionalString(object: JsonObject, key: string, path: string): string | null {
  const value = object[key];
  if (value === undefined || value === null || value === "") return null;
  return stringField(object, key, path);
}

export function numberField(object: JsonObject, key: string, path: string): number {
  const value = object[key];
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TokenizerFormatError(`${path}.${key}`, "a number", value);
  return value;
}

/** The boolean under `key`, or `fallback` where the file leaves it out or says null. */
export function booleanField(object: JsonObject, key: string, path: string, fallback: boolean): boolean {
  const value = object[key];
  if (value === undefined || value === null) return fallback;
  if (typeof value !== "boolean") throw new TokenizerFormatError(`${path}.${key}`, "a boolean", value);
  return value;
}

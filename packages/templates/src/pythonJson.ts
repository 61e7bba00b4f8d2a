import { floatText, intText } from "./pythonFloat.ts";

/** JSON as Python's `json.dumps(value, ensure_ascii=False)` writes it: a space behind each comma and colon. Absent values become null. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => `${JSON.stringify(key)}: ${pythonJson(item)}`)
      .join(", ")}}`;
  }
  if (typeof value === "number") return Number.isInteger(value) ? intText(value) : floatText(value);
  return JSON.stringify(value) ?? "null";
}

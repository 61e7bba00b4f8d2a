import type { ActivationKind } from "@sft/kernels";
import { ModelError } from "./errors.ts";

/** config.json as read. */
export type Raw = Readonly<Record<string, unknown>>;

/** Reads a field that must be there and must be a positive integer. */
export function requireCount(raw: Raw, key: string): number {
  const value = raw[key];
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) {
    throw new ModelError("bad-config", `config.json: ${key} must be a positive integer, got ${JSON.stringify(value)}`);
  }
  return value;
}

/** Reads a finite number with a default. */
export function optionalNumber(raw: Raw, key: string, fallback: number): number {
  const value = raw[key] ?? fallback;
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new ModelError("bad-config", `config.json: ${key} must be a number, got ${JSON.stringify(value)}`);
  }
  return value;
}

/** Refuses a field whose value changes the maths in a way this family does not implement. */
export function refuseUnless(raw: Raw, key: string, allowed: readonly unknown[]): void {
  const value = raw[key];
  if (value !== undefined && !allowed.includes(value)) {
    const words = allowed.map((item) => JSON.stringify(item)).join(" or ");
    throw new ModelError("unsupported-config", `config.json: ${key} is ${JSON.stringify(value)}; this family is implemented for ${words}`);
  }
}

/** transformers' names of the activations; "gelu_new" and "gelu_fast" are ways to write the tanh form. */
const activations: Readonly<Record<string, ActivationKind>> = {
  silu: "silu",
  swish: "silu",
  gelu: "gelu",
  gelu_new: "geluTanh",
  gelu_fast: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  relu: "relu",
};

/** The activation that `key` names; `fallback` where the field is absent or null. */
export function readActivation(raw: Raw, key: string, fallback: string): ActivationKind {
  const name = raw[key] ?? fallback;
  if (typeof name === "string" && Object.hasOwn(activations, name)) return activations[name]!;
  throw new ModelError(
    "unsupported-config",
    `config.json: ${key} is ${JSON.stringify(name)}; implemented: ${Object.keys(activations).join(", ")}`,
  );
}

/** A token id, a list of them, or nothing. */
export function readTokenIds(value: unknown): readonly number[] {
  if (value == null) return [];
  return (Array.isArray(value) ? value : [value]).filter((id): id is number => typeof id === "number");
}

import type { ArgsDef } from "citty";
import { resolve } from "node:path";
import { countOf, textOf, wordOf, type FlagValues } from "../flagValues.ts";
import type { ModelRequest } from "./findTrained.ts";
import type { BackendChoice } from "../backend/selectBackend.ts";

/** Flags of every verb that computes. */
export const backendFlags: ArgsDef = {
  backend: { type: "string", default: "auto", description: "auto, cpu, webgpu, or a module that exports createBackend" },
  threads: {
    type: "string",
    description: "threads of the CPU backend, at most the cores that there are; default: SFT_THREADS, else all cores up to 16",
  },
  precision: {
    type: "string",
    default: "float32",
    description: "float32, or mixed: float16 products with float32 sums on a GPU with matrix units",
  },
};

/** Flags of every verb that uses a model that is there already. */
export const modelFlags: ArgsDef = {
  model: { type: "string", description: "a model folder, an adapter folder, or a run folder (its newest checkpoint is taken)" },
  adapter: { type: "string", description: "an adapter or run folder to put on the model" },
  tokenizer: { type: "string", description: "folder of the tokenizer; default: the base model's" },
  ...backendFlags,
};

export function backendOf(args: FlagValues): BackendChoice {
  const threads = countOf(args, "threads");
  const precision = args["precision"] === undefined ? undefined : wordOf(args, "precision", ["float32", "mixed"]);
  return {
    backend: textOf(args, "backend") ?? "auto",
    ...(threads === undefined ? {} : { threads }),
    ...(precision === undefined ? {} : { precision }),
  };
}

export function modelOf(args: FlagValues): ModelRequest & BackendChoice & { readonly tokenizer?: string } {
  const tokenizer = textOf(args, "tokenizer");
  return {
    model: textOf(args, "model"),
    adapter: textOf(args, "adapter"),
    ...(tokenizer === undefined ? {} : { tokenizer: resolve(tokenizer) }),
    ...backendOf(args),
  };
}

import type { Backend, CreateBackend } from "@sft/kernels";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CliError, usageError } from "../failure/cliError.ts";
import { didYouMean } from "../failure/closeNames.ts";

/**
 * Imports a third party's backend: a path from `cwd` when it begins with "." or "/" or names a file, else an npm
 * package as seen from `cwd`. The module exports `createBackend` (or it as default).
 * @throws CliError "bad-backend"
 */
export async function loadBackendModule(specifier: string, cwd: string): Promise<CreateBackend> {
  const url = locate(specifier, cwd);
  let module: { createBackend?: unknown; default?: unknown };
  try {
    module = (await import(url)) as typeof module;
  } catch (cause) {
    throw usageError(
      "bad-backend",
      `--backend ${specifier}: the module cannot be loaded: ${(cause as Error).message}`,
      "It must be an ES module that Node can import; SFT_DEBUG=1 shows where it fails.",
    );
  }
  const create = module.createBackend ?? module.default;
  if (typeof create === "function") return named(create as CreateBackend, specifier);
  const found = Object.keys(module).join(", ") || "nothing";
  throw usageError(
    "bad-backend",
    `--backend ${specifier}: expected a module that exports createBackend, it exports ${found}.`,
    "Export `createBackend(options)`, a CreateBackend of @sft/kernels.",
  );
}

/** The same function, whose failure says whose it is, as does what it gives where that is no backend. */
function named(create: CreateBackend, specifier: string): CreateBackend {
  return async (options) => {
    let backend: Backend;
    try {
      backend = await create(options);
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new CliError("bad-backend", `--backend ${specifier}: its createBackend failed: ${message}`, "SFT_DEBUG=1 shows where.", {
        cause,
      });
    }
    const missing = missingFrom(backend);
    if (missing.length === 0) return backend;
    throw new CliError(
      "bad-backend",
      `--backend ${specifier}: what its createBackend gives is no Backend: it lacks ${missing.join(", ")}.`,
      "Backend of @sft/kernels says what each of them is; examples/counting-backend has them all.",
    );
  };
}

const methods = [
  "allocate",
  "free",
  "upload",
  "download",
  "compile",
  "run",
  "sync",
  "dispose",
] as const satisfies readonly (keyof Backend)[];

/** Parts without which no program can run. */
function missingFrom(given: unknown): string[] {
  const backend = (given ?? {}) as Partial<Backend>;
  return [
    ...(backend.capabilities?.ops instanceof Set ? [] : ["capabilities.ops"]),
    ...(typeof backend.lost?.then === "function" ? [] : ["lost"]),
    ...methods.filter((name) => typeof backend[name] !== "function"),
  ];
}

function locate(specifier: string, cwd: string): string {
  const path = resolve(cwd, specifier);
  if (existsSync(path)) return pathToFileURL(path).href;
  if (/^[./]/.test(specifier)) {
    throw usageError(
      "bad-backend",
      `--backend ${specifier}: there is no file ${path}.`,
      "A path is looked for from the working directory.",
    );
  }
  try {
    return pathToFileURL(createRequire(join(cwd, "noop.js")).resolve(specifier)).href;
  } catch {
    const hint = /^(gpu|cuda|metal|mps|vulkan|rocm|dawn)(:\d+)?$/i.test(specifier)
      ? "A GPU of any maker is --backend webgpu."
      : didYouMean(
          specifier,
          ["auto", "cpu", "webgpu"],
          "Known are auto, cpu and webgpu; others are npm packages installed here, or paths.",
        );
    throw usageError("bad-backend", `--backend ${specifier} is neither a backend of sft, nor an installed package, nor a file.`, hint);
  }
}

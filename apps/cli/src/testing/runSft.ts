import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What a call of `sft` left behind. */
export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SftOptions {
  /** Working directory. */
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Modules to import before the command line. */
  readonly preload?: readonly string[];
}

const here = fileURLToPath(new URL(".", import.meta.url));
const main = join(here, "../main.ts");

/** The folder of this application, where its dictionary lies. */
export const cliFolder: string = join(here, "../..");
export const dictionary: { readonly model: string; readonly train: string; readonly test: string; readonly chat: string } = {
  model: join(cliFolder, "dictionary/model"),
  train: join(cliFolder, "dictionary/data/dictionary-train.json"),
  test: join(cliFolder, "dictionary/data/dictionary-test.json"),
  chat: join(cliFolder, "dictionary/data/dictionary-chat.jsonl"),
};

/** Starts the command line as a process of its own, from its source. */
export function startSft(
  args: readonly string[],
  { cwd = cliFolder, env = {}, preload = [] }: SftOptions = {},
): ChildProcessWithoutNullStreams {
  const imports = [import.meta.resolve("tsx"), ...preload].flatMap((module) => ["--import", module]);
  return spawn(process.execPath, [...imports, "--conditions", "@sft/source", main, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0", ...env },
  });
}

/** Runs the command line to its end. */
export function runSft(args: readonly string[], options: SftOptions = {}): Promise<Finished> {
  const child = startSft(args, options);
  child.stdin.end(options.input ?? "");
  return finished(child);
}

/** Waits for a started process and collects what it prints from now on. */
export function finished(child: ChildProcessWithoutNullStreams): Promise<Finished> {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

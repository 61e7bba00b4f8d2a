import { renderUsage, runCommand, type ArgsDef } from "citty";
import { stripVTControlCharacters } from "node:util";
import { checkFlags } from "./checkFlags.ts";
import { commandTable, type CommandModule } from "./commandTable.ts";
import { usageError } from "./failure/cliError.ts";
import { didYouMean } from "./failure/closeNames.ts";
import { describeFailure } from "./failure/describeFailure.ts";
import { version } from "./version.ts";

/** Runs one call of `sft`. @returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 stopped by the user */
export async function runCli(argv: readonly string[]): Promise<number> {
  try {
    return await dispatch(argv);
  } catch (error) {
    return reportFailure(error);
  }
}

/** Prints what went wrong in words. @returns the exit code */
export function reportFailure(error: unknown): number {
  const { exitCode, text } = describeFailure(asUsageError(error), process.env.SFT_DEBUG === "1");
  process.stderr.write(`${text}\n`);
  return exitCode;
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === "--version" || name === "-v") {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  const verb = Object.hasOwn(commandTable, name) ? commandTable[name] : undefined;
  if (!verb) {
    const names = Object.keys(commandTable);
    throw usageError("unknown-verb", `"${name}" is no verb of sft.`, didYouMean(name, names, `Verbs: ${names.join(", ")}.`));
  }
  const command = await verb.load();
  if (rest.includes("--help") || rest.includes("-h")) {
    process.stdout.write(await help(command));
    return 0;
  }
  const args = (typeof command.default.args === "function" ? await command.default.args() : await command.default.args) as
    | ArgsDef
    | undefined;
  const rawArgs = await checkFlags(name, rest, args ?? {}, verb.variadic ?? false);
  const { result } = await runCommand(command.default, { rawArgs });
  // A verb that fails after printing its result sets the process's exit code, or returns it.
  return typeof result === "number" ? result : Number(process.exitCode ?? 0);
}

function overview(): string {
  const width = Math.max(...Object.keys(commandTable).map((name) => name.length));
  const lines = Object.entries(commandTable).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `sft ${version}: supervised fine-tuning of language models\n\nsft <verb> [options]\n\n${lines.join("\n")}\n\nsft <verb> --help shows a verb's options and examples.\n`;
}

async function help({ default: command, examples = [] }: CommandModule): Promise<string> {
  const usage = await renderUsage(command, { meta: { name: "sft" } });
  const shown = examples.length > 0 ? `\nEXAMPLES\n\n${examples.map((example) => `  ${example}`).join("\n")}\n` : "";
  const text = `${usage}\n${shown}`;
  return process.stdout.isTTY ? text : stripVTControlCharacters(text);
}

/** citty reports a missing or wrong argument with an error class of its own. */
function asUsageError(error: unknown): unknown {
  if (error instanceof Error && error.name === "CLIError") {
    return usageError("bad-flag", stripVTControlCharacters(error.message), "sft <verb> --help shows the options.");
  }
  return error;
}

import type { ArgsDef } from "citty";
import { parseArgs } from "node:util";
import { type CliError, usageError } from "./failure/cliError.ts";
import { didYouMean } from "./failure/closeNames.ts";

/** Flags that look as if every value would count, while the parser keeps the last; of a plain setting, the last is what is meant. */
const oneValue: ReadonlySet<string> = new Set(["data", "test-data", "prompt", "model", "adapter", "lora-target-modules", "columns"]);

/**
 * Refuses what the argument parser would let through: unknown flags, flags without their value or with two, stray arguments.
 * @returns the arguments with underscores in flag names as dashes, so that a recipe's keys can be pasted
 */
export async function checkFlags(verb: string, raw: readonly string[], defined: ArgsDef, variadic: boolean): Promise<string[]> {
  const args = raw.map((arg) => arg.replace(/^--[^=]*/, (flag) => flag.replaceAll("_", "-")));
  const flags = new Map<string, "string" | "boolean">();
  const canonical = new Map<string, string>();
  let places = 0;
  for (const [name, { type = "string", ...rest }] of Object.entries(defined)) {
    if (type === "positional") places++;
    else
      for (const flag of [name, ...[("alias" in rest && rest.alias) || []].flat()]) {
        flags.set(flag, type === "boolean" ? "boolean" : "string");
        canonical.set(flag, name);
      }
  }
  const options = Object.fromEntries([...flags].map(([flag, type]) => [flag, { type, ...(flag.length === 1 ? { short: flag } : {}) }]));
  const { tokens } = parseArgs({ args, options, strict: false, allowPositionals: true, tokens: true });
  const positionals: string[] = [];
  const given = new Map<string, string>();
  /** The switch that stands right before the word looked at. */
  let before: string | undefined;
  for (const token of tokens) {
    const switched = before;
    before = undefined;
    if (token.kind === "positional") {
      if (switched !== undefined && /^(true|false)$/i.test(token.value)) throw valueOfSwitch(switched, token.value);
      positionals.push(token.value);
    }
    if (token.kind !== "option") continue;
    const type =
      flags.get(token.name) ?? (token.name.startsWith("no-") && flags.get(token.name.slice(3)) === "boolean" ? "boolean" : undefined);
    if (type === undefined) {
      // The schema of recipes takes long to load, and only a wrong flag asks for it.
      const { flagOfOtherName } = await import("./runConfig/recipeFlags.ts");
      const known = [...flags.keys()].filter((flag) => flag.length > 1).map((flag) => `--${flag}`);
      throw usageError(
        "unknown-flag",
        `sft ${verb} has no option ${token.rawName}.`,
        flagOfOtherName(token.name, new Set(flags.keys())) ?? didYouMean(`--${token.name}`, known, `sft ${verb} --help shows the options.`),
      );
    }
    if (type === "boolean") {
      before = token.name;
      if (token.value !== undefined) {
        if (!flags.has(token.name) || !/^(true|false)$/i.test(token.value)) throw valueOfSwitch(token.name, token.value);
        // The parser takes every other value than "false" for true.
        args[token.index] = `${token.rawName}=${token.value.toLowerCase()}`;
      }
    }
    if (type === "string" && token.value === undefined)
      throw usageError("bad-flag", `${token.rawName} needs a value.`, `Write ${token.rawName}=VALUE or ${token.rawName} VALUE.`);
    const swallowed = token.inlineValue === false && token.value.startsWith("--") ? /^--(?:no-)?([^=]*)/.exec(token.value)![1]! : undefined;
    if (swallowed !== undefined && flags.has(swallowed))
      throw usageError(
        "bad-flag",
        `${token.rawName} needs a value, and ${token.value} follows it.`,
        `Write ${token.rawName}=VALUE or ${token.rawName} VALUE.`,
      );
    const name = canonical.get(token.name);
    if (name === undefined || !oneValue.has(name)) continue;
    const earlier = given.get(name);
    if (earlier !== undefined && earlier !== token.value)
      throw usageError(
        "bad-flag",
        `${token.rawName} is given twice, ${JSON.stringify(earlier)} and ${JSON.stringify(token.value)}, and takes one value.`,
        `Give it once${name === "columns" || (/data|modules/.test(name) && verb === "train") ? `; several are one value, with commas: ${token.rawName} ${earlier},${token.value}` : ""}.`,
      );
    given.set(name, token.value!);
  }
  if (!variadic && positionals.length > places) {
    const stray = positionals
      .slice(places)
      .map((value) => JSON.stringify(value))
      .join(", ");
    throw usageError("bad-flag", `sft ${verb} does not know what to do with ${stray}.`, `sft ${verb} --help shows what it takes.`);
  }
  return args;
}

function valueOfSwitch(flag: string, value: string): CliError {
  const name = flag.replace(/^no-/, "");
  return usageError(
    "bad-flag",
    `--${flag} is a switch and takes no value, got ${JSON.stringify(value)}.`,
    `Write --${name} or --no-${name}.`,
  );
}

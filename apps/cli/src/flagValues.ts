import { usageError } from "./failure/cliError.ts";

/** Parsed arguments as citty gives them. */
export type FlagValues = Readonly<Record<string, unknown>>;

/** The text of a flag, undefined when it was not given. */
export function textOf(args: FlagValues, flag: string): string | undefined {
  const value = args[flag];
  return typeof value === "string" ? value : undefined;
}

/** The texts of a flag that may be given several times, in order; the parser itself keeps the last. */
export function textsOf(rawArgs: readonly string[], flag: string): readonly string[] {
  return rawArgs.flatMap((word, index) => {
    if (word.startsWith(`--${flag}=`)) return [word.slice(flag.length + 3)];
    return word === `--${flag}` && rawArgs[index + 1] !== undefined ? [rawArgs[index + 1]!] : [];
  });
}

export function booleanOf(args: FlagValues, flag: string): boolean {
  return args[flag] === true;
}

/** A whole number from `least` on. @throws CliError "bad-flag" */
export function countOf(args: FlagValues, flag: string, least = 1): number | undefined {
  const value = numberOf(args, flag);
  if (value === undefined || (Number.isSafeInteger(value) && value >= least)) return value;
  throw usageError(
    "bad-flag",
    `--${flag}: expected a whole number from ${least} on, got ${String(args[flag])}.`,
    `Write for example --${flag} ${Math.max(least, 8)}.`,
  );
}

/** Bounds of a number: both ends are allowed. */
export interface Range {
  readonly least?: number;
  readonly most?: number;
}

/** A finite number within `range`. @throws CliError "bad-flag" */
export function numberOf(args: FlagValues, flag: string, { least = -Infinity, most = Infinity }: Range = {}): number | undefined {
  const text = textOf(args, flag);
  if (text === undefined) return undefined;
  const value = Number(text);
  const isNumber = text.trim() !== "" && Number.isFinite(value);
  if (isNumber && value >= least && value <= most) return value;
  const bounds = `${Number.isFinite(least) ? ` from ${least}` : ""}${Number.isFinite(most) ? ` to ${most}` : Number.isFinite(least) ? " on" : ""}`;
  throw usageError(
    "bad-flag",
    `--${flag}: expected a number${bounds}, got ${isNumber ? text : JSON.stringify(text)}.`,
    `Write for example --${flag} 1.`,
  );
}

/** One of some words. @throws CliError "bad-flag" */
export function wordOf<T extends string>(args: FlagValues, flag: string, words: readonly T[]): T | undefined {
  const text = textOf(args, flag);
  if (text === undefined || words.includes(text as T)) return text as T | undefined;
  throw usageError(
    "bad-flag",
    `--${flag}: expected one of ${words.join(", ")}, got ${JSON.stringify(text)}.`,
    `Write for example --${flag} ${words[0]}.`,
  );
}

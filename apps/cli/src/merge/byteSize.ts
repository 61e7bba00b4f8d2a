import { usageError } from "../failure/cliError.ts";
import { textOf, type FlagValues } from "../flagValues.ts";

const units: Readonly<Record<string, number>> = { "": 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 };

/** Bytes of a size like 5GB or 500MiB. @throws CliError "bad-flag" */
export function byteSizeOf(args: FlagValues, flag: string): number | undefined {
  const text = textOf(args, flag);
  if (text === undefined) return undefined;
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const factor = units[(unit ?? "?").toLowerCase()];
  const bytes = factor === undefined ? Number.NaN : Math.floor(Number(number) * factor);
  if (bytes >= 1) return bytes;
  throw usageError("bad-flag", `--${flag}: expected a size, got ${JSON.stringify(text)}.`, `Write for example --${flag} 5GB.`);
}

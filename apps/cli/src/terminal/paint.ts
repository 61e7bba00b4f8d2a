import { styleText } from "node:util";

export type Format = Parameters<typeof styleText>[0];

/** True when standard output shows colours: a terminal, unless NO_COLOR is set; FORCE_COLOR wins. */
export function showsColours(
  env: Readonly<Record<string, string | undefined>> = process.env,
  isTerminal: boolean = process.stdout.isTTY === true,
): boolean {
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== "0") return true;
  return isTerminal && !env.NO_COLOR && env.TERM !== "dumb";
}

/** Text in colours where standard output shows them. Node 20's styleText looks at the stream for single formats only, so this decides. */
export function paint(format: Format, text: string): string {
  return showsColours() ? styleText(format, text, { validateStream: false }) : text;
}

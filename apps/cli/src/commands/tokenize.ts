import { loadTokenizer } from "@sft/tokenizer/node";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { once } from "node:events";
import { resolve } from "node:path";
import { CliError } from "../failure/cliError.ts";
import { inputLines } from "../terminal/inputLines.ts";

export const examples: readonly string[] = [
  `echo '"Define the noun love."' | sft tokenize --tokenizer ./model --json`,
  "sft tokenize --tokenizer ./model --add-special-tokens --json < strings.jsonl",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "tokenize",
    description:
      "Read one JSON string a line from standard input; print {ids, offsets} a line. Offsets count UTF-16 code units, as JavaScript strings do.",
  },
  args: {
    tokenizer: { type: "string", required: true, description: "folder with tokenizer.json" },
    "add-special-tokens": { type: "boolean", description: "add what the tokenizer's post-processor adds (BOS, EOS)" },
    json: { type: "boolean", description: "print JSON; without it, the tokens themselves, one text a line" },
  } as ArgsDef,
  async run({ args }) {
    const tokenizer = await loadTokenizer(resolve(String(args.tokenizer)));
    const addSpecialTokens = args["add-special-tokens"] === true;
    let number = 0;
    for await (const line of inputLines(process.stdin)) {
      number++;
      if (line.trim() === "") continue;
      const { ids, offsets } = tokenizer.encode(parseString(line, number), { addSpecialTokens });
      const pairs = Array.from(ids, (_, i) => [offsets[2 * i], offsets[2 * i + 1]]);
      await print(
        args.json === true
          ? JSON.stringify({ ids: Array.from(ids), offsets: pairs })
          : Array.from(ids, (id) => tokenizer.idToToken(id)).join(" "),
      );
    }
  },
});

export default command;

function parseString(line: string, number: number): string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new CliError(
      "bad-input-line",
      `standard input, line ${number}: expected a JSON string, found ${line.slice(0, 60)} (${(cause as Error).message}).`,
      "Give one string in double quotes a line.",
    );
  }
  if (typeof value === "string") return value;
  throw new CliError(
    "bad-input-line",
    `standard input, line ${number}: expected a JSON string, found ${line.slice(0, 60)}.`,
    "Give one string in double quotes a line.",
  );
}

/** Waits for a slow reader, so that a long input does not pile up in memory. */
async function print(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) await once(process.stdout, "drain");
}

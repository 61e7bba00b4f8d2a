import type { Severity } from "@sft/mask";
import { findFamily } from "@sft/model";
import { loadTokenizer, readTokenizerFiles } from "@sft/tokenizer/node";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";
import { booleanOf, textOf, type FlagValues } from "../flagValues.ts";
import { examineRows } from "../findings/examineRows.ts";
import { type PlacedFinding, toSarif } from "../findings/sarif.ts";
import { inspectMachine, type MachineCheck } from "../machine/inspectMachine.ts";
import { chooseTemplate } from "../rows/chooseTemplate.ts";
import { type EncodedRow, encodeRows, specialTokensOf } from "../rows/encodeRows.ts";
import { inOurWords, rowFlags, rowSettings } from "../rows/rowFlags.ts";
import { counted } from "../terminal/counted.ts";
import { paint } from "../terminal/paint.ts";

export const examples: readonly string[] = [
  "sft doctor",
  "sft doctor --tokenizer ./model",
  "sft doctor --data rows.jsonl --tokenizer ./model --max-length 512",
  "sft doctor --data rows.jsonl --tokenizer ./model --sarif > findings.sarif",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "doctor",
    description: "Check this machine; with --data, look for faults in rows that spoil training. Exit code 1 when something is at fault.",
  },
  args: {
    data: { type: "string", description: "json, jsonl, csv, tsv or parquet" },
    tokenizer: { type: "string", description: "folder with tokenizer.json" },
    ...rowFlags,
    "max-length": { type: "string", description: "longest row in tokens; default: the positions of the model beside the tokenizer" },
    json: { type: "boolean", description: "print one JSON array" },
    sarif: { type: "boolean", description: "print the findings about data as SARIF 2.1.0" },
  } as ArgsDef,
  async run({ args }) {
    const json = booleanOf(args, "json");
    const data = textOf(args, "data");
    const tokenizer = textOf(args, "tokenizer");
    if (data === undefined) {
      const checks = await inspectMachine();
      return reportMachine(tokenizer === undefined ? checks : [...checks, await libraryCheck(resolve(tokenizer))], json);
    }
    if (tokenizer === undefined)
      throw usageError(
        "missing-flag",
        "Rows can only be judged with the tokenizer that will read them.",
        "Give its folder with --tokenizer.",
      );
    const file = resolve(data);
    const { findings, count } = await examine(file, resolve(tokenizer), args);
    if (booleanOf(args, "sarif")) process.stdout.write(`${JSON.stringify(toSarif(findings, file), null, 2)}\n`);
    else if (json) process.stdout.write(`${JSON.stringify(findings)}\n`);
    else reportFindings(findings, file, count);
    return findings.some(({ severity }) => severity === "error") ? 1 : 0;
  },
});

export default command;

async function examine(file: string, tokenizerFolder: string, args: FlagValues): Promise<{ findings: PlacedFinding[]; count: number }> {
  const tokenizer = await loadTokenizer(tokenizerFolder);
  const given = rowSettings(args);
  const settings = { ...given, maxLength: given.maxLength ?? (await positionsOf(tokenizerFolder)) };
  const templateFor = await chooseTemplate(settings.template, tokenizer);
  const encoded = encodeRows([{ path: file, type: settings.type, columns: settings.columns }], {
    tokenizer,
    templateFor,
    mask: settings.mask,
    maxLength: settings.maxLength,
    truncation: settings.truncation,
  });
  const texts: string[] = [];
  const { findings, count } = await examineRows(
    passing(encoded, ({ rendering }) => texts.push(rendering.segments.map(({ text }) => text).join(""))),
    {
      tokenizer,
      ...(settings.maxLength === undefined ? {} : { maxLength: settings.maxLength }),
      render: (conversation) =>
        templateFor(conversation.record!.format).template.render(conversation, { specialTokens: specialTokensOf(tokenizer) }),
    },
  );
  const lengthIsChosen = given.maxLength !== undefined || given.truncation !== undefined;
  const judged = (lengthIsChosen ? findings : findings.map(refusedByTraining)).map((one) => ({ ...one, fix: inOurWords(one.fix) }));
  return { findings: [...judged, ...(await libraryFindings(tokenizerFolder, texts))], count };
}

/** A row beyond the model's positions is dropped where the user chose a length; training stops at it where none is chosen. */
function refusedByTraining(finding: PlacedFinding): PlacedFinding {
  if (finding.rule !== "over-long" || finding.tokens === null) return finding;
  const { start, end } = finding.tokens;
  return {
    ...finding,
    severity: "error",
    message: `${end} tokens, the model has ${start} positions: training stops at this row.`,
    fix: "Set sequence_len to drop longer rows, or truncation to say what becomes of them (here --max-length, --truncation).",
  };
}

/** The same rows, each shown to `see` as it passes. */
async function* passing(rows: AsyncIterable<EncodedRow>, see: (row: EncodedRow) => void): AsyncGenerator<EncodedRow> {
  for await (const row of rows) {
    see(row);
    yield row;
  }
}

/** Where the tokenizer lies beside its model, the longest row that the model reads; undefined where that cannot be told. */
async function positionsOf(folder: string): Promise<number | undefined> {
  try {
    const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8")) as Record<string, unknown>;
    return findFamily(config).readConfig(config).maxPositions;
  } catch {
    return undefined;
  }
}

const libraryName = "@huggingface/tokenizers, which many JavaScript programs use,";
const libraryHint = "Serve the model with the Rust library, or with @sft/tokenizer; its README names the causes.";

/** Where the widely used library would give other ids for the rendered rows: one note about all of them. */
async function libraryFindings(folder: string, texts: readonly string[]): Promise<PlacedFinding[]> {
  const { compareWithLibrary } = await import("@sft/tokenizer/huggingface");
  const { differences, refusal } = compareWithLibrary(await readTokenizerFiles(folder), texts);
  if (refusal === null && differences.length === 0) return [];
  const message =
    refusal === null
      ? `${libraryName} gives other ids for the text of ${differences.length} of ${texts.length} rows, the first of them ${JSON.stringify(differences[0]!.text.slice(0, 80))}.`
      : `${libraryName} cannot read this tokenizer: ${refusal}.`;
  return [{ rule: "library-differs", severity: "note", row: null, tokens: null, message, fix: libraryHint }];
}

async function libraryCheck(folder: string): Promise<MachineCheck> {
  const { compareWithLibrary, probeTexts } = await import("@sft/tokenizer/huggingface");
  const { compared, differences, refusal } = compareWithLibrary(await readTokenizerFiles(folder), probeTexts);
  if (refusal !== null) return { name: "tokenizer", state: "note", found: `${libraryName} cannot read it: ${refusal}`, hint: libraryHint };
  const texts = differences.map(({ text }) => JSON.stringify(text)).join(", ");
  if (differences.length > 0)
    return { name: "tokenizer", state: "note", found: `${libraryName} gives other ids for ${texts}`, hint: libraryHint };
  return { name: "tokenizer", state: "ok", found: `@huggingface/tokenizers gives the same ids for ${compared} awkward texts` };
}

const colours = { error: "red", fault: "red", warning: "yellow", note: "cyan", ok: "green" } as const;
const label = (state: keyof typeof colours): string => paint(colours[state], state.padEnd(7));

function reportMachine(checks: readonly MachineCheck[], json: boolean): number {
  if (json) process.stdout.write(`${JSON.stringify(checks)}\n`);
  else
    for (const { name, state, found, hint } of checks)
      process.stdout.write(
        `${label(state)} ${name}: ${found}${hint === undefined ? "" : `\n        ${hint.replaceAll("\n", "\n        ")}`}\n`,
      );
  return checks.some(({ state }) => state === "fault") ? 1 : 0;
}

function reportFindings(findings: readonly PlacedFinding[], file: string, count: number): void {
  for (const { severity, rule, row, line, tokens, message, fix } of findings) {
    const place = `${file}${line === undefined ? "" : `:${line}`}${row === null ? "" : `: row ${row}`}${tokens ? `, tokens ${tokens.start} to ${tokens.end - 1}` : ""}`;
    process.stdout.write(`${label(severity)} ${rule}  ${place}\n        ${message}\n        ${fix}\n`);
  }
  const number = (wanted: Severity): number => findings.filter(({ severity }) => severity === wanted).length;
  process.stdout.write(
    `${counted(count, "row")}: ${counted(number("error"), "error")}, ${counted(number("warning"), "warning")}, ${counted(number("note"), "note")}\n`,
  );
}

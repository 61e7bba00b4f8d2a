import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { relative, resolve } from "node:path";
import { usageError } from "../failure/cliError.ts";
import { booleanOf, textOf, wordOf, type FlagValues } from "../flagValues.ts";
import { exportGguf } from "../gguf/exportGguf.ts";
import { byteSizeOf } from "../merge/byteSize.ts";
import { dtypeOf } from "../merge/dtypes.ts";
import { checkOutput } from "../merge/outputPlace.ts";
import { openMergeSource, writeHuggingFace, type MergeSource } from "../merge/writeHuggingFace.ts";
import { findTrained } from "../model/findTrained.ts";

export const examples: readonly string[] = [
  "sft export --format gguf --model merged --type q8_0 --output model.gguf",
  "sft export --format gguf --adapter runs/dictionary --output model.gguf",
  "sft export --format hf --model ./model --dtype float16 --max-shard-size 2GB --output half",
];

const ggufTypes = { f32: "F32", f16: "F16", q8_0: "Q8_0" } as const;

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "export",
    description:
      "Write a model for other programs: a Hugging Face folder in another type or other shards, or a GGUF file for llama.cpp (an adapter merged in) with tokenizer and chat template.",
  },
  args: {
    format: { type: "string", description: "hf or gguf" },
    model: { type: "string", description: "a model folder, an adapter folder, or a run folder (its newest checkpoint is taken)" },
    adapter: { type: "string", description: "gguf: an adapter or run folder to merge into the model" },
    output: { type: "string", description: "hf: the folder to write; gguf: the file" },
    type: { type: "string", description: "gguf: f32, f16 (default) or q8_0" },
    "pre-tokenizer": { type: "string", description: "gguf: llama.cpp's name of the pre-tokenizer, where sft does not know it" },
    dtype: { type: "string", description: "hf: float32, float16 or bfloat16; default: each tensor's own" },
    "max-shard-size": { type: "string", description: "hf: largest weight file; default 5GB" },
    overwrite: { type: "boolean", description: "replace what is there" },
    "accept-other-base": { type: "boolean", description: "merge into other weights than those the adapter was trained on" },
    json: { type: "boolean", description: "print one JSON object" },
  } as ArgsDef,
  async run({ args }) {
    const cwd = process.cwd();
    const format = wordOf(args, "format", ["hf", "gguf"] as const);
    const given = textOf(args, "output");
    if (format === undefined || given === undefined)
      throw usageError(
        "missing-flag",
        `export needs ${format === undefined ? "a format" : "a place to write to"}.`,
        "Give --format hf|gguf and --output PATH.",
      );
    refuseOtherFormatsFlags(args, format);
    const place = await findTrained({ model: textOf(args, "model"), adapter: textOf(args, "adapter") }, cwd);
    if (format === "hf" && place.adapter !== undefined)
      throw usageError(
        "bad-flag",
        "An adapter becomes a Hugging Face folder by sft merge, which checks what it writes.",
        "Use sft merge with the same options.",
      );
    const output = resolve(cwd, given);
    await checkOutput(output, booleanOf(args, "overwrite"), format === "hf" ? [place.model, place.adapter] : []);
    await using source = await openMergeSource(place.model, place.adapter, booleanOf(args, "accept-other-base"));
    const report =
      format === "hf"
        ? await toFolder(source, output, args)
        : await exportGguf(
            source,
            output,
            ggufTypes[wordOf(args, "type", ["f32", "f16", "q8_0"] as const) ?? "f16"],
            textOf(args, "pre-tokenizer"),
          );
    if (booleanOf(args, "json"))
      process.stdout.write(`${JSON.stringify({ output, format, model: place.model, adapter: place.adapter ?? null, ...report })}\n`);
    else
      process.stdout.write(
        `${report.warnings.map((warning) => `note: ${warning}\n`).join("")}saved ${report.tensors} tensors to ${relative(cwd, output) || output}\n`,
      );
    return 0;
  },
});

export default command;

async function toFolder(
  source: MergeSource,
  output: string,
  args: FlagValues,
): Promise<{ readonly tensors: number; readonly warnings: readonly string[] }> {
  await writeHuggingFace(source, { output, dtype: dtypeOf(args), maxShardBytes: byteSizeOf(args, "max-shard-size") });
  return { tensors: source.weights.tensors.size, warnings: [] };
}

function refuseOtherFormatsFlags(args: FlagValues, format: "hf" | "gguf"): void {
  const foreign = (format === "hf" ? ["type", "pre-tokenizer"] : ["dtype", "max-shard-size"]).find(
    (flag) => textOf(args, flag) !== undefined,
  );
  if (foreign !== undefined)
    throw usageError(
      "bad-flag",
      `--${foreign} has no meaning with --format ${format}.`,
      "sft export --help shows which option belongs to which format.",
    );
}

import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { relative, resolve } from "node:path";
import { selectBackend } from "../backend/selectBackend.ts";
import { CliError, usageError } from "../failure/cliError.ts";
import { booleanOf, textOf } from "../flagValues.ts";
import { byteSizeOf } from "../merge/byteSize.ts";
import { checkMerge, type MergeCheck } from "../merge/checkMerge.ts";
import { dtypeOf } from "../merge/dtypes.ts";
import { checkOutput } from "../merge/outputPlace.ts";
import { openMergeSource, roundedDType, writeHuggingFace } from "../merge/writeHuggingFace.ts";
import { findTrained } from "../model/findTrained.ts";
import { backendFlags, backendOf } from "../model/modelFlags.ts";

export const examples: readonly string[] = [
  "sft merge --adapter runs/dictionary --output merged",
  "sft merge --model ./base --adapter ./adapter --output merged --dtype bfloat16 --max-shard-size 2GB",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "merge",
    description:
      "Merge an adapter into its base model and write a Hugging Face folder. Before the folder appears its logits are compared with those of base and adapter on fixed prompts; when they are too far apart it is removed and the exit code is 1.",
  },
  args: {
    model: { type: "string", description: "the base model's folder; default: the one that the adapter names" },
    adapter: { type: "string", description: "an adapter folder, or a run folder (its newest checkpoint is taken)" },
    output: { type: "string", description: "folder to write" },
    dtype: { type: "string", description: "float32, float16 or bfloat16; default: each tensor's own" },
    "max-shard-size": { type: "string", description: "largest weight file; default 5GB" },
    ...backendFlags,
    overwrite: { type: "boolean", description: "replace the output folder" },
    "accept-other-base": { type: "boolean", description: "merge into other weights than those the adapter was trained on" },
    json: { type: "boolean", description: "print one JSON object" },
  } as ArgsDef,
  async run({ args }) {
    const cwd = process.cwd();
    const given = textOf(args, "output");
    if (given === undefined) throw usageError("missing-flag", "merge needs a folder to write.", "Give --output FOLDER.");
    const place = await findTrained({ model: textOf(args, "model"), adapter: textOf(args, "adapter") }, cwd);
    if (place.adapter === undefined)
      throw usageError(
        "missing-flag",
        `${place.model} is a whole model: there is no adapter to merge.`,
        "Give --adapter FOLDER; sft export writes a model in another type or format.",
      );
    const output = resolve(cwd, given);
    await checkOutput(output, booleanOf(args, "overwrite"), [place.model, place.adapter]);
    const dtype = dtypeOf(args);
    await using source = await openMergeSource(place.model, place.adapter, booleanOf(args, "accept-other-base"));
    const adapter = source.adapter!;
    let check: MergeCheck | undefined;
    await writeHuggingFace(source, {
      output,
      dtype,
      maxShardBytes: byteSizeOf(args, "max-shard-size"),
      check: async (merged) => {
        const backend = await selectBackend(backendOf(args), cwd);
        try {
          check = await checkMerge({ backend, base: source.base, adapter, merged, dtype: roundedDType(source.weights, dtype) });
        } finally {
          await backend.dispose();
        }
        if (!check.pass) throw failedCheck(check);
      },
    });
    const changed = [...source.weights.tensors.keys()].filter(source.weights.isChanged).length;
    process.stdout.write(
      `${booleanOf(args, "json") ? JSON.stringify({ output, model: place.model, adapter: place.adapter, tensors: source.weights.tensors.size, merged: changed, check }) : describe(relative(cwd, output) || output, changed, check!)}\n`,
    );
    return 0;
  },
});

export default command;

function describe(output: string, changed: number, check: MergeCheck): string {
  const lost =
    check.relativeL2 > check.adapterEffect
      ? "\nnote: rounding to this type changes more than the adapter does; --dtype float32 keeps it"
      : "";
  return `merged ${changed} tensors; ${figures(check)}\nsaved ${output}${lost}`;
}

function failedCheck(check: MergeCheck): CliError {
  return new CliError(
    "merge-check-failed",
    `The merged model does not compute what base and adapter do: ${figures(check)}. Nothing was saved.`,
    "Try --dtype float32; if it fails there too this is a fault in sft, please report it.",
  );
}

function figures({ maxAbsolute, relativeL2, bound, adapterEffect }: MergeCheck): string {
  const short = (value: number): string => value.toExponential(1);
  return `logits differ by ${short(relativeL2)} of their norm (bound ${short(bound)}), at most ${short(maxAbsolute)} each; the adapter itself changes ${short(adapterEffect)}`;
}

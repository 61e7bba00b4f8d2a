import { shiftTargets } from "@sft/mask";
import { evaluate } from "@sft/trainer";
import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { resolve } from "node:path";
import { booleanOf, countOf, textOf } from "../flagValues.ts";
import { modelFlags, modelOf } from "../model/modelFlags.ts";
import { useModel } from "../model/useModel.ts";
import { formatDuration } from "../progress/duration.ts";
import { rowFlags, rowSettings } from "../rows/rowFlags.ts";
import { readTrainingRows } from "../rows/trainingRows.ts";
import { lengthMultiple } from "../run/sequenceLengths.ts";

export const examples: readonly string[] = [
  "sft eval --model runs/dictionary --data held-out.json",
  "sft eval --model ./model --adapter ./adapter --data held-out.jsonl --json",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: {
    name: "eval",
    description:
      "Measure the loss of a model, with or without an adapter, on rows: sum(weight x cross-entropy) / sum(weight) over all of them.",
  },
  args: {
    ...modelFlags,
    data: { type: "string", required: true, description: "json, jsonl, csv, tsv or parquet" },
    ...rowFlags,
    "batch-size": { type: "string", default: "16", description: "rows that run at once" },
    json: { type: "boolean", description: "print one JSON object" },
  } as ArgsDef,
  async run({ args }) {
    const rows = rowSettings(args);
    const path = resolve(textOf(args, "data")!);
    const batchSize = countOf(args, "batch-size")!;
    await useModel({ ...modelOf(args), template: rows.template }, process.cwd(), async ({ place, opened, templateFor, policy, load }) => {
      const { maxPositions } = opened.config;
      const data = await readTrainingRows([{ path, type: rows.type, columns: rows.columns }], {
        tokenizer: opened.tokenizer,
        templateFor,
        mask: rows.mask ?? savedPolicy(policy),
        truncation: rows.truncation,
        maxLength: rows.maxLength ?? maxPositions,
        lengthIsChosen: rows.maxLength !== undefined || rows.truncation !== undefined,
      });
      const model = await load();
      const examples = data.rows.map(({ example }) => shiftTargets(example));
      const { loss, supervisedTokens, milliseconds } = await evaluate(model, examples, {
        batchSize,
        multipleOf: lengthMultiple(maxPositions),
      });
      const { backend, adapter } = model.backend.capabilities;
      if (booleanOf(args, "json")) {
        const figures = {
          eval_loss: loss,
          perplexity: Math.exp(loss),
          supervised_tokens: supervisedTokens,
          rows: data.rows.length,
          dropped: data.share.dropped + data.share.allMasked,
          eval_runtime: milliseconds / 1000,
        };
        process.stdout.write(
          `${JSON.stringify({ ...figures, model: place.model, adapter_folder: place.adapter ?? null, template: data.chosen.template.name, mask_policy: data.policy, backend, adapter })}\n`,
        );
        return;
      }
      process.stdout.write(`model     ${place.model}${place.adapter === undefined ? "" : ` with ${place.adapter}`}\n`);
      process.stdout.write(`template  ${data.chosen.template.name}   measured on: ${data.policy}   backend: ${backend} (${adapter})\n`);
      for (const text of [...data.losses, ...data.cautions]) process.stdout.write(`          ${text}\n`);
      process.stdout.write(
        `loss      ${loss.toFixed(4)} (perplexity ${Math.exp(loss).toFixed(2)}) over ${supervisedTokens} tokens of ${data.rows.length} rows, ${formatDuration(milliseconds)}\n`,
      );
    });
  },
});

export default command;

/** Rows of several formats were trained under several policies: each row then takes its own default again. */
function savedPolicy(policy: string | undefined): string | undefined {
  return policy?.includes("+") ? undefined : policy;
}

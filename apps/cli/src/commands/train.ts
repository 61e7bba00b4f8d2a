import { defineCommand, type ArgsDef, type CommandDef } from "citty";
import { relative, resolve } from "node:path";
import { selectBackend } from "../backend/selectBackend.ts";
import { createReporter, type Reporter, type ReportStyle } from "../progress/reporter.ts";
import { listenForInterruption } from "../run/interruption.ts";
import { prepareRun, type PreparedRun } from "../run/prepareRun.ts";
import { resumeNotices } from "../run/resumeNotices.ts";
import { runRemarks } from "../run/runRemarks.ts";
import { runTraining, type RunOutcome } from "../run/runTraining.ts";
import { givenRecipeFlags, recipeFlags } from "../runConfig/recipeFlags.ts";
import { resolveRunConfig } from "../runConfig/resolveRunConfig.ts";
import type { RunConfig } from "../runConfig/schema.ts";
import { toTrainingSettings } from "../runConfig/toTrainingSettings.ts";
import { decideEntry } from "../runFolder/runFolder.ts";
import { sampleTable } from "../samples/sampleTable.ts";
import { terminalWidth } from "../terminal/terminalWidth.ts";

export const examples: readonly string[] = [
  "sft train recipe.yaml",
  "sft train recipe.yaml --learning-rate 1e-3 --max-steps 10",
  "sft train recipe.yaml --resume auto",
  "sft train --base-model ./model --data rows.jsonl --val-set-size 0.1 --output-dir runs/mine",
];

const command: CommandDef<ArgsDef> = defineCommand({
  meta: { name: "train", description: "Fine-tune a model as a recipe says; every key of the recipe is also a flag, and flags win." },
  args: {
    recipe: { type: "positional", required: false, description: "YAML file" },
    overwrite: { type: "boolean", description: "replace the run that output_dir holds, or with --resume its later checkpoints" },
    json: { type: "boolean", description: "print one JSON object a line" },
    quiet: { type: "boolean", description: "print nothing but errors" },
    ...recipeFlags(),
  } as ArgsDef,
  async run({ args }) {
    const cwd = process.cwd();
    const { config, notices } = await resolveRunConfig(args.recipe as string | undefined, givenRecipeFlags(args), cwd);
    const reporter = createReporter(styleOf(args), (text) => void process.stdout.write(text), {
      columns: terminalWidth,
      loggingSteps: config.logging_steps,
    });
    for (const text of notices) reporter.say(`note: ${text}`, { event: "notice", text });
    const entry = await decideEntry(config.output_dir, {
      resume: config.resume_from_checkpoint,
      overwrite: args.overwrite === true,
      recipe: typeof args.recipe === "string" ? resolve(cwd, args.recipe) : undefined,
      reads: [
        config.base_model,
        config.tokenizer ?? config.base_model,
        ...[...config.datasets, ...(config.test_datasets ?? [])].map(({ path }) => path),
      ],
    });
    const prepared = await prepareRun(config);
    const interruption = listenForInterruption();
    try {
      describeData(reporter, prepared);
      const settings = toTrainingSettings(config, prepared.trainRows.length);
      for (const text of runRemarks(config, settings, prepared.heldOutRows.length))
        reporter.say(`warning: ${text}`, { event: "notice", text });
      const changes = entry.kind === "resume" ? await resumeNotices(entry.from.path, config, settings) : [];
      for (const text of changes) reporter.say(`note: ${text}`, { event: "notice", text });
      const backend = await selectBackend(config, cwd);
      try {
        const { backend: name, adapter } = backend.capabilities;
        reporter.say(`backend   ${name}: ${adapter}`, { event: "backend", backend: name, adapter });
        const outcome = await runTraining({ config, prepared, entry, backend, reporter, signal: interruption.signal });
        if (entry.kind === "resume" && entry.from.step >= settings.maxSteps) {
          const text = `nothing was left to train: ${entry.from.path} is at step ${entry.from.step} of ${settings.maxSteps}. To go on, raise max_steps or num_epochs`;
          reporter.say(`note: ${text}`, { event: "notice", text });
        }
        return conclude(reporter, config, outcome, cwd);
      } finally {
        await backend.dispose();
      }
    } finally {
      interruption.stopListening();
      await prepared.opened.folder.close();
    }
  },
});

export default command;

function styleOf(args: Readonly<Record<string, unknown>>): ReportStyle {
  if (args.json === true) return "json";
  if (args.quiet === true) return "quiet";
  return process.stdout.isTTY ? "live" : "plain";
}

function describeData(reporter: Reporter, { opened, training, trainRows, heldOutRows, heldOutLosses, chosen }: PreparedRun): void {
  const { share, policy, losses, cautions } = training;
  const percent = (100 * share.share).toFixed(1);
  const { name, hash } = chosen.template;
  reporter.say(`model     ${opened.folder.path} (${opened.config.modelType}, ${opened.config.layers} layers)`, {
    event: "model",
    path: opened.folder.path,
    model_type: opened.config.modelType,
  });
  reporter.say(`template  ${name} (${hash.slice(0, 12)})   train on: ${policy}`, {
    event: "policy",
    template: name,
    template_hash: hash,
    mask_policy: policy,
  });
  reporter.say(
    `rows      ${trainRows.length} to train, ${heldOutRows.length} held out; ${percent} % of ${share.tokens.toLocaleString("en")} tokens are supervised`,
    {
      event: "data",
      train_rows: trainRows.length,
      held_out_rows: heldOutRows.length,
      tokens: share.tokens,
      supervised_tokens: share.supervised,
      supervised_share: share.share,
      dropped: share.dropped,
      all_masked: share.allMasked,
    },
  );
  for (const text of losses) reporter.say(`          ${text}`, { event: "notice", text });
  for (const text of cautions) reporter.say(`warning: ${text}`, { event: "notice", text });
  for (const text of heldOutLosses) reporter.say(`          held out: ${text}`, { event: "notice", text: `held out: ${text}` });
}

function conclude(reporter: Reporter, config: RunConfig, { step, aborted, checkpoint, samples, history }: RunOutcome, cwd: string): number {
  const saved = checkpoint === undefined ? "nothing" : relative(cwd, checkpoint) || checkpoint;
  if (aborted) {
    const onwards = step > 0 ? "Go on with --resume auto." : "Begin anew with --overwrite.";
    process.stderr.write(`stopped at step ${step}; saved ${saved}. ${onwards}\n`);
    return 130;
  }
  const lastLoss = history.findLast(({ loss }) => loss !== undefined)?.loss;
  if (lastLoss !== undefined && !Number.isFinite(lastLoss))
    process.stderr.write(
      `warning: the loss ended at ${lastLoss}: the model in ${saved} is spoilt. Lower learning_rate, look for damaged rows with sft doctor, and begin again from an earlier checkpoint.\n`,
    );
  if (samples.length > 0) reporter.say(`\n${sampleTable(samples, terminalWidth())}\n`, { event: "samples", samples });
  const heldOut = history.flatMap(({ eval_loss }) => (eval_loss === undefined ? [] : [eval_loss]));
  const change = heldOut.length > 0 ? `held-out loss ${heldOut[0]!.toFixed(4)} -> ${heldOut.at(-1)!.toFixed(4)}; ` : "";
  reporter.say(`done: ${change}saved ${saved}`, {
    event: "done",
    step,
    checkpoint,
    output_dir: config.output_dir,
    eval_loss: heldOut.at(-1),
  });
  return 0;
}

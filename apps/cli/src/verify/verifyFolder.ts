import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { openAdapterFolder, openModelFolder } from "@sft/checkpoint";
import type { Backend, Capabilities } from "@sft/kernels";
import { attachSavedAdapter, findFamily, frozenWeightsFor, LanguageModel, type TrainingMethod } from "@sft/model";
import { compareCase, compareGreedy, compareTrajectory, type CaseComparison, type TrajectoryComparison } from "./compare.ts";
import {
  readGoldenBatches,
  readGoldenCase,
  readGoldenTrajectory,
  type GoldenBatch,
  type GoldenCase,
  type GoldenTrajectory,
} from "./goldenCase.ts";

/** Bounds that a comparison must keep: relative L2, but absolute for losses. */
export interface VerifyBounds {
  readonly logits: number;
  readonly loss: number;
  readonly grads: number;
  readonly trajectoryLoss: number;
  readonly trajectoryGradNorm: number;
}

/**
 * float32: sums of a few hundred terms in another order than PyTorch's. "cpu" sums in float64 or in PyTorch's own precision; a
 * GPU's float32 exp, tanh and reductions are coarser.
 *
 * Where products round to u = `productRoundoff`: a product adds up to three roundings, of both operands and of a result that is kept
 * as coarsely, each u / sqrt(3) in the mean square and independent of the others, so that `products` in a row leave
 * u sqrt(products). A layer has six in a row (a projection, scores, values, output, up, down), then comes the head. Twice that is allowed,
 * since a norm enlarges the errors of a small stream. A gradient comes through three times as many products, and what cancels in its
 * sums (a bias of keys, whose effect the softmax takes out) may leave a quarter of what was added.
 */
export function boundsFor({ backend, productRoundoff }: Pick<Capabilities, "backend" | "productRoundoff">, layers: number): VerifyBounds {
  const trajectory = { trajectoryLoss: 2e-3, trajectoryGradNorm: 1e-2 };
  if (productRoundoff !== undefined) {
    const products = 6 * layers + 1;
    const logits = 2 * productRoundoff * Math.sqrt(products);
    return { logits, loss: 2e-3, grads: 4 * Math.sqrt(3) * logits, ...trajectory };
  }
  return backend === "cpu"
    ? { logits: 1e-5, loss: 1e-5, grads: 1e-4, ...trajectory }
    : { logits: 1e-4, loss: 1e-4, grads: 1e-3, ...trajectory };
}

/** One element of `sft verify --json`. */
export interface FolderVerification extends Partial<CaseComparison> {
  readonly folder: string;
  readonly family: string;
  readonly backend: string;
  readonly adapter: string;
  readonly pass: boolean;
  /** What was allowed. */
  readonly bounds: VerifyBounds;
  readonly greedy?: { readonly match: boolean };
  readonly lora?: CaseComparison;
  readonly rslora?: CaseComparison;
  readonly dora?: CaseComparison;
  readonly trajectory?: { readonly full?: TrajectoryComparison; readonly lora?: TrajectoryComparison };
  /** What was not compared, and why; every entry makes `pass` false. */
  readonly refused?: readonly string[];
}

const greedyTokens = 24;

/** Loads the folder's model afresh, to be trained by a method. */
type Load = (method: TrainingMethod) => Promise<LanguageModel>;

/** Compares this implementation with one golden folder on one backend. */
export async function verifyFolder(folder: string, backend: Backend): Promise<FolderVerification> {
  const source = await openModelFolder(folder);
  try {
    const config = findFamily(source.config).readConfig(source.config);
    const bounds = boundsFor(backend.capabilities, config.layers);
    const golden = await readGoldenCase(join(folder, "case.safetensors"));
    const steps = existsSync(join(folder, "trajectory.json")) ? await readTrajectory(folder) : undefined;
    const lengths = [golden.batch.length, golden.greedy?.length ?? 0, ...(steps?.batches ?? []).map(({ length }) => length)];
    const positions = Math.max(config.maxPositions, ...lengths);
    // Under an adapter the base is held as training holds it.
    const frozenWeights = frozenWeightsFor(backend.capabilities);
    const load: Load = (method) =>
      LanguageModel.load({
        backend,
        config: source.config,
        weights: source.tensors,
        positions,
        ...(method === "lora" ? { frozenWeights } : {}),
      });
    const model = await load("full");
    const base = await compareCase(model, golden, "full");
    const greedy = golden.greedy ? await compareGreedy(model, golden.greedy, greedyTokens) : undefined;
    release(model);

    const adapters: Partial<Record<"lora" | "rslora" | "dora", CaseComparison>> = {};
    const refused: string[] = [];
    for (const kind of ["lora", "rslora", "dora"] as const) {
      if (!existsSync(join(folder, kind))) continue;
      try {
        adapters[kind] = await compareAdapter(join(folder, kind), load, golden);
      } catch (error) {
        refused.push(`${kind}: ${(error as Error).message}`);
      }
    }
    const trajectory = steps && (await compareTrajectories(folder, steps, load));
    const cases = [base, ...Object.values(adapters)];
    const pass =
      refused.length === 0 &&
      // A coarse product decides between two tokens whose logits are closer than it can tell: then greedy tokens are shown, not judged.
      ((greedy?.match ?? true) || backend.capabilities.productRoundoff !== undefined) &&
      cases.every((one) => withinCase(one, bounds)) &&
      Object.values(trajectory ?? {}).every(
        (one) => one.maxLossDiff <= bounds.trajectoryLoss && one.maxGradNormRelDiff <= bounds.trajectoryGradNorm,
      );
    const { backend: name, adapter } = backend.capabilities;
    return {
      folder,
      family: String(source.config.model_type ?? basename(folder)),
      backend: name,
      adapter,
      pass,
      bounds,
      ...base,
      ...(greedy ? { greedy: { match: greedy.match } } : {}),
      ...adapters,
      ...(trajectory ? { trajectory } : {}),
      ...(refused.length > 0 ? { refused } : {}),
    };
  } finally {
    await source.close();
  }
}

function withinCase({ logits, loss, grads }: CaseComparison, bounds: VerifyBounds): boolean {
  return (
    logits.relL2 <= bounds.logits &&
    Math.abs(loss.actual - loss.expected) <= bounds.loss &&
    grads.count > 0 &&
    grads.worst.relL2 <= bounds.grads
  );
}

async function compareAdapter(folder: string, load: Load, base: GoldenCase): Promise<CaseComparison> {
  const model = await load("lora");
  try {
    await attachAdapterOf(model, folder);
    return await compareCase(model, await readGoldenCase(join(folder, "case.safetensors"), base), "lora");
  } finally {
    release(model);
  }
}

interface RecordedSteps {
  readonly trajectory: GoldenTrajectory;
  readonly batches: readonly GoldenBatch[];
}

async function readTrajectory(folder: string): Promise<RecordedSteps> {
  return { trajectory: await readGoldenTrajectory(folder), batches: await readGoldenBatches(join(folder, "batches.safetensors")) };
}

async function compareTrajectories(
  folder: string,
  { trajectory, batches }: RecordedSteps,
  load: Load,
): Promise<{ full: TrajectoryComparison; lora?: TrajectoryComparison }> {
  const model = await load("full");
  const full = await compareTrajectory(model, trajectory, trajectory.full, batches, "full");
  release(model);
  if (!existsSync(join(folder, "lora"))) return { full };
  const adapted = await load("lora");
  await attachAdapterOf(adapted, join(folder, "lora"));
  const lora = await compareTrajectory(adapted, trajectory, trajectory.lora, batches, "lora");
  release(adapted);
  return { full, lora };
}

/** Loads a PEFT adapter folder onto a model. */
async function attachAdapterOf(model: LanguageModel, folder: string): Promise<void> {
  await using adapter = await openAdapterFolder(folder);
  await attachSavedAdapter(model, adapter);
}

function release(model: LanguageModel): void {
  for (const buffer of model.buffers.values()) model.backend.free(buffer);
  model.buffers.clear();
}

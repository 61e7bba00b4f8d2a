import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openSafetensors } from "@sft/checkpoint";

/** One recorded computation: inputs, and what PyTorch made of them. */
export interface GoldenCase {
  readonly batch: GoldenBatch;
  /** (B, T, V) float32. */
  readonly logits: Float32Array;
  /** Mean cross-entropy over the supervised tokens. */
  readonly loss: number;
  /** By parameter name. */
  readonly gradients: ReadonlyMap<string, Float32Array>;
  /** Prompt and greedy continuation, when the case has one. */
  readonly greedy: Int32Array | undefined;
}

/** (B, T) int32 each; labels are unshifted, -100 where masked; attention_mask is 0 on padding. */
export interface GoldenBatch {
  readonly rows: number;
  readonly length: number;
  readonly inputIds: Int32Array;
  readonly attentionMask: Int32Array;
  readonly labels: Int32Array;
}

/** `trajectory.json`: the optimiser's settings and the figures of every step. */
export interface GoldenTrajectory {
  readonly optimizer: {
    readonly lr: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weight_decay: number;
    readonly max_grad_norm: number;
  };
  readonly schedule: { readonly warmup_steps: number; readonly steps: number };
  readonly micro_batches_per_step: number;
  readonly full: GoldenSteps;
  readonly lora: GoldenSteps;
}

export interface GoldenSteps {
  readonly loss: readonly number[];
  readonly grad_norm: readonly number[];
  readonly lr: readonly number[];
}

const gradientPrefix = "grad.";

/** Reads `case.safetensors`; an adapter's case has no inputs of its own and takes them from the base case. */
export async function readGoldenCase(path: string, base?: GoldenCase): Promise<GoldenCase> {
  const file = await openSafetensors(path);
  try {
    const gradients = new Map<string, Float32Array>();
    for (const name of file.tensors.keys()) {
      if (name.startsWith(gradientPrefix)) gradients.set(savedName(name.slice(gradientPrefix.length)), await file.readFloat32(name));
    }
    const [rows, length] = file.tensors.get("logits")!.shape as [number, number];
    const batch = base?.batch ?? {
      rows,
      length,
      inputIds: await file.readInt32("input_ids"),
      attentionMask: await file.readInt32("attention_mask"),
      labels: await file.readInt32("labels"),
    };
    return {
      batch,
      gradients,
      logits: await file.readFloat32("logits"),
      loss: (await file.readFloat32("loss"))[0]!,
      greedy: file.tensors.has("greedy") ? await file.readInt32("greedy") : undefined,
    };
  } finally {
    await file.close();
  }
}

/** PyTorch's module path has a ".weight" after a magnitude vector; PEFT's adapter files leave it out. */
function savedName(parameter: string): string {
  return parameter.replace(/\.lora_magnitude_vector\.weight$/, ".lora_magnitude_vector");
}

/** Reads the micro batches `input_ids.0`, `input_ids.1`, ... of a trajectory. */
export async function readGoldenBatches(path: string): Promise<readonly GoldenBatch[]> {
  const file = await openSafetensors(path);
  try {
    const batches: GoldenBatch[] = [];
    for (let index = 0; file.tensors.has(`input_ids.${index}`); index++) {
      const [rows, length] = file.tensors.get(`input_ids.${index}`)!.shape as [number, number];
      batches.push({
        rows,
        length,
        inputIds: await file.readInt32(`input_ids.${index}`),
        attentionMask: await file.readInt32(`attention_mask.${index}`),
        labels: await file.readInt32(`labels.${index}`),
      });
    }
    return batches;
  } finally {
    await file.close();
  }
}

export async function readGoldenTrajectory(folder: string): Promise<GoldenTrajectory> {
  return JSON.parse(await readFile(join(folder, "trajectory.json"), "utf8")) as GoldenTrajectory;
}

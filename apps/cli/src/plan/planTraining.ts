import { createPlanningBackend, opTable, planMemory, type Capabilities, type Program } from "@sft/kernels";
import { frozenWeightsFor, LanguageModel, type LoraConfig } from "@sft/model";
import { microBatchProgram, OptimiserStep, paddedSupervised, stateNames, type TrainingSettings } from "@sft/trainer";

/** What is to be planned: a model by its config alone, and one step of its training. */
export interface PlanRequest {
  readonly config: Readonly<Record<string, unknown>>;
  readonly lora: LoraConfig | null;
  readonly settings: TrainingSettings;
  /** Rows of a micro batch, and tokens of the longest row. */
  readonly rows: number;
  readonly length: number;
  /** Share of positions that are supervised, in (0, 1]. */
  readonly supervisedShare: number;
  /** Keep the base's linear layers in 4 bits. */
  readonly quantise?: "nf4" | undefined;
  /** How the base lies under an adapter; default is what suits the backend. */
  readonly frozenWeights?: "float32" | "float16" | undefined;
  /** What the backend in question can do, where it decides how things are stored; default is the planning backend's. */
  readonly capabilities?: Partial<Capabilities>;
  /** Bytes that a program's activations and scratch take on the backend in question; default is the memory plan's. */
  readonly scratchOf?: (program: Program) => number;
}

/** Bytes by what they are for; `peak`, of the device, is the sum of all but `host`. */
export interface MemoryBudget {
  readonly weights: number;
  readonly gradients: number;
  /** The optimiser's state on the device: with offloading the room through which it passes. */
  readonly optimizer: number;
  readonly activations: number;
  readonly inputs: number;
  readonly peak: number;
  /** Optimiser state in the host's memory. */
  readonly host: number;
}

/**
 * The memory of a training step, known before anything is allocated: the very code that sets up a run is given a backend that
 * only counts.
 */
export async function planTraining(request: PlanRequest): Promise<MemoryBudget> {
  const { settings, rows, length, lora, quantise, frozenWeights, capabilities, config } = request;
  const backend = createPlanningBackend(capabilities, request.scratchOf ?? ((program) => planMemory(program, opTable).activationBytes));
  const model = await LanguageModel.load({
    backend,
    config,
    positions: length,
    empty: true,
    ...(quantise ? { quantise } : {}),
    ...(lora ? { frozenWeights: frozenWeights ?? frozenWeightsFor(backend.capabilities), float32Modules: lora.modulesToSave ?? [] } : {}),
  });
  if (lora) await model.attachLora(lora);
  const optimiser = await OptimiserStep.create(model, settings);
  const supervised = paddedSupervised(Math.ceil(rows * length * request.supervisedShare));
  const program = microBatchProgram(model, settings, { batch: rows, length, supervised });
  const bytesOf = (isCounted: (name: string) => boolean): number =>
    [...optimiser.state].reduce((sum, [name, { dtype, length }]) => sum + (isCounted(name) && dtype !== "f16" ? 4 * length : 0), 0);
  const gradientPrefix = stateNames.gradient("");
  const gradients = bytesOf((name) => name.startsWith(gradientPrefix));
  const optimizer = bytesOf((name) => !name.startsWith(gradientPrefix)) + optimiser.stagingBytes;
  const beforeInputs = backend.allocatedBytes;
  // The model's own parameters, float16 copies and rope tables, with the gaps between those that were put together.
  const weights = beforeInputs - gradients - optimizer;
  await backend.compile(program, model.bind(program, optimiser.state).bindings);
  return {
    weights,
    gradients,
    optimizer,
    activations: backend.scratchBytes,
    inputs: backend.allocatedBytes - beforeInputs,
    peak: backend.peakBytes,
    host: optimiser.hostBytes,
  };
}

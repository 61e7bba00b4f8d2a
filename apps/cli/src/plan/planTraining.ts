import { createPlanningBackend, opTable, planMemory, type Capabilities, type Program } from "@sft/kernels";
import { adapterParameters, frozenWeightsFor, layoutLora, LanguageModel, type LoraConfig } from "@sft/model";
import { microBatchProgram, OptimiserStep, stateNames, type TrainingSettings } from "@sft/trainer";

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
  /** What the backend in question can do; it decides how a base under an adapter is held. */
  readonly capabilities?: Pick<Capabilities, "halfWeights" | "productRoundoff">;
  /** Bytes that a program's activations and scratch take on the backend in question; default is the memory plan's. */
  readonly scratchOf?: (program: Program) => number;
}

/** Bytes by what they are for; `peak` is their sum. */
export interface MemoryBudget {
  readonly weights: number;
  readonly gradients: number;
  readonly optimizer: number;
  readonly activations: number;
  readonly inputs: number;
  readonly peak: number;
}

/**
 * The memory of a training step, known before anything is allocated: the very code that sets up a run is given a backend that
 * only counts.
 */
export async function planTraining(request: PlanRequest): Promise<MemoryBudget> {
  const { settings, rows, length } = request;
  const backend = createPlanningBackend(
    request.capabilities,
    request.scratchOf ?? ((program) => planMemory(program, opTable).activationBytes),
  );
  const frozenWeights = request.lora ? frozenWeightsFor(backend.capabilities) : "float32";
  const model = await LanguageModel.load({ backend, config: request.config, positions: length, empty: true, frozenWeights });
  if (request.lora) {
    const parameters = adapterParameters(layoutLora(model.parameters, request.lora));
    const tensors = new Map(
      parameters.map(({ name, shape }) => [name, new Float32Array(shape.reduce((product, size) => product * size, 1))]),
    );
    await model.attachLora(request.lora, { tensors });
  }
  const optimiser = await OptimiserStep.create(model, settings);
  const bytesOf = (isCounted: (name: string) => boolean): number =>
    [...optimiser.state].reduce((sum, [name, buffer]) => sum + (isCounted(name) ? 4 * buffer.length : 0), 0);
  const gradientPrefix = stateNames.gradient("");
  const gradients = bytesOf((name) => name.startsWith(gradientPrefix));
  const optimizer = bytesOf((name) => !name.startsWith(gradientPrefix));
  const beforeInputs = backend.allocatedBytes;
  // The model's own parameters, with the gaps between those that were put together.
  const weights = beforeInputs - gradients - optimizer;
  const supervised = Math.max(32, Math.ceil((rows * length * request.supervisedShare) / 32) * 32);
  const program = microBatchProgram(model, settings, { batch: rows, length, supervised });
  await backend.compile(program, model.bind(program, optimiser.state).bindings);
  return {
    weights,
    gradients,
    optimizer,
    activations: backend.scratchBytes,
    inputs: backend.allocatedBytes - beforeInputs,
    peak: backend.peakBytes,
  };
}

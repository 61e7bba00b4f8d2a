import type { BackendBuffer, Executable, HostArray } from "@sft/kernels";
import { inputNames, type LanguageModel, type ParameterSpec } from "@sft/model";
import type { TokenBatch } from "@sft/mask";
import { CompiledMicroBatches } from "./compiledMicroBatches.ts";
import { microBatchInputs, uploadInputs } from "./microBatch.ts";
import type { StateTensor } from "./optimisers/optimiser.ts";
import { initialLossScale } from "./lossScale.ts";
import { LossScaler } from "./lossScaler.ts";
import { learningRateAt } from "./schedule.ts";
import type { TrainingSettings } from "./settings.ts";
import { stateNames } from "./stepPrograms.ts";
import { copyProgram, halfCopies } from "./halfCopies.ts";
import { allocateGroups, type GroupBuffers } from "./groupBuffers.ts";
import { OffloadedState } from "./offload.ts";
import { groupParameters } from "./parameterGroups.ts";
import { trainableParameters } from "./trainableParameters.ts";
import { optimiserState, schedulesOfStep, updateProgram } from "./updateProgram.ts";

/** What a step reports once the device has done it. */
export interface StepMetrics {
  readonly loss: number;
  readonly gradNorm: number;
  /** False when the gradient was not finite and the update was therefore skipped. */
  readonly finite: boolean;
}

/** What an optimiser is made of on the device. */
interface StepParts extends Pick<GroupBuffers, "state" | "wholes"> {
  readonly update: Executable;
  /** Makes the float16 copies of the weights, where there are any. */
  readonly copying?: Executable;
  readonly offloaded?: OffloadedState;
}

/**
 * The optimiser's side of a run: gradients, moments and the compiled programs of a step. `run` only queues work, so that
 * the device stays busy while the host prepares the next step; the promise it gives settles when the figures are there.
 */
export class OptimiserStep {
  readonly parameters: readonly ParameterSpec[];
  /** What the optimiser keeps between steps, by name: the part of `state` that a checkpoint holds. */
  readonly kept: ReadonlyMap<string, StateTensor>;
  readonly lossScaler: LossScaler;
  /** Gradients, moments unless they are offloaded, float16 copies of weights, and the step's own tensors, by name. */
  readonly state: Map<string, BackendBuffer>;
  private readonly parts: StepParts;
  private readonly model: LanguageModel;
  private readonly settings: TrainingSettings;
  private readonly compiled: CompiledMicroBatches;
  private copiesAreOld = true;

  private constructor(model: LanguageModel, settings: TrainingSettings, parts: StepParts) {
    this.model = model;
    this.settings = settings;
    this.lossScaler = new LossScaler(initialLossScale(model.backend.capabilities));
    this.state = parts.state;
    this.parts = parts;
    this.compiled = new CompiledMicroBatches(model, settings, parts.state);
    this.parameters = trainableParameters(model, settings);
    this.kept = optimiserState(this.parameters, settings);
  }

  /** `bucketElements` is how much offloaded state visits the device at a time. */
  static async create(model: LanguageModel, settings: TrainingSettings, bucketElements?: number): Promise<OptimiserStep> {
    const parameters = trainableParameters(model, settings);
    const { backend } = model;
    const { partAlignment } = backend.capabilities;
    const groups = groupParameters(parameters, settings, partAlignment);
    const copies = halfCopies(parameters, model.family.headWeight(model.config), settings, backend.capabilities);
    const { state, wholes, weights } = await allocateGroups(model, groups, !settings.offloadOptimiser, copies);
    state.set(stateNames.loss, backend.allocate({ shape: [1], dtype: "f32" }));
    const program = updateProgram(parameters, settings, partAlignment, copies);
    const { bindings, made } = model.bind(program, new Map([...state, ...wholes, ...weights]));
    for (const [name, buffer] of made) state.set(name, buffer);
    const parts = {
      state,
      wholes,
      ...(copies.size > 0 ? { copying: await backend.compile(copyProgram(groups, copies), bindings) } : {}),
      update: await backend.compile(program, bindings),
    };
    if (!settings.offloadOptimiser) return new OptimiserStep(model, settings, parts);
    for (const { rateRatio } of groups) {
      const name = stateNames.schedule(rateRatio);
      if (!state.has(name)) state.set(name, backend.allocate({ shape: [4], dtype: "f32" }));
    }
    const offloaded = await OffloadedState.create(model, settings, groups, new Map([...state, ...wholes, ...weights]), bucketElements);
    return new OptimiserStep(model, settings, { ...parts, offloaded });
  }

  /**
   * Forward and backward of all micro batches without an update: leaves the step's loss and gradients in `state`, all of them
   * multiplied with the loss scale that this gives: a power of two, 1 where products keep float32's range.
   */
  async accumulate(batches: readonly TokenBatch[], step: number): Promise<number> {
    const { backend } = this.model;
    const weightSum = weightSumOf(batches);
    const scale = await this.lossScaler.next(weightSum);
    if (this.copiesAreOld && this.parts.copying) backend.run(this.parts.copying);
    this.copiesAreOld = false;
    for (const [index, batch] of batches.entries()) {
      const { executable, inputs } = await this.compiled.get(batch, index === 0 ? "first" : "later");
      uploadInputs((buffer, data) => backend.upload(buffer, data), inputs, microBatchInputs(batch, weightSum / scale, inputs));
      const seed = inputs.get(inputNames.dropoutSeed);
      if (seed) backend.upload(seed, Int32Array.of((this.settings.seed * 0x9e3779b1 + step * 1024 + index) | 0));
      backend.run(executable);
    }
    return scale;
  }

  /**
   * One optimiser step (0-based index `step`). Resolves as soon as everything is queued, which in mixed precision waits for the figures
   * of the step before the last, on which the loss scale hangs, and with offloaded state for its way back to the host; `metrics` settles when the device is done.
   */
  async run(
    batches: readonly TokenBatch[],
    step: number,
  ): Promise<{ readonly learningRate: number; readonly metrics: Promise<StepMetrics> }> {
    const { backend } = this.model;
    const scale = await this.accumulate(batches, step);
    const learningRate = learningRateAt(step, this.settings);
    for (const [name, schedule] of schedulesOfStep(this.parameters, this.settings, step, learningRate))
      backend.upload(this.state.get(name)!, schedule);
    backend.upload(this.state.get(stateNames.lossScale)!, Float32Array.of(scale));
    backend.run(this.parts.update);
    await this.parts.offloaded?.update();
    const loss = backend.download(this.state.get(stateNames.loss)!);
    const norm = backend.download(this.state.get(stateNames.gate)!);
    const metrics = Promise.all([loss, norm]).then(([[lossValue], [gradNorm, finite]]) => ({
      loss: lossValue! / scale,
      gradNorm: gradNorm!,
      finite: finite === 1,
    }));
    this.lossScaler.note(
      scale,
      metrics.then(({ finite }) => finite),
    );
    return { learningRate, metrics };
  }

  /** Bytes of optimiser state that wait in the host's memory. */
  get hostBytes(): number {
    return this.parts.offloaded?.hostBytes ?? 0;
  }

  /** Bytes of the device's memory through which that state passes. */
  get stagingBytes(): number {
    return this.parts.offloaded?.stagingBytes ?? 0;
  }

  /** One of the tensors of `kept`, wherever it lies. */
  async readState(name: string): Promise<HostArray> {
    return this.parts.offloaded ? this.parts.offloaded.read(name) : this.model.backend.download(this.state.get(name)!);
  }

  writeState(name: string, data: HostArray): void {
    if (this.parts.offloaded) this.parts.offloaded.write(name, data);
    else this.model.backend.upload(this.state.get(name)!, data);
  }

  /** To be called when parameters were written by anything but `run`, before the next step. */
  parametersReplaced(): void {
    this.copiesAreOld = true;
  }

  /** Gives back every buffer and program of the optimiser; the model keeps its parameters. */
  dispose(): void {
    const { backend } = this.model;
    const { update, copying, offloaded, wholes } = this.parts;
    this.compiled.dispose();
    for (const executable of [update, ...(copying ? [copying] : [])]) backend.free(executable);
    offloaded?.dispose();
    for (const buffer of [...this.state.values(), ...wholes.values()]) backend.free(buffer);
    this.state.clear();
  }
}

/** Weights of all targets of a step; 1 where nothing is supervised. */
function weightSumOf(batches: readonly TokenBatch[]): number {
  return batches.reduce((sum, batch) => sum + batch.weightSum, 0) || 1;
}

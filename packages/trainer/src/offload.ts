import { elementCount, Tape, type BackendBuffer, type Executable, type HostArray, type Program } from "@sft/kernels";
import type { LanguageModel } from "@sft/model";
import { elementsOf, HostState, setElements, type HostRange } from "./hostState.ts";
import type { ParameterGroup } from "./parameterGroups.ts";
import type { TrainingSettings } from "./settings.ts";
import { stateNames } from "./stepPrograms.ts";
import { Staging } from "./staging.ts";

/** Elements that are moved at a time where a rule works element by element: 64 MiB of each state tensor. */
const BUCKET_ELEMENTS = 2 ** 24;

/** Buckets whose state may be on its way back to the host at once: enough to keep the device busy, little enough staging. */
const BUCKETS_IN_FLIGHT = 2;

/** A range of a group of parameters, whose state visits the device together. */
export interface Bucket {
  readonly group: ParameterGroup;
  readonly firstElement: number;
  /** [elements], or the whole shape of the group where the rule sees matrices. */
  readonly shape: readonly number[];
}

/** Cuts groups into buckets of at most `limit` elements; a rule that does not work element by element takes a parameter whole. */
export function bucketsOf(
  groups: readonly ParameterGroup[],
  partAlignment: number | undefined,
  limit: number = BUCKET_ELEMENTS,
): readonly Bucket[] {
  return groups.flatMap((group) => {
    const elements = elementCount(group.shape);
    if (!group.rule.elementwise || partAlignment === undefined || elements <= limit)
      return [{ group, firstElement: 0, shape: group.shape }];
    const step = Math.max(partAlignment, limit - (limit % partAlignment));
    return Array.from({ length: Math.ceil(elements / step) }, (_, index) => ({
      group,
      firstElement: index * step,
      shape: [Math.min(step, elements - index * step)],
    }));
  });
}

const bound = { parameter: "parameter", gradient: "gradient", schedule: "schedule" } as const;

/** The rule on one bucket, the gate computed before. */
function bucketProgram({ group, shape }: Bucket, settings: TrainingSettings): Program {
  const { rule, weightDecay } = group;
  const tape = new Tape("update");
  rule.record({
    tape,
    settings,
    weightDecay,
    parameter: tape.parameter(bound.parameter, shape, false),
    gradient: tape.external(bound.gradient, "gradient", shape),
    gate: tape.external(stateNames.gate, "state", [3]),
    schedule: tape.input(bound.schedule, [4], "f32"),
    state: rule.state({ shape }).map((tensor) => tape.external(tensor.key, "state", tensor.shape, tensor.dtype)),
  });
  return tape.finish();
}

interface CompiledBucket {
  readonly executable: Executable;
  /** What belongs to this bucket on the host, and the device's room for it. */
  readonly state: readonly { readonly host: HostRange; readonly staging: BackendBuffer }[];
}

/**
 * Optimiser state that lives on the host between steps and visits the device bucket by bucket (as in ZeRO-Offload, Ren et al. 2021, but
 * computed on the device). The same ops on the same numbers as without: only where they wait differs.
 */
export class OffloadedState {
  private readonly model: LanguageModel;
  private readonly buckets: readonly CompiledBucket[];
  /** Of every parameter's state tensors by name, its place on the host. */
  private readonly host: ReadonlyMap<string, HostRange>;
  /** Staging and the views of parameters and gradients. */
  private readonly buffers: readonly BackendBuffer[];

  private constructor(
    model: LanguageModel,
    buckets: readonly CompiledBucket[],
    host: ReadonlyMap<string, HostRange>,
    buffers: readonly BackendBuffer[],
  ) {
    this.model = model;
    this.buckets = buckets;
    this.host = host;
    this.buffers = buffers;
  }

  /** `buffers` holds parameters and gradients of the groups and the step's own tensors, by name. */
  static async create(
    model: LanguageModel,
    settings: TrainingSettings,
    groups: readonly ParameterGroup[],
    buffers: ReadonlyMap<string, BackendBuffer>,
    bucketElements?: number,
  ): Promise<OffloadedState> {
    const { backend } = model;
    const { partAlignment, float64 } = backend.capabilities;
    const buckets = bucketsOf(groups, partAlignment, bucketElements);
    const staging = new Staging(model.backend, buckets);
    const host = new Map<string, HostRange>();
    const wholes = new Map<string, HostState>();
    for (const { members, name, shape, rule } of groups) {
      for (const tensor of rule.state({ shape })) {
        const whole = new HostState(tensor, float64);
        wholes.set(stateNames.state(tensor.key, name), whole);
        for (const { spec, firstElement } of members) {
          const own = rule.state(spec).find(({ key }) => key === tensor.key)!;
          host.set(stateNames.state(tensor.key, spec.name), { of: whole, first: firstElement, length: elementCount(own.shape) });
        }
      }
    }
    const views: BackendBuffer[] = [];
    const view = (whole: BackendBuffer, { firstElement, shape, group }: Bucket): BackendBuffer => {
      if (elementCount(shape) === elementCount(group.shape)) return whole;
      const part = backend.allocate({ shape, dtype: "f32" }, { of: whole, firstElement });
      views.push(part);
      return part;
    };
    const compiled: CompiledBucket[] = [];
    for (const bucket of buckets) {
      const { group, shape, firstElement } = bucket;
      const state = group.rule.state({ shape }).map((tensor, slot) => {
        const whole = wholes.get(stateNames.state(tensor.key, group.name))!;
        const range = { of: whole, first: firstElement, length: elementCount(tensor.shape) };
        return { key: tensor.key, host: range, staging: staging.take(slot, tensor) };
      });
      const program = bucketProgram(bucket, settings);
      const executable = await backend.compile(
        program,
        new Map([
          [bound.parameter, view(buffers.get(group.name) ?? model.buffers.get(group.name)!, bucket)],
          [bound.gradient, view(buffers.get(stateNames.gradient(group.name))!, bucket)],
          [stateNames.gate, buffers.get(stateNames.gate)!],
          [bound.schedule, buffers.get(stateNames.schedule(group.rateRatio))!],
          ...state.map(({ key, staging: buffer }) => [key, buffer] as const),
        ]),
      );
      compiled.push({ executable, state });
    }
    return new OffloadedState(model, compiled, host, [...views, ...staging.buffers]);
  }

  /** Bytes that wait on the host. */
  get hostBytes(): number {
    return [...new Set([...this.host.values()].map(({ of }) => of))].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Bytes of the device's room for visiting state. */
  get stagingBytes(): number {
    return this.buffers.reduce((sum, { part, length }) => sum + (part ? 0 : 4 * length), 0);
  }

  /** Moves every parameter once. Resolves when all state is back on the host. */
  async update(): Promise<void> {
    const { backend } = this.model;
    const returning: Promise<unknown>[] = [];
    for (const { executable, state } of this.buckets) {
      if (returning.length >= BUCKETS_IN_FLIGHT) await returning.shift();
      for (const { host, staging } of state) backend.upload(staging, elementsOf(host));
      backend.run(executable);
      returning.push(Promise.all(state.map(async ({ host, staging }) => setElements(host, await backend.download(staging)))));
    }
    await Promise.all(returning);
  }

  read(name: string): HostArray {
    return elementsOf(this.host.get(name)!).slice();
  }

  write(name: string, data: HostArray): void {
    setElements(this.host.get(name)!, data);
  }

  dispose(): void {
    const { backend } = this.model;
    for (const { executable } of this.buckets) backend.free(executable);
    for (const buffer of this.buffers) backend.free(buffer);
  }
}

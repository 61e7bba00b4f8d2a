import type { Attributes, Instruction } from "@sft/kernels";
import type { Emitter, KernelLimits, OpCall, OpEmitter } from "../dispatch.ts";
import { kernelVariant, type Kernel } from "../kernel.ts";
import type { Operand, OperandRange } from "../operand.ts";

/** Storage buffers that one launch may bind; a device with matrix units binds ten. */
export const MOST_BUFFERS = 10;
/** Storage buffers of a launch that WebGPU promises on every device. */
const PROMISED_BUFFERS = 8;
/** Words of a parameter block. */
const MOST_PARAMETERS = 64;

/** Storage buffers that one launch may bind on a device. */
export function mostBuffers({ matrixUnits }: KernelLimits): number {
  return matrixUnits ? MOST_BUFFERS : PROMISED_BUFFERS;
}

const SIDE_BY_SIDE = "sideBySide";

/** Instructions of one op with the same attributes as one instruction, whose operands are theirs one after the other. */
export function sideBySideInstruction(members: readonly Instruction[]): Instruction {
  const [first] = members as [Instruction];
  return {
    ...first,
    op: SIDE_BY_SIDE,
    inputs: members.flatMap(({ inputs }) => inputs),
    outputs: members.flatMap(({ outputs }) => outputs),
    attributes: { ...first.attributes, memberOp: first.op, members: members.length },
  };
}

/** The instructions that `sideBySideInstruction` made one of; any other instruction alone. */
export function membersOf<T>(one: Members<T>): readonly Members<T>[] {
  const { op, inputs, outputs, attributes } = one;
  if (op !== SIDE_BY_SIDE) return [one];
  const { memberOp, members, ...own } = attributes as Attributes & { readonly memberOp: string; readonly members: number };
  const part = (values: readonly T[], member: number): readonly T[] =>
    values.slice((member * values.length) / members, ((member + 1) * values.length) / members);
  return Array.from({ length: members }, (_, member) => ({
    ...one,
    op: memberOp,
    inputs: part(inputs, member),
    outputs: part(outputs, member),
    attributes: own,
  }));
}

interface Members<T> {
  readonly op: string;
  readonly inputs: readonly T[];
  readonly outputs: readonly T[];
  readonly attributes: Attributes;
}

interface Launch {
  readonly kernel: Kernel;
  readonly bindings: Readonly<Record<string, Operand | OperandRange>>;
  readonly parameters: Readonly<Record<string, number>>;
  readonly workgroups: readonly [x: number, y: number, z: number];
}

/**
 * Launches instructions that do not depend on each other: the first launches of all of them, then the second ones, and so on; those
 * of one kernel as a single launch, as far as it can bind their buffers.
 */
export function emitSideBySide(emitter: Emitter, members: readonly OpCall[], emitterOf: (member: OpCall) => OpEmitter): void {
  const launches = members.map((member) => {
    const own: Launch[] = [];
    emitterOf(member)(
      {
        limits: emitter.limits,
        scratch: (type) => emitter.scratch(type),
        dispatch: (kernel, bindings, parameters, [x, y = 1, z = 1]) =>
          void own.push({ kernel, bindings, parameters, workgroups: [x, y, z] }),
      },
      member,
    );
    return own;
  });
  const most = Math.max(...launches.map(({ length }) => length));
  for (let turn = 0; turn < most; turn++) {
    let waiting: Launch[] = [];
    for (const launch of launches.flatMap((own) => own.slice(turn, turn + 1))) {
      if (waiting.length > 0 && !canJoin(waiting, launch, emitter.limits.maxWorkgroupsPerDimension)) {
        launchTogether(emitter, waiting);
        waiting = [];
      }
      waiting.push(launch);
    }
    launchTogether(emitter, waiting);
  }
}

function canJoin(waiting: readonly Launch[], launch: Launch, mostWorkgroups: number): boolean {
  const all = [...waiting, launch];
  const words = launch.kernel.parameters.length + 3;
  return (
    all.every(({ kernel }) => kernel === launch.kernel) &&
    declaresNothingBound(launch.kernel) &&
    new Set(sharing(all).flat()).size <= MOST_BUFFERS &&
    words * all.length <= MOST_PARAMETERS &&
    all.reduce((sum, { workgroups: [x, y, z] }) => sum + x * y * z, 0) <= mostWorkgroups
  );
}

/** Whether a kernel's functions and workgroup variables can serve several sets of operands. */
function declaresNothingBound({ source: { declarations = "", bindings } }: Kernel): boolean {
  return !new RegExp(`(?<![.\\w])(${[...Object.keys(bindings), "p\\.\\w+"].join("|")})\\b`).test(declarations);
}

/** By member and binding of the kernel, the name in the common kernel: what several members read is bound once. */
function sharing(launches: readonly Launch[]): readonly (readonly string[])[] {
  const names = new Map<string, string>();
  return launches.map(({ kernel, bindings }, member) =>
    kernel.bindings.map(({ name }) => {
      const bound = bindings[name]!;
      const range = "operand" in bound ? `${bound.operand.storage} ${bound.start} ${bound.length}` : `${bound.storage}`;
      const key = `${name} ${range}`;
      if (!names.has(key)) names.set(key, `${name}_${member}`);
      return names.get(key)!;
    }),
  );
}

function launchTogether(emitter: Emitter, launches: readonly Launch[]): void {
  const [first] = launches as [Launch];
  if (launches.length === 1) return emitter.dispatch(first.kernel, first.bindings, first.parameters, first.workgroups);
  const names = sharing(launches);
  emitter.dispatch(
    sideBySideKernel(first.kernel, names),
    Object.fromEntries(
      launches.flatMap(({ kernel, bindings }, i) => kernel.bindings.map(({ name }, slot) => [names[i]![slot]!, bindings[name]!])),
    ),
    Object.fromEntries(
      launches.flatMap(({ parameters, workgroups: [x, y, z] }, i) =>
        Object.entries({ ...parameters, across: x, down: y, planes: z }).map(([name, value]) => [`${name}_${i}`, value]),
      ),
    ),
    [launches.reduce((sum, { workgroups: [x, y, z] }) => sum + x * y * z, 0)],
  );
}

/**
 * A kernel that runs another for several sets of operands, whose workgroups are numbered one after the other. `names` are those of
 * the bindings in it, by member and binding. Its texts stand side by side, since WGSL cannot choose among buffers.
 */
export function sideBySideKernel(kernel: Kernel, names: readonly (readonly string[])[]): Kernel {
  const { source } = kernel;
  const bindings = Object.entries(source.bindings);
  return kernelVariant(`side by side|${names.map((own) => own.join()).join(";")}|${kernel.wgsl}`, () => ({
    ...source,
    label: `${kernel.label}, ${names.length} side by side`,
    bindings: Object.fromEntries(names.flatMap((own) => bindings.map(([, type], slot) => [own[slot]!, type] as const))),
    parameters: Object.fromEntries(
      names.flatMap((_, i) => [
        ...kernel.parameters.map(({ name, type }) => [`${name}_${i}`, type] as const),
        ...["across", "down", "planes"].map((name) => [`${name}_${i}`, "u32"] as const),
      ]),
    ),
    body: `
${names.map((_, i) => `  let after_${i} = ${i === 0 ? "" : `after_${i - 1} + `}p.across_${i} * p.down_${i} * p.planes_${i};`).join("\n")}
${names
  .map((own, i) => {
    const renamed = bindings.reduce(
      (text, [name], slot) => text.replace(new RegExp(`(?<![.\\w])${name}\\b`, "g"), own[slot]!),
      source.body.replace(/\bp\.(\w+)/g, `p.$1_${i}`),
    );
    return `if (group.x < after_${i}) {
    let member = group.x${i === 0 ? "" : ` - after_${i - 1}`};
    let groups = vec3u(p.across_${i}, p.down_${i}, p.planes_${i});
    let group = vec3u(member % groups.x, member / groups.x % groups.y, member / (groups.x * groups.y));
${renamed}
  }`;
  })
  .join(" else ")}`,
  }));
}

/** How a kernel sees one of its storage buffers. A "read_write" binding is an output, "read" an input. */
export type BindingType = `${"read" | "read_write"} ${"f32" | "f16" | "i32" | "u32" | "vec2f" | "vec4f" | "vec4h" | "vec4u"}`;

/** Type of one scalar parameter; all are four bytes, so the uniform block needs no padding rules. */
export type ParameterType = "u32" | "i32" | "f32";

/** A kernel before its declarations are written out. Names of bindings must not be used for anything else in its text. */
export interface KernelSource {
  /** For messages, profiles and captures. */
  readonly label: string;
  readonly workgroupSize: readonly [x: number, y: number];
  /** WGSL extensions besides "f16", which bindings of float16 ask for; with "subgroups" the body also sees its number in the workgroup, `subgroup`. */
  readonly enable?: readonly string[];
  readonly bindings: Readonly<Record<string, BindingType>>;
  /** Scalars that change between dispatches of one pipeline: shapes, strides, factors. Read as `p.name`. */
  readonly parameters: Readonly<Record<string, ParameterType>>;
  /** Module-scope WGSL: constants, workgroup variables, functions. */
  readonly declarations?: string;
  /** Body of the entry point. It sees `group`, `groups`, `local` (vec3u) and `lane` (u32). */
  readonly body: string;
}

/** A kernel as data: WGSL text and what has to be bound, in order. Nothing here needs a GPU. */
export interface Kernel {
  readonly source: KernelSource;
  readonly label: string;
  readonly wgsl: string;
  readonly bindings: readonly { readonly name: string; readonly writes: boolean }[];
  readonly parameters: readonly { readonly name: string; readonly type: ParameterType }[];
}

/** Writes out the declarations of a kernel. Storage buffers take bindings 0, 1, ... of group 0, the parameter block the next one. */
export function defineKernel(source: KernelSource): Kernel {
  const bindings = Object.entries(source.bindings);
  const parameters = Object.entries(source.parameters);
  const half = bindings.some(([, type]) => type.endsWith("f16") || type.endsWith("vec4h"));
  const enabled = new Set([...(half ? ["f16"] : []), ...(source.enable ?? [])]);
  const lines: string[] = [`// ${source.label}`, ...[...enabled].map((extension) => `enable ${extension};`)];
  // Offsets that depend on the subgroup's number are the same for all of its lanes, which the analysis does not see.
  if (source.enable?.includes("chromium_experimental_subgroup_matrix")) lines.push("diagnostic(off, chromium.subgroup_matrix_uniformity);");
  bindings.forEach(([name, type], index) => {
    const [access, element] = type.split(" ");
    lines.push(`@group(0) @binding(${index}) var<storage, ${access}> ${name}: array<${element}>;`);
  });
  if (parameters.length > 0) {
    lines.push(`struct Parameters { ${parameters.map(([name, type]) => `${name}: ${type}`).join(", ")} }`);
    lines.push(`@group(0) @binding(${bindings.length}) var<uniform> p: Parameters;`);
  }
  if (source.declarations) lines.push(source.declarations.trim());
  lines.push(
    `@compute @workgroup_size(${source.workgroupSize[0]}, ${source.workgroupSize[1]}, 1)`,
    `fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) local: vec3u, @builtin(local_invocation_index) lane: u32${source.enable?.includes("subgroups") ? ", @builtin(subgroup_id) subgroup: u32" : ""}) {`,
    source.body.replace(/^\n+|\s+$/g, ""),
    "}",
    "",
  );
  return {
    source,
    label: source.label,
    wgsl: lines.join("\n"),
    bindings: bindings.map(([name, type]) => ({ name, writes: type.startsWith("read_write") })),
    parameters: parameters.map(([name, type]) => ({ name, type })),
  };
}

const variants = new Map<string, Kernel>();

/** One kernel an option set: builds it the first time its key is seen. */
export function kernelVariant(key: string, build: () => KernelSource): Kernel {
  let kernel = variants.get(key);
  if (!kernel) variants.set(key, (kernel = defineKernel(build())));
  return kernel;
}

/**
 * The same kernel with `input` read from the buffer of `output`: WebGPU forbids binding one buffer as read and read_write in a
 * dispatch, so an output that takes over its input's storage is bound once.
 */
export function inPlaceVariant(kernel: Kernel, input: string, output: string): Kernel {
  return kernelVariant(`${kernel.wgsl}|${input}=${output}`, () => {
    const rename = (text: string): string => text.replace(new RegExp(`(?<![.\\w])${input}\\b`, "g"), output);
    const { [input]: _, ...bindings } = kernel.source.bindings;
    return {
      ...kernel.source,
      label: `${kernel.label}, ${input} in place`,
      bindings,
      declarations: kernel.source.declarations && rename(kernel.source.declarations),
      body: rename(kernel.source.body),
    };
  });
}

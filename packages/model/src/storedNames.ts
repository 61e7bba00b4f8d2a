import type { TensorSource } from "@sft/checkpoint";
import { ModelError } from "./errors.ts";
import type { ModelFamily, ParameterSpec } from "./families/family.ts";

/** A parameter's name without its model's own, as the checkpoint of a bare base model (the hub's GPT-2) has it. */
function bareName(name: string): string {
  return name.slice(name.indexOf(".") + 1);
}

/**
 * The name under which the checkpoint holds each parameter: ours, the family's alias, or the bare one.
 * @throws ModelError "missing-tensor", "wrong-shape"
 */
export function storedNames(parameters: readonly ParameterSpec[], family: ModelFamily, weights: NamedShapes): ReadonlyMap<string, string> {
  const stored = new Map<string, string>();
  for (const { name, shape } of parameters) {
    const aliases = Object.entries(family.aliases ?? {}).flatMap(([theirs, ours]) => (ours === name ? [theirs] : []));
    const storedName = [name, ...aliases, bareName(name)].find((candidate) => weights.tensors.has(candidate)) ?? name;
    stored.set(name, storedName);
    const found = weights.tensors.get(storedName);
    if (!found) {
      const similar = [...weights.tensors.keys()].slice(0, 3).join(", ");
      throw new ModelError(
        "missing-tensor",
        `the checkpoint has no tensor ${name} ([${shape.join(", ")}])`,
        `It holds ${weights.tensors.size} tensors: ${similar}, ... Is it the right model?`,
      );
    }
    if (found.shape.length !== shape.length || found.shape.some((size, axis) => size !== shape[axis])) {
      throw new ModelError(
        "wrong-shape",
        `tensor ${name} is [${found.shape.join(", ")}], config.json asks for [${shape.join(", ")}]`,
        "config.json and the weights belong to different models.",
      );
    }
  }
  return stored;
}

/** Names and shapes of a checkpoint's tensors. */
interface NamedShapes {
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
}

/** A checkpoint whose parameters go by our names, `stored` telling theirs; what is no parameter keeps its name. */
export function underOurNames(source: TensorSource, stored: ReadonlyMap<string, string>): TensorSource {
  const ours = new Map([...stored].map(([name, theirs]) => [theirs, name]));
  const theirs = (name: string): string => stored.get(name) ?? name;
  return {
    tensors: new Map([...source.tensors].map(([name, info]) => [ours.get(name) ?? name, { ...info, name: ours.get(name) ?? name }])),
    read: (name) => source.read(theirs(name)),
    readRange: (name, start, end) => source.readRange(theirs(name), start, end),
    readFloat32: (name) => source.readFloat32(theirs(name)),
    readInt32: (name) => source.readInt32(theirs(name)),
    close: () => source.close(),
    [Symbol.asyncDispose]: () => source.close(),
  };
}

import {
  byteLength,
  decodeHalf,
  elementCount,
  nf4Weight,
  quantizeNf4,
  type Backend,
  type BackendBuffer,
  type Nf4Tensor,
} from "@sft/kernels";
import { ModelError } from "./errors.ts";
import type { ParameterSpec } from "./families/family.ts";
import { halfFromFloat32, type HalfWeight } from "./halfWeight.ts";
import { nf4Parts } from "./nf4Parts.ts";
import { transpose } from "./transpose.ts";

/** The buffers of a model's parameters, and the form that each lies in: float32, float16 with a scale, or 4 bits in parts. */
export class WeightBuffers {
  /** Every parameter's buffer by name, the adapter's included, and the rope tables. */
  readonly buffers: Map<string, BackendBuffer> = new Map();
  /** Names of the weights that lie [out, in] though the checkpoint has them [in, out]: DoRA needs the norms of their rows. */
  readonly transposed: Set<string> = new Set();
  /** Names of the weights that lie in 4 bits; `buffers` holds their parts. */
  readonly quantised: Set<string> = new Set();
  /** Scales of the weights that lie in float16, by name: the power of two that their elements are to be multiplied with, mostly 1. */
  readonly halves: Map<string, number> = new Map();

  private readonly backend: Backend;
  private readonly parameters: readonly ParameterSpec[];

  constructor(backend: Backend, parameters: readonly ParameterSpec[]) {
    this.backend = backend;
    this.parameters = parameters;
  }

  /** Reads a parameter back; one in 4 bits or in float16 as what its bits stand for. */
  async download(name: string): Promise<Float32Array> {
    if (this.quantised.has(name)) return this.downloadQuantised(name);
    const buffer = this.buffers.get(name);
    if (!buffer) throw new ModelError("missing-tensor", `the model has no parameter ${name}`);
    const downloaded = await this.backend.download(buffer);
    const scale = this.halves.get(name) ?? 1;
    const data =
      downloaded instanceof Uint16Array
        ? Float32Array.from(downloaded, (bits) => scale * decodeHalf(bits))
        : downloaded instanceof Float32Array
          ? downloaded
          : Float32Array.from(downloaded);
    return this.transposed.has(name) ? transpose(data, this.parameters.find((one) => one.name === name)!.shape[1]!) : data;
  }

  private nf4Buffers({ name, shape }: ParameterSpec): readonly (readonly [keyof Nf4Tensor, BackendBuffer])[] {
    return nf4Parts(name, elementCount(shape)).map((part) => {
      const buffer = this.buffers.get(part.name) ?? this.backend.allocate(part);
      this.buffers.set(part.name, buffer);
      return [part.part, buffer] as const;
    });
  }

  private async downloadQuantised(name: string): Promise<Float32Array> {
    const spec = this.parameters.find((parameter) => parameter.name === name)!;
    const parts: Partial<Record<keyof Nf4Tensor, ArrayLike<number>>> = {};
    for (const [part, buffer] of this.nf4Buffers(spec)) parts[part] = await this.backend.download(buffer);
    return Float32Array.from({ length: elementCount(spec.shape) }, (_, index) =>
      nf4Weight(parts as Record<keyof Nf4Tensor, ArrayLike<number>>, index),
    );
  }

  /** Writes a parameter, rounding it to the form that it lies in. */
  set(parameter: ParameterSpec, data: Float32Array | HalfWeight): void {
    if (this.quantised.has(parameter.name)) {
      const tensor = quantizeNf4(data as Float32Array);
      for (const [part, buffer] of this.nf4Buffers(parameter)) this.backend.upload(buffer, tensor[part]);
      return;
    }
    if (!this.halves.has(parameter.name)) return this.backend.upload(this.allocate(parameter)!, data as Float32Array);
    const { bits, scale } = data instanceof Float32Array ? halfFromFloat32(data) : data;
    this.halves.set(parameter.name, scale);
    this.backend.upload(this.allocate(parameter)!, bits);
  }

  /** @throws ModelError "out-of-memory" where the weights alone are more than the backend holds */
  expectRoom(): void {
    const { backend, memoryBytes = Infinity } = this.backend.capabilities;
    const bytesOf = ({ name, shape }: ParameterSpec): number =>
      this.quantised.has(name)
        ? nf4Parts(name, elementCount(shape)).reduce((sum, part) => sum + byteLength(part), 0)
        : byteLength({ shape, dtype: this.halves.has(name) ? "f16" : "f32" });
    const needed = this.parameters.reduce((sum, parameter) => sum + bytesOf(parameter), 0);
    if (needed <= memoryBytes) return;
    const [have, need] = [memoryBytes, needed].map((bytes) => `${(bytes / 1e9).toFixed(2)} GB`);
    throw new ModelError(
      "out-of-memory",
      `the model's weights take ${need}, and the ${backend} backend holds ${have} with everything else`,
      "Train an adapter on frozen weights in float16 (frozen_weights: float16) or in 4 bits (load_in_4bit: true), or take a GPU.",
    );
  }

  /** The buffer of a parameter, made where it is not there; of one in 4 bits, its parts are. */
  allocate(parameter: ParameterSpec): BackendBuffer | undefined {
    if (this.quantised.has(parameter.name)) return void this.nf4Buffers(parameter);
    const dtype = this.halves.has(parameter.name) ? "f16" : "f32";
    const buffer = this.buffers.get(parameter.name) ?? this.backend.allocate({ shape: parameter.shape, dtype });
    this.buffers.set(parameter.name, buffer);
    return buffer;
  }
}

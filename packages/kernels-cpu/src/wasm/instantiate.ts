import { ModuleBuilder } from "./moduleBuilder.ts";
import { defineElementwise } from "./elementwise.ts";
import { defineGemm } from "./gemm.ts";
import { defineRowKernels } from "./rowKernels.ts";
import { defineSoftmax } from "./softmax.ts";
import { webAssembly, type WasmMemory } from "./webAssembly.ts";

type UnaryCurve = (x: number, y: number, n: number) => void;
type CurveGrad = (dy: number, x: number, dx: number, n: number) => void;
type Gate = (gate: number, up: number, y: number, n: number) => void;
type GateGrad = (dy: number, gate: number, up: number, dGate: number, dUp: number, n: number) => void;

/** The functions of the WebAssembly module; all addresses and strides in bytes. Their meaning stands where each is defined. */
export interface WasmFunctions {
  pack(b: number, bRow: number, bColumn: number, k: number, n: number, target: number): void;
  multiplyPanels(
    a: number,
    aRow: number,
    aColumn: number,
    panels: number,
    m: number,
    n: number,
    k: number,
    y: number,
    yRow: number,
    source: number,
    sourceRow: number,
    alpha: number,
    edge: number,
  ): void;
  largest(row: number, low: number, high: number): number;
  exponentials(row: number, low: number, high: number, width: number, shift: number): number;
  scaleRow(row: number, width: number, factor: number): void;
  softmaxGrad(p: number, dp: number, width: number, dot: number, scale: number): void;
  dot(a: number, b: number, n: number): number;
  rmsNormRows(
    x: number,
    weight: number,
    y: number,
    rstd: number,
    groups: number,
    width: number,
    epsilon: number,
    weightOffset: number,
  ): void;
  rmsNormGradRows(
    dy: number,
    x: number,
    weight: number,
    rstd: number,
    dx: number,
    groups: number,
    width: number,
    weightOffset: number,
  ): void;
  ropeRow(x: number, y: number, cos: number, sin: number, heads: number, half: number, direction: number): void;
  addVectors(a: number, b: number, y: number, n: number): void;
  multiplyVectors(a: number, b: number, y: number, n: number): void;
  scaleVectors(x: number, y: number, n: number, factor: number): void;
  silu: UnaryCurve;
  siluGrad: CurveGrad;
  siluGate: Gate;
  siluGateGrad: GateGrad;
  geluTanh: UnaryCurve;
  geluTanhGrad: CurveGrad;
  geluTanhGate: Gate;
  geluTanhGateGrad: GateGrad;
  relu: UnaryCurve;
  reluGrad: CurveGrad;
  reluGate: Gate;
  reluGateGrad: GateGrad;
}

/** Assembles the module and binds it to `memory`. Takes a few milliseconds; each thread does it for itself. */
export function instantiateWasm(memory: WasmMemory, maximumPages: number, shared: boolean): WasmFunctions {
  const builder = new ModuleBuilder();
  defineGemm(builder);
  defineSoftmax(builder);
  defineElementwise(builder);
  defineRowKernels(builder);
  const module = new webAssembly.Module(builder.build(maximumPages, shared));
  return new webAssembly.Instance(module, { env: { memory } }).exports as unknown as WasmFunctions;
}

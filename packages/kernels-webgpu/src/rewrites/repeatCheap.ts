import { byteLength, planMemory, recomputeCheap, type OpDefinition, type Program } from "@sft/kernels";

/** Ops whose results one pass over memory gives back. */
const CHEAP: ReadonlySet<string> = new Set(["rmsNorm", "layerNorm", "activation", "gatedActivation"]);

/** Of trained parameters memory holds themselves, their gradients and AdamW's two moments. */
const TENSORS_A_PARAMETER = 4;
/** Share of the activations' memory from which on trained parameters make it scarce. */
const SCARCE = 0.1;

/**
 * Computes cheap results again for the backward pass where whole weights are trained: there optimiser state competes with the
 * activations for memory, and one or two percent of time buy a quarter of them back. With adapters there is room, and they are kept.
 */
export function repeatCheap(program: Program, table: ReadonlyMap<string, OpDefinition>): Program {
  const gradients = program.tensors.filter(({ role }) => role === "gradient");
  if (gradients.length === 0) return program;
  const trained = TENSORS_A_PARAMETER * gradients.reduce((sum, gradient) => sum + byteLength(gradient), 0);
  return trained < SCARCE * planMemory(program, table).lowerBoundBytes ? program : recomputeCheap(program, CHEAP);
}

import { type Code, f32x4, i32, type Local, seq, whileBelow } from "./assembler.ts";
import type { FunctionScope, ModuleBuilder } from "./moduleBuilder.ts";
import { exponentialIn } from "./exponential.ts";

type Curve = (x: Local) => { readonly prepare: Code; readonly value: Code; readonly slope: Code };

/** silu: s = 1/(1+e^-x), value x s, slope s (1 + x (1 - s)). */
function siluIn(scope: FunctionScope): Curve {
  const exponential = exponentialIn(scope);
  const s = scope.local("v128");
  const one = f32x4.const(1);
  return (x) => ({
    prepare: s.set(f32x4.div(one, f32x4.add(one, exponential(f32x4.neg(x.get))))),
    value: f32x4.mul(x.get, s.get),
    slope: f32x4.mul(s.get, f32x4.add(one, f32x4.mul(x.get, f32x4.sub(one, s.get)))),
  });
}

/** geluTanh: with u = sqrt(2/pi)(x + 0.044715 x^3) and s = 1/(1+e^-2u), tanh(u) = 2s - 1, value x s, slope s + 2 x s (1 - s) u'. */
function geluTanhIn(scope: FunctionScope): Curve {
  const exponential = exponentialIn(scope);
  const s = scope.local("v128");
  const one = f32x4.const(1);
  const twiceRate = f32x4.const(2 * Math.sqrt(2 / Math.PI));
  const withCube = (x: Local, factor: number): Code => f32x4.add(one, f32x4.mul(f32x4.const(factor), f32x4.mul(x.get, x.get)));
  return (x) => ({
    prepare: s.set(f32x4.div(one, f32x4.add(one, exponential(f32x4.neg(f32x4.mul(f32x4.mul(x.get, twiceRate), withCube(x, 0.044715))))))),
    value: f32x4.mul(x.get, s.get),
    slope: f32x4.mul(
      s.get,
      f32x4.add(one, f32x4.mul(f32x4.mul(x.get, f32x4.sub(one, s.get)), f32x4.mul(twiceRate, withCube(x, 3 * 0.044715)))),
    ),
  });
}

const reluIn = (): Curve => (x) => ({
  prepare: [],
  value: f32x4.max(x.get, f32x4.const(0)),
  slope: f32x4.and(f32x4.greater(x.get, f32x4.const(0)), f32x4.const(1)),
});

/**
 * Kernels over flat ranges of n elements, in whole vectors: up to three elements after the range are computed too, so a
 * range ends on a vector or at the end of a tensor, whose allocation is padded. Params are the operands' addresses, then n.
 */
export function defineElementwise(module: ModuleBuilder): void {
  const overVectors = (
    name: string,
    operands: number,
    write: (scope: FunctionScope, at: readonly Code[]) => Code,
    extra: readonly "f32"[] = [],
  ): void => {
    module.define(name, [...Array.from({ length: operands }, () => "i32" as const), "i32", ...extra], (scope) => {
      const n = scope.params[operands];
      const offset = scope.local("i32");
      return whileBelow(
        offset,
        i32.shl(n.get, i32.const(2)),
        i32.const(16),
        write(
          scope,
          scope.params.slice(0, operands).map((base) => i32.add(base.get, offset.get)),
        ),
      );
    });
  };
  overVectors("addVectors", 3, (_, [a, b, y]) => f32x4.store(y, f32x4.add(f32x4.load(a), f32x4.load(b))));
  overVectors("multiplyVectors", 3, (_, [a, b, y]) => f32x4.store(y, f32x4.mul(f32x4.load(a), f32x4.load(b))));
  overVectors("scaleVectors", 2, ({ params }, [x, y]) => f32x4.store(y, f32x4.mul(f32x4.load(x), f32x4.splat(params[3].get))), ["f32"]);

  for (const [kind, curveIn] of [
    ["silu", siluIn],
    ["geluTanh", geluTanhIn],
    ["relu", reluIn],
  ] as const) {
    overVectors(`${kind}`, 2, (scope, [x, y]) => {
      const input = scope.local("v128");
      const curve = curveIn(scope)(input);
      return seq(input.set(f32x4.load(x)), curve.prepare, f32x4.store(y, curve.value));
    });
    overVectors(`${kind}Grad`, 3, (scope, [dy, x, dx]) => {
      const input = scope.local("v128");
      const curve = curveIn(scope)(input);
      return seq(input.set(f32x4.load(x)), curve.prepare, f32x4.store(dx, f32x4.mul(f32x4.load(dy), curve.slope)));
    });
    overVectors(`${kind}Gate`, 3, (scope, [gate, up, y]) => {
      const input = scope.local("v128");
      const curve = curveIn(scope)(input);
      return seq(input.set(f32x4.load(gate)), curve.prepare, f32x4.store(y, f32x4.mul(curve.value, f32x4.load(up))));
    });
    overVectors(`${kind}GateGrad`, 5, (scope, [dy, gate, up, dGate, dUp]) => {
      const [input, gradient, factor] = [scope.local("v128"), scope.local("v128"), scope.local("v128")];
      const curve = curveIn(scope)(input);
      return seq(
        input.set(f32x4.load(gate)),
        gradient.set(f32x4.load(dy)),
        factor.set(f32x4.load(up)),
        curve.prepare,
        f32x4.store(dGate, f32x4.mul(f32x4.mul(gradient.get, factor.get), curve.slope)),
        f32x4.store(dUp, f32x4.mul(gradient.get, curve.value)),
      );
    });
  }
}

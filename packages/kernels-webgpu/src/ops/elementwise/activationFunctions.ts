import type { ActivationKind } from "@sft/kernels";

/**
 * WGSL of `f(x)` and its derivative `df(x)` over T (f32 or vec4f).
 * erf is formula 7.1.26 of Abramowitz and Stegun: absolute error at most 1.5e-7, about one float32 step at 1.
 * geluTanh uses 0.5 (1 + tanh u) = 1 / (1 + exp(-2u)), which loses no digits where tanh is near -1.
 * Exponents are held in range because WGSL leaves the results of an overflow open.
 */
const FUNCTIONS: Readonly<Record<ActivationKind, string>> = {
  silu: `
fn sigmoid(x: T) -> T { return T(1.0) / (T(1.0) + exp(min(-x, T(80.0)))); }
fn f(x: T) -> T { return x * sigmoid(x); }
fn df(x: T) -> T { let s = sigmoid(x); return s * (T(1.0) + x * (T(1.0) - s)); }`,
  gelu: `
fn erf(x: T) -> T {
  let z = abs(x);
  let t = T(1.0) / (T(1.0) + T(0.3275911) * z);
  let series = t * (T(0.254829592) + t * (T(-0.284496736) + t * (T(1.421413741) + t * (T(-1.453152027) + t * T(1.061405429)))));
  return sign(x) * (T(1.0) - series * exp(-min(z * z, T(80.0))));
}
fn normalCdf(x: T) -> T { return T(0.5) * (T(1.0) + erf(x * T(0.70710678118654752))); }
fn f(x: T) -> T { return x * normalCdf(x); }
fn df(x: T) -> T { return normalCdf(x) + x * T(0.3989422804014327) * exp(-min(T(0.5) * x * x, T(80.0))); }`,
  geluTanh: `
fn twiceInner(x: T) -> T { return T(1.5957691216057308) * (x + T(0.044715) * x * x * x); }
fn logistic(x: T) -> T { return T(1.0) / (T(1.0) + exp(min(-twiceInner(x), T(80.0)))); }
fn f(x: T) -> T { return x * logistic(x); }
fn df(x: T) -> T {
  let s = logistic(x);
  return s + x * s * (T(1.0) - s) * T(1.5957691216057308) * (T(1.0) + T(0.134145) * x * x);
}`,
  relu: `
fn f(x: T) -> T { return max(x, T(0.0)); }
fn df(x: T) -> T { return select(T(0.0), T(1.0), x > T(0.0)); }`,
};

/** WGSL that defines `f` and `df` of an activation. */
export function activationFunctions(kind: ActivationKind): string {
  return FUNCTIONS[kind];
}

/**
 * WGSL `tanhOf(z)` over T (f32 or vec4f). WGSL's own tanh promises no relative accuracy near 0 and nothing on overflow. Near 0
 * this is the Taylor series to z^9, relative error under 1e-8 for |z| < 0.25; elsewhere (1 - e) / (1 + e) with e = exp(-2|z|).
 */
export const tanhFunction: string = `
fn tanhOf(z: T) -> T {
  let s = z * z;
  let series = z * (T(1.0) + s * (T(-1.0 / 3.0) + s * (T(2.0 / 15.0) + s * (T(-17.0 / 315.0) + s * T(62.0 / 2835.0)))));
  let e = exp(max(T(-2.0) * abs(z), T(-80.0)));
  return select(sign(z) * (T(1.0) - e) / (T(1.0) + e), series, abs(z) < T(0.25));
}
`;

/** WGSL `capped(score)` = softcap * tanh(score / softcap) with `p.softcap`, 0 for none, and its slope by the capped score. */
export const softcapFunctions: string = softcapOver("f32");

/** The same over one score or four. */
export function softcapOver(type: "f32" | "vec4f"): string {
  return `
alias T = ${type};
${tanhFunction}
fn capped(score: T) -> T {
  if (p.softcap == 0.0) { return score; }
  return p.softcap * tanhOf(score / p.softcap);
}
fn slopeOfCap(cappedScore: T) -> T {
  if (p.softcap == 0.0) { return T(1.0); }
  let t = cappedScore / p.softcap;
  return T(1.0) - t * t;
}
`;
}

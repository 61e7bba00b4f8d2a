import type { DoctorContext, DoctorRow, Finding, Severity } from "./finding.ts";
import { doctorRules } from "./rules/index.ts";

/** Settings of {@link doctor}. */
export interface DoctorOptions extends Omit<DoctorContext, "usualShare"> {
  /** Default 2 % to 95 %. */
  readonly usualShare?: DoctorContext["usualShare"];
  /** Severity by rule id, or "off". */
  readonly rules?: Readonly<Record<string, Severity | "off">>;
}

/** Examines encoded rows and returns findings by row, then by rule, those about the whole data last. */
export function doctor(rows: readonly DoctorRow[], options: DoctorOptions): readonly Finding[] {
  const context: DoctorContext = { ...options, usualShare: options.usualShare ?? { min: 0.02, max: 0.95 } };
  const findings: (Finding & { readonly index: number })[] = [];
  for (const rule of doctorRules) {
    const set = options.rules?.[rule.id];
    if (set === "off") continue;
    const report = (index: number | null, symptom: Pick<Finding, "tokens" | "message" | "fix"> & { severity?: Severity }): void => {
      const { tokens, message, fix } = symptom;
      const row = index === null ? null : (rows[index].example.row ?? index);
      const severity = set ?? symptom.severity ?? rule.severity;
      findings.push({ rule: rule.id, severity, row, tokens, message, fix, index: index ?? rows.length });
    };
    rows.forEach((row, index) => rule.checkRow?.(row, context).forEach((symptom) => report(index, symptom)));
    rule.checkAll?.(rows, context).forEach((symptom) => report(symptom.index, symptom));
  }
  return findings.sort((a, b) => a.index - b.index).map(({ index: _, ...finding }) => finding);
}

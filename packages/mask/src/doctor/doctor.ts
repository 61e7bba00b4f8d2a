import type { DoctorContext, DoctorRow, Finding, Severity, Symptom } from "./finding.ts";
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
  const found: { readonly index: number; readonly finding: Finding }[] = [];
  for (const rule of doctorRules) {
    const set = options.rules?.[rule.id];
    if (set === "off") continue;
    const report = (index: number | null, { tokens, message, fix, severity }: Symptom): void => {
      const row = index === null ? null : (rows[index].example.row ?? index);
      const finding = { rule: rule.id, severity: set ?? severity ?? rule.severity, row, tokens, message, fix };
      found.push({ index: index ?? rows.length, finding });
    };
    rows.forEach((row, index) => rule.checkRow?.(row, context).forEach((symptom) => report(index, symptom)));
    rule.checkAll?.(rows, context).forEach((symptom) => report(symptom.index, symptom));
  }
  return found.sort((a, b) => a.index - b.index).map(({ finding }) => finding);
}

import { doctor, type DoctorOptions, type DoctorRow, doctorRules, type Finding } from "@sft/mask";
import type { Rendering } from "@sft/templates";
import type { RowPlace } from "../rows/rowPlace.ts";
import type { PlacedFinding } from "./sarif.ts";

/** Rules that compare all rows read only their tokens and weights; the others see one row at a time. */
const ofAllRows: ReadonlySet<string> = new Set(doctorRules.filter(({ checkAll }) => checkAll !== undefined).map(({ id }) => id));
const switchedOff = (isOff: (id: string) => boolean): Record<string, "off"> =>
  Object.fromEntries(doctorRules.filter(({ id }) => isOff(id)).map(({ id }) => [id, "off" as const]));
const rowRules = switchedOff((id) => ofAllRows.has(id));
const dataRules = switchedOff((id) => !ofAllRows.has(id));
const order = new Map(doctorRules.map(({ id }, index) => [id, index]));

/** In place of the renderings that no rule about the whole data reads. */
const unread: Rendering = { segments: [], conversation: { messages: [] }, terminators: [], template: { name: "", hash: "" } };

/**
 * The doctor's findings about rows that come one by one, by row, then by rule, those about the whole data last. Of a row
 * that was looked at only what rules about the whole data read is kept: what explains it weighs ten times as much.
 */
export async function examineRows(
  rows: AsyncIterable<DoctorRow & { readonly place: RowPlace }>,
  options: Omit<DoctorOptions, "rules">,
): Promise<{ readonly findings: PlacedFinding[]; readonly count: number }> {
  const findings: Finding[] = [];
  const kept: DoctorRow[] = [];
  const lines = new Map<number, number>();
  for await (const { rendering, example, place } of rows) {
    findings.push(...doctor([{ rendering, example }], { ...options, rules: rowRules }));
    kept.push({ rendering: unread, example: { ...example, spans: [], warnings: [] } });
    if (place.line !== undefined) lines.set(place.row, place.line);
  }
  findings.push(...doctor(kept, { ...options, rules: dataRules }));
  const placed = findings.map((finding): PlacedFinding => {
    const line = finding.row === null ? undefined : lines.get(finding.row);
    return { ...finding, ...(line === undefined ? {} : { line }) };
  });
  const rank = ({ row }: Finding): number => row ?? Number.MAX_SAFE_INTEGER;
  return { findings: placed.sort((a, b) => rank(a) - rank(b) || order.get(a.rule)! - order.get(b.rule)!), count: kept.length };
}

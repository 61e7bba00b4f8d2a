import type { DoctorRow, DoctorRule, Symptom } from "../finding.ts";

export const duplicateRow: DoctorRule = {
  id: "duplicate-row",
  severity: "warning",
  description: "A row whose tokens and weights equal an earlier row's.",
  checkAll(rows) {
    const seen = new Map<string, number[]>();
    const symptoms: (Symptom & { index: number })[] = [];
    rows.forEach(({ example }, index) => {
      const key = `${example.ids.length} ${hash(example.ids)}`;
      const candidates = seen.get(key) ?? [];
      const earlier = candidates.find((candidate) => isSame(rows[candidate], rows[index]));
      if (earlier === undefined) seen.set(key, [...candidates, index]);
      else {
        symptoms.push({
          index,
          tokens: null,
          message: `Same tokens and weights as row ${rows[earlier].example.row ?? earlier}.`,
          fix: "Remove one of them; a held-out copy of a training row makes the held-out loss too good.",
        });
      }
    });
    return symptoms;
  },
};

/** FNV-1a over 32-bit ids. */
function hash(ids: Int32Array): number {
  return ids.reduce((h, id) => Math.imul(h ^ id, 0x01000193), 0x811c9dc5 | 0);
}

function isSame(a: DoctorRow, b: DoctorRow): boolean {
  return a.example.ids.every((id, i) => id === b.example.ids[i]) && a.example.weights.every((w, i) => w === b.example.weights[i]);
}

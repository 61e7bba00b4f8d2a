import type { TrainingSettings } from "@sft/trainer";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * One sentence for each setting that a resumed run changes: such a run goes on from where it was, but is no longer the
 * run that was begun. An unreadable checkpoint says nothing here; the trainer refuses it.
 */
export async function resumeNotices(checkpoint: string, settings: TrainingSettings): Promise<string[]> {
  const saved = await savedSettings(checkpoint);
  return Object.entries(settings)
    .filter(([name, value]) => name in saved && saved[name] !== value)
    .map(([name, value]) => `${name} is ${String(value)} from here on; the saved run had ${String(saved[name])}`);
}

async function savedSettings(checkpoint: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const state = JSON.parse(await readFile(join(checkpoint, "trainer_state.json"), "utf8")) as { settings?: Record<string, unknown> };
    return state.settings ?? {};
  } catch {
    return {};
  }
}

import type { Example } from "./example.ts";

/** Token counts over examples; dropped ones count apart and nowhere else. */
export interface SupervisedShare {
  readonly examples: number;
  readonly dropped: number;
  /** Examples with no trained token, without the dropped ones. */
  readonly allMasked: number;
  readonly tokens: number;
  readonly supervised: number;
  /** supervised / tokens, 0 where there are no tokens. */
  readonly share: number;
}

/** How much of the data is trained: what every run should print before it starts. */
export function measureSupervisedShare(examples: Iterable<Example>): SupervisedShare {
  let [count, dropped, allMasked, tokens, supervised] = [0, 0, 0, 0, 0];
  for (const example of examples) {
    count++;
    if (example.dropped !== null) {
      dropped++;
      continue;
    }
    let trained = 0;
    for (const weight of example.weights) if (weight > 0) trained++;
    if (trained === 0) allMasked++;
    tokens += example.ids.length;
    supervised += trained;
  }
  return { examples: count, dropped, allMasked, tokens, supervised, share: tokens === 0 ? 0 : supervised / tokens };
}

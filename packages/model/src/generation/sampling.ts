/** How the next token is chosen from logits. Temperature 0 is greedy: the largest logit, the first one on a tie. */
export interface SamplingOptions {
  readonly temperature?: number;
  /** Keep the k largest logits; 0 keeps all. */
  readonly topK?: number;
  /** Keep the smallest set of tokens whose probabilities sum to at least this. */
  readonly topP?: number;
  /** Keep tokens with at least this share of the largest probability. */
  readonly minP?: number;
}

/** Index of the next token from one row of logits [vocab]. `random` gives numbers in [0, 1). */
export function sampleToken(logits: ArrayLike<number>, options: SamplingOptions, random: () => number): number {
  const { temperature = 0, topK = 0, topP = 1, minP = 0 } = options;
  if (temperature === 0) return argmax(logits);
  const order = Array.from({ length: logits.length }, (_, index) => index).sort((a, b) => logits[b]! - logits[a]! || a - b);
  const kept = topK > 0 ? order.slice(0, topK) : order;
  const largest = logits[kept[0]!]!;
  let probabilities = kept.map((index) => Math.exp((logits[index]! - largest) / temperature));
  const total = probabilities.reduce((sum, value) => sum + value, 0);
  probabilities = probabilities.map((value) => value / total);
  const count = keptCount(probabilities, topP, minP);
  const mass = probabilities.slice(0, count).reduce((sum, value) => sum + value, 0);
  let threshold = random() * mass;
  for (let index = 0; index < count; index++) {
    threshold -= probabilities[index]!;
    if (threshold < 0) return kept[index]!;
  }
  return kept[count - 1]!;
}

/** How many of the sorted probabilities survive top-p and min-p; at least one. */
function keptCount(probabilities: readonly number[], topP: number, minP: number): number {
  let cumulative = 0;
  let count = 0;
  for (const probability of probabilities) {
    if (count > 0 && (cumulative >= topP || probability < minP * probabilities[0]!)) break;
    cumulative += probability;
    count++;
  }
  return count;
}

/** Index of the largest element, the first one on a tie. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index;
  return best;
}

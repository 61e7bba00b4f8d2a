/** A key of config.yaml with its value in each run, in JSON; "-" where a run has none. */
export interface ConfigDifference {
  readonly key: string;
  readonly values: readonly string[];
}

/** Keys in which the configs of several runs differ, in the order of the first config. output_dir always would. */
export function configDifferences(configs: readonly Readonly<Record<string, unknown>>[]): readonly ConfigDifference[] {
  const keys = new Set(configs.flatMap((config) => Object.keys(config)));
  keys.delete("output_dir");
  return [...keys]
    .map((key) => ({ key, values: configs.map((config) => (config[key] === undefined ? "-" : wordsOf(config[key]))) }))
    .filter(({ values }) => new Set(values).size > 1);
}

const wordsOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

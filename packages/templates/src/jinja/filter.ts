import type { Budget } from "./budget.ts";
import type { Value } from "./value.ts";

/** A filter of the template language, with its arguments by place and by name. */
export type Filter = (value: Value, args: readonly Value[], keyword: ReadonlyMap<string, Value>, budget: Budget) => Value;

/** The syntax tree of a chat template; `at` is the UTF-16 offset of the tag in the source. */
export type Statement =
  | { readonly type: "Output"; readonly value: Expression; readonly at: number }
  | {
      readonly type: "If";
      readonly test: Expression;
      readonly body: readonly Statement[];
      readonly alternate: readonly Statement[];
      readonly at: number;
    }
  | ForNode
  | { readonly type: "Break" | "Continue"; readonly at: number }
  | { readonly type: "Set"; readonly target: Expression; readonly value: Expression; readonly at: number }
  | {
      readonly type: "SetBlock";
      readonly target: Expression;
      readonly filters: readonly FilterCall[];
      readonly body: readonly Statement[];
      readonly at: number;
    }
  | {
      readonly type: "With";
      readonly pairs: readonly (readonly [Expression, Expression])[];
      readonly body: readonly Statement[];
      readonly at: number;
    }
  | {
      readonly type: "Macro";
      readonly name: string;
      readonly parameters: readonly Parameter[];
      readonly body: readonly Statement[];
      readonly at: number;
    }
  | {
      readonly type: "CallBlock";
      readonly call: CallNode;
      readonly parameters: readonly Parameter[];
      readonly body: readonly Statement[];
      readonly at: number;
    }
  | { readonly type: "FilterBlock"; readonly filters: readonly FilterCall[]; readonly body: readonly Statement[]; readonly at: number }
  | { readonly type: "Generation"; readonly body: readonly Statement[]; readonly at: number };

export type Expression =
  | { readonly type: "Name"; readonly name: string }
  | { readonly type: "Constant"; readonly value: string | number | boolean | null }
  | { readonly type: "Float"; readonly value: number }
  | { readonly type: "List" | "Tuple"; readonly items: readonly Expression[] }
  | { readonly type: "Dict"; readonly pairs: readonly (readonly [Expression, Expression])[] }
  | { readonly type: "Attribute"; readonly object: Expression; readonly name: string }
  | { readonly type: "Item"; readonly object: Expression; readonly key: Expression }
  | {
      readonly type: "Slice";
      readonly object: Expression;
      readonly start: Expression | null;
      readonly stop: Expression | null;
      readonly step: Expression | null;
    }
  | CallNode
  | { readonly type: "Filter"; readonly operand: Expression; readonly filter: FilterCall }
  | {
      readonly type: "Test";
      readonly operand: Expression;
      readonly name: string;
      readonly args: readonly Argument[];
      readonly negate: boolean;
    }
  | { readonly type: "Unary"; readonly operator: "-" | "+" | "not"; readonly operand: Expression }
  | { readonly type: "And" | "Or"; readonly left: Expression; readonly right: Expression }
  | { readonly type: "Binary"; readonly operator: string; readonly left: Expression; readonly right: Expression }
  | { readonly type: "Comparison"; readonly first: Expression; readonly rest: readonly (readonly [operator: string, Expression])[] }
  | { readonly type: "Conditional"; readonly test: Expression; readonly whenTrue: Expression; readonly otherwise: Expression | null };

export interface ForNode {
  readonly type: "For";
  readonly target: Expression;
  readonly iterable: Expression;
  readonly test: Expression | null;
  readonly recursive: boolean;
  readonly body: readonly Statement[];
  readonly otherwise: readonly Statement[];
  readonly at: number;
}
export interface CallNode {
  readonly type: "Call";
  readonly callee: Expression;
  readonly args: readonly Argument[];
}
export interface FilterCall {
  readonly name: string;
  readonly args: readonly Argument[];
}
/** `value`, `name=value`, `*value` or `**value`. */
export interface Argument {
  readonly kind: "positional" | "keyword" | "list" | "dict";
  readonly name: string;
  readonly value: Expression;
}
export interface Parameter {
  readonly name: string;
  readonly byDefault: Expression | null;
}

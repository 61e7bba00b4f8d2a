/** A metadata value of a GGUF file. Arrays hold one type each. */
export type GgufValue =
  | { readonly type: "u32" | "i32" | "f32" | "u64"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly values: readonly string[] }
  | { readonly type: "i32s" | "f32s"; readonly values: ArrayLike<number> };

/** Type numbers of the format, as ggml's gguf.h gives them. */
const typeNumbers = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10 } as const;

/** Gathers little-endian bytes. */
export class ByteGatherer {
  private readonly parts: Uint8Array[] = [];
  private readonly encoder = new TextEncoder();

  u32(value: number): void {
    this.fixed(4, (view) => view.setUint32(0, value, true));
  }

  i32(value: number): void {
    this.fixed(4, (view) => view.setInt32(0, value, true));
  }

  f32(value: number): void {
    this.fixed(4, (view) => view.setFloat32(0, value, true));
  }

  u64(value: number): void {
    this.fixed(8, (view) => view.setBigUint64(0, BigInt(value), true));
  }

  /** A byte length as u64, then UTF-8. */
  string(text: string): void {
    const bytes = this.encoder.encode(text);
    this.u64(bytes.length);
    this.parts.push(bytes);
  }

  value(given: GgufValue): void {
    switch (given.type) {
      case "strings":
        this.arrayHead(typeNumbers.string, given.values.length);
        for (const text of given.values) this.string(text);
        return;
      case "i32s":
      case "f32s":
        this.arrayHead(given.type === "i32s" ? typeNumbers.i32 : typeNumbers.f32, given.values.length);
        this.parts.push(new Uint8Array((given.type === "i32s" ? Int32Array.from(given.values) : Float32Array.from(given.values)).buffer));
        return;
      case "bool":
        this.u32(typeNumbers.bool);
        this.parts.push(Uint8Array.of(given.value ? 1 : 0));
        return;
      case "string":
        this.u32(typeNumbers.string);
        this.string(given.value);
        return;
      default:
        this.u32(typeNumbers[given.type]);
        this[given.type](given.value);
    }
  }

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.parts));
  }

  private arrayHead(itemType: number, length: number): void {
    this.u32(typeNumbers.array);
    this.u32(itemType);
    this.u64(length);
  }

  private fixed(length: number, set: (view: DataView) => void): void {
    const bytes = new Uint8Array(length);
    set(new DataView(bytes.buffer));
    this.parts.push(bytes);
  }
}

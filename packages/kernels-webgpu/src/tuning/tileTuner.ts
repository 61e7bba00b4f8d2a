import { BackendError, lowerProgram, opTable, type Program } from "@sft/kernels";
import type { KernelLimits } from "../dispatch.ts";
import { listDispatches } from "../listDispatches.ts";
import { opEmitters } from "../ops/index.ts";
import { parseProductClass, type ProductClass } from "../ops/matmul/productClass.ts";
import { chooseFastest, tileCandidates } from "../ops/matmul/tileCandidates.ts";
import { productBytes } from "./measureProduct.ts";

/** Names of tiles by the names of classes of products. */
export type TileChoices = Readonly<Record<string, string>>;

/** Where choices of tiles are kept between processes, and who hears of what goes wrong with it. */
export interface TileStore {
  /** What is kept for this device; nothing of it is trusted. Does not throw. */
  load(): Promise<TileChoices>;
  /** Keeps all choices. Does not throw. */
  save(choices: TileChoices): Promise<void>;
  /** A sentence for the user. */
  notice(text: string): void;
}

/** Milliseconds of device time for a class of products, shared by its candidates. */
const BUDGET = 20;
/** Larger products keep the table's tile: timing them would need this much memory beside the model's. */
const MOST_BYTES = 2 ** 30;

export type MeasureTile = (product: ProductClass, tile: string, budget: number) => Promise<number>;

/**
 * Chooses tiles of products by timing each candidate once on the device at hand. A choice holds for as long as the tuner lives, so
 * that all programs of a backend compute alike.
 */
export class TileTuner {
  private readonly choices = new Map<string, string>();
  /** Classes whose tile stands in for a choice that could not be made; they are not kept. */
  private readonly untimed = new Set<string>();
  private readonly limits: KernelLimits;
  private readonly store: TileStore;
  private readonly measure: MeasureTile;
  private loaded = false;
  private turn: Promise<void> = Promise.resolve();

  constructor(limits: KernelLimits, store: TileStore, measure: MeasureTile) {
    this.limits = limits;
    this.store = store;
    this.measure = measure;
  }

  /** The choices made so far; grows with `prepare`. */
  get tiles(): ReadonlyMap<string, string> {
    return this.choices;
  }

  /** Makes sure that a tile is chosen for every product of a program; one program after the other. */
  prepare(program: Program): Promise<void> {
    const mine = this.turn.then(() => this.choose(program));
    this.turn = mine.catch(() => undefined);
    return mine;
  }

  private async choose(program: Program): Promise<void> {
    if (!this.loaded) await this.takeKept();
    let measured = false;
    for (const name of productClasses(program, this.limits)) {
      if (this.choices.has(name)) continue;
      const product = parseProductClass(name)!;
      const candidates = this.candidatesOf(product);
      if (candidates.length < 2) continue;
      try {
        const times: [string, number][] = [];
        for (const tile of candidates) times.push([tile, await this.measure(product, tile, BUDGET / candidates.length)]);
        this.choices.set(name, chooseFastest(times));
        measured = true;
      } catch (error) {
        if (error instanceof BackendError && error.code === "device-lost") throw error;
        const [kept] = candidates as [string];
        this.choices.set(name, kept);
        this.untimed.add(name);
        this.store.notice(`tiles of ${name} could not be timed (${(error as Error).message}); it keeps the tile ${kept}`);
      }
    }
    if (measured) await this.store.save(Object.fromEntries([...this.choices].filter(([name]) => !this.untimed.has(name))));
  }

  private async takeKept(): Promise<void> {
    const kept = Object.entries(await this.store.load());
    const known = kept.filter(([name, tile]) => {
      const product = parseProductClass(name);
      return product !== undefined && this.candidatesOf(product).includes(tile);
    });
    for (const [name, tile] of known) this.choices.set(name, tile);
    if (known.length < kept.length) this.store.notice(`${kept.length - known.length} kept tiles are none of this device's: measured anew`);
    this.loaded = true;
  }

  private candidatesOf(product: ProductClass): readonly string[] {
    const bytes = productBytes(product);
    const fits = bytes.every((size) => size <= this.limits.maxBindingBytes) && bytes.reduce((sum, size) => sum + size, 0) <= MOST_BYTES;
    return fits ? tileCandidates(product, this.limits) : [];
  }
}

/** Names of the classes of products whose tiles a program's dispatches depend on, in order, each once. */
export function productClasses(program: Program, limits: KernelLimits): readonly string[] {
  const names = new Set<string>();
  const tiles = { get: (name: string): undefined => void names.add(name) };
  listDispatches(lowerProgram(program, new Set(opEmitters.keys()), opTable), opTable, { ...limits, tiles });
  return [...names];
}

// The objects' masks as the server counts voxels (i, j, k from right, anterior, superior), and the labels that the
// viewer draws: one byte a voxel, i fastest.

import type { Bits, Levels } from "./api";

export type Shape = [number, number, number];

/** Where a box of voxels lies. */
export interface Part {
  start: Shape;
  shape: Shape;
}

/** A box of voxels, a byte each, k fastest. */
export interface Box extends Part {
  values: Uint8Array;
}

/** Labels from here on are uncertainty, from little to most. */
export const FIRST_UNCERTAIN = 240;
export const UNCERTAIN_STEPS = 15;

async function inflated(base64: string): Promise<Uint8Array> {
  const packed = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Returns a box of ones and zeros from bits, the first voxel in the highest. */
export async function unpackBits(bits: Bits): Promise<Box> {
  const bytes = await inflated(bits.bits);
  const [a, b, c] = bits.shape;
  const values = new Uint8Array(a * b * c);
  for (let n = 0; n < values.length; n++) values[n] = (bytes[n >> 3]! >> (7 - (n & 7))) & 1;
  return { start: bits.start, shape: bits.shape, values };
}

/** Returns a box of uncertainty, 0 to 255. */
export async function unpackLevels(levels: Levels): Promise<Box> {
  return { start: levels.start, shape: levels.shape, values: await inflated(levels.levels) };
}

/** A mask that grows with the boxes that change it. */
export class Mask {
  private box: Box = { start: [0, 0, 0], shape: [0, 0, 0], values: new Uint8Array(0) };

  /** Turns the voxels over that are set in a box. */
  turn(change: Box): void {
    this.makeRoom(change);
    const { start, shape, values } = this.box;
    forEachRow(change, (row, i, j, k) => {
      const at = ((i - start[0]) * shape[1] + (j - start[1])) * shape[2] + (k - start[2]);
      for (let n = 0; n < row.length; n++) values[at + n]! ^= row[n]!;
    });
  }

  /** Calls back with the rows of the mask inside a region: values along k, and where the first one lies. */
  rowsIn(region: Box, visit: (row: Uint8Array, i: number, j: number, k: number) => void): void {
    const inside = overlap(this.box, region);
    if (inside === null) return;
    const { start, shape, values } = this.box;
    for (let i = inside.start[0]; i < inside.start[0] + inside.shape[0]; i++) {
      for (let j = inside.start[1]; j < inside.start[1] + inside.shape[1]; j++) {
        const at = ((i - start[0]) * shape[1] + (j - start[1])) * shape[2] + (inside.start[2] - start[2]);
        visit(values.subarray(at, at + inside.shape[2]), i, j, inside.start[2]);
      }
    }
  }

  /** The box that holds the mask. */
  get extent(): Part {
    return this.box;
  }

  private makeRoom(change: Box): void {
    const old = this.box;
    if (old.values.length === 0) {
      this.box = { ...change, values: new Uint8Array(change.values.length) };
      return;
    }
    const union = unionOf(old, change);
    if (union.shape.every((n, axis) => n === old.shape[axis])) return;
    this.box = { ...union, values: new Uint8Array(union.shape[0] * union.shape[1] * union.shape[2]) };
    this.turn(old);
  }
}

/** What is drawn of an object. */
export interface Layer {
  label: number;
  mask: Mask;
}

/**
 * Returns the labels of a region, i fastest as the viewer wants them: later layers on top, uncertainty over all.
 */
export function composed(region: Part, layers: Layer[], uncertain: Box | null): Uint8Array {
  const [a, b] = region.shape;
  const labels = new Uint8Array(a * b * region.shape[2]);
  const at = (i: number, j: number, k: number) =>
    i - region.start[0] + a * (j - region.start[1] + b * (k - region.start[2]));
  const whole: Box = { ...region, values: labels };
  for (const { label, mask } of layers) {
    mask.rowsIn(whole, (row, i, j, k) => {
      for (let n = 0; n < row.length; n++) if (row[n]) labels[at(i, j, k + n)] = label;
    });
  }
  if (uncertain !== null) {
    const inside = overlap(uncertain, whole);
    if (inside !== null) {
      forEachRow(uncertain, (row, i, j, k) => {
        if (!contains(inside, i, 0) || !contains(inside, j, 1)) return;
        for (let n = 0; n < row.length; n++) {
          if (!contains(inside, k + n, 2)) continue;
          const step = Math.floor((row[n]! * UNCERTAIN_STEPS) / 255);
          if (step > 0) labels[at(i, j, k + n)] = FIRST_UNCERTAIN + step;
        }
      });
    }
  }
  return labels;
}

/** Returns the smallest box that holds both. */
export function unionOf(one: Part, other: Part) {
  const start = one.start.map((first, axis) => Math.min(first, other.start[axis]!)) as Shape;
  const shape = one.start.map(
    (first, axis) =>
      Math.max(first + one.shape[axis]!, other.start[axis]! + other.shape[axis]!) - start[axis]!,
  ) as Shape;
  return { start, shape };
}

/** Returns what two boxes share; null if nothing. */
export function overlap(one: Part, other: Part) {
  const start = one.start.map((first, axis) => Math.max(first, other.start[axis]!)) as Shape;
  const shape = one.start.map(
    (first, axis) =>
      Math.min(first + one.shape[axis]!, other.start[axis]! + other.shape[axis]!) - start[axis]!,
  ) as Shape;
  return Math.min(...shape) > 0 ? { start, shape } : null;
}

function contains(box: Part, voxel: number, axis: number): boolean {
  return voxel >= box.start[axis]! && voxel < box.start[axis]! + box.shape[axis]!;
}

function forEachRow(box: Box, visit: (row: Uint8Array, i: number, j: number, k: number) => void): void {
  const [a, b, c] = box.shape;
  for (let i = 0; i < a; i++)
    for (let j = 0; j < b; j++) {
      const at = (i * b + j) * c;
      visit(box.values.subarray(at, at + c), box.start[0] + i, box.start[1] + j, box.start[2]);
    }
}

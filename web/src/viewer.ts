// The one file that knows NiiVue: slices of an image, labels over it, and where a pointer is.

import { cmapper, Niivue, NVImage, SLICE_TYPE } from "@niivue/niivue";
import type { Plane, Point, Scan } from "./api";
import { type Affine, toMm, toVoxel } from "./grid";
import { FIRST_UNCERTAIN, overlap, type Part, type Shape, UNCERTAIN_STEPS } from "./masks";

export type Scale = "grey" | "hot";
export type Window = [number, number];

/** Where the pointer is. */
export interface Spot {
  mm: Point;
  plane: Plane;
}

const PLANES: Record<number, Plane> = {
  [SLICE_TYPE.AXIAL]: "axial",
  [SLICE_TYPE.CORONAL]: "coronal",
  [SLICE_TYPE.SAGITTAL]: "sagittal",
};
// The world axes that run across a slice and up.
const SCREEN_AXES: Record<Plane, [0 | 1, 1 | 2]> = { sagittal: [1, 2], coronal: [0, 2], axial: [0, 1] };
const AXIS: Record<Plane, 0 | 1 | 2> = { sagittal: 0, coronal: 1, axial: 2 };
const MOST_ZOOM = 12;
// Beside each slice, as a share of the width.
const GAP = 0.012;
const NIFTI_DATA = 352;
// The texture unit on which NiiVue keeps its drawing.
const DRAWING_UNIT = 7;

export class Viewer {
  readonly nv: Niivue;
  private voxels = new Float32Array(0);
  private affine: Affine = [];
  private frameWanted = 0;
  private finer = 1;
  private part: Part = { start: [0, 0, 0], shape: [1, 1, 1] };
  private spot: Point = [0, 0, 0];

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.nv = new Niivue({
      isRadiologicalConvention: true,
      isOrientationTextVisible: true,
      showAllOrientationMarkers: true,
      sagittalNoseLeft: true,
      isSliceMM: true,
      show3Dcrosshair: false,
      multiplanarShowRender: 0,
      isColorbar: false,
      dragAndDropEnabled: false,
      interactive: false,
      maxDrawUndoBitmaps: 1,
      crosshairWidth: 1,
      crosshairGap: 12,
      crosshairColor: [0.1, 0.55, 0.95, 0.9],
      fontColor: [0.1, 0.55, 0.95, 1],
      textHeight: 0.04,
      tileMargin: 4,
      loadingText: "",
      logLevel: "error",
    });
  }

  async attach(): Promise<void> {
    await this.nv.attachToCanvas(this.canvas);
  }

  /** Gives the graphics memory back. */
  release(): void {
    this.canvas.getContext("webgl2")?.getExtension("WEBGL_lose_context")?.loseContext();
  }

  /**
   * Shows a part of a scan: NIfTI, its axes nearest to right, anterior, superior; SUV in float32, or another image
   * whose voxels are finer by a factor.
   */
  async show(
    scan: Scan,
    part: Part,
    nifti: ArrayBuffer,
    window: Window,
    scale: Scale | "light",
    finer = 1,
  ): Promise<void> {
    this.voxels = finer === 1 ? new Float32Array(nifti, NIFTI_DATA) : new Float32Array(0);
    this.finer = finer;
    this.affine = scan.affine;
    this.part = part;
    this.layOut(part.shape.map((n, axis) => n * scan.spacing_mm[axis]!) as Point);
    for (const volume of [...this.nv.volumes]) this.nv.removeVolume(volume);
    const image = await NVImage.loadFromFile({
      file: new File([nifti], "scan.nii"),
      name: "scan.nii",
      colormap: colourMap(scale),
      cal_min: window[0],
      cal_max: window[1],
    });
    image.colormapInvert = scale === "grey";
    this.nv.addVolume(image);
    this.background(scale);
    this.nv.createEmptyDrawing();
    this.nv.setDrawOpacity(0.45);
    this.nv.drawRimOpacity = 1;
    this.moveTo(toMm(this.affine, part.start.map((n, axis) => n + (part.shape[axis]! - 1) / 2) as Point));
  }

  /** Shows another image over the first, as much as a share says; without one, the first alone. */
  async fuse(nifti: ArrayBuffer | null, window: Window, share: number): Promise<void> {
    for (const volume of this.nv.volumes.slice(1)) this.nv.removeVolume(volume);
    if (nifti === null) return;
    const image = await NVImage.loadFromFile({
      file: new File([nifti], "second.nii"),
      name: "second.nii",
      colormap: "gray",
      opacity: share,
      cal_min: window[0],
      cal_max: window[1],
    });
    this.nv.addVolume(image);
  }

  /** Sets the SUV that are shown lightest and darkest. Slow without a graphics card: not to be called at each drag. */
  setWindow(window: Window, scale: Scale): void {
    const image = this.nv.volumes[0];
    if (image === undefined) return;
    image.cal_min = window[0];
    image.cal_max = window[1];
    image.colormap = colourMap(scale);
    image.colormapInvert = scale === "grey";
    this.background(scale);
    this.nv.updateGLVolume();
  }

  /** Sets the colours of labels 1, 2, …, as "#rrggbb". */
  setColours(colours: string[]): void {
    const lut = new Uint8ClampedArray(256 * 4);
    const set = (label: number, r: number, g: number, b: number) => lut.set([r, g, b, 255], label * 4);
    colours.forEach((colour, n) => {
      const rgb = Number.parseInt(colour.slice(1), 16);
      set(n + 1, rgb >> 16, (rgb >> 8) & 255, rgb & 255);
    });
    for (let step = 1; step <= UNCERTAIN_STEPS; step++) {
      const share = step / UNCERTAIN_STEPS;
      set(FIRST_UNCERTAIN + step, 255, Math.round(235 * (1 - share)), 0);
    }
    const drawn = cmapper.makeDrawLut("$itksnap");
    this.nv.drawLut = { ...drawn, lut };
    this.nv.refreshColormaps();
    this.drawSoon();
  }

  /** Returns what of a box is shown; null if nothing. */
  shownOf(box: Part): Part | null {
    return overlap(box, this.part);
  }

  /** Draws the labels of a shown box, i fastest, in place of what was there. */
  setLabels(box: Part, given: Uint8Array): void {
    const bitmap = this.nv.drawBitmap;
    if (bitmap === null) return;
    const labels = repeated(box.shape, given, this.finer);
    const [a, b, c] = box.shape.map((n) => n * this.finer) as Shape;
    const [i, j, k] = box.start.map((first, axis) => (first - this.part.start[axis]!) * this.finer) as Shape;
    const [wide, deep] = this.part.shape.map((n) => n * this.finer) as Shape;
    for (let z = 0; z < c; z++)
      for (let y = 0; y < b; y++) {
        const from = a * (y + b * z);
        bitmap.set(labels.subarray(from, from + a), i + wide * (j + y + deep * (k + z)));
      }
    const gl = this.nv.gl;
    gl.activeTexture(gl.TEXTURE0 + DRAWING_UNIT);
    gl.bindTexture(gl.TEXTURE_3D, this.nv.drawTexture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texSubImage3D(gl.TEXTURE_3D, 0, i, j, k, a, b, c, gl.RED, gl.UNSIGNED_BYTE, labels);
    this.drawSoon();
  }

  /** The place of the crosshair, RAS+ mm. */
  get place(): Point {
    return this.spot;
  }

  /** Moves the crosshair to a place, or to the nearest that is shown. */
  moveTo(mm: Point): void {
    const { start, shape } = this.part;
    const ijk = toVoxel(this.affine, mm).map((c, axis) =>
      Math.min(Math.max(c, start[axis]! - 0.49), start[axis]! + shape[axis]! - 0.51),
    ) as Point;
    this.spot = toMm(this.affine, ijk);
    this.nv.scene.crosshairPos = this.nv.mm2frac(this.spot as unknown as Parameters<Niivue["mm2frac"]>[0]);
    this.nv.drawScene();
  }

  /** Returns whether a place is shown. */
  shows(mm: Point): boolean {
    return this.at(mm) !== null;
  }

  /** Returns the voxel that holds a place, and its SUV; null where nothing is shown. */
  at(mm: Point): { ijk: Shape; suv: number } | null {
    if (this.affine.length === 0) return null;
    const { start, shape } = this.part;
    const ijk = toVoxel(this.affine, mm).map((c) => Math.round(c)) as Shape;
    const [i, j, k] = ijk.map((c, axis) => c - start[axis]!) as Shape;
    if ([i, j, k].some((c, axis) => c < 0 || c >= shape[axis]!)) return null;
    return { ijk, suv: this.voxels[i + shape[0] * (j + shape[1] * k)]! };
  }

  /** Returns where a pointer is, in pixels from the canvas' corner; null beside the slices. */
  spotAt(x: number, y: number): Spot | null {
    const ratio = this.nv.uiData.dpr ?? 1;
    const tile = this.nv.tileIndex(x * ratio, y * ratio);
    const slice = this.nv.screenSlices[tile];
    const plane = slice === undefined ? undefined : PLANES[slice.axCorSag];
    if (plane === undefined) return null;
    const frac = this.nv.canvasPos2frac([x * ratio, y * ratio]);
    if (frac[0]! < 0) return null;
    const mm = this.nv.frac2mm(frac);
    return { mm: [mm[0]!, mm[1]!, mm[2]!], plane };
  }

  /** Returns where a place is drawn on a plane's slice, or would be, in pixels from the canvas' corner. */
  pixelOf(mm: Point, plane: Plane): [number, number] | null {
    const slice = this.nv.screenSlices.find((s) => PLANES[s.axCorSag] === plane);
    if (slice === undefined) return null;
    const [across, up] = SCREEN_AXES[plane];
    // A negative width is a slice that is mirrored, the patient's left on the right.
    const [left, top, width, height] = slice.leftTopWidthHeight as [number, number, number, number];
    const x = left + (width * (mm[across] - slice.leftTopMM[0]!)) / slice.fovMM[0]!;
    const y = top + height * (1 - (mm[up] - slice.leftTopMM[1]!) / slice.fovMM[1]!);
    const ratio = this.nv.uiData.dpr ?? 1;
    return [x / ratio, y / ratio];
  }

  /** Returns where a voxel is drawn, on each of the shown slices that lie within a voxel of it. */
  pixelsOfVoxel(ijk: Point): [number, number][] {
    if (this.affine.length === 0) return [];
    const here = toVoxel(this.affine, this.spot);
    const near = (Object.keys(AXIS) as Plane[]).filter(
      (plane) => Math.abs(here[AXIS[plane]] - ijk[AXIS[plane]]) <= 1,
    );
    return near.map((plane) => this.pixelOf(toMm(this.affine, ijk), plane)).filter((at) => at !== null);
  }

  /** How many pixels of the canvas a mm of the slices takes. */
  pixelsPerMm(): number {
    const slice = this.nv.screenSlices.find((s) => s.axCorSag in PLANES);
    if (slice === undefined || !slice.fovMM[0]) return 1;
    return Math.abs(slice.leftTopWidthHeight[2]! / slice.fovMM[0]) / (this.nv.uiData.dpr ?? 1);
  }

  /** Moves by slices across a plane. */
  scroll(plane: Plane, steps: number): void {
    const ijk = toVoxel(this.affine, this.spot);
    ijk[AXIS[plane]] = Math.round(ijk[AXIS[plane]]) + steps;
    this.moveTo(toMm(this.affine, ijk));
  }

  /** Moves the picture by mm of the world. */
  pan(by: Point): void {
    const { pan, zoom } = this.frame;
    this.nv.setPan2Dxyzmm([pan[0] + zoom * by[0], pan[1] + zoom * by[1], pan[2] + zoom * by[2], zoom]);
  }

  /** Enlarges the slices; a place stays where it is drawn. */
  zoomAt(mm: Point, factor: number): void {
    const { pan, zoom } = this.frame;
    const next = Math.min(Math.max(zoom * factor, 1), MOST_ZOOM);
    const [x, y, z] = pan.map((shift, axis) => shift + mm[axis]! * (zoom - next)) as Point;
    this.nv.setPan2Dxyzmm([x, y, z, next]);
  }

  private get frame(): { pan: Point; zoom: number } {
    const [x, y, z, zoom] = this.nv.scene.pan2Dxyzmm as unknown as [number, number, number, number];
    return { pan: [x, y, z], zoom };
  }

  /** Places coronal, sagittal and axial slices beside each other, as wide as what they show. */
  private layOut([wide, deep]: Point): void {
    const share = (1 - 3 * GAP) / (2 * wide + deep);
    const [across, through] = [wide * share, deep * share];
    this.nv.setCustomLayout([
      { sliceType: SLICE_TYPE.CORONAL, position: [0, 0, across, 1] },
      { sliceType: SLICE_TYPE.SAGITTAL, position: [across + GAP, 0, through, 1] },
      { sliceType: SLICE_TYPE.AXIAL, position: [across + through + 2 * GAP, 0, across, 1] },
    ]);
  }

  /** Draws once in the next frame, however much has changed until then. */
  private drawSoon(): void {
    cancelAnimationFrame(this.frameWanted);
    this.frameWanted = requestAnimationFrame(() => this.nv.drawScene());
  }

  private background(scale: Scale | "light"): void {
    this.nv.opts.backColor = scale === "grey" ? [1, 1, 1, 1] : [0, 0, 0, 1];
  }
}

/** Returns labels with each voxel repeated along all axes, i fastest. */
function repeated(shape: Shape, labels: Uint8Array, times: number): Uint8Array {
  if (times === 1) return labels;
  const [a, b, c] = shape;
  const found = new Uint8Array(labels.length * times ** 3);
  let n = 0;
  for (let z = 0; z < c * times; z++)
    for (let y = 0; y < b * times; y++) {
      const from = a * (Math.floor(y / times) + b * Math.floor(z / times));
      for (let x = 0; x < a * times; x++) found[n++] = labels[from + Math.floor(x / times)]!;
    }
  return found;
}

function colourMap(scale: Scale | "light"): string {
  return scale === "hot" ? "hot" : "gray";
}

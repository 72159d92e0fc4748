// The one file that knows NiiVue: slices of an image, labels over it, and where a pointer is.

import { cmapper, Niivue, NVImage, SLICE_TYPE } from "@niivue/niivue";
import type { Plane, Point, Scan } from "./api";
import { type Affine, toMm, toVoxel } from "./grid";
import { FIRST_UNCERTAIN, type Shape, UNCERTAIN_STEPS } from "./masks";

export type Scale = "grey" | "hot";

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
const AXIS: Record<Plane, 0 | 1 | 2> = { sagittal: 0, coronal: 1, axial: 2 };
const NIFTI_DATA = 352;
// The texture unit on which NiiVue keeps its drawing.
const DRAWING_UNIT = 7;

export class Viewer {
  private readonly nv: Niivue;
  private voxels = new Float32Array(0);
  private shape: Shape = [1, 1, 1];
  private affine: Affine = [];
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

  /** Shows an image: NIfTI, float32, its axes nearest to right, anterior, superior. */
  async show(scan: Scan, nifti: ArrayBuffer, window: [number, number], scale: Scale): Promise<void> {
    this.voxels = new Float32Array(nifti, NIFTI_DATA);
    this.shape = scan.shape;
    this.affine = scan.affine;
    this.layOut(scan.shape.map((n, axis) => n * scan.spacing_mm[axis]!) as Point);
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
    this.moveTo(toMm(this.affine, this.shape.map((n) => (n - 1) / 2) as Point));
  }

  /** Sets the SUV that are shown lightest and darkest. Slow without a graphics card: not to be called at each drag. */
  setWindow(window: [number, number], scale: Scale): void {
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
    this.nv.drawScene();
  }

  /** Draws the labels of a box, i fastest, in place of what was there. */
  setLabels(start: Shape, shape: Shape, labels: Uint8Array): void {
    const bitmap = this.nv.drawBitmap;
    if (bitmap === null) return;
    const [a, b, c] = shape;
    for (let k = 0; k < c; k++)
      for (let j = 0; j < b; j++) {
        const from = a * (j + b * k);
        const to = start[0] + this.shape[0] * (start[1] + j + this.shape[1] * (start[2] + k));
        bitmap.set(labels.subarray(from, from + a), to);
      }
    const gl = this.nv.gl;
    gl.activeTexture(gl.TEXTURE0 + DRAWING_UNIT);
    gl.bindTexture(gl.TEXTURE_3D, this.nv.drawTexture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texSubImage3D(gl.TEXTURE_3D, 0, ...start, a, b, c, gl.RED, gl.UNSIGNED_BYTE, labels);
    this.nv.drawScene();
  }

  /** The place of the crosshair, RAS+ mm. */
  get place(): Point {
    return this.spot;
  }

  moveTo(mm: Point): void {
    const last = this.shape.map((n) => n - 1);
    const ijk = toVoxel(this.affine, mm).map((c, axis) =>
      Math.min(Math.max(c, -0.49), last[axis]! + 0.49),
    ) as Point;
    this.spot = toMm(this.affine, ijk);
    this.nv.scene.crosshairPos = this.nv.mm2frac(this.spot as unknown as Parameters<Niivue["mm2frac"]>[0]);
    this.nv.drawScene();
  }

  /** Returns the voxel that holds a place, and its SUV; null outside the image. */
  at(mm: Point): { ijk: Shape; suv: number } | null {
    if (this.affine.length === 0) return null;
    const ijk = toVoxel(this.affine, mm).map((c) => Math.round(c)) as Shape;
    if (ijk.some((c, axis) => c < 0 || c >= this.shape[axis]!)) return null;
    const suv = this.voxels[ijk[0] + this.shape[0] * (ijk[1] + this.shape[1] * ijk[2])]!;
    return { ijk, suv };
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

  /** Returns where a place is drawn on a plane's slice, in pixels from the canvas' corner. */
  pixelOf(mm: Point, plane: Plane): [number, number] | null {
    const ratio = this.nv.uiData.dpr ?? 1;
    const type = Number(Object.keys(PLANES).find((key) => PLANES[Number(key)] === plane));
    const frac = this.nv.mm2frac(mm as unknown as Parameters<Niivue["mm2frac"]>[0]);
    const found = this.nv.frac2canvasPosWithTile(frac, type);
    return found === null ? null : [found.pos[0]! / ratio, found.pos[1]! / ratio];
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
    return slice.leftTopWidthHeight[2]! / slice.fovMM[0] / (this.nv.uiData.dpr ?? 1);
  }

  /** Moves by slices across a plane. */
  scroll(plane: Plane, steps: number): void {
    const ijk = toVoxel(this.affine, this.spot);
    ijk[AXIS[plane]] = Math.round(ijk[AXIS[plane]]) + steps;
    this.moveTo(toMm(this.affine, ijk));
  }

  /** Moves the slices under the pointer, in mm of the world. */
  pan(by: Point): void {
    const [x, y, z, zoom] = this.nv.scene.pan2Dxyzmm as unknown as [number, number, number, number];
    this.nv.setPan2Dxyzmm([x + by[0], y + by[1], z + by[2], zoom]);
  }

  /** Enlarges the slices about the crosshair; 0 shows all again. */
  zoom(factor: number): void {
    const zoom = factor === 0 ? 1 : Math.min(Math.max(this.nv.scene.pan2Dxyzmm[3]! * factor, 1), 12);
    const [x, y, z] = this.spot;
    const centre = this.shape.map((n) => (n - 1) / 2) as Point;
    const middle = toMm(this.affine, centre);
    const share = 1 - 1 / zoom;
    const shift = [middle[0] - x, middle[1] - y, middle[2] - z].map((mm) => mm * share);
    this.nv.setPan2Dxyzmm(zoom === 1 ? [0, 0, 0, 1] : [shift[0]!, shift[1]!, shift[2]!, zoom]);
  }

  /** Places coronal, sagittal and axial slices beside each other, as wide as what they show. */
  private layOut([wide, deep]: Point): void {
    const all = 2 * wide + deep;
    this.nv.setCustomLayout([
      { sliceType: SLICE_TYPE.CORONAL, position: [0, 0, wide / all, 1] },
      { sliceType: SLICE_TYPE.SAGITTAL, position: [wide / all, 0, deep / all, 1] },
      { sliceType: SLICE_TYPE.AXIAL, position: [(wide + deep) / all, 0, wide / all, 1] },
    ]);
  }

  private background(scale: Scale): void {
    this.nv.opts.backColor = scale === "grey" ? [1, 1, 1, 1] : [0, 0, 0, 1];
  }
}

function colourMap(scale: Scale): string {
  return scale === "grey" ? "gray" : "hot";
}

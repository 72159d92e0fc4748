// What the page knows, as signals, and everything that a reader can do to it.

import { computed, signal } from "@preact/signals";
import type { Edit, Point, Reading, Row, Rule, Scan, Server, State } from "./api";
import * as api from "./api";
import { type Box, composed, Mask, type Part, type Shape, unpackBits, unpackLevels } from "./masks";
import type { Scale, Viewer, Window } from "./viewer";

export type Tool = "look" | "point" | "brush" | "eraser";

export const server = signal<Server | null>(null);
export const scan = signal<Scan | null>(null);
export const state = signal<State | null>(null);
export const rows = signal<Row[]>([]);
export const active = signal<number | null>(null);
export const hidden = signal<ReadonlySet<number>>(new Set());
export const tool = signal<Tool>("point");
export const positive = signal(true);
export const snap = signal(false);
export const radius = signal(8);
export const uncertain = signal(false);
export const window_ = signal<[number, number]>([0, 7]);
export const scale = signal<Scale>("grey");
export const second = signal<"off" | "fused" | "beside">("off");
export const share = signal(0.5);
export const ctWindow = signal("soft tissue");
export const whole = signal(false);
export const place = signal<Point | null>(null);
export const locked = signal<string | null>(null);
export const lastClick = signal<{ seconds: number; total: number; dice: number | null } | null>(null);
/** Grows with each change of the masks or of what is visible. */
export const revision = signal(0);

/** What is being done, and since when. */
export interface Task {
  text: string;
  since: number;
  share: number | null;
}
export const tasks = signal<Task[]>([]);
export interface Notice {
  text: string;
  kind: "error" | "note";
}
export const notices = signal<Notice[]>([]);

export const activeObject = computed(() => state.value?.objects.find((o) => o.id === active.value) ?? null);

let viewer: Viewer | null = null;
let beside: Viewer | null = null;
let lease: string | null = null;
let renewal: ReturnType<typeof setInterval> | undefined;
let masks = new Map<number, Mask>();
let unsure: Box | null = null;
// Changes are sent one after the other, so that they arrive in the order in which they were made.
let queue: Promise<unknown> = Promise.resolve();
// Whether an answer was lost, so that the server may have stored more than is drawn.
let stale = false;
// The object that is being added, which clicks made meanwhile are for.
let adding: Promise<number | null> | null = null;
let opening = false;

export function useViewer(made: Viewer): void {
  viewer = made;
}

/** Draws the same labels in a second picture, until null. */
export function useBeside(made: Viewer | null): void {
  beside = made;
  coloured = "";
  if (made !== null) redraw();
}

export function theViewer(): Viewer | null {
  return viewer;
}

export function complain(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  notices.value = [...notices.value.filter((n) => n.text !== text), { text, kind: "error" }];
}

export function dismiss(notice: Notice): void {
  notices.value = notices.value.filter((n) => n !== notice);
}

/** Shows what is being done while it lasts; an error is shown, and gives null. */
export async function during<T>(text: string, work: (task: Task) => Promise<T>): Promise<T | null> {
  const task: Task = { text, since: performance.now(), share: null };
  tasks.value = [...tasks.value, task];
  try {
    return await work(task);
  } catch (error) {
    complain(error);
    return null;
  } finally {
    tasks.value = tasks.value.filter((t) => t !== task);
  }
}

export async function start(): Promise<void> {
  server.value = await during("asking the server", () => api.server());
}

/** Opens a scan, and this reader's work on it; what was begun on another is finished first. */
export async function open(found: Scan, reader: string, assisted: boolean): Promise<void> {
  if (opening) return;
  opening = true;
  try {
    await during("loading the image", async () => {
      await queue;
      const opened = await api.beginReading(found.id, reader, assisted);
      close();
      scan.value = found;
      const view = opened.view as View;
      window_.value = view.window ?? [0, 7];
      scale.value = view.scale ?? "grey";
      hidden.value = new Set(view.hidden ?? []);
      whole.value = view.whole ?? false;
      await showImage(found);
      if (view.place) viewer?.moveTo(view.place);
      place.value = viewer?.place ?? null;
      await take(opened);
      history.replaceState(null, "", `?scan=${found.id}&reading=${opened.id}`);
      await acquire(false);
    });
  } finally {
    opening = false;
  }
}

interface View {
  window?: [number, number];
  scale?: Scale;
  hidden?: number[];
  whole?: boolean;
  place?: Point | null;
}

async function showImage(found: Scan): Promise<void> {
  const part = whole.value ? { start: [0, 0, 0] as Shape, shape: found.shape } : found.shown;
  const nifti = await api.image(found.id, whole.value);
  // The browser draws once more before the image takes its time.
  await new Promise((resolve) => setTimeout(resolve, 20));
  coloured = "";
  await viewer?.show(found, part, nifti, window_.value, scale.value);
}

/** Shows a CT or MR with the scan, or none. */
export async function showSecond(how: "off" | "fused" | "beside"): Promise<void> {
  const found = scan.value;
  if (found === null) return;
  second.value = how;
  if (how !== "fused") await viewer?.fuse(null, [0, 1], 0);
  else
    await during("fusing", async () => {
      const image = await api.second(found.id, whole.value, 1);
      const [low, high] = secondWindow(image);
      await viewer?.fuse(image.nifti, [low / image.step, high / image.step], share.value);
    });
}

/** Takes another CT or MR. */
export async function takeSecond(find: () => Promise<Scan>): Promise<void> {
  const found = await during("reading the CT or MR", find);
  if (found === null) return;
  scan.value = found;
  await showSecond(found.second === null ? "off" : "beside");
}

/** Returns which values are shown darkest and lightest: of a CT soft tissue, of an MR nearly all. */
export function secondWindow(image: api.Second): Window {
  if (image.modality === "CT") return CT_WINDOWS[ctWindow.value]!;
  const values = new Int16Array(image.nifti, 352);
  const some = Array.from({ length: 4000 }, (_, n) => values[Math.floor((n * values.length) / 4000)]!).sort(
    (a, b) => a - b,
  );
  return [some[40]! * image.step, Math.max(some[3960]! * image.step, some[40]! * image.step + 1)];
}

export const CT_WINDOWS: Record<string, Window> = {
  "soft tissue": [-160, 240],
  lung: [-1100, 300],
  bone: [-500, 1300],
};

/** Shows the whole field of view, or the body alone. */
export async function showWhole(all: boolean): Promise<void> {
  const found = scan.value;
  if (found === null || whole.value === all) return;
  const at = place.value;
  whole.value = all;
  await during("loading the image", () => showImage(found));
  if (second.value === "fused") await showSecond("fused");
  if (at !== null) viewer?.moveTo(at);
  place.value = viewer?.place ?? null;
  redraw();
  keepView();
}

/** Goes on with the reading that the address names, after the page was closed. */
export async function resume(): Promise<void> {
  const asked = new URLSearchParams(location.search);
  const [scanId, readingId] = [asked.get("scan"), asked.get("reading")];
  if (scanId === null || readingId === null) return;
  await during("opening the scan", async () => {
    const found = await api.scan(scanId);
    const before = await api.reading(readingId);
    await open(found, before.reader, before.assisted);
  });
}

export function close(): void {
  release();
  clearInterval(renewal);
  lease = null;
  scan.value = null;
  state.value = null;
  rows.value = [];
  active.value = null;
  locked.value = null;
  uncertain.value = false;
  second.value = "off";
  unsure = null;
  stale = false;
  adding = null;
  masks = new Map();
}

/** Takes the right to change the reading, or says who has it. */
export async function acquire(takeOver: boolean): Promise<void> {
  const id = state.value?.id;
  if (id === undefined) return;
  try {
    const given = await api.lease(id, lease, takeOver);
    if (state.value?.id !== id) return;
    if (takeOver) await take(await api.reading(id));
    lease = given.lease;
    locked.value = null;
    clearInterval(renewal);
    renewal = setInterval(() => renew(id), (given.seconds * 1000) / 3);
  } catch (error) {
    lock(error);
  }
}

/** Ends another page's work on the reading, and goes on with it here. */
export const takeOver = () => during("taking over", () => acquire(true));

async function renew(id: string): Promise<void> {
  try {
    const given = await api.lease(id, lease, false);
    if (state.value?.id !== id) return;
    if (given.lease !== lease) await take(await api.reading(id)); // the server was restarted meanwhile
    lease = given.lease;
  } catch (error) {
    lock(error);
  }
}

function lock(error: unknown): void {
  if (error instanceof api.Problem && error.status === 423) {
    lease = null;
    clearInterval(renewal);
    locked.value = error.message;
  } else complain(error);
}

/** Takes a reading as the server has it: objects, masks. */
async function take(opened: Reading): Promise<void> {
  masks = new Map();
  for (const [id, bits] of Object.entries(opened.masks)) {
    const mask = new Mask();
    mask.turn(await unpackBits(bits));
    masks.set(Number(id), mask);
  }
  state.value = opened;
  if (!opened.objects.some((o) => o.id === active.value)) active.value = opened.objects.at(-1)?.id ?? null;
  redraw();
  await refreshTable();
}

/** What a change asks for, worked out when its turn comes: those before it may have added the object it is for. */
interface Wanted {
  method: string;
  path: string;
  body?: unknown;
}

/** Sends a change of the reading that is open now, in order; shows what it did. */
function change(text: string, want: () => Promise<Wanted | null> | Wanted | null): Promise<Edit | null> {
  const id = state.value?.id;
  const done = queue.then(() =>
    during(text, async () => {
      if (id === undefined || state.value?.id !== id) return null;
      if (stale) await refresh(id);
      const wanted = await want();
      if (wanted === null) return null;
      if (lease === null)
        throw new Error("Nothing was changed: this reading is open elsewhere. Take over to go on.");
      try {
        const expected = (state.value?.actions ?? 0) + (wanted.path === "undo" ? -1 : 1);
        const edit = await api.edit(id, lease, wanted.method, wanted.path, wanted.body);
        if (state.value?.id !== id) return null;
        if (edit.state.actions === expected) await apply(edit);
        else await refresh(id); // an answer was lost before: what is drawn is out of step
        return edit;
      } catch (error) {
        if (error instanceof api.Problem && error.status === 423) {
          await recover(id);
          return null;
        }
        if (!(error instanceof api.Problem) || error.status === 0 || error.status >= 500) stale = true;
        throw error;
      }
    }),
  );
  queue = done;
  return done;
}

/** Takes the reading anew, after an answer that may have been lost. */
async function refresh(id: string): Promise<void> {
  const found = await api.reading(id);
  stale = false;
  if (state.value?.id === id) await take(found);
}

/** After a restart of the server nobody holds the reading: take it again, as it was stored. */
async function recover(id: string): Promise<void> {
  lease = null;
  await acquire(false);
  if (lease === null) return;
  await take(await api.reading(id));
  complain(new Error("The server was restarted or away. All is as it was stored; do the last thing again."));
}

/** Lets other pages work on the reading. */
export function release(): void {
  const id = state.value?.id;
  if (id !== undefined && lease !== null) api.releaseLease(id, lease);
}

async function apply(edit: Edit): Promise<void> {
  const before = state.value?.objects.map((o) => o.id) ?? [];
  state.value = edit.state;
  const now = edit.state.objects.map((o) => o.id);
  recolour();
  if (edit.change !== null) {
    const box = await unpackBits(edit.change);
    const mask = masks.get(edit.object_id) ?? new Mask();
    masks.set(edit.object_id, mask);
    mask.turn(box);
    drawRegion(box);
  }
  const added = now.find((id) => !before.includes(id));
  if (added !== undefined) active.value = added;
  else if (!now.includes(active.value ?? -1)) active.value = now.at(-1) ?? null;
  // Labels count objects in their order, so they change with it, but not by one more at the end.
  if (before.some((id, n) => now[n] !== id)) redraw();
  revision.value++;
  void refreshTable();
  if (uncertain.value) void showUncertainty();
}

let tableWanted = 0;
async function refreshTable(): Promise<void> {
  const id = state.value?.id;
  if (id === undefined) return;
  const wanted = ++tableWanted;
  try {
    const found = await api.table(id);
    if (wanted === tableWanted && state.value?.id === id) rows.value = found;
  } catch (error) {
    complain(error);
  }
}

function layers() {
  return (state.value?.objects ?? [])
    .map((object, n) => ({ label: n + 1, mask: masks.get(object.id), id: object.id }))
    .filter((layer) => layer.mask !== undefined && !hidden.value.has(layer.id))
    .map(({ label, mask }) => ({ label, mask: mask! }));
}

function drawRegion(region: Part): void {
  const shown = viewer?.shownOf(region) ?? null;
  if (shown === null) return;
  const labels = composed(shown, layers(), uncertain.value ? unsure : null);
  viewer?.setLabels(shown, labels);
  beside?.setLabels(shown, labels);
}

/** Draws everything anew. */
export function redraw(): void {
  recolour();
  const shape = scan.value?.shape;
  if (shape !== undefined) drawRegion({ start: [0, 0, 0], shape });
  revision.value++;
}

let coloured = "";
/** Gives the labels the objects' colours, where these are new. */
function recolour(): void {
  const colours = state.value?.objects.map((o) => o.colour) ?? [];
  if (colours.join() === coloured) return;
  coloured = colours.join();
  viewer?.setColours(colours);
  beside?.setColours(colours);
}

/** Adds an object, of a name or the next lesion; clicks made meanwhile are for it. */
export function addObject(name?: string): Promise<number | null> {
  const added = change("adding", () => ({
    method: "POST",
    path: "objects",
    body: { name: name ?? nextName() },
  })).then((edit) => edit?.object_id ?? null);
  adding = added;
  void added.then(() => {
    if (adding === added) adding = null;
  });
  return added;
}

/** Returns the object that the next click or stroke is for: the active one, or the one being added; shown if hidden. */
function target(): Promise<number | null> {
  const found = adding ?? (active.value === null ? addObject() : Promise.resolve(active.value));
  return found.then((id) => {
    if (id !== null && hidden.value.has(id)) toggleVisible(id);
    return id;
  });
}

/** Changes the active object. */
function changeActive(text: string, method: string, path: string, body?: unknown): Promise<Edit | null> {
  const id = active.value;
  if (id === null && adding === null) return Promise.resolve(null);
  return changeTarget(text, method, path, body, adding ?? Promise.resolve(id));
}

function changeTarget(
  text: string,
  method: string,
  path: string,
  body: unknown,
  wanted: Promise<number | null>,
): Promise<Edit | null> {
  return change(text, async () => {
    const id = await wanted;
    return id === null
      ? null
      : { method, path: `objects/${id}${path}`, ...(body === undefined ? {} : { body }) };
  });
}

/** Makes an object the one that clicks and strokes are for. */
export function activate(id: number): void {
  active.value = id;
  if (uncertain.value) void showUncertainty();
}

/** The name of the next object: the same lesion or organ, counted on. */
export function nextName(): string {
  const names = state.value?.objects.map((o) => o.name) ?? [];
  for (let n = 1; ; n++) if (!names.includes(`lesion ${n}`)) return `lesion ${n}`;
}

export const describe = (id: number, wanted: { name?: string; colour?: string }) =>
  changeTarget("storing", "PATCH", "", wanted, Promise.resolve(id));
export const removeObject = () => changeActive("deleting", "DELETE", "");
export const clearObject = () => changeActive("resetting", "POST", "/clear");

/** Shows the model a click; without an object, a first one is added. */
export async function click(mm: Point, isPositive: boolean): Promise<void> {
  const began = performance.now();
  const body = { xyz_mm: mm, positive: isPositive, snap_mm: snap.value ? 7 : 0 };
  const text = server.value?.model_ready ? "asking the model" : "loading the model, then asking it";
  const edit = await changeTarget(text, "POST", "/clicks", body, target());
  if (edit === null) return;
  if (server.value !== null && !server.value.model_ready) server.value = await api.server();
  await new Promise(requestAnimationFrame);
  const total = (performance.now() - began) / 1000;
  lastClick.value = { seconds: edit.seconds, total, dice: edit.expected_dice ?? null };
}

export async function stroke(points: Point[], plane: api.Plane, erase: boolean): Promise<void> {
  const body = { points_mm: points, radius_mm: radius.value, erase, plane };
  await changeTarget(erase ? "erasing" : "painting", "POST", "/strokes", body, target());
}

export async function threshold(rule: Rule): Promise<void> {
  await changeActive("comparing", "POST", "/thresholds", {
    rule,
    liver_mm: rule === "liver" ? place.value : null,
  });
}

export const undo = () => change("undoing", () => ({ method: "POST", path: "undo" }));
export const redo = () => change("redoing", () => ({ method: "POST", path: "redo" }));

export function toggleVisible(id: number): void {
  const now = new Set(hidden.value);
  if (!now.delete(id)) now.add(id);
  hidden.value = now;
  redraw();
  keepView();
}

export async function toggleUncertain(): Promise<void> {
  if (state.value?.assisted !== true) return;
  uncertain.value = !uncertain.value;
  unsure = null;
  redraw();
  if (uncertain.value) await showUncertainty();
}

let uncertaintyWanted = 0;
/** Shows where the model is unsure of the active object; switched off where that cannot be told. */
async function showUncertainty(): Promise<void> {
  const [id, object, wanted] = [state.value?.id, active.value, ++uncertaintyWanted];
  if (id === undefined || object === null) return;
  const found = await during("asking how sure the model is", async () => {
    const levels = await api.uncertainty(id, object);
    return { box: levels === null ? null : await unpackLevels(levels) };
  });
  if (wanted !== uncertaintyWanted || state.value?.id !== id) return;
  if (found === null) uncertain.value = false;
  unsure = found?.box ?? null;
  redraw();
}

export function setWindow(window: [number, number], colours: Scale): void {
  window_.value = window;
  scale.value = colours;
  revision.value++;
  clearTimeout(windowing);
  windowing = setTimeout(() => {
    viewer?.setWindow(window_.value, scale.value);
    keepView();
  }, 120);
}
let windowing: ReturnType<typeof setTimeout> | undefined;

export function moveTo(mm: Point): void {
  if (viewer !== null && !viewer.shows(mm) && !whole.value) {
    place.value = mm;
    void showWhole(true);
    return;
  }
  viewer?.moveTo(mm);
  place.value = viewer?.place ?? null;
  keepView();
}

let keeping: ReturnType<typeof setTimeout> | undefined;
/** Stores window, place and what is visible, once the reader pauses. */
export function keepView(): void {
  clearTimeout(keeping);
  keeping = setTimeout(() => {
    const id = state.value?.id;
    if (id === undefined || lease === null) return;
    const view = {
      window: window_.value,
      scale: scale.value,
      hidden: [...hidden.value],
      whole: whole.value,
      place: place.value,
    };
    api.keepView(id, lease, view).catch(() => undefined);
  }, 400);
}

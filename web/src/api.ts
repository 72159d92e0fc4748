// The server's interface: every call is typed by its OpenAPI description (wire.d.ts).

import type { components } from "./wire";

type Schemas = components["schemas"];
export type Server = Schemas["ServerReply"];
export type ScanEntry = Schemas["ScanEntry"];
export type Scan = Schemas["ScanReply"];
export type Folder = Schemas["FolderReply"];
export type Series = Schemas["SeriesReply"];
export type RemoteSeries = Schemas["RemoteSeriesReply"];
export type Reading = Schemas["ReadingReply"];
export type State = Schemas["StateReply"];
export type Edit = Schemas["EditReply"];
export type Bits = Schemas["BitsReply"];
export type Levels = Schemas["UncertaintyReply"];
export type Row = Schemas["TableRow"];
export type Pixel = Schemas["PixelReply"];
export type Lease = Schemas["LeaseReply"];
export type Rule = Schemas["ThresholdRequest"]["rule"];
export type Plane = "sagittal" | "coronal" | "axial";
export type Point = [number, number, number];

/** An answer that is no success; its message says what to do. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    detail: string,
  ) {
    super(detail);
  }
}

async function answer(
  method: string,
  path: string,
  body?: BodyInit,
  headers: HeadersInit = {},
): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`./${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
  } catch {
    throw new Problem(
      0,
      "Unreachable",
      "The server does not answer. Everything done so far is stored; start it again.",
    );
  }
  if (response.ok) return response;
  const text = await response.text();
  try {
    const problem = JSON.parse(text) as { type: string; detail: string };
    throw new Problem(response.status, problem.type, problem.detail);
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(
      response.status,
      "about:blank",
      `The server answered ${response.status}: ${text.slice(0, 200)}`,
    );
  }
}

async function json<T>(method: string, path: string, body?: unknown, lease?: string): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (lease !== undefined) headers["X-Lease"] = lease;
  const response = await answer(method, path, body === undefined ? undefined : JSON.stringify(body), headers);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export const server = () => json<Server>("GET", "api/server");
export const scans = () => json<ScanEntry[]>("GET", "api/scans");
export const folder = (path: string) => json<Folder>("GET", `api/folder?path=${encodeURIComponent(path)}`);
export const seriesIn = (path: string) =>
  json<Series[]>("GET", `api/series?path=${encodeURIComponent(path)}`);
export const scan = (id: string) => json<Scan>("GET", `api/scans/${id}`);
export const addScan = (path: string, uid?: string) =>
  json<Scan>("POST", "api/scans", uid === undefined ? { path } : { path, series_uid: uid });
export const remoteSeries = (modality: string, patient: string) =>
  json<RemoteSeries[]>(
    "GET",
    `api/dicomweb/series?modality=${modality}&patient=${encodeURIComponent(patient)}`,
  );
/** Fetches a series of the DICOMweb server: a scan, or what is shown with one. */
export const fetchRemote = (found: RemoteSeries, secondOf: string | null = null) =>
  json<Scan>("POST", "api/dicomweb/scans", {
    study_uid: found.study_uid,
    series_uid: found.series_uid,
    name: [found.patient, found.date, found.description].filter(Boolean).join(" ").slice(0, 80) || "scan",
    second_of: secondOf,
  });
export const image = async (id: string, whole: boolean) =>
  (await answer("GET", `api/scans/${id}/image.nii?part=${whole ? "all" : "shown"}`)).arrayBuffer();

export const setSecond = (id: string, path: string | null) =>
  json<Scan>("PUT", `api/scans/${id}/second`, { path });

/** The CT or MR on the scan's grid, or a finer one: int16, to be multiplied by a step. */
export async function second(id: string, whole: boolean, finer: number): Promise<Second> {
  const part = whole ? "all" : "shown";
  const response = await answer("GET", `api/scans/${id}/second.nii?part=${part}&finer=${finer}`);
  const step = Number(response.headers.get("X-Step"));
  return { nifti: await response.arrayBuffer(), step, modality: response.headers.get("X-Modality") ?? "CT" };
}
export interface Second {
  nifti: ArrayBuffer;
  step: number;
  modality: string;
}

/** A projection: SUV of its pixels is their level times the step. */
export async function projection(
  id: string,
  degrees: number,
): Promise<{ levels: Uint16Array; step: number }> {
  const response = await answer("GET", `api/scans/${id}/mips/${degrees}`);
  const levels = new Uint16Array(await response.arrayBuffer());
  return { levels, step: Number(response.headers.get("X-SUV-Step")) };
}

export const pixel = (id: string, degrees: number, row: number, column: number) =>
  json<Pixel>("GET", `api/scans/${id}/mips/${degrees}/voxel?row=${row}&column=${column}`);

export const beginReading = (scanId: string, reader: string, assisted: boolean) =>
  json<Reading>("POST", `api/scans/${scanId}/readings`, { reader, assisted });
export const reading = (id: string) => json<Reading>("GET", `api/readings/${id}`);
export const lease = (id: string, held: string | null, takeOver: boolean) =>
  json<Lease>("POST", `api/readings/${id}/lease`, { lease: held, take_over: takeOver });
/** Gives a lease back; gets through while the page closes. */
export const releaseLease = (id: string, held: string) =>
  void fetch(`./api/readings/${id}/lease`, {
    method: "DELETE",
    headers: { "X-Lease": held },
    keepalive: true,
  }).catch(() => undefined);
export const table = (id: string) => json<Row[]>("GET", `api/readings/${id}/table`);
export const uncertainty = (id: string, object: number) =>
  json<Levels | null>("GET", `api/readings/${id}/objects/${object}/uncertainty`);
export async function shadows(id: string, degrees: number, hidden: number[]): Promise<Uint8Array> {
  const response = await answer("GET", `api/readings/${id}/mips/${degrees}?hidden=${hidden.join(",")}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Sends a change of a reading, by who holds its lease. */
export const edit = (id: string, held: string, method: string, path: string, body?: unknown) =>
  json<Edit>(method, `api/readings/${id}/${path}`, body, held);
export const keepView = (id: string, held: string, view: unknown) =>
  json<void>("PUT", `api/readings/${id}/view`, view, held);

/** Sends files one by one and makes a scan of them. */
export async function upload(
  files: File[],
  name: string,
  choose: (series: Series[]) => Promise<string>,
): Promise<Scan> {
  return sent(files, async (id) => {
    const finish = (uid?: string) => {
      const series = uid === undefined ? "" : `&series_uid=${uid}`;
      return json<Scan>("POST", `api/uploads/${id}/finish?name=${encodeURIComponent(name)}${series}`);
    };
    try {
      return await finish();
    } catch (error) {
      if (!(error instanceof Problem) || error.kind !== "SeriesError") throw error;
      const pet = (await json<Series[]>("GET", `api/uploads/${id}/series`)).filter(
        (s) => s.modality === "PT",
      );
      if (pet.length < 2) throw error;
      return await finish(await choose(pet));
    }
  });
}

/** Sends files one by one, to be shown with a scan. */
export const uploadSecond = (files: File[], scanId: string) =>
  sent(files, (id) => json<Scan>("POST", `api/uploads/${id}/second/${scanId}`));

async function sent(files: File[], finish: (id: string) => Promise<Scan>): Promise<Scan> {
  const { id } = await json<{ id: string }>("POST", "api/uploads");
  try {
    for (const [number, file] of files.entries())
      await answer("PUT", `api/uploads/${id}/files/${number}?name=${encodeURIComponent(file.name)}`, file);
    return await finish(id);
  } catch (error) {
    await answer("DELETE", `api/uploads/${id}`).catch(() => undefined);
    throw error;
  }
}

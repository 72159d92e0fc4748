// Opening a scan: one that is known, one of the served folder, or an upload.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import * as api from "./api";
import * as store from "./store";

const READER = "seganypet-reader";

export function Opening() {
  const shown = useSignal(new URLSearchParams(location.search).get("reading") === null);
  const reader = useSignal(localStorage.getItem(READER) ?? "");
  const manual = useSignal(false);
  const open = async (text: string, find: () => Promise<api.Scan>) => {
    const who = reader.value.trim() || "reader";
    localStorage.setItem(READER, who);
    const found = await store.during(text, find);
    if (found === null) return;
    shown.value = false;
    await store.open(found, who, !manual.value);
  };
  return (
    <section class="opening">
      <h1>SegAnyPET</h1>
      {store.scan.value !== null && (
        <p class="scan" data-testid="scan">
          <b>{store.scan.value.name}</b> {store.scan.value.shape.join(" × ")} voxels,{" "}
          {store.state.value?.reader}
          {store.state.value?.assisted === false && ", manual"}
        </p>
      )}
      {store.scan.value?.notes.map((note) => (
        <p key={note} class="note" data-testid="note">
          {note}
        </p>
      ))}
      <button
        type="button"
        onClick={() => {
          shown.value = !shown.value;
        }}
      >
        {shown.value ? "Close" : "Open a scan…"}
      </button>
      {shown.value && (
        <div class="choices">
          <label>
            reader
            <input
              value={reader.value}
              placeholder="your name or initials"
              onInput={(e) => {
                reader.value = e.currentTarget.value;
              }}
            />
          </label>
          <label>
            <input
              type="checkbox"
              checked={manual.value}
              onChange={(e) => {
                manual.value = e.currentTarget.checked;
              }}
            />
            manual reading (model off)
          </label>
          <Known open={open} />
          {store.server.value?.can_browse && <Browse open={open} />}
          <Upload open={open} />
        </div>
      )}
    </section>
  );
}

type Open = (text: string, find: () => Promise<api.Scan>) => Promise<void>;

function Known({ open }: { open: Open }) {
  const known = useSignal<api.ScanEntry[]>([]);
  useEffect(() => {
    api.scans().then((found) => {
      known.value = found;
    }, store.complain);
  }, []);
  if (known.value.length === 0) return null;
  return (
    <>
      <h2>Scans</h2>
      <ul class="files">
        {known.value.map((entry) => (
          <li key={entry.id}>
            <button type="button" onClick={() => void open("reading the scan", () => api.scan(entry.id))}>
              {entry.name}
            </button>
            <small>{entry.readings.map((r) => r.reader + (r.assisted ? "" : " (manual)")).join(", ")}</small>
          </li>
        ))}
      </ul>
    </>
  );
}

function Browse({ open }: { open: Open }) {
  const here = useSignal("");
  const found = useSignal<api.Folder | null>(null);
  const series = useSignal<api.Series[]>([]);
  useEffect(() => {
    series.value = [];
    api.folder(here.value).then((listed) => {
      found.value = listed;
    }, store.complain);
  }, [here.value]);
  const join = (name: string) => (here.value === "" ? name : `${here.value}/${name}`);
  const dicom = async () => {
    const listed = await store.during("looking for series", () => api.seriesIn(here.value));
    if (listed === null) return;
    const pet = listed.filter((s) => s.modality === "PT");
    if (pet.length > 1) series.value = pet;
    else await open("reading the scan", () => api.addScan(here.value));
  };
  if (found.value === null) return null;
  return (
    <>
      <h2>On the server{here.value && `: ${here.value}`}</h2>
      <ul class="files">
        {here.value !== "" && (
          <li>
            <button
              type="button"
              onClick={() => {
                here.value = here.value.split("/").slice(0, -1).join("/");
              }}
            >
              ↑
            </button>
          </li>
        )}
        {found.value.dicom_files > 0 && (
          <li>
            <button type="button" onClick={() => void dicom()}>
              DICOM series ({found.value.dicom_files} files)
            </button>
          </li>
        )}
        {series.value.map((s) => (
          <li key={s.uid}>
            <button
              type="button"
              onClick={() => void open("reading the scan", () => api.addScan(here.value, s.uid))}
            >
              {s.description || s.uid}, {s.date}, {s.files} files
            </button>
          </li>
        ))}
        {found.value.images.map((name) => (
          <li key={name}>
            <button
              type="button"
              onClick={() => void open("reading the scan", () => api.addScan(join(name)))}
            >
              {name || "the served scan"}
            </button>
          </li>
        ))}
        {found.value.folders.map((name) => (
          <li key={name}>
            <button
              type="button"
              onClick={() => {
                here.value = join(name);
              }}
            >
              {name}/
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Upload({ open }: { open: Open }) {
  const send = (files: FileList | null) => {
    if (files === null || files.length === 0) return;
    const list = [...files];
    const first = list[0]!;
    const name = first.webkitRelativePath.split("/")[0] || first.name;
    void open(`uploading ${list.length} file${list.length > 1 ? "s" : ""}`, () =>
      api.upload(list, name.slice(0, 80), () => undefined, choose),
    );
  };
  return (
    <>
      <h2>Upload</h2>
      <label class="file">
        NIfTI file
        <input
          type="file"
          accept=".nii,.gz"
          data-testid="upload"
          onChange={(e) => send(e.currentTarget.files)}
        />
      </label>
      <label class="file">
        DICOM folder
        <input
          type="file"
          data-testid="upload-folder"
          {...{ webkitdirectory: true }}
          onChange={(e) => send(e.currentTarget.files)}
        />
      </label>
    </>
  );
}

async function choose(series: api.Series[]): Promise<string> {
  const lines = series.map((s, n) => `${n + 1}: ${s.description || s.uid}, ${s.date}, ${s.files} files`);
  const answer = Number(window.prompt(`Which series?\n${lines.join("\n")}`, "1"));
  const chosen = series[answer - 1];
  if (chosen === undefined) throw new Error("No series was chosen; upload the folder again.");
  return chosen.uid;
}

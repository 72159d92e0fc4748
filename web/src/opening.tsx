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
          {store.server.value?.can_browse && <BrowsePet open={open} />}
          {store.server.value?.dicomweb && (
            <Remote
              modality="PT"
              choose={(found) => void open("fetching the scan", () => api.fetchRemote(found))}
            />
          )}
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

interface Choice {
  image: (path: string) => void;
  dicom: (path: string) => void;
}

/** The served folder, to choose from. */
function Browse({ image, dicom }: Choice) {
  const here = useSignal("");
  const found = useSignal<api.Folder | null>(null);
  useEffect(() => {
    api.folder(here.value).then((listed) => {
      found.value = listed;
    }, store.complain);
  }, [here.value]);
  const join = (name: string) => (here.value === "" ? name : `${here.value}/${name}`);
  if (found.value === null) return null;
  const entries: [string, () => void][] = [
    ...(here.value === ""
      ? []
      : [["↑", () => go(here.value.split("/").slice(0, -1).join("/"))] as [string, () => void]]),
    ...(found.value.dicom_files === 0
      ? []
      : [
          [`DICOM series (${found.value.dicom_files} files)`, () => dicom(here.value)] as [
            string,
            () => void,
          ],
        ]),
    ...found.value.images.map((name): [string, () => void] => [
      name || "the served scan",
      () => image(join(name)),
    ]),
    ...found.value.folders.map((name): [string, () => void] => [`${name}/`, () => go(join(name))]),
  ];
  const go = (path: string) => {
    here.value = path;
  };
  return (
    <>
      <h2>On the server{here.value && `: ${here.value}`}</h2>
      <ul class="files">
        {entries.map(([text, run]) => (
          <li key={text}>
            <button type="button" onClick={run}>
              {text}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** A PET of the served folder; of several series the reader chooses. */
function BrowsePet({ open }: { open: Open }) {
  const series = useSignal<{ path: string; found: api.Series[] } | null>(null);
  const add = (path: string, uid?: string) => void open("reading the scan", () => api.addScan(path, uid));
  const dicom = async (path: string) => {
    const listed = await store.during("looking for series", () => api.seriesIn(path));
    const pet = listed?.filter((s) => s.modality === "PT") ?? [];
    if (pet.length > 1) series.value = { path, found: pet };
    else if (listed !== null) add(path);
  };
  return (
    <>
      <Browse image={(path) => add(path)} dicom={(path) => void dicom(path)} />
      {series.value?.found.map((s) => (
        <button type="button" key={s.uid} onClick={() => add(series.value!.path, s.uid)}>
          {s.description || s.uid}, {s.date}, {s.files} files
        </button>
      ))}
    </>
  );
}

/** The DICOMweb server's series, to choose from. */
function Remote({ modality, choose }: { modality: "PT" | "CT"; choose: (found: api.RemoteSeries) => void }) {
  const patient = useSignal("");
  const found = useSignal<api.RemoteSeries[] | null>(null);
  const search = async () => {
    found.value = await store.during("asking the DICOMweb server", () =>
      api.remoteSeries(modality, patient.value.trim()),
    );
  };
  return (
    <>
      <h2>DICOMweb</h2>
      <div class="add">
        <input
          placeholder="patient ID, * for any"
          aria-label={`Patient ID of a ${modality}`}
          value={patient.value}
          onInput={(e) => {
            patient.value = e.currentTarget.value;
          }}
          onKeyDown={(e) => e.key === "Enter" && void search()}
        />
        <button type="button" onClick={() => void search()}>
          Search
        </button>
      </div>
      {found.value?.length === 0 && <p>No {modality} series found.</p>}
      <ul class="files">
        {found.value?.map((series) => (
          <li key={series.series_uid}>
            <button type="button" onClick={() => choose(series)}>
              {[series.patient, series.date, series.description].filter(Boolean).join(", ") ||
                series.series_uid}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

/** The CT or MR that is shown with the scan. */
export function Second() {
  const choosing = useSignal(false);
  const scan = store.scan.value;
  if (scan === null || store.state.value === null) return null;
  const take = (find: () => Promise<api.Scan>) => {
    choosing.value = false;
    void store.takeSecond(find);
  };
  const fromServer = (path: string) => take(() => api.setSecond(scan.id, path));
  return (
    <div class="second">
      {scan.second !== null && (
        <>
          <select
            aria-label="CT or MR"
            value={store.second.value}
            onChange={(e) => void store.showSecond(e.currentTarget.value as "off")}
          >
            <option value="off">PET alone</option>
            <option value="fused">fused with {scan.second}</option>
            <option value="beside">beside {scan.second}</option>
          </select>
          <select
            aria-label="Window of the CT"
            value={store.ctWindow.value}
            onChange={(e) => {
              store.ctWindow.value = e.currentTarget.value;
              if (store.second.value === "fused") void store.showSecond("fused");
            }}
          >
            {Object.keys(store.CT_WINDOWS).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </>
      )}
      {store.second.value === "fused" && (
        <input
          type="range"
          min={0}
          max={1}
          step={0.1}
          value={store.share.value}
          aria-label="How much of the CT or MR"
          onChange={(e) => {
            store.share.value = Number(e.currentTarget.value);
            void store.showSecond("fused");
          }}
        />
      )}
      <button
        type="button"
        onClick={() => {
          choosing.value = !choosing.value;
        }}
      >
        {choosing.value ? "Close" : scan.second === null ? "Add a CT or MR…" : "Another…"}
      </button>
      {choosing.value && (
        <div>
          {store.server.value?.can_browse && <Browse image={fromServer} dicom={fromServer} />}
          {store.server.value?.dicomweb && (
            <Remote modality="CT" choose={(found) => take(() => api.fetchRemote(found, scan.id))} />
          )}
          <Files send={(files) => take(() => api.uploadSecond(files, scan.id))} />
        </div>
      )}
    </div>
  );
}

function Upload({ open }: { open: Open }) {
  const send = (files: File[]) => {
    const first = files[0]!;
    const name = first.webkitRelativePath.split("/")[0] || first.name;
    void open(`uploading ${files.length} file${files.length > 1 ? "s" : ""}`, () =>
      api.upload(files, name.slice(0, 80), choose),
    );
  };
  return <Files send={send} />;
}

function Files({ send }: { send: (files: File[]) => void }) {
  const chosen = (files: FileList | null) => {
    if (files !== null && files.length > 0) send([...files]);
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
          onChange={(e) => chosen(e.currentTarget.files)}
        />
      </label>
      <label class="file">
        DICOM folder
        <input
          type="file"
          data-testid="upload-folder"
          {...{ webkitdirectory: true }}
          onChange={(e) => chosen(e.currentTarget.files)}
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

import { defineConfig } from "vite";

// The built page is packed into the Python package.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../src/seganypet/app/page",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 3000,
  },
  server: { proxy: { "/api": "http://127.0.0.1:8000" } },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
});

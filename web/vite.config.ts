import { defineConfig } from "vite";

// The server's policy forbids what is inline, so nothing is made so.
export default defineConfig({
  build: {
    outDir: "served/dist",
    target: ["chrome123", "firefox121", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  // npm run dev shows the page of a server that runs beside it, such as make run.
  server: { proxy: { "/v1": "http://127.0.0.1:8080" } },
});

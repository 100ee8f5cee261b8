import { defineConfig } from "@playwright/test";

// make test runs this through TestPage in ../integration, which starts the
// server and says where it and the browser are. What is left of a failed test, a
// picture and a trace, lies in node_modules/.e2e.
export default defineConfig({
  testDir: "e2e",
  testMatch: "*.spec.ts",
  outputDir: "node_modules/.e2e",
  workers: 1,
  forbidOnly: true,
  reporter: "list",
  timeout: 120_000,
  expect: { timeout: 30_000 },
  use: {
    baseURL: process.env["SERVER"] ?? "",
    viewport: { width: 1280, height: 860 },
    contextOptions: { reducedMotion: "reduce" },
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "chromium",
      args: ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    },
  },
});

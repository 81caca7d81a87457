import { defineConfig } from "vite";

// `npm run dev` serves the page itself and passes everything else to a running hub.
const hub = process.env["HUB_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  server: {
    host: "127.0.0.1",
    proxy: {
      "/api": { target: hub },
      "/connection": { target: hub, ws: true },
    },
  },
  build: {
    target: "es2022",
    // The hub's policy allows no inline data: every asset is a file of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});

/**
 * `node build.mjs` builds the app into build/; `node build.mjs serve` serves it against the running
 * product (make run) and rebuilds after each change.
 */

import { context } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";

const PORT = 5173;
const isServed = process.argv[2] === "serve";

await mkdir("build", { recursive: true });
await copyFile("index.html", "build/index.html");
const bundle = await context({
  entryPoints: ["src/main.tsx"],
  outdir: "build",
  bundle: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  alias: { "react-native": "react-native-web" },
  define: { "process.env.NODE_ENV": JSON.stringify(isServed ? "development" : "production") },
  minify: !isServed,
  sourcemap: isServed,
  logLevel: "warning",
});

if (isServed) {
  await writeFile("build/settings.json", JSON.stringify(await readSettings(), null, 2));
  await bundle.watch();
  await bundle.serve({ host: "127.0.0.1", port: PORT, servedir: "build", fallback: "build/index.html" });
  console.log(`Open http://localhost:${PORT} and sign in as sam@harbour.example (demo-sam-1234).`);
} else {
  await bundle.rebuild();
  await bundle.dispose();
}

async function readSettings() {
  const file = new URL("../../.local/run.json", import.meta.url);
  const runInfo = await readFile(file, "utf8").catch(() => {
    console.error("Dutyline is not running here; start it with: make run");
    process.exit(1);
  });
  const { api, identity } = JSON.parse(runInfo);
  return { api, issuer: identity.issuer, audience: identity.audience, clientId: identity.spa_client_id };
}

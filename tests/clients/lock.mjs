// Writes package-lock.json anew, without the papers that need no address: node lock.mjs
import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";

const file = new URL("package-lock.json", import.meta.url);
execFileSync("npm", ["install", "--package-lock-only"], { cwd: import.meta.dirname, stdio: "inherit" });
const lock = JSON.parse(await readFile(file, "utf8"));
for (const entry of Object.values(lock.packages)) delete entry.funding;
await writeFile(file, `${JSON.stringify(lock, null, 2)}\n`);

// Bundles scripts for Node or for a browser: node bundle.mjs PLATFORM SCRIPT... Relay's documents become what its compiler made.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

const TAG = /graphql`\s*(?:query|mutation|subscription|fragment)\s+(\w+)[^`]*`/g;

/** What babel-plugin-relay does in an app. */
const relay = {
  name: "relay",
  setup(bundler) {
    bundler.onLoad({ filter: /build\/relay\/\w+\.ts$/ }, async ({ path }) => {
      const imports = [];
      const contents = (await readFile(path, "utf8")).replace(TAG, (_tag, name) => {
        imports.push(`import ${name}_ from "./__generated__/${name}.graphql";`);
        return `${name}_`;
      });
      return { contents: [...imports, contents].join("\n"), loader: "ts" };
    });
  },
};

const [platform, ...entryPoints] = process.argv.slice(2);
await build({
  absWorkingDir: import.meta.dirname,
  entryPoints,
  platform,
  bundle: true,
  format: "esm",
  target: "es2023",
  outdir: `build/bundles/${platform}`,
  outExtension: { ".js": ".mjs" },
  // As in development, where clients complain of what they dislike.
  conditions: ["development"],
  define: { "globalThis.__DEV__": "true", "process.env.NODE_ENV": '"development"' },
  // Packages in the older format ask for Node's own modules by `require`.
  banner: platform === "node" ? { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" } : {},
  plugins: [relay],
  logLevel: "warning",
});

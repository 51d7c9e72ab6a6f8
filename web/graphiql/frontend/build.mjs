// Bundles the page into the folder given as argument, each file named by its content, and tells their names in
// manifest.json: what web/graphiql/page.py reads.
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const folder = process.argv[2];
// graphiql/style.css has the editor's styles in it already.
const withoutEditorStyles = {
  name: 'without-editor-styles',
  setup: ({ onLoad }) => onLoad({ filter: /monaco-editor.*\.css$/ }, () => ({ contents: '', loader: 'empty' })),
};
const options = {
  bundle: true,
  minify: true,
  metafile: true,
  outdir: folder,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  target: 'es2022',
  legalComments: 'eof',
  loader: { '.svg': 'copy' },
  // The older names lead to scripts of the kind that dynamic imports find empty.
  alias: { 'prettier/parser-babel': 'prettier/plugins/babel', 'prettier/parser-graphql': 'prettier/plugins/graphql' },
  plugins: [withoutEditorStyles],
  logLevel: 'warning',
};

/** Bundle one entry point; the names of its script, or copied file, and of its styles. */
async function bundled(name, source, more = {}) {
  const { metafile } = await build({ ...options, ...more, entryPoints: { [name]: source } });
  const [[file, { cssBundle }]] = Object.entries(metafile.outputs).filter(([, { entryPoint }]) => entryPoint === source);
  return { file: basename(file), style: cssBundle && basename(cssBundle) };
}

/** The address of a worker, relative to the page's script. */
async function worker(name, source) {
  const { file } = await bundled(name, `node_modules/${source}`);
  return `./${file}`;
}

await mkdir(folder, { recursive: true });
const workers = {
  editor: await worker('editor-worker', 'monaco-editor/esm/vs/editor/editor.worker.js'),
  graphql: await worker('graphql-worker', 'monaco-graphql/esm/graphql.worker.js'),
  json: await worker('json-worker', 'monaco-editor/esm/vs/language/json/json.worker.js'),
};
const icon = await bundled('lamp', 'src/lamp.svg');
const page = await bundled('graphiql', 'src/main.jsx', {
  format: 'esm',
  splitting: true,
  jsx: 'automatic',
  define: { WORKERS: JSON.stringify(workers), 'process.env.NODE_ENV': '"production"' },
});
const manifest = { script: page.file, style: page.style, icon: icon.file };
await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));

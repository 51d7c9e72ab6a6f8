// GraphiQL with the explorer and Porchlight's ready tabs, every part of it from our own origin.
import { explorerPlugin } from '@graphiql/plugin-explorer';
import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { useGraphiQL } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';

import { fetcher } from './fetcher.js';
import { authorization, headersIn, useSignIn, withToken } from './sign-in.js';
import { tabs } from './tabs.js';

import 'graphiql/style.css';
import '@graphiql/plugin-explorer/style.css';
import './porchlight.css';

// WORKERS is written by build.mjs: the addresses of the workers beside this script.
globalThis.MonacoEnvironment = {
  getWorker: (_, label) => new Worker(new URL(WORKERS[label] ?? WORKERS.editor, import.meta.url)),
};

// On the first visit, we write where GraphiQL keeps what it was left like: sizes that suit our tabs at 1280 pixels, and
// the first tab, whose variables it would not take from `defaultTabs`.
if (localStorage.getItem('graphiql:tabState') === null) {
  const left = { docExplorerFlex: '0.29', editorFlex: '1.1', ...tabs[0] };
  Object.entries(left).forEach(([name, value]) => localStorage.setItem(`graphiql:${name}`, value));
}

const explorer = explorerPlugin({ showAttribution: false });
const plugins = [explorer, HISTORY_PLUGIN];

/** Offers the token of the last sign-in to the tabs, and says whose it is where it is in use. */
function SignIn() {
  const signIn = useSignIn();
  const opened = useGraphiQL((state) => state.tabs);
  const active = useGraphiQL((state) => state.activeTabIndex);
  const headerEditor = useGraphiQL((state) => state.headerEditor);
  if (!signIn || !headerEditor) {
    return null;
  }
  const owner = signIn.email ?? 'the last sign-in';
  if (authorization(headersIn(opened[active]?.headers)) === `Bearer ${signIn.token}`) {
    return <span className="porchlight-signed-in">Runs as {owner}</span>;
  }
  const use = () => {
    // The active tab's headers are its editor's; the others read theirs when they are opened.
    opened.forEach((tab) => {
      tab.headers = withToken(tab.headers, signIn.token);
    });
    headerEditor.setValue(withToken(headerEditor.getValue(), signIn.token));
  };
  return (
    <button type="button" className="porchlight-use-token" onClick={use}>
      Use the token of {owner}
    </button>
  );
}

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={plugins}
    visiblePlugin={explorer}
    defaultTabs={tabs}
    defaultEditorToolsVisibility
    inputValueDeprecation
    shouldPersistHeaders={false}
  >
    <GraphiQL.Logo>
      <SignIn />
      <img className="porchlight-lamp" src={document.querySelector('link[rel=icon]').href} alt="" />
      <span>Porchlight</span>
    </GraphiQL.Logo>
  </GraphiQL>,
);

// Sends operations to Porchlight: queries and mutations by POST, subscriptions over a WebSocket, at one address.
import { getOperationAST, parse } from 'graphql';
import { createClient } from 'graphql-ws';

import { authorization, noticeSignIn } from './sign-in.js';

const ADDRESS = new URL('/graphql', window.location.href);

/** What GraphiQL calls for each operation: a promise of an answer, or an observable of answers. */
export function fetcher(operation, { headers } = {}) {
  const chosen = chosenIn(operation);
  const sent = { ...operation, operationName: chosen?.name?.value ?? operation.operationName };
  return chosen?.operation === 'subscription' ? follow(sent, headers) : ask(sent, headers);
}

/**
 * The operation to run, from the text that is sent: just after another tab was opened, GraphiQL still names an
 * operation of the tab before. Undefined where the server has to say what is wrong.
 */
function chosenIn({ query, operationName }) {
  try {
    const document = parse(query);
    return getOperationAST(document, operationName) ?? getOperationAST(document) ?? undefined;
  } catch {
    return undefined;
  }
}

async function ask(operation, headers) {
  const response = await fetch(ADDRESS, {
    method: 'POST',
    headers: {
      Accept: 'application/graphql-response+json, application/json;q=0.9',
      'Content-Type': 'application/json',
      ...headers,
    },
    body: JSON.stringify(operation),
  });
  const answer = await response.json();
  noticeSignIn(answer, operation.variables);
  return answer;
}

function follow(operation, headers) {
  const token = authorization(headers);
  const client = createClient({
    url: ADDRESS.href.replace(/^http/, 'ws'),
    connectionParams: token ? { Authorization: token } : {},
    retryAttempts: 0,
  });
  return {
    subscribe({ next, error, complete }) {
      const told = (reason) => error(reason instanceof CloseEvent ? lost(reason) : reason);
      return { unsubscribe: client.subscribe(operation, { next, error: told, complete }) };
    },
  };
}

function lost({ code, reason }) {
  return { message: `The connection has ended: ${reason || 'without a reason'} (${code}).` };
}

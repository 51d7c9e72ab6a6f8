// graphql-sse, urql and EventSource drive the server: what each sees of event streams.
import { Client, fetchExchange } from '@urql/core';
import { EventSource } from 'eventsource';
import { createClient, NetworkError } from 'graphql-sse';
import { ask, answers, bearer, codes, counts, COUNTDOWN, LOGOUT, report, seconds, tokens, TYPENAME, url } from './world.mjs';

const [ada, grace, leaving, last] = tokens;
const address = `${url}/graphql/stream`;

function client(token, more = {}) {
  return createClient({ url: address, retryAttempts: 0, headers: async () => (token ? bearer(token) : {}), ...more });
}

const types = [];

function urql(token) {
  return new Client({
    url: `${url}/graphql`,
    preferGetMethod: false,
    exchanges: [fetchExchange],
    fetchSubscriptions: true,
    fetchOptions: { headers: token ? bearer(token) : {} },
    async fetch(...asked) {
      const answer = await fetch(...asked);
      types.push(answer.headers.get('content-type'));
      return answer;
    },
  });
}

function follow(source, most) {
  return new Promise((resolve) => {
    const found = [];
    const { unsubscribe } = source.subscribe((answer) => {
      if (found.length < most && found.push(answer) === most) {
        setTimeout(() => unsubscribe());
        resolve(found);
      }
    });
  });
}

// As a browser asks that has cookies of this site and no way to send other headers.
function source(query, token) {
  const asked = `${address}?${new URLSearchParams({ query })}`;
  const headers = { Cookie: `porchlight-access=${token}`, 'Sec-Fetch-Site': 'same-origin' };
  return new EventSource(asked, { fetch: (to, init) => fetch(to, { ...init, headers: { ...init.headers, ...headers } }) });
}

await report({
  async 'graphql-sse: a query has one answer and an end'() {
    return answers(client(), TYPENAME);
  },
  async 'graphql-sse: a mutation has one answer and an end'() {
    const { next, complete } = await answers(client(ada), 'mutation { updateProfile(name: "Ada") { __typename } }');
    return { kinds: next.map((answer) => answer.data.updateProfile.__typename), complete };
  },
  async 'graphql-sse: a subscription is followed until the client leaves'() {
    const found = await answers(client(ada), COUNTDOWN, 3);
    return { counts: counts(seconds(found)), number: found.next.length };
  },
  async 'graphql-sse: what is wrong with the operation is an answer, and the end'() {
    const found = await Promise.all(['{', '{ nope }', COUNTDOWN].map((query) => answers(client(), query)));
    return found.map(({ next, complete }) => ({ codes: next.map(({ errors }) => codes(errors)), complete }));
  },
  async 'graphql-sse: a token that is none has its status'() {
    const { error } = await answers(client('none'), TYPENAME);
    return { network: error instanceof NetworkError, status: error.response.status };
  },
  async 'graphql-sse: the end of the session is the end'() {
    let connections = 0;
    const on = { connecting: () => (connections += 1) };
    let connected;
    const ready = new Promise((resolve) => (connected = resolve));
    const following = answers(client(leaving, { retryAttempts: 5, on: { ...on, connected } }), COUNTDOWN);
    await ready;
    await ask(LOGOUT, leaving);
    const { next, complete } = await following;
    return { codes: codes(next.at(-1).errors), complete, connections };
  },
  async 'urql: a subscription is followed until the client leaves'() {
    const found = await follow(urql(grace).subscription(COUNTDOWN, {}, { url: address }), 3);
    const left = found.map(({ data }) => data.trialCountdown.secondsLeft);
    return { counts: counts(left), number: left.length, errors: found.some(({ error }) => error), types: types.splice(0) };
  },
  async 'urql: queries and mutations stay JSON'() {
    const query = await urql(grace).query('{ me { email } }', {});
    const mutation = await urql(grace).mutation('mutation { updateProfile(name: "Grace") { __typename } }', {});
    const kind = mutation.data.updateProfile.__typename;
    return { email: query.data.me.email, kind, types: types.splice(0) };
  },
  async 'urql: what is wrong with the operation is an error'() {
    const [{ error }] = await follow(urql().subscription(COUNTDOWN, {}, { url: address }), 1);
    return codes(error.graphQLErrors);
  },
  async 'EventSource: events and the end have their names'() {
    const events = source(COUNTDOWN, last);
    const found = { counted: [], codes: [], opened: 0, messages: 0 };
    events.onopen = () => (found.opened += 1);
    events.onmessage = () => (found.messages += 1);
    return new Promise((resolve) => {
      events.addEventListener('next', async ({ data, lastEventId }) => {
        const answer = JSON.parse(data);
        found.id = lastEventId;
        if (answer.errors) {
          found.codes = codes(answer.errors);
        } else if (found.counted.push(answer.data.trialCountdown.secondsLeft) === 3) {
          await ask(LOGOUT, last);
        }
      });
      events.addEventListener('complete', ({ data }) => {
        events.close();
        resolve({ ...found, counted: counts(found.counted) && found.counted.length >= 3, end: data });
      });
    });
  },
});

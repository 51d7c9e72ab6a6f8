// docs/tour.md with Apollo or urql in place of curl, in Node and in a browser: TOUR.run(client, url, picture) tells what it saw.
import { gql } from "@apollo/client";
import type { DocumentNode } from "graphql";
import { pipe, subscribe } from "wonka";
import { apolloClient } from "./build/apollo";
import { Session } from "./build/session";
import { openSocket } from "./build/socket";
import { openStreams } from "./build/streams";
import { urqlClient } from "./build/urql";

type Variables = Record<string, unknown>;
type Client = {
  ask(document: DocumentNode, variables?: Variables): Promise<any>;
  follow(document: DocumentNode, next: (data: any) => void): () => void;
};

const kindOf = (document: DocumentNode) =>
  document.definitions.find((one) => one.kind === "OperationDefinition")?.operation ?? "query";

function open(name: string, session: Session, webSocketImpl: unknown, socket = openSocket(session, webSocketImpl)): Client {
  if (name === "apollo") {
    const client = apolloClient(session, socket);
    return {
      ask: async (document, variables) =>
        kindOf(document) === "query"
          ? (await client.query({ query: document, variables, fetchPolicy: "network-only" })).data
          : (await client.mutate({ mutation: document, variables })).data,
      follow: (document, next) => {
        const following = client.subscribe({ query: document }).subscribe(({ data }) => next(data));
        return () => following.unsubscribe();
      },
    };
  }
  const client = urqlClient(session, socket);
  return {
    ask: async (document, variables) => {
      const options = { requestPolicy: "network-only" } as const;
      const asked = kindOf(document) === "query" ? client.query(document, variables, options) : client.mutation(document, variables);
      const { data, error } = await asked;
      if (error) throw error;
      return data;
    },
    follow: (document, next) => pipe(client.subscription(document, {}), subscribe(({ data }) => next(data))).unsubscribe,
  };
}

const REGISTER = gql`
  mutation Register($input: RegisterInput!) {
    register(input: $input) {
      __typename
      ... on Error { message }
      ... on RegisterSuccess {
        user { id email }
        trial { id status plan { id name } secondsLeft }
        tokens { accessToken refreshToken }
      }
    }
  }
`;
const ME = gql`query Me { me { id email role trial { id status } } }`;
const COUNTDOWN = gql`subscription Countdown { trialCountdown(everySeconds: 1) { status secondsLeft } }`;
const INTERESTS = gql`mutation Interests($topics: [String!]!) { setInterests(topics: $topics) { topic weight source } }`;
const FEED = gql`
  query Feed($filter: RecommendationFilter) {
    me { id recommendations(first: 3, filter: $filter) { edges { node { id category } recommendationId reason } } }
  }
`;
const DISLIKE = gql`
  mutation Dislike($interactions: [InteractionInput!]!) { recordInteractions(interactions: $interactions) { accepted duplicates } }
`;
const SHOW = gql`
  mutation Show($image: Upload!) {
    analyzeImage(image: $image, caption: "Baking bread") {
      __typename
      ... on AnalyzeImageSuccess { analysis { caption topics { topic source } } }
    }
  }
`;
const INTENT = gql`
  query Intent { resolveIntent(text: "I want to upgrade to the yearly pro plan") { name slots suggestedOperation } }
`;
const REFRESH = gql`
  mutation Refresh($refreshToken: String!) {
    refreshSession(refreshToken: $refreshToken) {
      __typename
      ... on RefreshSessionSuccess { tokens { accessToken refreshToken } }
    }
  }
`;
const LOGOUT = gql`mutation LogOut { logout }`;

async function feed(client: Client, filter: object | null = null): Promise<any[]> {
  return (await client.ask(FEED, { filter })).me.recommendations.edges;
}

async function register(client: Client, session: Session, input: Variables, seen: Variables): Promise<void> {
  const { register: registered } = await client.ask(REGISTER, { input });
  session.keep(registered.tokens);
  seen.registered = [registered.user.email, registered.trial.status, registered.trial.plan.name];
  seen.left = registered.trial.secondsLeft;
  seen.again = (await client.ask(REGISTER, { input })).register.__typename;
  const { me } = await client.ask(ME);
  seen.me = [me.email, me.role, me.trial.status];
}

/** Nobody is nobody; a token that is not valid is refused. */
async function strangers(name: string, url: string, webSocketImpl: unknown, seen: Variables): Promise<void> {
  seen.nobody = (await open(name, new Session(url), webSocketImpl).ask(ME)).me;
  const forged = new Session(url, { accessToken: "forged", refreshToken: "forged" });
  const client = open(name, forged, webSocketImpl);
  seen.forged = await client.ask(ME).then(
    ({ me }) => me,
    (error) => (error.errors ?? error.graphQLErrors)[0].extensions.code,
  );
  seen.forgotten = forged.tokens;
}

async function countdown(client: Client, many: number): Promise<any[]> {
  const ticks: any[] = [];
  await new Promise<void>((resolve) => {
    const stop = client.follow(COUNTDOWN, ({ trialCountdown }) => {
      if (ticks.push(trialCountdown) === many) (stop(), resolve());
    });
  });
  return ticks;
}

async function interests(client: Client, seen: Variables): Promise<void> {
  seen.interests = (await client.ask(INTERESTS, { topics: ["photography"] })).setInterests.map((one: any) => one.topic);
  const shown = await feed(client);
  seen.categories = shown.map(({ node }) => node.category);
  const disliked = { itemId: shown[0].node.id, kind: "DISLIKE", idempotencyKey: "one" };
  seen.disliked = [];
  for (let count = 0; count < 2; count += 1) {
    const { accepted, duplicates } = (await client.ask(DISLIKE, { interactions: [disliked] })).recordInteractions;
    (seen.disliked as unknown[]).push([accepted, duplicates]);
  }
  seen.gone = !(await feed(client)).some(({ node }) => node.id === disliked.itemId);
}

async function picture(client: Client, image: Blob, seen: Variables): Promise<void> {
  const { analysis } = (await client.ask(SHOW, { image })).analyzeImage;
  seen.picture = analysis.topics.map(({ topic }: any) => topic);
  seen.kept = (await client.ask(INTERESTS, { topics: [] })).setInterests.map(({ source }: any) => source);
  const [{ node, recommendationId, reason }] = await feed(client, { categories: ["cooking"] });
  seen.cooking = [node.category, reason];
  const interactions = [{ itemId: node.id, kind: "DISLIKE", recommendationId }];
  seen.accepted = (await client.ask(DISLIKE, { interactions })).recordInteractions.accepted;
  const intent = (await client.ask(INTENT)).resolveIntent;
  seen.intent = [intent.name, intent.slots, intent.suggestedOperation];
}

async function leaving(client: Client, session: Session, seen: Variables): Promise<void> {
  const refreshToken = session.tokens!.refreshToken;
  const once = (await client.ask(REFRESH, { refreshToken })).refreshSession;
  const twice = (await client.ask(REFRESH, { refreshToken })).refreshSession;
  seen.same = once.tokens.refreshToken === twice.tokens.refreshToken && once.tokens.refreshToken !== refreshToken;
  session.keep(once.tokens);
  seen.logout = (await client.ask(LOGOUT)).logout;
  session.keep(null);
  seen.over = (await client.ask(REFRESH, { refreshToken: once.tokens.refreshToken })).refreshSession.__typename;
}

export async function run(name: string, url: string, image: string, email: string, webSocketImpl?: unknown): Promise<Variables> {
  const seen: Variables = {};
  const session = new Session(url);
  const client = open(name, session, webSocketImpl);
  await register(client, session, { email, password: "a long and private sentence" }, seen);
  await strangers(name, url, webSocketImpl, seen);
  const ticks = await countdown(client, 3);
  seen.ticks = ticks.map(({ status }) => status);
  seen.falling = ticks[2].secondsLeft < ticks[0].secondsLeft;
  seen.streamed = (await countdown(open(name, session, webSocketImpl, openStreams(session)), 2)).length;
  await interests(client, seen);
  const bytes = Uint8Array.from(atob(image), (letter) => letter.charCodeAt(0));
  await picture(client, new Blob([bytes], { type: "image/jpeg" }), seen);
  await leaving(client, session, seen);
  return seen;
}

Object.assign(globalThis, { TOUR: { run } });

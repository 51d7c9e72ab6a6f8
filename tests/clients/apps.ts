// The apps of docs/clients.md behind one face, so that one conversation can be held with each of them.
import { ApolloLink } from "@apollo/client";
import type { Exchange } from "@urql/core";
import type { Client as Socket } from "graphql-ws";
import { apolloClient } from "./build/apollo";
import * as apollo from "./build/apollo-app";
import * as relay from "./build/relay/App";
import { byId, relayEnvironment } from "./build/relay/environment";
import type { Session } from "./build/session";
import { urqlClient } from "./build/urql";
import * as urql from "./build/urql-app";

export type SignUp = { email: string; password: string };

export interface App {
  signUp(input: SignUp): Promise<string>;
  whoAmI(): Promise<string | undefined>;
  rename(name: string): Promise<string | null | undefined>;
  staffPage(): Promise<string>;
  showPicture(image: Blob, caption: string): Promise<string[]>;
  allSessions(): Promise<string[]>;
  sessionAgain(id: string): Promise<boolean>;
  countdown(tick: (secondsLeft: number) => void, over: () => void): () => void;
}

type Functions<Client> = {
  signUp(client: Client, session: Session, input: SignUp): Promise<string>;
  whoAmI(client: Client): Promise<string | undefined>;
  rename(client: Client, name: string): Promise<string | null | undefined>;
  staffPage(client: Client): Promise<string>;
  showPicture(client: Client, image: Blob, caption: string): Promise<string[]>;
  allSessions(client: Client): Promise<string[]>;
  sessionAgain(client: Client, id: string): Promise<boolean>;
  countdown(client: Client, tick: (secondsLeft: number) => void, over: () => void): () => void;
};

function withClient<Client>(client: Client, session: Session, app: Functions<Client>): App {
  return {
    signUp: (input) => app.signUp(client, session, input),
    whoAmI: () => app.whoAmI(client),
    rename: (name) => app.rename(client, name),
    staffPage: () => app.staffPage(client),
    showPicture: (image, caption) => app.showPicture(client, image, caption),
    allSessions: () => app.allSessions(client),
    sessionAgain: (id) => app.sessionAgain(client, id),
    countdown: (tick, over) => app.countdown(client, tick, over),
  };
}

/** What a client does about ids of documents, in its own terms. */
export type Ids = { link?: ApolloLink; exchange?: Exchange; relay?: boolean };

export function openApp(name: string, session: Session, socket: Socket, ids: Ids = {}): App {
  switch (name) {
    case "apollo":
      return withClient(apolloClient(session, socket, ...(ids.link ? [ids.link] : [])), session, apollo);
    case "urql":
      return withClient(urqlClient(session, socket, ...(ids.exchange ? [ids.exchange] : [])), session, urql);
    case "relay":
      return withClient(relayEnvironment(session, socket, ids.relay ? byId : undefined), session, relay);
    default:
      throw new Error(`There is no client ${name}.`);
  }
}

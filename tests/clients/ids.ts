// Clients that send ids instead of texts, to a server with their manifest or to one without.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createPersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { persistedExchange } from "@urql/exchange-persisted";
import { WebSocket } from "ws";
import { openApp, type Ids } from "./apps";
import { Session } from "./build/session";
import { openSocket } from "./build/socket";
import { apolloIds, urqlIds } from "./build/trusted";
import { eavesdropping, tell, world } from "./world";

const [, , name = "", url = "", manifest = ""] = process.argv;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** As the clients do it by themselves, where nobody has a manifest. */
const byHash: Ids = {
  link: createPersistedQueryLink({ sha256 }),
  exchange: persistedExchange({ enableForMutation: true, preferGetForPersistedQueries: false }),
};
const byManifest: Ids = {
  link: apolloIds(async () => JSON.parse(await readFile(manifest, "utf8"))),
  exchange: urqlIds(),
  relay: true,
};

const heard = eavesdropping();
const session = new Session(url);
const app = openApp(name, session, openSocket(session, WebSocket), manifest ? byManifest : byHash);

/** How what was sent since the last look named its documents. */
function sent(): string[] {
  return heard.splice(0).map((body) => {
    const { query, documentId, extensions } = JSON.parse(body);
    const named = [query && "text", documentId && "id", extensions?.persistedQuery && "hash"];
    return named.filter(Boolean).join(" and ");
  });
}

const seen: Record<string, unknown> = {};
const input = { email: `${name}@example.com`, password: "correct horse battery staple" };
seen.signUp = [await app.signUp(input), sent()];
seen.whoAmI = [await app.whoAmI(), sent()];
seen.again = [await app.whoAmI(), sent()];
seen.tick = await new Promise<number>((resolve, reject) => {
  const stop = app.countdown((secondsLeft) => (stop(), resolve(secondsLeft)), () => reject(new Error("It ended.")));
});
await world("expire");
seen.expired = [await app.whoAmI(), sent()];
tell(seen);
